/* What each kind of change does inside a commit. Runs on the writer thread of bridge.db, in the
 * commit's savepoint; the entry points run on the callers' threads and wait. */
#include <stdlib.h>
#include <string.h>

#include "store/store_private.h"

static bool written(struct tb_store_db *db, int rc, const char *doing, struct tb_error *err)
{
    return rc == SQLITE_DONE || tb_store_sql_fail(db, rc, doing, err);
}

static bool is_duplicate(int rc)
{
    return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY;
}

/* One record by up to four text keys, read on the writing connection; *record_out is NULL when
 * there is none. */
static bool look_up(struct tb_store_db *db, enum tb_store_statement id, void **record_out,
                    struct tb_error *err, const char *format, ...)
{
    struct tb_store_rows rows = {0};
    va_list args;
    va_start(args, format);
    bool ok = tb_store_fetch(db, id, &rows, err, format, args);
    va_end(args);
    *record_out = NULL;
    if (ok && rows.n == 1) {
        *record_out = rows.items[0];
        rows.n = 0;
    }
    tb_store_rows_free(&rows);
    return ok;
}

static bool bot_taken(int rc, const struct tb_store_bot *bot, struct tb_error *err)
{
    if (rc == SQLITE_CONSTRAINT_PRIMARYKEY) {
        return tb_fail(err, TB_CONFLICT, "A bot with the id %s exists already.", bot->id);
    }
    return tb_fail(err, TB_NAME_TAKEN, "Another bot is named \"%s\"; choose another name.",
                   bot->name);
}

static bool stale_bot(struct tb_store_db *db, const struct tb_store_bot *bot, int64_t expected,
                      struct tb_error *err)
{
    void *record = NULL;
    if (!look_up(db, TB_SQL_BOT_VERSION, &record, err, "t", bot->id)) {
        return false;
    }
    const struct tb_store_bot *stored = record;
    if (!stored) {
        return tb_fail(err, TB_NOT_FOUND, "There is no bot with the id %s.", bot->id);
    }
    tb_fail(err, TB_CONFLICT,
            "The bot was changed meanwhile: it is at version %lld, not %lld. Read it again.",
            (long long)stored->version, (long long)expected);
    free(record);
    return false;
}

static bool bot_put(struct tb_store_db *db, const struct tb_store_change *change,
                    struct tb_error *err)
{
    struct tb_store_bot bot = *change->bot;
    int64_t expected = change->expected_version;
    bot.version = expected + 1;
    int changed = 0;
    int rc = tb_store_run_record(db, expected == 0 ? TB_SQL_BOT_INSERT : TB_SQL_BOT_UPDATE, &bot,
                                 &changed);
    if (is_duplicate(rc)) {
        return bot_taken(rc, &bot, err);
    }
    return written(db, rc, "writing a bot", err) &&
           (changed == 1 || stale_bot(db, &bot, expected, err));
}

static bool plan_add(struct tb_store_db *db, const struct tb_store_change *change,
                     struct tb_error *err)
{
    int rc = tb_store_run_record(db, TB_SQL_PLAN_INSERT, change->plan, NULL);
    if (is_duplicate(rc)) {
        return tb_fail(err, TB_CONFLICT, "A plan with the id %s exists already.", change->plan->id);
    }
    return written(db, rc, "writing a plan", err);
}

static bool plan_use(struct tb_store_db *db, const struct tb_store_change *change,
                     struct tb_error *err)
{
    const char *id = change->plan_use.plan_id;
    int changed = 0;
    int rc = tb_store_run(db, TB_SQL_PLAN_USE, &changed, "tti", id, change->plan_use.operation_id,
                          change->plan_use.at);
    void *record = NULL;
    if (!written(db, rc, "using a plan", err) ||
        (changed == 0 && !look_up(db, TB_SQL_PLAN_STATE, &record, err, "t", id))) {
        return false;
    }
    if (changed == 1) {
        return true;
    }
    const struct tb_store_plan *plan = record;
    if (!plan) {
        return tb_fail(err, TB_NOT_FOUND, "There is no plan with the id %s; make a new one.", id);
    }
    if (plan->used_by_operation) {
        tb_fail(err, TB_CONFLICT, "The plan was used already, by the operation %s.",
                plan->used_by_operation);
    } else {
        tb_fail(err, TB_PLAN_EXPIRED, "The plan has expired; make a new one.");
    }
    free(record);
    return false;
}

static bool operation_put(struct tb_store_db *db, const struct tb_store_change *change,
                          struct tb_error *err)
{
    return written(db, tb_store_run_record(db, TB_SQL_OPERATION_PUT, change->operation, NULL),
                   "writing an operation", err);
}

static bool step_put(struct tb_store_db *db, const struct tb_store_change *change,
                     struct tb_error *err)
{
    return written(db, tb_store_run_record(db, TB_SQL_STEP_PUT, change->step, NULL),
                   "writing a step", err);
}

static bool attempt_add(struct tb_store_db *db, const struct tb_store_change *change,
                        struct tb_error *err)
{
    const struct tb_store_attempt *attempt = change->attempt;
    int rc = tb_store_run_record(db, TB_SQL_ATTEMPT_INSERT, attempt, NULL);
    if (is_duplicate(rc)) {
        return tb_fail(err, TB_CONFLICT, "The nonce %s or the base name %s was used before.",
                       attempt->nonce, attempt->base);
    }
    return written(db, rc, "writing an attempt", err);
}

static bool attempt_update(struct tb_store_db *db, const struct tb_store_change *change,
                           struct tb_error *err)
{
    int changed = 0;
    int rc = tb_store_run_record(db, TB_SQL_ATTEMPT_UPDATE, change->attempt, &changed);
    return written(db, rc, "writing an attempt", err) &&
           (changed == 1 ||
            tb_fail(err, TB_NOT_FOUND, "No attempt has the nonce %s.", change->attempt->nonce));
}

static bool token_add(struct tb_store_db *db, const struct tb_store_change *change,
                      struct tb_error *err)
{
    int rc = tb_store_run_record(db, TB_SQL_TOKEN_INSERT, change->token, NULL);
    if (is_duplicate(rc)) {
        return tb_fail(err, TB_CONFLICT, "A token with the id %s, or this very token, exists.",
                       change->token->id);
    }
    return written(db, rc, "writing a token", err);
}

static bool token_revoke(struct tb_store_db *db, const struct tb_store_change *change,
                         struct tb_error *err)
{
    int changed = 0;
    int rc = tb_store_run(db, TB_SQL_TOKEN_REVOKE, &changed, "ti", change->token_revoke.id,
                          change->token_revoke.at);
    return written(db, rc, "revoking a token", err) &&
           (changed == 1 || tb_fail(err, TB_NOT_FOUND, "There is no token with the id %s.",
                                    change->token_revoke.id));
}

static bool key_met(const struct tb_store_change *change, struct tb_store_idempotency *found,
                    struct tb_error *err)
{
    bool same = strcmp(found->body_sha256, change->idempotency->body_sha256) == 0;
    struct tb_store_idempotency_result *result = change->idempotency_result;
    if (result) {
        result->outcome = same ? TB_STORE_SAME_BODY : TB_STORE_OTHER_BODY;
        result->found = found;
    } else {
        free(found);
    }
    return same ? tb_fail(err, TB_CONFLICT, "This Idempotency-Key was used before.")
                : tb_fail(err, TB_IDEMPOTENCY_MISMATCH,
                          "This Idempotency-Key was used before with another body; send a new key "
                          "with a new request.");
}

/* Makes the key unknown if it was made until then. */
static int forget_key(struct tb_store_db *db, const struct tb_store_idempotency *key, int64_t until)
{
    return tb_store_run(db, TB_SQL_IDEMPOTENCY_EXPIRE, NULL, "tttti", key->token_id, key->method,
                        key->route, key->key, until);
}

static bool idempotency_begin(struct tb_store_db *db, const struct tb_store_change *change,
                              struct tb_error *err)
{
    const struct tb_store_idempotency *key = change->idempotency;
    int rc = forget_key(db, key, key->created_at - TB_STORE_IDEMPOTENCY_MS);
    int changed = 0;
    if (rc == SQLITE_DONE) {
        rc = tb_store_run_record(db, TB_SQL_IDEMPOTENCY_INSERT, key, &changed);
    }
    if (!written(db, rc, "writing an idempotency key", err)) {
        return false;
    }
    if (changed == 1) {
        return true;
    }
    void *found = NULL;
    if (!look_up(db, TB_SQL_IDEMPOTENCY_MET, &found, err, "tttt", key->token_id, key->method,
                 key->route, key->key)) {
        return false;
    }
    if (!found) {
        return tb_fail(err, TB_INTERNAL, "An idempotency key is there and is not.");
    }
    return key_met(change, found, err);
}

static bool idempotency_answer(struct tb_store_db *db, const struct tb_store_change *change,
                               struct tb_error *err)
{
    int changed = 0;
    int rc = tb_store_run_record(db, TB_SQL_IDEMPOTENCY_ANSWER, change->idempotency, &changed);
    return written(db, rc, "writing an answer", err) &&
           (changed == 1 || tb_fail(err, TB_NOT_FOUND, "This Idempotency-Key is not known."));
}

static bool idempotency_free(struct tb_store_db *db, const struct tb_store_change *change,
                             struct tb_error *err)
{
    return written(db, forget_key(db, change->idempotency, INT64_MAX), "freeing a key", err);
}

static bool audit_add(struct tb_store_db *db, const struct tb_store_change *change,
                      struct tb_error *err)
{
    return written(db, tb_store_run_record(db, TB_SQL_AUDIT_INSERT, change->audit, NULL),
                   "writing the audit", err);
}

static bool meta_put(struct tb_store_db *db, const struct tb_store_change *change,
                     struct tb_error *err)
{
    const char *value = change->meta.value;
    int rc = value ? tb_store_run(db, TB_SQL_META_PUT, NULL, "tt", change->meta.key, value)
                   : tb_store_run(db, TB_SQL_META_DELETE, NULL, "t", change->meta.key);
    return written(db, rc, "writing a setting", err);
}

static bool plugin_version_put(struct tb_store_db *db, const struct tb_store_change *change,
                               struct tb_error *err)
{
    return written(db,
                   tb_store_run_record(db, TB_SQL_PLUGIN_VERSION_PUT, change->plugin_version, NULL),
                   "writing a version of a plugin", err);
}

static bool plugin_state_put(struct tb_store_db *db, const struct tb_store_change *change,
                             struct tb_error *err)
{
    return written(db, tb_store_run_record(db, TB_SQL_PLUGIN_STATE_PUT, change->plugin_state, NULL),
                   "writing the state of a plugin", err);
}

static bool backtest_put(struct tb_store_db *db, const struct tb_store_change *change,
                         struct tb_error *err)
{
    return written(db, tb_store_run_record(db, TB_SQL_BACKTEST_PUT, change->backtest, NULL),
                   "writing a backtest", err);
}

static bool plugin_state_delete(struct tb_store_db *db, const struct tb_store_change *change,
                                struct tb_error *err)
{
    return written(db, tb_store_run(db, TB_SQL_PLUGIN_STATE_DELETE, NULL, "t", change->plugin),
                   "deleting the state of a plugin", err);
}

static bool (*const appliers[TB_STORE_KIND_COUNT])(struct tb_store_db *db,
                                                   const struct tb_store_change *change,
                                                   struct tb_error *err) = {
    [TB_STORE_BOT_PUT] = bot_put,
    [TB_STORE_PLAN_ADD] = plan_add,
    [TB_STORE_PLAN_USE] = plan_use,
    [TB_STORE_OPERATION_PUT] = operation_put,
    [TB_STORE_STEP_PUT] = step_put,
    [TB_STORE_ATTEMPT_ADD] = attempt_add,
    [TB_STORE_ATTEMPT_UPDATE] = attempt_update,
    [TB_STORE_TOKEN_ADD] = token_add,
    [TB_STORE_TOKEN_REVOKE] = token_revoke,
    [TB_STORE_IDEMPOTENCY_BEGIN] = idempotency_begin,
    [TB_STORE_IDEMPOTENCY_ANSWER] = idempotency_answer,
    [TB_STORE_IDEMPOTENCY_FREE] = idempotency_free,
    [TB_STORE_AUDIT_ADD] = audit_add,
    [TB_STORE_META_PUT] = meta_put,
    [TB_STORE_PLUGIN_VERSION_PUT] = plugin_version_put,
    [TB_STORE_PLUGIN_STATE_PUT] = plugin_state_put,
    [TB_STORE_PLUGIN_STATE_DELETE] = plugin_state_delete,
    [TB_STORE_BACKTEST_PUT] = backtest_put,
};

struct commit {
    const struct tb_store_change *changes;
    size_t n;
};

static bool apply_all(struct tb_store_db *db, void *arg, struct tb_error *err)
{
    const struct commit *commit = arg;
    for (size_t i = 0; i < commit->n; i++) {
        if (!appliers[commit->changes[i].kind](db, &commit->changes[i], err)) {
            return false;
        }
    }
    return true;
}

static void clear_results(const struct commit *commit, bool release)
{
    for (size_t i = 0; i < commit->n; i++) {
        struct tb_store_idempotency_result *result = commit->changes[i].idempotency_result;
        if (commit->changes[i].kind == TB_STORE_IDEMPOTENCY_BEGIN && result) {
            if (release) {
                free(result->found);
            }
            *result = (struct tb_store_idempotency_result){TB_STORE_FRESH, NULL};
        }
    }
}

bool tb_store_commit(struct tb_store *store, const struct tb_store_change *changes, size_t n,
                     struct tb_error *err)
{
    struct commit commit = {changes, n};
    clear_results(&commit, false);
    enum tb_store_verdict verdict =
        tb_store_writer_run(store->sides[TB_FILE_BRIDGE].writer, apply_all, &commit, err);
    if (verdict == TB_VERDICT_FAILED) {
        /* The key that was met may itself not be on the disk. */
        clear_results(&commit, true);
    }
    return verdict == TB_VERDICT_SAVED;
}

bool tb_store_bot_put(struct tb_store *store, const struct tb_store_bot *bot,
                      int64_t expected_version, struct tb_error *err)
{
    struct tb_store_change change = {
        .kind = TB_STORE_BOT_PUT, .bot = bot, .expected_version = expected_version};
    return tb_store_commit(store, &change, 1, err);
}

bool tb_store_plan_add(struct tb_store *store, const struct tb_store_plan *plan,
                       struct tb_error *err)
{
    struct tb_store_change change = {.kind = TB_STORE_PLAN_ADD, .plan = plan};
    return tb_store_commit(store, &change, 1, err);
}

bool tb_store_token_add(struct tb_store *store, const struct tb_store_token *token,
                        struct tb_error *err)
{
    struct tb_store_change change = {.kind = TB_STORE_TOKEN_ADD, .token = token};
    return tb_store_commit(store, &change, 1, err);
}

bool tb_store_token_revoke(struct tb_store *store, const char *id, int64_t at, struct tb_error *err)
{
    struct tb_store_change change = {.kind = TB_STORE_TOKEN_REVOKE,
                                     .token_revoke = {.id = id, .at = at}};
    return tb_store_commit(store, &change, 1, err);
}

bool tb_store_audit_add(struct tb_store *store, const struct tb_store_audit *audit,
                        struct tb_error *err)
{
    struct tb_store_change change = {.kind = TB_STORE_AUDIT_ADD, .audit = audit};
    return tb_store_commit(store, &change, 1, err);
}

bool tb_store_meta_put(struct tb_store *store, const char *key, const char *value,
                       struct tb_error *err)
{
    struct tb_store_change change = {.kind = TB_STORE_META_PUT,
                                     .meta = {.key = key, .value = value}};
    return tb_store_commit(store, &change, 1, err);
}
