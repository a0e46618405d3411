/* Bots: what they are, what may be asked of them, what is known of them.
 *
 * Plans, operations, the life cycle's driver, the poll feed and the normalised picture of every
 * living instance (also of those the bridge did not make). Everything that goes out is ready JSON
 * in the shapes of DESIGN sections 6 and 7. Any thread may call; nothing here may be called with a
 * lock held. Owns 4 operation workers, 1 feed thread, 2 feed workers.
 *
 * Instances are made in exactly one place: the deploy step of an operation (life.h). */
#ifndef TB_BOTS_BOTS_H
#define TB_BOTS_BOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/events.h"
#include "base/id.h"
#include "base/json.h"
#include "hummingbot/client.h"
#include "plugins/host.h"
#include "store/store.h"

struct tb_bots;

struct tb_bots_config {
    struct tb_store *store;
    struct tb_hb *hb;
    struct tb_plugins *plugins;
    struct tb_events *events;
    const char *image_pattern; /* BRIDGE_BOT_IMAGES: comma-separated, `*` at the end matches the
                                  rest; NULL: "hummingbot/hummingbot:*" */
    bool ephemeral;            /* the store will not outlive a redeploy: creates are refused */
};

/* Loads bots and unfinished operations (taken over: their nonces are looked for and burnt before
 * anything new), starts the threads. */
TB_MUST_CHECK
struct tb_bots *tb_bots_open(const struct tb_bots_config *config, struct tb_error *err);
/* No new operation steps; writes in flight are waited for. */
void tb_bots_drain(struct tb_bots *bots);
void tb_bots_close(struct tb_bots *bots);

/* What a list of problems looks like on the wire: a JSON array of {pointer, code, message, hint}.
 * Filled when a call fails with TB_INVALID and friends; empty otherwise. */
struct tb_problems {
    struct tb_buffer errors;     /* "[…]" or empty */
    struct tb_buffer warnings;   /* "[…]" or empty */
    struct tb_buffer plugin_log; /* "[…]" or empty: what the plugin said, for developers */
    struct tb_buffer plugin;     /* "{…}" or empty: which plugin failed, and where */
    char location[96];           /* of what exists already: "/bots/01J…", for TB_NAME_TAKEN */
};
void tb_problems_free(struct tb_problems *problems);

/* Who asks: for idempotency and for what may be seen. */
struct tb_caller {
    const char *token_id;
    const char *role;
    const char *const *bots; /* ids a client may see, NULL-terminated; NULL: all */
    bool may_plan_any;       /* operator and above */
};

/* An Idempotency-Key of the request, or NULL. */
struct tb_idempotency {
    const char *method;
    const char *route; /* "/bots" for both create routes */
    const char *key;
    char body_sha256[65];
};

/* Writes the members bots (those that `after` would build differently from their stored parameters
 * and facts: {id, name, strategy, state, change: differs|fails|unknown, detail, fields}), living
 * and built_the_same into the writer's object. Touches no bot. */
TB_MUST_CHECK
bool tb_bots_rebuilt(struct tb_bots *bots, const char *plugin, const struct tb_generation *before,
                     const struct tb_generation *after, struct tb_json_writer *w,
                     struct tb_error *err);

struct tb_plan_wish {
    const struct tb_json *request;
    bool lenient;                   /* drop what is still unknown, with warnings */
    bool of_a_bot;                  /* its name is that of the bot it is about, whatever it is */
    bool shown_only;                /* it is not stored and nothing can be created from it */
    const struct tb_generation *in; /* the plugins to plan with; NULL: those that are live now */
};

/* POST /bots/plan: sends nothing upstream but reads. Writes {plan_id, hash, expires_at, …}; the
 * first two and expires_at are null when it is only shown. */
TB_MUST_CHECK
bool tb_bots_plan(struct tb_bots *bots, const struct tb_plan_wish *wish, struct tb_buffer *out,
                  struct tb_problems *problems, struct tb_error *err);

/* POST /exchanges/{x}/strategies/{s}/check: the form and the strategy's check as
 * in a plan, without what only a deploy needs (keys, files, upstream's verdict). Writes {ok,
 * errors, warnings, params, risk, facts, checks, preview, …}; a wrong form is such an answer too.
 */
TB_MUST_CHECK
bool tb_bots_check(struct tb_bots *bots, const struct tb_plan_wish *wish, struct tb_buffer *out,
                   struct tb_problems *problems, struct tb_error *err);

/* What a command answers. */
struct tb_command_result {
    char bot_id[TB_ULID_TEXT];
    char operation_id[TB_ULID_TEXT];
    bool replayed; /* the Idempotency-Key had been used with the same body: nothing new was done */
    struct tb_buffer body; /* the bot's fields, operation{id, href, state}, warnings[] */
};
void tb_command_result_free(struct tb_command_result *result);

/* POST /bots: plans (or takes plan_id) and starts a create operation; everything is on disk when it
 * returns. */
TB_MUST_CHECK
bool tb_bots_create(struct tb_bots *bots, const struct tb_json *request, bool lenient,
                    const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                    struct tb_command_result *result, struct tb_problems *problems,
                    struct tb_error *err);
/* POST /bots/{id}/start and /stop. body: {} or {policy, confirm}. */
TB_MUST_CHECK
bool tb_bots_start(struct tb_bots *bots, const char *id, const struct tb_json *request,
                   const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                   struct tb_command_result *result, struct tb_problems *problems,
                   struct tb_error *err);
TB_MUST_CHECK
bool tb_bots_stop(struct tb_bots *bots, const char *id, const struct tb_json *request,
                  const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                  struct tb_command_result *result, struct tb_problems *problems,
                  struct tb_error *err);
/* POST /bots/emergency-stop {confirm: "stop", dry_run, exchange, bots, include_unmanaged}: stops
 * all that lives, as one operation with items[]. Works in observe mode, and with a dead broker by
 * stopping containers. A dry run has no operation_id. */
TB_MUST_CHECK
bool tb_bots_emergency_stop(struct tb_bots *bots, const struct tb_json *request,
                            const struct tb_caller *caller,
                            const struct tb_idempotency *idempotency,
                            struct tb_command_result *result, struct tb_problems *problems,
                            struct tb_error *err);
/* POST /bots/start {bots: ["…"] | "those_that_ran", dry_run, pause_s, stop_at_first_failure}: one
 * operation with items[], one bot after another. A dry run has no operation_id. */
TB_MUST_CHECK
bool tb_bots_start_many(struct tb_bots *bots, const struct tb_json *request,
                        const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                        struct tb_command_result *result, struct tb_problems *problems,
                        struct tb_error *err);
/* POST /bots/{id}/restart: a stop that is proven, then the container is stopped and started, then
 * proof of life. body: {}. */
TB_MUST_CHECK
bool tb_bots_restart(struct tb_bots *bots, const char *id, const struct tb_json *request,
                     const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                     struct tb_command_result *result, struct tb_problems *problems,
                     struct tb_error *err);
/* POST /bots/{id}/archive: a stop that is proven, then the container is removed and its folder kept
 * by upstream. body: {}. */
TB_MUST_CHECK
bool tb_bots_archive(struct tb_bots *bots, const char *id, const struct tb_json *request,
                     const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                     struct tb_command_result *result, struct tb_problems *problems,
                     struct tb_error *err);
/* POST /bots/{id}/redeploy {params, risk, image, generation, dry_run}: the old instance is stopped
 * with proof, then a new one deployed and proven. Without the first four it takes what is wanted
 * (GET /bots/{id}/params). lenient: drop what the form does not know. A dry run writes {image,
 * generation, changes, files, effects} and has no operation_id. */
TB_MUST_CHECK
bool tb_bots_redeploy(struct tb_bots *bots, const char *id, const struct tb_json *request,
                      bool lenient, const struct tb_caller *caller,
                      const struct tb_idempotency *idempotency, struct tb_command_result *result,
                      struct tb_problems *problems, struct tb_error *err);
/* POST /bots/redeploy {bots: ["…"], …, pause_s}: one after another; the first failure ends it. */
TB_MUST_CHECK
bool tb_bots_redeploy_many(struct tb_bots *bots, const struct tb_json *request,
                           const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                           struct tb_command_result *result, struct tb_problems *problems,
                           struct tb_error *err);
/* DELETE /bots/{id}: only records of failed or stopped-without-container bots; nothing upstream is
 * touched. Writes {id, deleted: true}. */
TB_MUST_CHECK
bool tb_bots_delete(struct tb_bots *bots, const char *id, const struct tb_caller *caller,
                    struct tb_buffer *out, struct tb_error *err);

/* POST /bots/adopt {instances: ["…"] | "all", dry_run}: makes records of running bots that the
 * bridge did not make; upstream is only read. Writes {dry_run, bots: [{instance, adopted, id, name,
 * reason, what is known, unknown: [{field, detail}]}]}. */
TB_MUST_CHECK
bool tb_bots_adopt(struct tb_bots *bots, const struct tb_json *request, struct tb_buffer *out,
                   struct tb_problems *problems, struct tb_error *err);
/* POST /bots/{id}/release: deletes an adopted bot's record; the instance goes on, unmanaged. Writes
 * {id, instance, released}. */
TB_MUST_CHECK
bool tb_bots_release(struct tb_bots *bots, const char *id, struct tb_buffer *out,
                     struct tb_error *err);
/* GET /bots/{id}/config: {instance, planned: [{kind, name, config}] | null, found: […],
 * differences: [{file, field, planned, found}]}. Reads upstream. */
TB_MUST_CHECK
bool tb_bots_config(struct tb_bots *bots, const char *id, struct tb_buffer *out,
                    struct tb_error *err);
/* GET /bots/{id}/params: {version, params, risk, deployed, applied, pending_redeploy, unknown}. */
TB_MUST_CHECK
bool tb_bots_params(struct tb_bots *bots, const char *id, struct tb_buffer *out,
                    int64_t *version_out, struct tb_error *err);
/* What PATCH /bots/{id}/params and PUT /bots/{id} ask for. */
struct tb_params_request {
    const struct tb_json *words; /* {params?, risk?, …}, also in other front ends' words */
    bool bare;                   /* the words are the parameters themselves: pointers begin there */
    bool lenient;
    bool any_version;
    int64_t version; /* that the caller has seen, unless any_version */
    /* The Idempotency-Key's row, NULL without one: begun in the commit of the change, answered at
     * its end. */
    struct tb_store_idempotency *record;
    struct tb_store_idempotency_result *record_result;
};
/* Writes the same document. version_out: the present one, also when this fails; 0 when there is no
 * bot. */
TB_MUST_CHECK
bool tb_bots_change_params(struct tb_bots *bots, const char *id,
                           const struct tb_params_request *asked, struct tb_buffer *out,
                           int64_t *version_out, struct tb_problems *problems,
                           struct tb_error *err);
/* GET /bots/{id}/history: {"history": [{at, what: operation|state|watch|params|adopted|
 * instance_ended, …}]}, newest first. */
TB_MUST_CHECK
bool tb_bots_history(struct tb_bots *bots, const char *id, struct tb_buffer *out,
                     struct tb_error *err);

/* GET /bots: {"bots": […], "next_cursor": null|"…"}. Filters are NULL when absent. A list that
 * could not be refreshed says since when: {"stale_since": …}. */
struct tb_bots_filter {
    const char *account;
    const char *state;
    const char *cursor;
    size_t limit; /* 0: all */
};
TB_MUST_CHECK
bool tb_bots_list(struct tb_bots *bots, const struct tb_bots_filter *filter,
                  const struct tb_caller *caller, struct tb_buffer *out, struct tb_error *err);
/* GET /bots/{id}: id, living name or instance name. raw adds upstream's own document (operators).
 */
TB_MUST_CHECK
bool tb_bots_get(struct tb_bots *bots, const char *id, bool raw, const struct tb_caller *caller,
                 struct tb_buffer *out, struct tb_error *err);
/* GET /bots/{id}/logs: {"errors": […translated…], "lines": […]}. */
TB_MUST_CHECK
bool tb_bots_logs(struct tb_bots *bots, const char *id, const struct tb_caller *caller,
                  struct tb_buffer *out, struct tb_error *err);
/* GET /operations?bot=&limit=&cursor= and GET /operations/{id}. */
TB_MUST_CHECK
bool tb_bots_operations(struct tb_bots *bots, const char *bot, const char *cursor, size_t limit,
                        struct tb_buffer *out, struct tb_error *err);
TB_MUST_CHECK
bool tb_bots_operation(struct tb_bots *bots, const char *id, struct tb_buffer *out,
                       struct tb_error *err);
/* Prefer: wait=n. Waits until the operation is final or the deadline (tb_mono_ms) passes, then
 * writes the bot's fields and operation as of now. *final_out: ended; *succeeded_out: as asked;
 * when it ended otherwise *err holds its problem. */
TB_MUST_CHECK
bool tb_bots_wait(struct tb_bots *bots, const char *operation_id, int64_t mono_deadline_ms,
                  bool *final_out, bool *succeeded_out, struct tb_buffer *out,
                  struct tb_error *err);
/* GET /hummingbot: profile, differences, health, clock, lanes, broker, observe mode. */
void tb_bots_hummingbot(struct tb_bots *bots, struct tb_buffer *out);
/* Fails with TB_OBSERVE_MODE while the bridge only observes; for changes that are no bot's. */
TB_MUST_CHECK
bool tb_bots_may_write(struct tb_bots *bots, struct tb_error *err);
/* POST /hummingbot/resume {another_bridge?}: ends observe mode and remembers the instances that
 * caused it. Writes {observe, another_bridge, instances: [all that are remembered]}. */
TB_MUST_CHECK
bool tb_bots_resume(struct tb_bots *bots, const struct tb_json *request, struct tb_buffer *out,
                    struct tb_problems *problems, struct tb_error *err);
/* POST /hummingbot/cleanup: removes, or with dry_run lists, what the bridge's own ended attempts
 * left upstream: their configs, and the exited containers of those that were given up. */
TB_MUST_CHECK
bool tb_bots_cleanup(struct tb_bots *bots, bool dry_run, struct tb_buffer *out,
                     struct tb_error *err);
/* For /readyz: has there been one good look at the bots since the start? If not, *why_out is the
 * code of the newest look's failure, TB_OK while the first one goes on. */
bool tb_bots_ready(struct tb_bots *bots, enum tb_code *why_out);
/* Weak ETag of the whole list or one bot: changes exactly when its JSON does. */
uint64_t tb_bots_revision(struct tb_bots *bots);

#endif
