/* The store: everything that must survive the process.
 *
 * Two SQLite files. `bridge.db` (synchronous FULL) holds bots, plans, operations, attempts, tokens,
 * idempotency keys and the audit; `series.db` beside it (NORMAL, may lose its last seconds) holds
 * curves, log lines and events, so that curves never stall commands. Each file has exactly one
 * writing connection, owned by one writer thread that commits many callers' writes with one fsync.
 *
 * Records are structs of the columns that are queried plus `doc`, a JSON text with the rest; a NULL
 * `doc` is written as {}. Times are UTC milliseconds, 0 where there is none. On write all strings
 * are borrowed for the call. What a read returns is ONE malloc'd block, strings included: free()
 * releases it. List callbacks get records that are valid during the call; no lock and no database
 * connection is held while they run, so they may call the store.
 *
 * Every function may be called by any thread. Writes wait for the disk: never call them with a lock
 * held. When one fails with TB_STORE_FAILED nothing of it was acknowledged and nothing may be sent
 * upstream on its strength; after a failing disk it may still be found when the store is next
 * opened, as if the process had died just after writing. */
#ifndef TB_STORE_STORE_H
#define TB_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct tb_store;

/* path: of bridge.db (its folder is made if missing, files are 0600), or ":memory:" for tests.
 * Fails with TB_BUSY, naming the holder's process, when another process (or store in this one)
 * holds the lock; with TB_STORE_FAILED and a plain sentence when a file is damaged, belongs to
 * another program, was made by a newer Trading Bridge, or cannot be written. */
TB_MUST_CHECK
struct tb_store *tb_store_open(const char *path, struct tb_error *err);
/* Commits what is queued, checkpoints, closes, releases the lock. No other call may be running. */
void tb_store_close(struct tb_store *store);

struct tb_store_health {
    bool ok;               /* the last write to bridge.db reached the disk */
    bool series_ok;        /* likewise series.db */
    char detail[320];      /* what is wrong, "" when both are ok */
    uint64_t commits;      /* transactions of bridge.db */
    uint64_t writes;       /* calls they carried: writes / commits is the size of a group */
    uint64_t failures;     /* failed transactions of bridge.db */
    size_t queued;         /* calls that wait for the next one */
    uint64_t series_saved; /* records */
    uint64_t series_dropped;
    size_t series_queued;
};
void tb_store_health(struct tb_store *store, struct tb_store_health *health_out);

/* ---- Backup: store_backup.c, store_restore.c ----------------------------------------------------
 */

/* A tar of two files, bridge.db and series.db: a descriptor at its beginning, of a file without a
 * name, so that closing it leaves nothing. Each copy is what some commit left; bridge.db is taken
 * last, so the curves never know a later moment than the bots. The bridge goes on meanwhile.
 * TB_BUSY while another one is made; not for ":memory:". -1 on failure. */
TB_MUST_CHECK
int tb_store_backup(struct tb_store *store, int64_t *bytes_out, struct tb_error *err);

/* The meta key that a restore leaves: the wall time of it in milliseconds. */
#define TB_STORE_RESTORED "restored_at"

/* Puts a backup (the tar, or a folder with the two files) in the place of `path`, where nothing may
 * be. The files are opened and checked (migrated, if older) beside it first and moved there last,
 * so that a failure leaves nothing. */
TB_MUST_CHECK
bool tb_store_restore(const char *from, const char *path, int64_t now, struct tb_error *err);
/* Writes the tar's files into a folder, which is made; none of them may exist there. */
TB_MUST_CHECK
bool tb_store_unpack(int tar, const char *folder, struct tb_error *err);

/* ---- Records ----------------------------------------------------------------------------------
 */

/* A living name is unique: of the records with holds_name that are not deleted no two have the same
 * name (TB_NAME_TAKEN). The slug is not unique: names in other scripts share the slug "bot". */
struct tb_store_bot {
    const char *id;
    const char *server; /* NULL is written as "default" */
    const char *owner;  /* NULL is written as "" */
    int64_t epoch;
    const char *name;
    const char *slug;
    const char *exchange;
    const char *strategy;
    const char *account;
    const char *state;
    const char *intent;
    const char *plan_id; /* may be NULL */
    bool holds_name;     /* false for failed and archived records: others may take the name */
    int64_t version;     /* set by the store: 1 at first, then one more with each put */
    int64_t created_at;  /* kept from the first put */
    int64_t updated_at;
    int64_t deleted_at;
    const char *doc;
};

struct tb_store_plan {
    const char *id;
    const char *hash;
    int64_t created_at;
    int64_t expires_at;
    const char *doc;               /* read back byte for byte */
    const char *used_by_operation; /* NULL until TB_STORE_PLAN_USE */
};

struct tb_store_operation {
    const char *id;
    const char *kind;
    const char *bot_id; /* may be NULL */
    const char *state;
    int64_t created_at;
    int64_t ended_at; /* 0: still open */
    const char *doc;
};

struct tb_store_step {
    const char *operation_id;
    int64_t seq;
    const char *name;
    const char *state;
    int64_t at;
    const char *detail; /* may be NULL */
};

/* One row for every deploy nonce ever used; rows are never deleted. */
struct tb_store_attempt {
    const char *nonce;
    const char *base; /* unique */
    const char *bot_id;
    const char *operation_id;
    const char *state;
    const char *instance; /* NULL until known */
    const char *files;    /* JSON; fixed by TB_STORE_ATTEMPT_ADD */
    int64_t window_from;  /* the second the call was sent … */
    int64_t window_to;    /* … and the last in which it may have made something; 0: open */
    int64_t created_at;
    int64_t updated_at;
    const char *doc;
};

struct tb_store_token {
    const char *id;
    const char *name;
    const char *role;
    const char *bots; /* JSON array of ids, NULL: not limited to some bots */
    const char *sha256;
    int64_t created_at;
    int64_t expires_at; /* 0: never */
    int64_t revoked_at;
};

#define TB_STORE_IDEMPOTENCY_MS (INT64_C(24) * 3600 * 1000)

struct tb_store_idempotency {
    const char *token_id;
    const char *method;
    const char *route; /* the route's name, one for /bots and /bots/create */
    const char *key;
    const char *body_sha256;
    const char *operation_id; /* may be NULL */
    int64_t status;           /* of the answer; 0 until it is known */
    const char *body;         /* the answer; may be NULL */
    int64_t created_at;       /* the key counts for TB_STORE_IDEMPOTENCY_MS from here */
};

/* A version of a plugin that was in force once, or an upload that waits; by its content. Rows are
 * never deleted. */
struct tb_store_plugin_version {
    const char *plugin;
    const char *hash;     /* of its Lua files */
    const char *version;  /* as the plugin calls it */
    const char *origin;   /* "folder", "upload": where it was first seen */
    int64_t created_at;   /* kept from the first put */
    int64_t activated_at; /* the last time; 0: never */
    const char *files;    /* JSON {path: text}; kept from the first put; "{}" in lists */
    const char *doc;
};

/* What is in force of a plugin whatever its folder holds. */
struct tb_store_plugin_state {
    const char *plugin;
    const char *active;  /* hash; NULL: none yet */
    const char *pin;     /* NULL, "rollback" or "upload": who shadows the folder */
    const char *folder;  /* the folder's hash when it was pinned; may be NULL */
    const char *waiting; /* hash of an upload that is not in force yet; NULL: none */
    int64_t updated_at;
};

/* What a second server made of a plan. */
struct tb_store_backtest {
    const char *id;
    const char *plan_id;
    const char *state;
    int64_t created_at;
    int64_t ended_at; /* 0: still open */
    const char *doc;
};

struct tb_store_audit {
    int64_t id; /* set by the store, ascending */
    int64_t at;
    const char *request_id;
    const char *token_id; /* may be NULL */
    const char *token_name;
    const char *role;
    const char *method;
    const char *route;
    const char *target; /* may be NULL */
    int64_t status;
    const char *code; /* may be NULL */
    const char *doc;
};

/* ---- Writing ----------------------------------------------------------------------------------
 */

enum tb_store_kind {
    /* .bot: inserted when expected_version is 0 (TB_CONFLICT when the id exists), else updated if
     * the stored version is expected_version (TB_CONFLICT otherwise, TB_NOT_FOUND if gone). */
    TB_STORE_BOT_PUT,
    TB_STORE_PLAN_ADD, /* .plan */
    /* .plan_use: TB_NOT_FOUND, TB_PLAN_EXPIRED, or TB_CONFLICT when another operation used it. */
    TB_STORE_PLAN_USE,
    TB_STORE_OPERATION_PUT, /* .operation: inserted, or state, ended_at and doc updated */
    TB_STORE_STEP_PUT,      /* .step: likewise by (operation_id, seq); its operation must exist */
    TB_STORE_ATTEMPT_ADD,   /* .attempt: TB_CONFLICT when the nonce or base was ever used */
    /* .attempt: state, instance, window, updated_at, doc of a known nonce; TB_NOT_FOUND. */
    TB_STORE_ATTEMPT_UPDATE,
    TB_STORE_TOKEN_ADD,    /* .token: TB_CONFLICT when id or hash exist */
    TB_STORE_TOKEN_REVOKE, /* .token_revoke: TB_NOT_FOUND; a second one keeps the first time */
    /* .idempotency with .idempotency_result: see below. The first of its commit, so that a repeated
     * request is told of its key and not, say, of its name being taken. */
    TB_STORE_IDEMPOTENCY_BEGIN,
    TB_STORE_IDEMPOTENCY_ANSWER,  /* .idempotency: status and body of a known key; TB_NOT_FOUND */
    TB_STORE_IDEMPOTENCY_FREE,    /* .idempotency: the key may be used again */
    TB_STORE_AUDIT_ADD,           /* .audit */
    TB_STORE_META_PUT,            /* .meta; a NULL value deletes the key */
    TB_STORE_PLUGIN_VERSION_PUT,  /* .plugin_version: inserted, or activated_at and doc updated */
    TB_STORE_PLUGIN_STATE_PUT,    /* .plugin_state */
    TB_STORE_PLUGIN_STATE_DELETE, /* .plugin: its state; versions stay */
    TB_STORE_BACKTEST_PUT,        /* .backtest: inserted, or state, ended_at and doc updated */
    TB_STORE_KIND_COUNT
};

/* What an Idempotency-Key met. Only FRESH commits anything: on the others tb_store_commit rolls
 * all of its changes back and returns false, with TB_CONFLICT for SAME_BODY (answer with `found`)
 * and TB_IDEMPOTENCY_MISMATCH for OTHER_BODY. Keys older than 24 h do not count. */
enum tb_store_idempotency_outcome {
    TB_STORE_FRESH,
    TB_STORE_SAME_BODY,
    TB_STORE_OTHER_BODY,
};

struct tb_store_idempotency_result {
    enum tb_store_idempotency_outcome outcome;
    struct tb_store_idempotency *found; /* malloc'd, the caller's; NULL when FRESH */
};

struct tb_store_change {
    enum tb_store_kind kind;
    int64_t expected_version;                               /* TB_STORE_BOT_PUT */
    struct tb_store_idempotency_result *idempotency_result; /* TB_STORE_IDEMPOTENCY_BEGIN */
    union {
        const struct tb_store_bot *bot;
        const struct tb_store_plan *plan;
        const struct tb_store_operation *operation;
        const struct tb_store_step *step;
        const struct tb_store_attempt *attempt;
        const struct tb_store_token *token;
        const struct tb_store_idempotency *idempotency;
        const struct tb_store_audit *audit;
        const struct tb_store_plugin_version *plugin_version;
        const struct tb_store_plugin_state *plugin_state;
        const struct tb_store_backtest *backtest;
        const char *plugin;
        struct {
            const char *plan_id;
            const char *operation_id;
            int64_t at;
        } plan_use;
        struct {
            const char *id;
            int64_t at;
        } token_revoke;
        struct {
            const char *key;
            const char *value;
        } meta;
    };
};

/* All of the changes, in this order, or none; true means they are on the disk. Everything that must
 * be known before a call is sent upstream belongs in one commit. */
TB_MUST_CHECK
bool tb_store_commit(struct tb_store *store, const struct tb_store_change *changes, size_t n,
                     struct tb_error *err);

/* Commits of one change. */
TB_MUST_CHECK
bool tb_store_bot_put(struct tb_store *store, const struct tb_store_bot *bot,
                      int64_t expected_version, struct tb_error *err);
TB_MUST_CHECK
bool tb_store_plan_add(struct tb_store *store, const struct tb_store_plan *plan,
                       struct tb_error *err);
TB_MUST_CHECK
bool tb_store_token_add(struct tb_store *store, const struct tb_store_token *token,
                        struct tb_error *err);
TB_MUST_CHECK
bool tb_store_token_revoke(struct tb_store *store, const char *id, int64_t at,
                           struct tb_error *err);
TB_MUST_CHECK
bool tb_store_audit_add(struct tb_store *store, const struct tb_store_audit *audit,
                        struct tb_error *err);
TB_MUST_CHECK
bool tb_store_meta_put(struct tb_store *store, const char *key, const char *value,
                       struct tb_error *err);

/* Deletes plans that expired unused a day before `now` with their backtests, idempotency keys older
 * than 24 h, series older than series_before, and of each plugin the versions beyond the newest
 * versions_kept, but for those that its state or a bot names. Bots, operations, attempts and the
 * audit are never deleted. */
TB_MUST_CHECK
bool tb_store_prune(struct tb_store *store, int64_t now, int64_t series_before,
                    int64_t versions_kept, struct tb_error *err);

/* ---- Reading: NULL with TB_NOT_FOUND when there is none ----------------------------------------
 */

TB_MUST_CHECK
struct tb_store_bot *tb_store_bot_get(struct tb_store *store, const char *id, struct tb_error *err);
/* The one that holds the name. */
TB_MUST_CHECK
struct tb_store_bot *tb_store_bot_by_name(struct tb_store *store, const char *name,
                                          struct tb_error *err);
/* The bot whose attempt has this instance name. */
TB_MUST_CHECK
struct tb_store_bot *tb_store_bot_by_instance(struct tb_store *store, const char *instance,
                                              struct tb_error *err);
TB_MUST_CHECK
struct tb_store_plan *tb_store_plan_get(struct tb_store *store, const char *id,
                                        struct tb_error *err);
TB_MUST_CHECK
struct tb_store_operation *tb_store_operation_get(struct tb_store *store, const char *id,
                                                  struct tb_error *err);
TB_MUST_CHECK
struct tb_store_attempt *tb_store_attempt_get(struct tb_store *store, const char *nonce,
                                              struct tb_error *err);
TB_MUST_CHECK
struct tb_store_attempt *tb_store_attempt_by_base(struct tb_store *store, const char *base,
                                                  struct tb_error *err);
/* Only a token that is neither revoked nor expired at `now` is found. */
TB_MUST_CHECK
struct tb_store_token *tb_store_token_by_sha256(struct tb_store *store, const char *sha256,
                                                int64_t now, struct tb_error *err);
/* For answering a repeated request before any work is done for it; a key older than 24 h at `now`
 * is not found. The race of two first requests is decided by TB_STORE_IDEMPOTENCY_BEGIN. */
TB_MUST_CHECK
struct tb_store_idempotency *tb_store_idempotency_get(struct tb_store *store, const char *token_id,
                                                      const char *method, const char *route,
                                                      const char *key, int64_t now,
                                                      struct tb_error *err);
/* hash: its first digits suffice; of several the newest. */
TB_MUST_CHECK
struct tb_store_plugin_version *tb_store_plugin_version_get(struct tb_store *store,
                                                            const char *plugin, const char *hash,
                                                            struct tb_error *err);
TB_MUST_CHECK
char *tb_store_meta_get(struct tb_store *store, const char *key, struct tb_error *err);

/* ---- Lists: false only when the store failed ---------------------------------------------------
 */

typedef void tb_store_bot_fn(void *arg, const struct tb_store_bot *bot);
typedef void tb_store_operation_fn(void *arg, const struct tb_store_operation *operation);
typedef void tb_store_step_fn(void *arg, const struct tb_store_step *step);
typedef void tb_store_attempt_fn(void *arg, const struct tb_store_attempt *attempt);
typedef void tb_store_token_fn(void *arg, const struct tb_store_token *token);
typedef void tb_store_audit_fn(void *arg, const struct tb_store_audit *audit);
typedef void tb_store_plugin_version_fn(void *arg, const struct tb_store_plugin_version *version);
typedef void tb_store_backtest_fn(void *arg, const struct tb_store_backtest *backtest);
typedef void tb_store_plugin_state_fn(void *arg, const struct tb_store_plugin_state *state);

/* By id, that is in the order of creation; without deleted ones. */
TB_MUST_CHECK
bool tb_store_bots_each(struct tb_store *store, tb_store_bot_fn *fn, void *arg,
                        struct tb_error *err);

struct tb_store_operation_filter {
    const char *bot_id; /* NULL: of all bots */
    const char *before; /* NULL, or only ids less than this one: the cursor of the next page */
    bool open_only;     /* ended_at is 0 */
    int64_t limit;      /* 0: all */
};
/* Newest first. */
TB_MUST_CHECK
bool tb_store_operations_each(struct tb_store *store,
                              const struct tb_store_operation_filter *filter,
                              tb_store_operation_fn *fn, void *arg, struct tb_error *err);
/* By seq. */
TB_MUST_CHECK
bool tb_store_steps_each(struct tb_store *store, const char *operation_id, tb_store_step_fn *fn,
                         void *arg, struct tb_error *err);
/* Oldest first; bot_id NULL: of all bots. */
TB_MUST_CHECK
bool tb_store_attempts_each(struct tb_store *store, const char *bot_id, tb_store_attempt_fn *fn,
                            void *arg, struct tb_error *err);
/* All, revoked and expired ones included, by id. */
TB_MUST_CHECK
bool tb_store_tokens_each(struct tb_store *store, tb_store_token_fn *fn, void *arg,
                          struct tb_error *err);
/* Newest first; before 0: from the newest; limit 0: all. */
TB_MUST_CHECK
bool tb_store_audit_each(struct tb_store *store, int64_t before, int64_t limit,
                         tb_store_audit_fn *fn, void *arg, struct tb_error *err);

/* Newest activation first, without their files; limit 0: all. */
TB_MUST_CHECK
bool tb_store_plugin_versions_each(struct tb_store *store, const char *plugin, int64_t limit,
                                   tb_store_plugin_version_fn *fn, void *arg, struct tb_error *err);
/* By name. */
TB_MUST_CHECK
bool tb_store_plugin_states_each(struct tb_store *store, tb_store_plugin_state_fn *fn, void *arg,
                                 struct tb_error *err);

/* Of a plan, newest first; of NULL those of all plans that are open, oldest first. */
TB_MUST_CHECK
bool tb_store_backtests_each(struct tb_store *store, const char *plan_id, tb_store_backtest_fn *fn,
                             void *arg, struct tb_error *err);

/* ---- Series: written without waiting -----------------------------------------------------------
 */

struct tb_store_sample {
    const char *bot_id;
    int64_t at;
    const char *quote;
    const char *doc;
};

struct tb_store_log_line {
    const char *bot_id;
    int64_t at;
    const char *level;
    const char *text;
    int64_t count;
};

struct tb_store_event {
    int64_t id; /* the ring's; a known id is ignored */
    int64_t at;
    const char *type;
    const char *doc;
};

/* Copied into a bounded queue and committed within a second or so; dropped and counted in the
 * health when the queue is full or the disk refuses. The lists below first write what is queued. */
void tb_store_sample_add(struct tb_store *store, const struct tb_store_sample *sample);
void tb_store_log_line_add(struct tb_store *store, const struct tb_store_log_line *line);
void tb_store_event_add(struct tb_store *store, const struct tb_store_event *event);

typedef void tb_store_sample_fn(void *arg, const struct tb_store_sample *sample);
typedef void tb_store_log_line_fn(void *arg, const struct tb_store_log_line *line);
typedef void tb_store_event_fn(void *arg, const struct tb_store_event *event);

/* Oldest first, from <= at < to; quote NULL: every quote. */
TB_MUST_CHECK
bool tb_store_samples_each(struct tb_store *store, const char *bot_id, const char *quote,
                           int64_t from, int64_t to, tb_store_sample_fn *fn, void *arg,
                           struct tb_error *err);
/* The newest `limit` lines (0: all), oldest of them first. */
TB_MUST_CHECK
bool tb_store_log_lines_each(struct tb_store *store, const char *bot_id, int64_t limit,
                             tb_store_log_line_fn *fn, void *arg, struct tb_error *err);
/* Those with id > after, oldest first; limit 0: all. */
TB_MUST_CHECK
bool tb_store_events_each(struct tb_store *store, int64_t after, int64_t limit,
                          tb_store_event_fn *fn, void *arg, struct tb_error *err);
/* The newest event's id, 0 when there is none: the ring goes on from here after a restart. */
TB_MUST_CHECK
bool tb_store_event_last(struct tb_store *store, int64_t *id_out, struct tb_error *err);

#endif
