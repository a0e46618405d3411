/* Reads of bridge.db on leased read-only connections. A read is one statement, so one snapshot;
 * its rows are copied before the connection goes back. Any thread. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/store_private.h"

/* Long enough that only a stuck disk can exceed it. */
#define LEASE_WAIT_MS 30000

bool tb_store_read(struct tb_store_side *side, enum tb_store_statement id,
                   struct tb_store_rows *rows, struct tb_error *err, const char *format,
                   va_list args)
{
    struct tb_store_db *db = tb_lease_take(side->readers, tb_mono_ms() + LEASE_WAIT_MS, err);
    if (!db) {
        return false;
    }
    db->fatal = 0;
    bool ok = tb_store_fetch(db, id, rows, err, format, args);
    if (!ok && db->fatal) {
        tb_store_writer_blame(side->writer, db);
    }
    tb_lease_return(side->readers, db, !ok);
    return ok;
}

static bool list(struct tb_store *store, enum tb_store_statement id, struct tb_store_rows *rows,
                 struct tb_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool ok = tb_store_read(&store->sides[TB_FILE_BRIDGE], id, rows, err, format, args);
    va_end(args);
    return ok;
}

/* The one record of a statement that has at most one; `what` names it when there is none. */
static void *get(struct tb_store *store, enum tb_store_statement id, const char *what,
                 struct tb_error *err, const char *format, ...)
{
    struct tb_store_rows rows = {0};
    void *record = NULL;
    va_list args;
    va_start(args, format);
    bool ok = tb_store_read(&store->sides[TB_FILE_BRIDGE], id, &rows, err, format, args);
    va_end(args);
    if (ok && rows.n == 0) {
        tb_fail(err, TB_NOT_FOUND, "There is no such %s.", what);
    } else if (ok) {
        record = rows.items[0];
        rows.items[0] = NULL;
    }
    tb_store_rows_free(&rows);
    return record;
}

struct tb_store_bot *tb_store_bot_get(struct tb_store *store, const char *id, struct tb_error *err)
{
    return get(store, TB_SQL_BOT_GET, "bot", err, "t", id);
}

struct tb_store_bot *tb_store_bot_by_name(struct tb_store *store, const char *name,
                                          struct tb_error *err)
{
    return get(store, TB_SQL_BOT_BY_NAME, "bot", err, "t", name);
}

struct tb_store_bot *tb_store_bot_by_instance(struct tb_store *store, const char *instance,
                                              struct tb_error *err)
{
    return get(store, TB_SQL_BOT_BY_INSTANCE, "bot", err, "t", instance);
}

struct tb_store_plan *tb_store_plan_get(struct tb_store *store, const char *id,
                                        struct tb_error *err)
{
    return get(store, TB_SQL_PLAN_GET, "plan", err, "t", id);
}

struct tb_store_operation *tb_store_operation_get(struct tb_store *store, const char *id,
                                                  struct tb_error *err)
{
    return get(store, TB_SQL_OPERATION_GET, "operation", err, "t", id);
}

struct tb_store_attempt *tb_store_attempt_get(struct tb_store *store, const char *nonce,
                                              struct tb_error *err)
{
    return get(store, TB_SQL_ATTEMPT_GET, "attempt", err, "t", nonce);
}

struct tb_store_attempt *tb_store_attempt_by_base(struct tb_store *store, const char *base,
                                                  struct tb_error *err)
{
    return get(store, TB_SQL_ATTEMPT_BY_BASE, "attempt", err, "t", base);
}

struct tb_store_token *tb_store_token_by_sha256(struct tb_store *store, const char *sha256,
                                                int64_t now, struct tb_error *err)
{
    return get(store, TB_SQL_TOKEN_BY_SHA256, "token", err, "ti", sha256, now);
}

struct tb_store_idempotency *tb_store_idempotency_get(struct tb_store *store, const char *token_id,
                                                      const char *method, const char *route,
                                                      const char *key, int64_t now,
                                                      struct tb_error *err)
{
    return get(store, TB_SQL_IDEMPOTENCY_GET, "key", err, "tttti", token_id, method, route, key,
               now - TB_STORE_IDEMPOTENCY_MS);
}

struct tb_store_plugin_version *tb_store_plugin_version_get(struct tb_store *store,
                                                            const char *plugin, const char *hash,
                                                            struct tb_error *err)
{
    return get(store, TB_SQL_PLUGIN_VERSION_GET, "version of this plugin", err, "tt", plugin, hash);
}

char *tb_store_meta_get(struct tb_store *store, const char *key, struct tb_error *err)
{
    char **row = get(store, TB_SQL_META_GET, "setting", err, "t", key);
    char *value = row ? tb_xstrdup(*row) : NULL;
    free(row);
    return value;
}

/* The end of every list: the rows go to fn, or nowhere when reading them failed. */
#define HAND_OVER(rows, ok, fn, arg)                                                               \
    do {                                                                                           \
        for (size_t i = 0; (ok) && i < (rows)->n; i++) {                                           \
            (fn)((arg), (rows)->items[i]);                                                         \
        }                                                                                          \
        tb_store_rows_free(rows);                                                                  \
    } while (0)

bool tb_store_bots_each(struct tb_store *store, tb_store_bot_fn *fn, void *arg,
                        struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok = list(store, TB_SQL_BOTS, &rows, err, "");
    HAND_OVER(&rows, ok, fn, arg);
    return ok;
}

static int64_t sql_limit(int64_t limit)
{
    return limit > 0 ? limit : -1;
}

bool tb_store_operations_each(struct tb_store *store,
                              const struct tb_store_operation_filter *filter,
                              tb_store_operation_fn *fn, void *arg, struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok = list(store, filter->bot_id ? TB_SQL_OPERATIONS_OF_BOT : TB_SQL_OPERATIONS, &rows, err,
                   "ttii", filter->bot_id, filter->before, (int64_t)filter->open_only,
                   sql_limit(filter->limit));
    HAND_OVER(&rows, ok, fn, arg);
    return ok;
}

bool tb_store_steps_each(struct tb_store *store, const char *operation_id, tb_store_step_fn *fn,
                         void *arg, struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok = list(store, TB_SQL_STEPS, &rows, err, "t", operation_id);
    HAND_OVER(&rows, ok, fn, arg);
    return ok;
}

bool tb_store_attempts_each(struct tb_store *store, const char *bot_id, tb_store_attempt_fn *fn,
                            void *arg, struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok = bot_id ? list(store, TB_SQL_ATTEMPTS_OF_BOT, &rows, err, "t", bot_id)
                     : list(store, TB_SQL_ATTEMPTS, &rows, err, "");
    HAND_OVER(&rows, ok, fn, arg);
    return ok;
}

bool tb_store_tokens_each(struct tb_store *store, tb_store_token_fn *fn, void *arg,
                          struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok = list(store, TB_SQL_TOKENS, &rows, err, "");
    HAND_OVER(&rows, ok, fn, arg);
    return ok;
}

bool tb_store_audit_each(struct tb_store *store, int64_t before, int64_t limit,
                         tb_store_audit_fn *fn, void *arg, struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok = list(store, TB_SQL_AUDIT, &rows, err, "ii", before, sql_limit(limit));
    HAND_OVER(&rows, ok, fn, arg);
    return ok;
}

bool tb_store_plugin_versions_each(struct tb_store *store, const char *plugin, int64_t limit,
                                   tb_store_plugin_version_fn *fn, void *arg, struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok = list(store, TB_SQL_PLUGIN_VERSIONS, &rows, err, "ti", plugin, sql_limit(limit));
    HAND_OVER(&rows, ok, fn, arg);
    return ok;
}

bool tb_store_backtests_each(struct tb_store *store, const char *plan_id, tb_store_backtest_fn *fn,
                             void *arg, struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok = plan_id ? list(store, TB_SQL_BACKTESTS_OF_PLAN, &rows, err, "t", plan_id)
                      : list(store, TB_SQL_BACKTESTS_OPEN, &rows, err, "");
    HAND_OVER(&rows, ok, fn, arg);
    return ok;
}

bool tb_store_plugin_states_each(struct tb_store *store, tb_store_plugin_state_fn *fn, void *arg,
                                 struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok = list(store, TB_SQL_PLUGIN_STATES, &rows, err, "");
    HAND_OVER(&rows, ok, fn, arg);
    return ok;
}
