/* What people ask of bots: create, start, stop, delete. A command writes the bot, its operation and
 * the Idempotency-Key in one commit, then wakes the workers; nothing is answered before it is on
 * disk. Runs on request threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/bots_private.h"

enum { APPEARS_MS = 2000 };

void tb_command_result_free(struct tb_command_result *result)
{
    tb_buffer_free(&result->body);
}

struct opening {
    struct tb_bots *b;
    struct bot *bot;
    struct bot shown; /* the bot as it will be once committed: nobody sees it before */
    const struct tb_caller *caller;
    const struct tb_idempotency *key;
    struct tb_life life;
    char id[TB_ULID_TEXT];
    const char *plan_id;          /* used by this operation, or NULL */
    struct operation *superseded; /* ended in the same commit, or NULL */
    int64_t wall;
};

/* The bot of a stored operation (lock held; given up while waiting). Between the commit of a create
 * and its bot's place in memory a repeated request may already ask for it. NULL: it was deleted. */
static struct bot *bot_of_operation(struct tb_bots *b, const char *bot_id)
{
    int64_t deadline = tb_mono_ms() + APPEARS_MS;
    for (;;) {
        for (size_t i = 0; i < b->bots; i++)
            if (strcmp(b->bot[i]->id, bot_id) == 0)
                return b->bot[i]->deleted ? NULL : b->bot[i];
        if (!tb_cond_wait_until(&b->claims, &b->lock, deadline))
            return NULL;
    }
}

/* The answer to a repeated request: the operation it made and the bot as it is now. */
static bool replay(struct tb_bots *b, const char *operation_id, struct tb_command_result *result,
                   struct tb_error *err)
{
    struct tb_store_operation *row = tb_store_operation_get(b->store, operation_id, err);
    struct bot *bot;
    if (!row)
        return false;
    tb_copy(result->operation_id, sizeof result->operation_id, operation_id);
    tb_copy(result->bot_id, sizeof result->bot_id, row->bot_id ? row->bot_id : "");
    result->replayed = true;
    pthread_mutex_lock(&b->lock);
    bot = row->bot_id ? bot_of_operation(b, row->bot_id) : NULL;
    if (bot)
        fragment_with_operation(b, bot, row->id, row->state, NULL, &result->body);
    else
        tb_buffer_printf(&result->body, "{\"id\":\"%s\",\"deleted\":true}", result->bot_id);
    pthread_mutex_unlock(&b->lock);
    free(row);
    return true;
}

/* Answers from an earlier request with the same key, before any work is done for this one.
 * *done_out: the request is finished, by the replay or by *err. */
static bool replayed_early(struct tb_bots *b, const struct tb_caller *caller,
                           const struct tb_idempotency *key, struct tb_command_result *result,
                           bool *done_out, struct tb_error *err)
{
    struct tb_store_idempotency *row;
    bool ok;

    *done_out = false;
    if (!key)
        return true;
    row = tb_store_idempotency_get(b->store, caller->token_id, key->method, key->route, key->key,
                                   tb_wall_ms(), err);
    if (!row)
        return true; /* unknown, or the store is down: the commit decides */
    *done_out = true;
    if (strcmp(row->body_sha256, key->body_sha256) != 0 || !row->operation_id)
        ok = tb_fail(err, TB_IDEMPOTENCY_MISMATCH,
                     "This Idempotency-Key was already used with another request.");
    else
        ok = replay(b, row->operation_id, result, err);
    free(row);
    return ok;
}

static void show(struct opening *o, const char *intent)
{
    pthread_mutex_lock(&o->b->lock);
    o->shown = *o->bot;
    pthread_mutex_unlock(&o->b->lock);
    tb_copy(o->shown.operation_id, sizeof o->shown.operation_id, o->id);
    tb_copy(o->shown.intent, sizeof o->shown.intent, intent);
    bot_follow(&o->shown, &o->life);
}

/* The one commit of a command. Called with the bot claimed, without the lock. */
static bool commit(struct opening *o, struct tb_command_result *result, struct tb_error *err)
{
    struct operation fresh = {.bot = o->bot, .life = o->life, .created_at = o->wall};
    struct tb_buffer doc = TB_BUFFER_INIT, bot_doc = TB_BUFFER_INIT, old_doc = TB_BUFFER_INIT;
    struct tb_store_idempotency_result met = {0};
    struct tb_store_idempotency key;
    struct tb_store_operation row, old;
    struct operation ended; /* `old` points into it until the commit */
    struct tb_store_bot record;
    struct tb_store_change change[6];
    size_t n = 0;
    bool ok;

    if (o->life.kind != TB_OP_STOP && !observing_allows(o->b, err))
        return false;
    tb_copy(fresh.id, sizeof fresh.id, o->id);
    operation_write_doc(&fresh, &doc);
    bot_write_doc(&o->shown, &bot_doc);
    /* First, so that a repeated request meets its own answer and not its own bot's name. */
    if (o->key) {
        key = (struct tb_store_idempotency){.token_id = o->caller->token_id,
                                            .method = o->key->method,
                                            .route = o->key->route,
                                            .key = o->key->key,
                                            .body_sha256 = o->key->body_sha256,
                                            .operation_id = o->id,
                                            .created_at = o->wall};
        change[n++] = (struct tb_store_change){
            .kind = TB_STORE_IDEMPOTENCY_BEGIN, .idempotency = &key, .idempotency_result = &met};
    }
    if (o->superseded) {
        ended = (struct operation){.bot = o->bot, .ended_at = o->wall};
        pthread_mutex_lock(&o->b->lock);
        tb_copy(ended.id, sizeof ended.id, o->superseded->id);
        ended.created_at = o->superseded->created_at;
        ended.life = o->superseded->life;
        pthread_mutex_unlock(&o->b->lock);
        ended.life.state = TB_OPS_SUPERSEDED;
        operation_write_doc(&ended, &old_doc);
        old = (struct tb_store_operation){.id = ended.id,
                                          .kind = tb_op_kind_word(ended.life.kind),
                                          .bot_id = o->bot->id,
                                          .state = tb_op_state_word(ended.life.state),
                                          .created_at = ended.created_at,
                                          .ended_at = o->wall,
                                          .doc = old_doc.data};
        change[n++] = (struct tb_store_change){.kind = TB_STORE_OPERATION_PUT, .operation = &old};
    }
    bot_record(&o->shown, bot_doc.data, o->wall, &record);
    change[n++] = (struct tb_store_change){
        .kind = TB_STORE_BOT_PUT, .expected_version = o->shown.store_version, .bot = &record};
    row = (struct tb_store_operation){.id = o->id,
                                      .kind = tb_op_kind_word(o->life.kind),
                                      .bot_id = o->bot->id,
                                      .state = tb_op_state_word(o->life.state),
                                      .created_at = o->wall,
                                      .doc = doc.data};
    change[n++] = (struct tb_store_change){.kind = TB_STORE_OPERATION_PUT, .operation = &row};
    if (o->plan_id)
        change[n++] = (struct tb_store_change){.kind = TB_STORE_PLAN_USE,
                                               .plan_use = {o->plan_id, o->id, o->wall}};
    ok = tb_store_commit(o->b->store, change, n, err);
    /* Two first requests with one key raced, and the other won. */
    if (!ok && o->key && met.outcome == TB_STORE_SAME_BODY && met.found && met.found->operation_id)
        ok = replay(o->b, met.found->operation_id, result, err);
    free(met.found);
    tb_buffer_free(&doc);
    tb_buffer_free(&bot_doc);
    tb_buffer_free(&old_doc);
    return ok;
}

/* Opens the operation in memory after its commit. */
static void opened(struct opening *o, const struct tb_problems *problems,
                   struct tb_command_result *result)
{
    struct tb_bots *b = o->b;

    char stored_base[TB_BASE_NAME];

    pthread_mutex_lock(&b->lock);
    tb_copy(stored_base, sizeof stored_base,
            o->superseded ? o->superseded->stored_base : o->bot->life.base);
    if (o->superseded) {
        o->superseded->life.state = TB_OPS_SUPERSEDED;
        o->superseded->ended_at = o->wall;
        if (!o->superseded->running)
            operation_forget(b, o->superseded);
    }
    o->bot->store_version++;
    o->bot->updated_at = o->wall;
    tb_copy(o->bot->intent, sizeof o->bot->intent, o->shown.intent);
    operation_open(b, o->bot, o->id, &o->life, stored_base, o->wall);
    bot_follow(o->bot, &o->life);
    tb_copy(result->bot_id, sizeof result->bot_id, o->bot->id);
    tb_copy(result->operation_id, sizeof result->operation_id, o->id);
    fragment_with_operation(b, o->bot, o->id, tb_op_state_word(o->life.state),
                            problems ? &problems->warnings : NULL, &result->body);
    pthread_mutex_unlock(&b->lock);
    tb_log(TB_INFO, "operation.opened", "%s %s of %s", tb_op_kind_word(o->life.kind), o->id,
           o->bot->name);
}

/* ---- create ---- */

static bool name_free(struct tb_bots *b, const char *name, struct tb_problems *problems,
                      struct tb_error *err)
{
    struct bot *bot;
    char id[TB_ULID_TEXT] = "", state[16] = "";

    pthread_mutex_lock(&b->lock);
    bot = registry_find(b, name);
    if (bot && bot->managed && bot->state != TB_BOT_FAILED && bot->state != TB_BOT_ARCHIVED &&
        strcmp(bot->name, name) == 0) {
        tb_copy(id, sizeof id, bot->id);
        tb_copy(state, sizeof state, bot_state_word(bot->state));
    }
    pthread_mutex_unlock(&b->lock);
    if (!id[0])
        return true;
    snprintf(problems->location, sizeof problems->location, "/bots/%s", id);
    return tb_fail(err, TB_NAME_TAKEN,
                   "A bot of this name exists (%s, %s). Use another name, or that bot.", id, state);
}

static struct bot *bot_of_plan(const struct plan *plan)
{
    struct bot *bot = bot_new();
    tb_ulid(bot->id);
    tb_copy(bot->name, sizeof bot->name, plan->name);
    tb_copy(bot->slug, sizeof bot->slug, plan->slug);
    tb_copy(bot->exchange, sizeof bot->exchange, plan->exchange);
    tb_copy(bot->strategy, sizeof bot->strategy, plan->strategy);
    tb_copy(bot->account, sizeof bot->account, plan->account);
    tb_copy(bot->image, sizeof bot->image, plan->image);
    tb_copy(bot->connector, sizeof bot->connector, plan->connector);
    tb_copy(bot->pair, sizeof bot->pair, plan->pair);
    tb_copy(bot->plan_id, sizeof bot->plan_id, plan->id);
    bot->facts = tb_xstrdup(tb_buffer_text(&plan->facts));
    bot->managed = bot->claimed = true;
    bot->state = TB_BOT_DEPLOYING;
    return bot;
}

static bool create_from(struct tb_bots *b, const struct plan *plan, const struct tb_caller *caller,
                        const struct tb_idempotency *key, struct tb_command_result *result,
                        struct tb_problems *problems, struct tb_error *err)
{
    struct opening o = {
        .b = b, .caller = caller, .key = key, .plan_id = plan->id, .wall = tb_wall_ms()};
    struct tb_life settings = {
        .controllers = plan->controllers, .reports = plan->reports, .may_pull = plan->may_pull};

    tb_copy(settings.stem, sizeof settings.stem, plan->stem);
    tb_life_begin(&o.life, TB_OP_CREATE, &settings, false, plan->nonce, life_now(b));
    tb_ulid(o.id);
    o.bot = bot_of_plan(plan);
    o.bot->created_at = o.wall;
    o.bot->sight.report_at = o.wall;
    show(&o, "run");
    if (!commit(&o, result, err) || result->replayed) {
        bot_free(o.bot);
        return result->replayed;
    }
    /* Claimed until its operation is open: a stop in between would find nothing to supersede. */
    pthread_mutex_lock(&b->lock);
    registry_add(b, o.bot);
    pthread_mutex_unlock(&b->lock);
    opened(&o, problems, result);
    bot_release(b, o.bot);
    return true;
}

/* The name is held. By this request's twin with the same key: then the answer is the twin's. Else
 * the problem names the holder, which may have been committed a moment ago. */
static bool taken(struct tb_bots *b, const char *name, const struct tb_caller *caller,
                  const struct tb_idempotency *key, struct tb_command_result *result,
                  struct tb_problems *problems, struct tb_error *err)
{
    int64_t deadline = tb_mono_ms() + APPEARS_MS;
    struct tb_error twin = {0};
    struct bot *holder;
    bool done, ok = replayed_early(b, caller, key, result, &done, &twin);

    if (done && !ok)
        *err = twin;
    if (done)
        return ok;
    pthread_mutex_lock(&b->lock);
    while (!(holder = registry_find(b, name)) &&
           tb_cond_wait_until(&b->claims, &b->lock, deadline)) {
    }
    if (holder)
        snprintf(problems->location, sizeof problems->location, "/bots/%s", holder->id);
    pthread_mutex_unlock(&b->lock);
    return false;
}

static bool may_create(struct tb_bots *b, struct tb_error *err)
{
    if (b->ephemeral)
        return tb_fail(
            err, TB_EPHEMERAL_STORE,
            "The store is on a file system that a restart of this container empties, and "
            "with it every bot would be forgotten while it trades. Put BRIDGE_STORE on a "
            "volume, or set BRIDGE_ALLOW_EPHEMERAL=1 for trials.");
    return observing_allows(b, err);
}

bool tb_bots_create(struct tb_bots *bots, const struct tb_json *request, bool lenient,
                    const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                    struct tb_command_result *result, struct tb_problems *problems,
                    struct tb_error *err)
{
    const char *name = tb_json_get_string(request, "name"), *plan_id;
    struct plan plan;
    bool done, ok;

    *result = (struct tb_command_result){0};
    ok = replayed_early(bots, caller, idempotency, result, &done, err);
    if (done)
        return ok;
    if (!may_create(bots, err) || !request_plan_id(request, &plan_id, problems, err))
        return false;
    if (name && !name_free(bots, name, problems, err))
        return taken(bots, name, caller, idempotency, result, problems, err);
    if (plan_id)
        ok = plan_load(bots, plan_id, &plan, err) &&
             request_repeats(request, &plan, lenient, problems, err);
    else
        ok = plan_make(bots, request, lenient, &plan, problems, err);
    ok = ok && name_free(bots, plan.name, problems, err) &&
         create_from(bots, &plan, caller, idempotency, result, problems, err);
    if (!ok && err->code == TB_NAME_TAKEN)
        ok = taken(bots, plan.name, caller, idempotency, result, problems, err);
    plan_free(&plan);
    return ok;
}

/* ---- start and stop ---- */

static bool find_managed(struct tb_bots *b, const char *id, struct bot **bot_out,
                         struct tb_error *err)
{
    bool managed = false;
    pthread_mutex_lock(&b->lock);
    *bot_out = registry_find(b, id);
    managed = *bot_out && (*bot_out)->managed;
    pthread_mutex_unlock(&b->lock);
    if (!*bot_out)
        return tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
    if (!managed)
        return tb_fail(err, TB_STATE,
                       "This instance was not made by the bridge, so the bridge does not command "
                       "it.");
    if (!bot_claim(b, *bot_out))
        return tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
    return true;
}

/* A second command of the same kind joins the operation that is under way. */
static bool join_running(struct tb_bots *b, struct bot *bot, const struct operation *op,
                         struct tb_command_result *result)
{
    tb_copy(result->bot_id, sizeof result->bot_id, bot->id);
    tb_copy(result->operation_id, sizeof result->operation_id, op->id);
    fragment_with_operation(b, bot, op->id, tb_op_state_word(op->life.state), NULL, &result->body);
    return true;
}

static bool may_start(const struct bot *bot, struct tb_error *err)
{
    const char *state = bot_state_word(bot->state);
    switch (bot->state) {
    case TB_BOT_STOPPED:
    case TB_BOT_FAILED:
        return adopted_may_start(bot, err);
    case TB_BOT_RUNNING:
    case TB_BOT_DEGRADED:
        return tb_fail(err, TB_STATE, "The bot is running already.");
    case TB_BOT_UNKNOWN:
    case TB_BOT_CONFLICT:
    case TB_BOT_SETTLING:
    case TB_BOT_STALE:
        return tb_fail(err, TB_STATE_UNKNOWN,
                       "Whether the bot trades is not known (%s), so it is not started. Stop it "
                       "first: POST /bots/%s/stop; if that cannot be proven, stop it with "
                       "{\"policy\": \"abandon\", \"confirm\": \"abandon\"}.",
                       state, bot->id);
    default:
        return tb_fail(err, TB_STATE, "A bot that is %s cannot be started.", state);
    }
}

static bool unknown_field(const struct tb_json *request, const char *const *fields,
                          struct tb_problems *problems, struct tb_error *err)
{
    for (const struct tb_json *m = tb_json_first(request); m; m = m->next) {
        bool known = false;
        for (const char *const *f = fields; *f; f++)
            known |= strcmp(*f, m->key) == 0;
        if (!known)
            problem_unknown_field(&problems->errors, m->key, fields, "", false);
    }
    return problems->errors.len == 0 || problems_fail(problems, err);
}

bool tb_bots_start(struct tb_bots *bots, const char *id, const struct tb_json *request,
                   const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                   struct tb_command_result *result, struct tb_problems *problems,
                   struct tb_error *err)
{
    static const char *const none[] = {NULL};
    struct tb_bots *b = bots;
    struct opening o = {.b = b, .caller = caller, .key = idempotency, .wall = tb_wall_ms()};
    char nonce[TB_NONCE_TEXT];
    struct operation *op;
    bool done, ok;

    *result = (struct tb_command_result){0};
    ok = replayed_early(b, caller, idempotency, result, &done, err);
    if (done)
        return ok;
    if (!observing_allows(b, err) || !unknown_field(request, none, problems, err) ||
        !find_managed(b, id, &o.bot, err))
        return false;
    pthread_mutex_lock(&b->lock);
    op = operation_of(b, o.bot);
    if (op && o.bot->state == TB_BOT_SETTLING)
        ok = may_start(o.bot, err);
    else if (op && op->life.kind == TB_OP_START)
        ok = done = join_running(b, o.bot, op, result);
    else if (op)
        ok = tb_fail(err, TB_OPERATION_IN_PROGRESS, "The bot is being %s (operation %s).",
                     op->life.kind == TB_OP_STOP ? "stopped" : "created", op->id);
    else
        ok = may_start(o.bot, err);
    tb_nonce(nonce);
    tb_life_begin(&o.life, TB_OP_START, &o.bot->life, false, nonce, life_now(b));
    pthread_mutex_unlock(&b->lock);
    if (ok && !done) {
        tb_ulid(o.id);
        show(&o, "run");
        ok = commit(&o, result, err);
        if (ok && !result->replayed)
            opened(&o, problems, result);
    }
    bot_release(b, o.bot);
    return ok;
}

static bool read_policy(const struct tb_json *request, bool *abandon_out,
                        struct tb_problems *problems, struct tb_error *err)
{
    static const char *const fields[] = {"policy", "confirm", NULL};
    const char *policy = tb_json_get_string(request, "policy");
    const char *confirm = tb_json_get_string(request, "confirm");

    *abandon_out = policy && strcmp(policy, "abandon") == 0;
    if (!unknown_field(request, fields, problems, err))
        return false;
    if ((tb_json_get(request, "policy") && !policy) ||
        (policy && !*abandon_out && strcmp(policy, "close") != 0)) {
        tb_problem_add(&problems->errors, "/policy", "unknown_policy",
                       "A stop closes positions at market (\"close\") or stops the container and "
                       "leaves everything on the exchange (\"abandon\").",
                       NULL);
        return tb_fail(err, TB_INVALID, "The policy must be \"close\" or \"abandon\".");
    }
    if (*abandon_out && (!confirm || strcmp(confirm, "abandon") != 0)) {
        tb_problem_add(&problems->errors, "/confirm", "confirm",
                       "Orders and positions stay on the exchange unattended, and a later start "
                       "trades beside them.",
                       "Send \"confirm\": \"abandon\" to do it.");
        return tb_fail(err, TB_INVALID,
                       "Abandoning leaves orders and positions unattended; confirm it.");
    }
    return true;
}

bool tb_bots_stop(struct tb_bots *bots, const char *id, const struct tb_json *request,
                  const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                  struct tb_command_result *result, struct tb_problems *problems,
                  struct tb_error *err)
{
    struct tb_bots *b = bots;
    struct opening o = {.b = b, .caller = caller, .key = idempotency, .wall = tb_wall_ms()};
    char nonce[TB_NONCE_TEXT];
    struct operation *op;
    bool done, ok, abandon;

    *result = (struct tb_command_result){0};
    ok = replayed_early(b, caller, idempotency, result, &done, err);
    if (done)
        return ok;
    if (!read_policy(request, &abandon, problems, err) || !find_managed(b, id, &o.bot, err))
        return false;
    pthread_mutex_lock(&b->lock);
    op = operation_of(b, o.bot);
    if (op && op->life.kind == TB_OP_STOP && op->life.keep_container == !abandon)
        done = join_running(b, o.bot, op, result);
    else
        o.superseded = op;
    tb_nonce(nonce);
    tb_life_begin(&o.life, TB_OP_STOP, op ? &op->life : &o.bot->life, abandon, nonce, life_now(b));
    pthread_mutex_unlock(&b->lock);
    if (!done) {
        tb_ulid(o.id);
        show(&o, "stop");
        ok = commit(&o, result, err);
        if (ok && !result->replayed)
            opened(&o, problems, result);
    }
    bot_release(b, o.bot);
    return ok;
}

/* ---- delete ---- */

static bool may_delete(struct tb_bots *b, const struct bot *bot, struct tb_error *err)
{
    enum tb_container c = bot->sight.container;
    if (bot_busy(b, bot))
        return tb_fail(err, TB_OPERATION_IN_PROGRESS, "An operation of this bot is under way.");
    if (bot->state == TB_BOT_ARCHIVED ||
        (bot->state == TB_BOT_FAILED &&
         (c == TB_CT_ABSENT || !bot->life.instance[0] || c == TB_CT_EXITED || c == TB_CT_UNSEEN)) ||
        (bot->state == TB_BOT_STOPPED && (c == TB_CT_ABSENT || !bot->life.instance[0])))
        return true;
    return tb_fail(err, TB_STATE,
                   "Only the record of a failed or archived bot, or of a stopped one without a "
                   "container, can be deleted; this one is %s%s.",
                   bot_state_word(bot->state),
                   bot->state == TB_BOT_STOPPED ? " and its container still exists" : "");
}

bool tb_bots_delete(struct tb_bots *bots, const char *id, const struct tb_caller *caller,
                    struct tb_buffer *out, struct tb_error *err)
{
    struct tb_buffer doc = TB_BUFFER_INIT;
    struct tb_store_bot record;
    struct bot *bot;
    bool ok;

    (void)caller;
    if (!find_managed(bots, id, &bot, err))
        return false;
    pthread_mutex_lock(&bots->lock);
    ok = may_delete(bots, bot, err);
    pthread_mutex_unlock(&bots->lock);
    if (ok) {
        bot_write_doc(bot, &doc);
        bot_record(bot, doc.data, tb_wall_ms(), &record);
        record.deleted_at = record.updated_at;
        record.holds_name = false;
        ok = tb_store_bot_put(bots->store, &record, bot->store_version, err);
        tb_buffer_free(&doc);
    }
    if (ok) {
        tb_buffer_printf(out, "{\"id\":\"%s\",\"deleted\":true}", bot->id);
        pthread_mutex_lock(&bots->lock);
        registry_remove(bots, bot);
        pthread_mutex_unlock(&bots->lock);
    }
    bot_release(bots, bot);
    return ok;
}
