/* What the files of this room share: the bot in memory, the open operation, the room's state.
 *
 * One mutex (`lock`) guards every field of every bot and operation; it is never held across a store
 * write, an upstream call or Lua. Whoever changes what a bot *is* (a command, an operation step)
 * first claims the bot: a claim is exclusive, may be held across a store write, and is never held
 * across an upstream call. Lock order: lock < ring. */
#ifndef TB_BOTS_BOTS_PRIVATE_H
#define TB_BOTS_BOTS_PRIVATE_H

#include <pthread.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/memory.h"
#include "base/problem.h"
#include "bots/bots.h"
#include "bots/life.h"
#include "bots/watch.h"

#define TB_BOT_STATES(X)                                                                           \
    X(TB_BOT_DEPLOYING, "deploying", "starting")                                                   \
    X(TB_BOT_STARTING, "starting", "starting")                                                     \
    X(TB_BOT_RUNNING, "running", "running")                                                        \
    X(TB_BOT_STALE, "stale", "running")                                                            \
    X(TB_BOT_DEGRADED, "degraded", "running")                                                      \
    X(TB_BOT_STOPPING, "stopping", "stopping")                                                     \
    X(TB_BOT_STOPPED, "stopped", "stopped")                                                        \
    X(TB_BOT_ARCHIVING, "archiving", "stopping")                                                   \
    X(TB_BOT_ARCHIVED, "archived", "stopped")                                                      \
    X(TB_BOT_FAILED, "failed", "error")                                                            \
    X(TB_BOT_UNKNOWN, "unknown", "error")                                                          \
    X(TB_BOT_SETTLING, "settling", "starting")                                                     \
    X(TB_BOT_CONFLICT, "conflict", "error")

enum tb_bot_state {
#define X(name, word, status) name,
    TB_BOT_STATES(X)
#undef X
        TB_BOT_STATE_COUNT
};
const char *bot_state_word(enum tb_bot_state state);
const char *bot_state_status(enum tb_bot_state state); /* the coarse word of older front ends */
bool bot_state_find(const char *word, enum tb_bot_state *out);

/* What upstream showed of one instance at the last look. */
struct sight {
    enum tb_container container;
    bool reported, trading, active, start_error;
    bool unreadable;      /* upstream fails to write its status, and that of no other */
    bool frozen;          /* its full report does not change although it must (watch.h) */
    bool listed;          /* in the status document */
    int64_t at;           /* wall ms of the look that listed it; 0: never */
    int64_t container_at; /* wall ms of the look at the containers */
    int64_t report_at;    /* wall ms when a full report last came from a bot that is heard */
    uint64_t hash;        /* of the slice */
};

struct bot {
    char id[TB_ULID_TEXT];
    char name[264];
    char slug[TB_SLUG_TEXT];
    char exchange[64], strategy[64], account[132], server[32];
    char image[160], connector[64], pair[64];
    char plan_id[TB_ULID_TEXT];
    char operation_id[TB_ULID_TEXT]; /* the newest one */
    char owner[TB_ULID_TEXT]; /* of an unmanaged one: the record whose attempt made it, or "" */
    bool managed, claimed, deleted;
    bool ghost_checked, ghost, ghost_stopped; /* of an unmanaged one: see ghosts.c */
    int64_t store_version;                    /* 0: not in the store */
    int64_t created_at, updated_at, started_at, last_seen;
    enum tb_bot_state state;
    char intent[8];
    char reason[32], reason_detail[320];
    char reason_known[32]; /* the one that reason_since is of */
    int64_t reason_since;
    struct watch_notes notes;
    struct watch_raised watch[TB_WATCH_COUNT];
    char proof[12];      /* of the stop that ended last: reported, fills, settled; "": none */
    struct tb_life life; /* of the newest operation; its instance is the bot's */
    char *facts;         /* JSON kept as planned: {params, plugin, risk, budget_quote, quotes} */
    char *wanted;        /* JSON, see params.h; NULL until its parameters are changed */
    char *past;          /* JSON, see instances.h; NULL while there was one instance only */
    bool changing;       /* somebody changes them: see params_live.h */
    bool in_doubt;       /* whether a running bot has a change is not known */
    /* news */
    struct sight sight;
    char *slice; /* newest status slice, waiting for a feed worker */
    size_t slice_len;
    char slice_of[TB_INSTANCE_NAME]; /* whose it is: the bot may have another one by then */
    bool queued, working;
    char *figures;      /* JSON of the status transform */
    char *errors;       /* JSON array of translated log lines */
    bool untransformed; /* the figures are the SDK's own, not its plugin's */
    /* JSON: the pnl rows that the last instance reported last, as they were reported, and when; ""
     * when there are none. Kept with the bot, inside it since its copies are stored without the
     * lock. */
    char pnl[4096];
    int64_t figures_at;
    int64_t judge_after; /* only later looks may change the state */
    /* Highest net profit of this instance, for the drawdown; "" when none. A new instance counts
     * from zero; one whose container starts again goes on counting. */
    char peak[TB_DECIMAL_TEXT];
    int64_t peak_from; /* wall ms since which the instance is this one; 0: since ever */
    char *raw;         /* newest slice, for ?raw=1 and /logs */
    size_t raw_len;
    char *fragment; /* ready JSON, shape of DESIGN section 7 */
    char *client_fragment;
    uint64_t revision;
    struct bot *next_queued;
};

struct step {
    char name[32];
    char state[16]; /* doing, done, failed, unknown */
    int64_t at;
    char detail[320];
    bool dirty;
};

#define STEPS_MAX 64

struct operation {
    char id[TB_ULID_TEXT];
    bool taken_over; /* began in an earlier process */
    struct bot *bot;
    struct step step[STEPS_MAX];
    size_t steps;
    int64_t created_at, ended_at;
    struct tb_life life;
    char stored_base[TB_BASE_NAME]; /* base of the attempt row that exists, "" for none */
    struct tb_json_doc *plan;       /* the plan rewritten for life.base; NULL until needed */
    char plan_base[TB_BASE_NAME], plan_of[TB_ULID_TEXT];
    /* of a redeploy, and of a start or restart that deploys anew what was changed meanwhile: the
     * plan that the bot gets once its old instance has ended, and in what its files differ (JSON,
     * may be NULL) */
    char next_plan[TB_ULID_TEXT];
    char *changes;
    struct tb_observation obs; /* what the next step is fed */
    bool running;              /* a worker has it */
    struct operation *next;
};

enum { OPERATION_WORKERS = 4, FEED_WORKERS = 2 };

struct names {
    char (*name)[TB_INSTANCE_NAME];
    size_t n;
};

/* observe_mode.c */
struct observing {
    pthread_mutex_t saving; /* before `lock`: what is stored is the newest */
    bool on;
    bool looked; /* the containers were looked at once since the start */
    bool shared; /* an admin said that another bridge works on this API */
    int64_t since;
    char reason[24];
    struct names foreign; /* look like ours, unknown to the store */
    struct names known;   /* such ones that an admin has seen, or another bridge's */
};

/* broker.c: what upstream said of its broker at the last look */
struct broker {
    int64_t looked_mono; /* 0: not yet; of the feed thread alone */
    bool known, denied;  /* denied: it says itself that it has no connection */
    char host[128];
    int64_t port;
};

/* reboot.c: the last time that running bots were found exited together */
struct rebooted {
    int64_t at; /* wall ms; 0: never */
    char (*bot)[TB_ULID_TEXT];
    size_t n;
    char alone[TB_ULID_TEXT]; /* the last one that fell in a look of its own */
    int64_t alone_at;
};

struct tb_bots {
    struct tb_store *store;
    struct tb_hb *hb;
    struct tb_plugins *plugins;
    struct tb_events *events;
    char image_pattern[512];
    int64_t life_epoch; /* wall - mono at start: tb life time never runs backwards */

    pthread_mutex_t lock;
    pthread_cond_t claims; /* a claim was given back; an operation ended */
    pthread_cond_t work;   /* operations: something may be due */
    pthread_cond_t news;   /* feed workers: something is queued */
    pthread_cond_t tick;   /* feed thread: wake early */
    pthread_cond_t settle; /* settling thread: something is queued */
    bool draining, stop;

    struct bot **bot;
    size_t bots, bots_capacity;
    uint64_t revision;
    struct operation *open;
    bool deploy_lane, pull_lane;
    int64_t deploy_free_at; /* deploys are at least 2 s apart */

    struct bot *queue_head, *queue_tail;
    bool looked;       /* one good look since start */
    bool judged;       /* what is known of the bots is from this process's looks */
    int64_t looked_at; /* wall ms of the last good look */
    int64_t opened_at; /* wall ms; what is shown before that look is from the store */
    char look_error[320];
    enum tb_code look_code; /* of look_error */
    bool look_now;

    struct observing observing;
    struct broker broker;
    struct rebooted rebooted;
    struct batch *batches;
    uint64_t halts;    /* emergency stops that were pressed */
    size_t committing; /* commands between their check of that number and their operation */
    struct settling *settling;
    bool ephemeral; /* the store will not last: nothing is created */

    struct watch_keys *keys; /* watch_look.c */
    size_t keys_count;

    pthread_t operation_thread[OPERATION_WORKERS];
    pthread_t settle_thread;
    pthread_t feed_thread, feed_worker[FEED_WORKERS], watch_thread;
};

/* registry.c */
int64_t life_now(const struct tb_bots *b);
struct bot *bot_new(void);
void bot_free(struct bot *bot);
/* lock held by the caller for all of these */
bool bot_holds_name(const struct bot *bot);                   /* no other living bot may have it */
struct bot *registry_find(struct tb_bots *b, const char *id); /* id, living name, instance */
/* The bot that a command is for: *err says when there is none, or when two could be meant. */
struct bot *registry_meant(struct tb_bots *b, const char *id, struct tb_error *err);
struct bot *registry_by_instance(struct tb_bots *b, const char *instance);
void registry_add(struct tb_bots *b, struct bot *bot);
void registry_remove(struct tb_bots *b, struct bot *bot);
void bot_changed(struct tb_bots *b, struct bot *bot); /* rebuild fragments, publish if different */
bool bot_busy(const struct tb_bots *b, const struct bot *bot); /* an operation of it is open */
/* takes and gives back the lock inside; false when the bot was deleted meanwhile */
bool bot_claim(struct tb_bots *b, struct bot *bot);
void bot_release(struct tb_bots *b, struct bot *bot);
bool bot_load_doc(struct bot *bot, const char *doc, struct tb_error *err);
void bot_write_doc(const struct bot *bot, struct tb_buffer *out);
void bot_record(const struct bot *bot, const char *doc, int64_t now, struct tb_store_bot *out);
bool caller_sees(const struct tb_caller *caller, const struct bot *bot);

/* fragment.c: lock held */
void fragment_build(struct bot *bot, bool client, struct tb_buffer *out);
void fragment_with_operation(struct tb_bots *b, struct bot *bot, const char *operation_id,
                             const char *operation_state, const struct tb_buffer *warnings,
                             struct tb_buffer *out);

/* others.c: [{name, connector, pair, budget_quote}] of the account's bots that may trade, but for
 * the one of this name */
void others_write(struct tb_bots *b, const char *account, const char *name,
                  struct tb_json_writer *w);

/* plan.c */
struct plan {
    char id[TB_ULID_TEXT];
    char hash[65];
    char name[264], slug[TB_SLUG_TEXT];
    char exchange[64], strategy[64], account[132], image[160], connector[64], pair[64];
    char nonce[TB_NONCE_TEXT], base[TB_BASE_NAME], stem[TB_BASE_NAME];
    int64_t controllers, created_at, expires_at;
    bool reports, may_pull;
    struct tb_buffer facts;  /* {params, plugin, risk, budget_quote, quotes} */
    struct tb_buffer doc;    /* everything, as stored and hashed */
    struct tb_buffer answer; /* of POST /bots/plan */
};
void plan_free(struct plan *plan);
/* plan_answer.c: members of the plan's object as people see it; doc: as stored */
void plan_write(struct tb_json_writer *w, const char *id, const char *hash, int64_t expires_at,
                const struct tb_json *doc);
/* Fills plan->answer from plan->doc; stored: a create may name the plan. */
TB_MUST_CHECK
bool plan_answer_write(struct plan *plan, bool stored, struct tb_error *err);
/* plan_read.c: a text member, if there is one; false when it is too long. */
bool plan_copy_text(const struct tb_json *from, const char *key, char *out, size_t size);
TB_MUST_CHECK
bool plan_make(struct tb_bots *b, const struct tb_plan_wish *wish, struct plan *plan,
               struct tb_problems *problems, struct tb_error *err);
/* A stored plan by id, for creating from it. */
TB_MUST_CHECK
bool plan_load(struct tb_bots *b, const char *id, struct plan *plan, struct tb_error *err);
/* The stored plan's document with every name of its base rewritten to `base` (NULL: as it is). */
TB_MUST_CHECK
struct tb_json_doc *plan_for_base(struct tb_bots *b, const char *plan_id, const char *base,
                                  struct tb_error *err);

/* request.c: the create request's envelope */
struct request {
    struct tb_generation *in;       /* the plugins that all of the request is answered by */
    struct tb_json_doc *translated; /* owns what the pointers below point into */
    const char *name, *account, *image, *strategy;
    char exchange[64];
    const struct tb_json *params, *risk;
};
void request_free(struct request *r);
/* plan_answer.c: what a check answers. said: the plugin's answer. */
void check_write(const struct request *r, const struct tb_json *said,
                 const struct tb_problems *problems, struct tb_buffer *out);
/* Runs the aliases of the plugin r->exchange over the words; fills r->translated. current: the
 * strategy of the bot that is changed, NULL for a create. */
TB_MUST_CHECK
bool request_translate(struct tb_bots *b, const struct tb_json *body, const char *current,
                       struct request *r, struct tb_problems *problems, struct tb_error *err);
/* False when the exchange is not known or its plugin refuses the words. Other errors of the
 * envelope are only added to the problems, so that plan_make can add those of the form beside them.
 */
TB_MUST_CHECK
bool request_read(struct tb_bots *b, const struct tb_plan_wish *wish, struct request *r,
                  struct tb_problems *problems, struct tb_error *err);
/* The plan a create names, NULL when it names none. */
TB_MUST_CHECK
bool request_plan_id(const struct tb_json *body, const char **plan_id_out,
                     struct tb_problems *problems, struct tb_error *err);
/* With a plan_id the request may repeat the plan's words, but not say anything else. */
TB_MUST_CHECK
bool request_repeats(const struct tb_json *body, const struct plan *plan, bool lenient,
                     struct tb_problems *problems, struct tb_error *err);
/* Names a field that is none of `fields` (NULL-terminated), with the nearest or else the other
 * hint.
 */
void problem_unknown_field(struct tb_buffer *list, const char *field, const char *const *fields,
                           const char *otherwise, bool dropped);
/* Fails with TB_INVALID and the first error's message, since some pages show only the detail. */
bool problems_fail(const struct tb_problems *problems, struct tb_error *err);
void problems_append(struct tb_buffer *list, const struct tb_json *array);

/* commands.c: fails with TB_NAME_TAKEN and the place of the bot that has the name. */
TB_MUST_CHECK
bool name_free(struct tb_bots *b, const char *name, struct tb_problems *problems,
               struct tb_error *err);

/* upstream.c: what is read of upstream beside operations */
/* Reads `least` to `most` decimal digits and moves *text behind them. */
bool read_digits(const char **text, int least, int most, int *out);
/* parsed answer of a read; NULL with *err */
TB_MUST_CHECK
struct tb_json_doc *upstream_read(struct tb_bots *b, enum tb_hb_endpoint endpoint, const char *arg0,
                                  const struct tb_hb_pair *query, int64_t mono_deadline_ms,
                                  struct tb_error *err);
/* Likewise, now and not from a cache; what upstream says is not there is NULL with TB_OK. */
TB_MUST_CHECK
struct tb_json_doc *upstream_read_if_there(struct tb_bots *b, enum tb_hb_endpoint endpoint,
                                           const char *arg, int64_t mono_deadline_ms,
                                           struct tb_error *err);
/* The member "upstream" of facts: which API this is, so that another one is noticed. */
void upstream_write_version(struct tb_bots *b, struct tb_json_writer *w);
TB_MUST_CHECK
bool image_choose(struct tb_bots *b, const char *asked, struct plan *plan, char version_out[24],
                  struct tb_problems *problems, struct tb_error *err);

/* Equal after a way through YAML: numbers by value, members in any order. */
bool same_config(const struct tb_json *a, const struct tb_json *b);
/* execute.c: makes one call of an operation and says what came back */
void execute(struct tb_bots *b, const struct operation *op, const struct tb_life *life,
             struct tb_intent intent, struct tb_observation *obs);
int64_t upstream_wall_ms(struct tb_bots *b); /* the API host's clock, now */
/* look.c */
void look_for_base(struct tb_bots *b, const struct tb_life *life, struct tb_observation *obs);
void look_at_instance(struct tb_bots *b, const char *instance, struct tb_observation *obs);
bool look_archived(struct tb_bots *b, const char *instance); /* its run row says so */
bool look_prompt(struct tb_bots *b); /* GET / within 2 s, and the API up for 10 s */
/* Reads one status slice {status, performance, …, error_logs} into a sight. */
void sight_of_slice(const struct tb_json *slice, struct sight *out);

/* operations.c */
/* Adds an open operation and wakes a worker (lock held); it must already be in the store.
 * stored_base: the attempt whose row exists, "" for none. */
struct operation *operation_open(struct tb_bots *b, struct bot *bot, const char *id,
                                 const struct tb_life *life, const char *stored_base,
                                 int64_t created_at);
/* answers.c: waits a moment for the bot of an operation that ended. False: it is not there yet. */
TB_MUST_CHECK
bool operation_followed(struct tb_bots *b, const struct tb_store_operation *row,
                        struct tb_error *err);
void operation_forget(struct tb_bots *b, struct operation *op);           /* lock held */
struct operation *operation_of(struct tb_bots *b, const struct bot *bot); /* open one; lock held */
bool operations_start(struct tb_bots *b, struct tb_error *err);
void operations_join(struct tb_bots *b);
/* operation_doc.c */
void operation_write_doc(const struct operation *op, struct tb_buffer *out);
/* What follows the stop once it is proven: a sentence, NULL when nothing does. */
const char *operation_then(enum tb_op_kind kind);
/* The code of what went wrong, NULL when nothing did. */
const char *operation_error(const struct tb_life *life);
/* resume.c */
bool operations_resume(struct tb_bots *b, struct tb_error *err);
/* The record that an operation on this bot belongs to; NULL: none, an instance without one. */
const char *operation_record(const struct bot *bot);
/* State of the bot that follows from where its operation is. */
void bot_follow(struct bot *bot, const struct tb_life *life);

/* feed.c */
bool feed_start(struct tb_bots *b, struct tb_error *err);
void feed_join(struct tb_bots *b);
void feed_poke(struct tb_bots *b); /* look now; lock held */
/* A new entry for a living instance that no record of ours has (lock held). */
struct bot *feed_unmanaged(struct tb_bots *b, const char *instance, int64_t wall);
/* observe_mode.c. Lock held for holds, ends, write; not held for the others. */
TB_MUST_CHECK
bool observing_load(struct tb_bots *b, struct tb_error *err);
void observing_free(struct tb_bots *b);
/* What the list of active containers says of the store (feed thread). */
void observing_look(struct tb_bots *b, const struct tb_json_doc *active);
/* From now on this instance is no reason to observe: a person has said what it is. */
void observing_accept(struct tb_bots *b, const char *instance);
/* Fails with TB_OBSERVE_MODE: for every command but a stop. */
TB_MUST_CHECK
bool observing_allows(struct tb_bots *b, struct tb_error *err);
/* False when an instance lives that has the bot's name and that nothing here made: of a history
 * that is lost. It would trade beside what is started now. */
TB_MUST_CHECK
bool observing_alone(struct tb_bots *b, const struct bot *bot, struct tb_error *err);
/* Must this open operation wait for the first look? Must it be ended? */
bool observing_holds(const struct tb_bots *b, const struct operation *op);
bool observing_ends(const struct tb_bots *b, const struct operation *op);
void observing_end(struct tb_life *life);
void observing_write(const struct tb_bots *b, struct tb_json_writer *w); /* members of an object */

/* abandon.c: writes the reason that an abandoned bot keeps; false when it is none. */
bool abandon_follow(struct bot *bot, const struct tb_life *life);
/* broker.c */
void broker_look(struct tb_bots *b); /* feed thread, no lock held */
void broker_write(const struct tb_bots *b, struct tb_json_writer *w); /* a member; lock held */

/* "hummingbot-<slug>-<8 hex>-<date>-<time>" -> the eight hex digits. */
bool instance_nonce(const char *instance, char out[TB_NONCE_TEXT]);
/* ghosts.c: instances of attempts that had been given up (feed thread, no lock held) */
void ghosts_look(struct tb_bots *b);
/* transform.c: runs the plugin's status and log transforms over one slice of this instance (no lock
 * held); what the bot no longer is says nothing of it. */
void transform_bot(struct tb_bots *b, struct bot *bot, const char *instance, char *slice,
                   size_t len);

/* judge.c: is what was seen of it newer than its last command? (lock held) */
bool may_judge(const struct bot *bot, int64_t wall);
/* What the looks mean for every bot (feed thread, lock not held). */
void judge_all(struct tb_bots *b, int64_t wall);
/* The wall's clock was put back to `wall`. */
void judge_clock(struct tb_bots *b, int64_t wall);

/* watch.c: pure, lock held */
/* Takes from a reason what only a watchdog said, before observe() ... */
void watch_before(struct bot *bot, char reason[32]);
/* ... and judges every row after it: a set bit for each row that was raised or cleared. */
uint32_t watch_after(struct bot *bot, enum tb_bot_state *state, char reason[32], int64_t now);
bool watch_frozen(const struct watch_notes *notes, int64_t now);
/* Its code is one of observe()'s reasons. */
bool watch_is_verdict(enum tb_watch watch);
/* The raised row of this code, or NULL. */
const struct watch_raised *watch_of(const struct bot *bot, const char *code);

/* watch_look.c */
TB_MUST_CHECK
bool watch_start(struct tb_bots *b, struct tb_error *err);
void watch_join(struct tb_bots *b);

/* config.c: for the watchdogs. What the instance's own configs are, and in what they differ from
 * what the bridge wrote, as [{file, field, planned, found}]; NULL when it has no configs. */
TB_MUST_CHECK
struct tb_json_doc *config_look(struct tb_bots *b, const char *bot_id,
                                struct tb_buffer *differences, struct tb_error *err);

/* history.c: remembers, without waiting, what a look made of a bot and what people want of it */
void history_watch(struct tb_bots *b, const struct bot *bot, enum tb_watch watch, int64_t wall);
void history_state(struct tb_bots *b, const struct bot *bot, enum tb_bot_state to,
                   const char *reason, int64_t wall);
/* facts: {params, risk, …} as they are wanted from this version on */
void history_params(struct tb_bots *b, const struct bot *bot, int64_t version, const char *facts,
                    int64_t wall);

/* settle_up.c: what an ended stop may have left is looked at later (lock held) */
void settle_up_later(struct tb_bots *b, struct bot *bot, const char *operation_id);
bool settle_up_start(struct tb_bots *b, struct tb_error *err);
void settle_up_join(struct tb_bots *b);

/* emergency.c: the record whose attempt gave the instance its name, or NULL (lock held) */
const struct bot *bot_maker_of(const struct tb_bots *b, const char *instance);
/* Anything that is not proven to be at rest (lock held). */
bool bot_lives(const struct tb_bots *b, const struct bot *bot);

/* conflict.c: after an instance without a record was stopped; owner: its maker's id (no lock) */
void conflict_look(struct tb_bots *b, const char *owner);

/* reboot.c: several running bots that fell at once */
TB_MUST_CHECK
bool reboot_load(struct tb_bots *b, struct tb_error *err);
void reboot_free(struct tb_bots *b);
/* Did it trade, and does its container, unasked, no longer run? (lock held) */
bool reboot_fell(const struct tb_bots *b, const struct bot *bot, int64_t wall);
/* Called with each look that may be judged (lock held); true when it found one. reboot_save,
 * without the lock, keeps it for the person who starts them again. */
bool reboot_look(struct tb_bots *b, int64_t wall);
void reboot_save(struct tb_bots *b);
/* Was this bot among them, and has nobody commanded it since? (lock held) */
bool reboot_waits(const struct tb_bots *b, const struct bot *bot);
void reboot_write(const struct tb_bots *b, struct tb_json_writer *w); /* a member; lock held */

/* adopt.c */
/* After loading a stored bot: an adopted one's drawdown counts from its adoption. */
void adopted_load(struct bot *bot);
/* False for an adopted bot that is gone and of which nothing can be deployed. (lock held) */
bool adopted_may_start(const struct bot *bot, struct tb_error *err);

/* opening.c: pure */
/* Is profit counted from the adoption? facts: of the bot */
bool opening_counts(const struct bot *bot, const struct tb_json *facts);
/* "opening" of the facts, from the figures at adoption (NULL: none were reported); quote: of a row
 * that names none. */
void opening_write(struct tb_json_writer *w, const struct tb_json *figures, const char *quote);
/* The net profit that this row opened with; false when that is not known. */
bool opening_net(const struct tb_json *facts, const struct tb_json *row, size_t rows,
                 struct tb_decimal *out);
/* The members of one pnl row since the adoption; "opening", what was before, is not a client's
 * business. rows: how many the bot has. */
void opening_write_row(struct tb_json_writer *w, const struct tb_json *facts,
                       const struct tb_json *row, size_t rows, bool client);

/* observe.c: pure */
/* State that the newest sight of a bot without an open operation means; true when it changed. */
bool observe(enum tb_bot_state *state, char reason[32], const char *intent,
             const struct sight *sight, int64_t now);

#endif
