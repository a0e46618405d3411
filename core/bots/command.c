/* What every command has in common (command.h): the answer to a repeated request, the one commit,
 * and the operation that opens behind it. Runs on request threads; owns nothing. */
#include "bots/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/instances.h"
#include "bots/params.h"

void tb_command_result_free(struct tb_command_result *result)
{
    tb_buffer_free(&result->body);
}

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
    if (!row || !operation_followed(b, row, err)) {
        free(row);
        return false;
    }
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

bool command_replayed(struct tb_bots *b, const struct tb_caller *caller,
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

void command_show(struct opening *o, const char *intent)
{
    pthread_mutex_lock(&o->b->lock);
    o->shown = *o->bot;
    instances_show(&o->shown, &o->bot->life, &o->life, o->wall);
    pthread_mutex_unlock(&o->b->lock);
    if (o->renewed)
        instances_renew(&o->shown, o->renewed);
    tb_copy(o->shown.operation_id, sizeof o->shown.operation_id, o->id);
    tb_copy(o->shown.intent, sizeof o->shown.intent, intent);
    if (o->wanted)
        o->shown.wanted = o->wanted;
    bot_follow(&o->shown, &o->life);
}

uint64_t command_halts(struct tb_bots *b)
{
    uint64_t n;
    pthread_mutex_lock(&b->lock);
    n = b->halts;
    pthread_mutex_unlock(&b->lock);
    return n;
}

/* From here to leave() an emergency stop waits, since it would not see what is being committed. */
static bool enter(const struct opening *o, struct tb_error *err)
{
    struct tb_bots *b = o->b;
    bool ok;

    pthread_mutex_lock(&b->lock);
    ok = o->life.kind == TB_OP_STOP || o->halts == b->halts;
    b->committing += ok;
    pthread_mutex_unlock(&b->lock);
    return ok || tb_fail(err, TB_STATE,
                         "An emergency stop came while this was being prepared, so nothing was "
                         "done. Ask again if it still should be.");
}

/* (lock held) */
static void leave(struct tb_bots *b)
{
    b->committing--;
    pthread_cond_broadcast(&b->claims);
}

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
    if (tb_op_kind_runs(o->life.kind) && !observing_alone(o->b, o->bot, err))
        return false;
    tb_copy(fresh.id, sizeof fresh.id, o->id);
    tb_copy(fresh.next_plan, sizeof fresh.next_plan, o->next_plan ? o->next_plan : "");
    fresh.changes = o->changes;
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
        tb_copy(ended.next_plan, sizeof ended.next_plan, o->superseded->next_plan);
        ended.changes = o->superseded->changes;
        pthread_mutex_unlock(&o->b->lock);
        ended.life.state = TB_OPS_SUPERSEDED;
        operation_write_doc(&ended, &old_doc);
        old = (struct tb_store_operation){.id = ended.id,
                                          .kind = tb_op_kind_word(ended.life.kind),
                                          .bot_id = operation_record(o->bot),
                                          .state = tb_op_state_word(ended.life.state),
                                          .created_at = ended.created_at,
                                          .ended_at = o->wall,
                                          .doc = old_doc.data};
        change[n++] = (struct tb_store_change){.kind = TB_STORE_OPERATION_PUT, .operation = &old};
    }
    bot_record(&o->shown, bot_doc.data, o->wall, &record);
    if (o->shown.managed)
        change[n++] = (struct tb_store_change){
            .kind = TB_STORE_BOT_PUT, .expected_version = o->shown.store_version, .bot = &record};
    row = (struct tb_store_operation){.id = o->id,
                                      .kind = tb_op_kind_word(o->life.kind),
                                      .bot_id = operation_record(o->bot),
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

bool command_commit(struct opening *o, struct tb_command_result *result, struct tb_error *err)
{
    bool ok;

    if (!enter(o, err))
        return false;
    ok = commit(o, result, err);
    if (!ok || result->replayed) {
        pthread_mutex_lock(&o->b->lock);
        leave(o->b);
        pthread_mutex_unlock(&o->b->lock);
    }
    return ok;
}

void command_opened(struct opening *o, const struct tb_problems *problems,
                    struct tb_command_result *result)
{
    struct tb_bots *b = o->b;
    struct operation *op;
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
    o->bot->store_version += o->bot->managed;
    o->bot->updated_at = o->wall;
    tb_copy(o->bot->intent, sizeof o->bot->intent, o->shown.intent);
    op = operation_open(b, o->bot, o->id, &o->life, stored_base, o->wall);
    tb_copy(op->next_plan, sizeof op->next_plan, o->next_plan ? o->next_plan : "");
    op->changes = o->changes;
    if (o->wanted)
        params_set(o->bot, o->wanted);
    instances_take(o->bot, &o->shown);
    bot_follow(o->bot, &o->life);
    leave(b);
    tb_copy(result->bot_id, sizeof result->bot_id, o->bot->id);
    tb_copy(result->operation_id, sizeof result->operation_id, o->id);
    fragment_with_operation(b, o->bot, o->id, tb_op_state_word(o->life.state),
                            problems ? &problems->warnings : NULL, &result->body);
    pthread_mutex_unlock(&b->lock);
    tb_log(TB_INFO, "operation.opened", "%s %s of %s", tb_op_kind_word(o->life.kind), o->id,
           o->bot->name);
}

bool command_open(struct opening *o, const char *intent, struct tb_command_result *result,
                  struct tb_problems *problems, struct tb_error *err)
{
    tb_ulid(o->id);
    command_show(o, intent);
    if (command_commit(o, result, err) && !result->replayed) {
        command_opened(o, problems, result);
        return true;
    }
    instances_drop(o->bot, &o->shown);
    free(o->wanted);
    free(o->changes);
    return result->replayed;
}

/* ---- what a command is about ---- */

bool command_bot(struct tb_bots *b, const char *id, struct bot **bot_out, struct tb_error *err)
{
    bool managed = false;
    pthread_mutex_lock(&b->lock);
    *bot_out = registry_meant(b, id, err);
    managed = *bot_out && (*bot_out)->managed;
    pthread_mutex_unlock(&b->lock);
    if (!*bot_out)
        return false;
    if (!managed)
        return tb_fail(err, TB_STATE,
                       "This instance was not made by the bridge, so the bridge does not command "
                       "it.");
    if (!bot_claim(b, *bot_out))
        return tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
    return true;
}

bool command_renewal(struct tb_bots *b, const struct bot *bot, struct plan *plan_out,
                     struct tb_error *err)
{
    char id[TB_ULID_TEXT], made_from[TB_ULID_TEXT];

    *plan_out = (struct plan){0};
    pthread_mutex_lock(&b->lock);
    params_plan(bot, id);
    tb_copy(made_from, sizeof made_from, bot->plan_id);
    pthread_mutex_unlock(&b->lock);
    return strcmp(id, made_from) == 0 || plan_load(b, id, plan_out, err);
}

void command_renews(struct opening *o, const struct plan *plan, struct tb_problems *problems)
{
    if (!plan->id[0])
        return;
    o->life.renews = true;
    o->life.next_controllers = plan->controllers;
    o->life.next_reports = plan->reports;
    o->life.may_pull = plan->may_pull;
    if (strcmp(o->life.base, o->bot->life.base) != 0) {
        o->life.controllers = plan->controllers;
        o->life.reports = plan->reports;
        o->renewed = plan;
        o->next_plan = plan->id;
        o->changes = params_changes(o->bot);
    } else {
        params_warn_start(o->bot, problems);
    }
}

bool command_in_progress(const struct operation *op, struct tb_error *err)
{
    return tb_fail(
        err, TB_OPERATION_IN_PROGRESS,
        "The %s of this bot is under way (operation %s). A stop is possible at any time.",
        tb_op_kind_word(op->life.kind), op->id);
}

bool command_join(struct tb_bots *b, struct bot *bot, const struct operation *op,
                  struct tb_command_result *result)
{
    tb_copy(result->bot_id, sizeof result->bot_id, bot->id);
    tb_copy(result->operation_id, sizeof result->operation_id, op->id);
    fragment_with_operation(b, bot, op->id, tb_op_state_word(op->life.state), NULL, &result->body);
    return true;
}

bool command_fields(const struct tb_json *request, const char *const *fields,
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
