/* Batches: one person's request over many bots, as one operation with `items[]`.
 *
 * A batch is stored before anything is done. Each item opens an ordinary operation of its bot, by
 * the same door that a person's own request goes through, so what protects a single bot protects it
 * here too. A crash is harmless at any instant: items are opened with an Idempotency-Key made of
 * the batch, the bot and the try, so an item that was opened just before is found and not repeated.
 * GET /operations/{id} shows it, as any operation.
 *
 * How to add one (redeploy of many, say): a row `struct batch_kind` with `open`; fill a
 * `struct batch` by batch_new and batch_add; hand it to batch_open, which answers 202's body. A
 * kind's word must be in the table of batch.c, so that it is found again after a crash.
 *
 * One thread a batch, which alone changes it once it is open; everybody else reads the store. */
#ifndef TB_BOTS_BATCH_H
#define TB_BOTS_BATCH_H

#include <pthread.h>

#include "bots/bots_private.h"

enum item_state {
    ITEM_PENDING,
    ITEM_RUNNING, /* its operation is open */
    ITEM_SUCCEEDED,
    ITEM_FAILED,     /* refused, or its operation ended otherwise than asked */
    ITEM_SKIPPED,    /* not tried: an earlier one failed, or a person said something else since */
    ITEM_LEFT,       /* of an emergency stop: not the bridge's, and not asked for: it runs on */
    ITEM_STATE_COUNT /* on the wire: pending running succeeded failed skipped left_running */
};

struct batch_item {
    char bot_id[TB_ULID_TEXT];
    char name[264];
    char instance[TB_INSTANCE_NAME];
    bool managed;
    enum item_state state;
    char policy[12];                 /* of a stop: close or abandon; "" for other kinds */
    char operation_id[TB_ULID_TEXT]; /* the newest one of this item */
    int64_t tries;                   /* operations opened for it */
    char code[32], detail[320];
    char *effects;   /* JSON array of sentences, or NULL */
    int64_t next_at; /* mono ms; not before (not stored) */
    bool lived;      /* it was seen alive before its stop was opened (not stored) */
    int64_t until;   /* mono ms; no more tries of opening it after, 0: none failed (not stored) */
};

struct batch;

struct batch_kind {
    const char *word; /* the operation's kind on the wire */
    bool stops;       /* goes on in observe mode and supersedes; others are ended there */
    /* Opens the item's operation as the person's own request would. Runs on the batch's thread
     * without the lock and may block. key: pass it on to the command. False: the item has failed
     * with *err, or, when the error is retryable, is tried again. */
    bool (*open)(struct batch *p, struct batch_item *item, const struct tb_caller *caller,
                 const struct tb_idempotency *key, struct tb_command_result *result,
                 struct tb_error *err);
    /* May items be opened now? Called with each look; false: they wait. NULL: always. */
    bool (*ready)(struct batch *p);
    /* Its operation ended: sets item->state (ITEM_PENDING: once more). NULL: succeeded or failed as
     * the operation did. */
    void (*ended)(struct batch *p, struct batch_item *item, const struct tb_life *life);
    /* Its operation goes on: may set item->state to ITEM_PENDING to open another one. Or NULL. */
    void (*watch)(struct batch *p, struct batch_item *item, const struct tb_life *life);
};

struct batch {
    char id[TB_ULID_TEXT];
    const struct batch_kind *kind;
    struct tb_bots *b;
    enum tb_op_state state;
    bool one_at_a_time, stop_at_first_failure;
    int64_t pause_ms; /* between two items when they go one at a time */
    int64_t created_at, ended_at;
    char *request; /* JSON of what the person asked; NULL: {} */
    char code[32], detail[320];
    struct batch_item *item;
    size_t items;
    /* of the running one */
    bool taken_over, changed;
    int64_t next_at; /* mono ms: the pause after the last item */
    uint64_t halts;  /* command_halts() when it was asked */
    bool cancelled;  /* an emergency stop came: nothing more is opened (lock) */
    bool opening;    /* an item is being opened (lock) */
    bool over;       /* its thread is about to end (lock) */
    pthread_t thread;
    struct batch *next;
};

struct batch *batch_new(struct tb_bots *b, const struct batch_kind *kind,
                        const struct tb_json *request);
/* Adds a bot (lock held). */
struct batch_item *batch_add(struct batch *p, const struct bot *bot);
void batch_free(struct batch *p);

/* The answer to an earlier request with the same key, as it is now. *done_out: the request is
 * finished, by that or by *err. */
TB_MUST_CHECK
bool batch_replayed(struct tb_bots *b, const struct tb_caller *caller,
                    const struct tb_idempotency *key, struct tb_command_result *result,
                    bool *done_out, struct tb_error *err);
/* Stores the batch with the person's key, then starts its thread; takes ownership, also on failure.
 */
TB_MUST_CHECK
bool batch_open(struct batch *p, const struct tb_caller *caller, const struct tb_idempotency *key,
                struct tb_command_result *result, struct tb_error *err);
/* batch_wire.c. The wire document; dry: what would be done, with no operation behind it. */
void batch_write(const struct batch *p, bool dry, struct tb_json_writer *w);
/* A stored one, as an earlier process left it. */
struct batch *batch_read(struct tb_bots *b, const struct batch_kind *kind,
                         const struct tb_store_operation *row, const struct tb_json *wire);

/* An emergency stop is pressed: no batch but stops opens anything more, and no command that was
 * asked before commits any more. Returns when none is in the middle of it, at latest after the
 * deadline. Lock not held. */
void batches_cancel(struct tb_bots *b, int64_t mono_deadline_ms);
/* An open batch of this kind and request (NULL: none); its id. */
bool batch_find(struct tb_bots *b, const struct batch *like, char id_out[TB_ULID_TEXT]);

bool batch_is_kind(const char *word);
/* resume.c meets a stored batch that has not ended. */
TB_MUST_CHECK
bool batch_resume(struct tb_bots *b, const struct tb_store_operation *row, struct tb_error *err);
/* After the draining flag is set: waits for every batch's thread. */
void batches_join(struct tb_bots *b);

/* pause_s and stop_at_first_failure of a request, where it has them. */
TB_MUST_CHECK
bool batch_read_pace(struct batch *p, const struct tb_json *request, struct tb_problems *problems,
                     struct tb_error *err);

/* batch_request.c */
typedef bool batch_may(const struct bot *bot, struct tb_error *err); /* lock held */
/* The bots of a list of ids and names; what stands in the way of one is said in its item.
 * otherwise: what is said when it is no list; NULL: that it must be one. */
TB_MUST_CHECK
bool batch_add_named(struct batch *p, const struct tb_json *list, batch_may *may,
                     const char *otherwise, struct tb_problems *problems, struct tb_error *err);
TB_MUST_CHECK
bool batch_read_dry_run(const struct tb_json *request, bool *dry_out, struct tb_problems *problems,
                        struct tb_error *err);

/* redeploy_many.c */
extern const struct batch_kind redeploy_many_kind;
/* start_many.c */
extern const struct batch_kind start_many_kind;
/* emergency.c */
extern const struct batch_kind emergency_kind;

#endif
