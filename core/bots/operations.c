/* The driver of the life cycle: worker threads that take an open operation, step it, commit what
 * the step wants remembered, make its one call, and feed the outcome to the next step.
 *
 * A step and its commit happen under the bot's claim, so a stop that supersedes an operation and
 * the operation's own next step cannot interleave; the upstream call happens without it. Deploys go
 * one at a time and at least 2 s apart, pulls one at a time, and one worker serves stops only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/instances.h"
#include "bots/params.h"

enum { DEPLOY_GAP_MS = 2000, STORE_RETRY_MS = 2000, IDLE_MS = 60000 };

/* ---- steps ---- */

static void step_set(struct step *s, const char *state, const char *detail, int64_t at)
{
    tb_copy(s->state, sizeof s->state, state);
    tb_copy(s->detail, sizeof s->detail, detail);
    s->at = at;
    s->dirty = true;
}

/* Steps are what a person watches: one row each time the operation moves on to another of them. */
static void steps_follow(struct operation *op, const struct tb_life *next, int64_t wall)
{
    struct step *last = op->steps ? &op->step[op->steps - 1] : NULL;
    const char *name = tb_phase_step(next->phase);

    if (last && strcmp(last->name, name) == 0) {
        if (strcmp(last->detail, next->detail) != 0)
            step_set(last, last->state, next->detail, wall);
        return;
    }
    if (last && strcmp(last->state, "doing") == 0) {
        bool bad = next->detail[0] != '\0';
        const char *state = !bad                             ? "done"
                            : next->state == TB_OPS_FAILED   ? "failed"
                            : tb_op_state_final(next->state) ? tb_op_state_word(next->state)
                                                             : "unknown";
        if (next->state == TB_OPS_SUCCEEDED)
            state = "done";
        step_set(last, state, bad ? next->detail : next->instance, wall);
    }
    if (next->phase == TB_PH_END || op->steps == STEPS_MAX)
        return;
    last = &op->step[op->steps++];
    tb_copy(last->name, sizeof last->name, name);
    step_set(last, "doing", "", wall);
}

/* ---- from operation to bot ---- */

static enum tb_bot_state state_during(const struct tb_life *life)
{
    if (tb_life_stopping(life))
        return life->state == TB_OPS_SETTLING ? TB_BOT_SETTLING : TB_BOT_STOPPING;
    if (life->kind == TB_OP_ARCHIVE)
        return TB_BOT_ARCHIVING;
    if (life->state == TB_OPS_SETTLING)
        return TB_BOT_SETTLING;
    return life->instance[0] ? TB_BOT_STARTING : TB_BOT_DEPLOYING;
}

static enum tb_bot_state state_after(const struct tb_life *life, enum tb_bot_state before)
{
    switch (life->state) {
    case TB_OPS_SUCCEEDED:
        return tb_op_kind_runs(life->kind)   ? TB_BOT_RUNNING
               : life->kind == TB_OP_ARCHIVE ? TB_BOT_ARCHIVED
                                             : TB_BOT_STOPPED;
    case TB_OPS_NOT_PROVEN:
        return life->kind == TB_OP_ARCHIVE && life->stopped ? TB_BOT_STOPPED : TB_BOT_UNKNOWN;
    case TB_OPS_FAILED:
        if (life->kind == TB_OP_ARCHIVE && life->stopped)
            return TB_BOT_STOPPED;
        /* A stop that failed, or a start that changed nothing, leaves what was there: the next look
         * says what that is. */
        if (tb_life_stopping(life) ||
            (life->kind != TB_OP_CREATE && life->instance[0] && life->sent_at < life->began_at))
            return TB_BOT_UNKNOWN;
        return TB_BOT_FAILED;
    case TB_OPS_CONFLICT:
        return TB_BOT_CONFLICT;
    case TB_OPS_SUPERSEDED:
        return before;
    default:
        return TB_BOT_UNKNOWN;
    }
}

void bot_follow(struct bot *bot, const struct tb_life *life)
{
    bool final = tb_op_state_final(life->state);

    if (life->state == TB_OPS_SUPERSEDED)
        return;
    if (life->instance[0] && strcmp(life->instance, bot->life.instance) != 0) {
        bot->peak[0] = '\0';
        bot->peak_from = tb_wall_ms();
    }
    bot->state = final ? state_after(life, bot->state) : state_during(life);
    if (final && operation_error(life)) {
        tb_copy(bot->reason, sizeof bot->reason, operation_error(life));
        tb_copy(bot->reason_detail, sizeof bot->reason_detail, life->detail);
    } else if (!abandon_follow(bot, life)) {
        bot->reason[0] = bot->reason_detail[0] = '\0';
    }
    /* What was seen before the operation ended says nothing of what is now. */
    if (final)
        bot->judge_after = tb_wall_ms();
    if (final && life->state == TB_OPS_SUCCEEDED && tb_op_kind_runs(life->kind)) {
        bot->started_at = tb_wall_ms();
        bot->sight.report_at = tb_wall_ms();
    }
    /* The proof of a stop is good until something of the instance is started, or another stop. */
    if (!life->rests || life->kind == TB_OP_STOP)
        bot->proof[0] = '\0';
    bot->life = *life;
}

/* ---- commit ---- */

static const char *attempt_state(const struct tb_life *life)
{
    if (life->state == TB_OPS_CONFLICT)
        return "conflict"; /* a person decides, so none of its instances is a ghost */
    if (life->instance[0])
        return "created";
    if (life->burnt)
        return tb_op_state_final(life->state) ? "not_created" : "burnt";
    return life->sent ? "sent" : "intended";
}

/* Everything the step wants remembered, in one transaction. Called with the bot claimed and without
 * the lock; `bot` is a copy that shows the state after the step. */
static bool commit(struct tb_bots *b, struct operation *op, const struct bot *bot, int64_t wall,
                   struct tb_error *err)
{
    struct tb_buffer op_doc = TB_BUFFER_INIT, bot_doc = TB_BUFFER_INIT;
    struct tb_store_change change[STEPS_MAX + 8];
    struct tb_store_step row[STEPS_MAX];
    struct tb_store_operation operation;
    struct tb_store_attempt attempt;
    struct tb_store_bot record;
    const struct tb_life *life = &op->life;
    size_t n = 0, rows = 0;
    bool ok;

    operation_write_doc(op, &op_doc);
    bot_write_doc(bot, &bot_doc);
    operation = (struct tb_store_operation){.id = op->id,
                                            .kind = tb_op_kind_word(life->kind),
                                            .bot_id = operation_record(bot),
                                            .state = tb_op_state_word(life->state),
                                            .created_at = op->created_at,
                                            .ended_at = op->ended_at,
                                            .doc = tb_buffer_text(&op_doc)};
    change[n++] = (struct tb_store_change){.kind = TB_STORE_OPERATION_PUT, .operation = &operation};
    for (size_t i = 0; i < op->steps; i++) {
        if (!op->step[i].dirty)
            continue;
        row[rows] = (struct tb_store_step){.operation_id = op->id,
                                           .seq = (int64_t)i,
                                           .name = op->step[i].name,
                                           .state = op->step[i].state,
                                           .at = op->step[i].at,
                                           .detail = op->step[i].detail};
        change[n++] = (struct tb_store_change){.kind = TB_STORE_STEP_PUT, .step = &row[rows++]};
    }
    if (life->base[0]) {
        bool known = strcmp(op->stored_base, life->base) == 0;
        attempt = (struct tb_store_attempt){.nonce = life->nonce,
                                            .base = life->base,
                                            .bot_id = bot->id,
                                            .operation_id = op->id,
                                            .state = attempt_state(life),
                                            .instance = life->instance[0] ? life->instance : NULL,
                                            .files = "[]",
                                            .window_from = life->window_from,
                                            .window_to = life->window_to,
                                            .created_at = wall,
                                            .updated_at = wall};
        change[n++] = (struct tb_store_change){
            .kind = known ? TB_STORE_ATTEMPT_UPDATE : TB_STORE_ATTEMPT_ADD, .attempt = &attempt};
    }
    bot_record(bot, tb_buffer_text(&bot_doc), wall, &record);
    if (bot->managed)
        change[n++] = (struct tb_store_change){
            .kind = TB_STORE_BOT_PUT, .expected_version = bot->store_version, .bot = &record};
    ok = tb_store_commit(b->store, change, n, err);
    tb_buffer_free(&op_doc);
    tb_buffer_free(&bot_doc);
    return ok;
}

static void publish(struct tb_bots *b, const struct operation *op)
{
    struct tb_buffer json = TB_BUFFER_INIT;
    struct tb_json_writer w;
    const struct step *s = op->steps ? &op->step[op->steps - 1] : NULL;

    tb_jw_init(&w, &json);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "id", op->id);
    tb_jw_kv_string(&w, "bot", operation_record(op->bot));
    tb_jw_kv_string(&w, "kind", tb_op_kind_word(op->life.kind));
    tb_jw_kv_string(&w, "state", tb_op_state_word(op->life.state));
    tb_jw_kv_string(&w, "step", s ? s->name : NULL);
    tb_jw_end_object(&w);
    tb_events_publish(b->events, "operation.changed", json.data, json.len);
    tb_buffer_free(&json);
}

/* ---- the workers ---- */

/* Will the next step make a laned call? Reading what one brought needs no lane. */
static bool wants_lane(const struct operation *op)
{
    return tb_phase_laned(op->life.phase) && op->obs.kind != TB_OBS_RESULT;
}

static bool lane_taken(const struct tb_bots *b, const struct operation *op)
{
    if (!wants_lane(op))
        return false;
    if (op->life.phase == TB_PH_DEPLOY)
        return b->deploy_lane || tb_mono_ms() < b->deploy_free_at;
    return b->pull_lane;
}

/* The open operation that is due first and may be taken by this worker; else when to look again. */
static struct operation *next_due(struct tb_bots *b, bool stops_only, int64_t *wait_ms_out)
{
    struct operation *best = NULL;
    int64_t now = life_now(b);

    *wait_ms_out = IDLE_MS;
    for (struct operation *op = b->open; op; op = op->next) {
        int64_t wait = op->life.next_at - now;
        if (op->running || tb_op_state_final(op->life.state) ||
            (stops_only && op->life.kind != TB_OP_STOP) || observing_holds(b, op) ||
            (b->draining && op->obs.kind != TB_OBS_RESULT))
            continue;
        if (lane_taken(b, op) && wait < DEPLOY_GAP_MS)
            wait = DEPLOY_GAP_MS;
        if (wait > 0) {
            if (wait < *wait_ms_out)
                *wait_ms_out = wait;
        } else if (!best || op->life.next_at < best->life.next_at) {
            best = op;
        }
    }
    return best;
}

/* Before its stop a redeploy asks for the image of its new plan. */
static const char *plan_needed(const struct operation *op, const struct tb_life *life)
{
    bool image =
        life->phase == TB_PH_IMAGE || life->phase == TB_PH_PULL || life->phase == TB_PH_PULL_WAIT;
    return image && life->kind == TB_OP_REDEPLOY ? op->next_plan : op->bot->plan_id;
}

static bool load_plan(struct tb_bots *b, struct operation *op, const struct tb_life *life,
                      struct tb_error *err)
{
    const char *id = plan_needed(op, life);
    struct tb_json_doc *doc;
    bool named = life->base[0] != '\0'; /* an adopted instance has no attempt of ours */
    if (!id[0] || (!named && id != op->next_plan) ||
        (op->plan && strcmp(op->plan_base, life->base) == 0 && strcmp(op->plan_of, id) == 0))
        return true;
    doc = plan_for_base(b, id, named ? life->base : NULL, err);
    if (!doc)
        return false;
    tb_json_free(op->plan);
    op->plan = doc;
    tb_copy(op->plan_base, sizeof op->plan_base, life->base);
    tb_copy(op->plan_of, sizeof op->plan_of, id);
    return true;
}

/* An instance that a look had listed as nobody's is the bot's. */
static void claim_instance(struct tb_bots *b, const struct bot *bot, const char *instance)
{
    for (size_t i = 0; i < b->bots && bot->managed && instance[0]; i++) {
        struct bot *other = b->bot[i];
        if (other != bot && !other->deleted && !other->managed &&
            strcmp(other->life.instance, instance) == 0)
            registry_remove(b, other);
    }
}

/* Makes the step's result the truth in memory (lock held). */
static void adopt_step(struct tb_bots *b, struct operation *op, const struct bot *shown,
                       bool stored)
{
    struct bot *bot = op->bot;
    instances_take(bot, shown);
    if (strcmp(bot->life.instance, op->life.instance) != 0)
        claim_instance(b, bot, op->life.instance);
    bot_follow(bot, &op->life);
    if (stored) {
        bot->store_version += bot->managed;
        bot->updated_at = tb_wall_ms();
        tb_copy(op->stored_base, sizeof op->stored_base, op->life.base);
        for (size_t i = 0; i < op->steps; i++)
            op->step[i].dirty = false;
        publish(b, op);
    }
    bot_changed(b, bot);
}

/* The plan with which the attempt that begins replaces the bot's; NULL when none begins, or with
 * the one it has. (lock held) */
static const char *renews(struct operation *op, const struct tb_life *before,
                          const struct tb_life *next)
{
    if (strcmp(before->base, next->base) == 0)
        return NULL;
    if (next->renews && !op->next_plan[0]) {
        params_plan(op->bot, op->next_plan);
        op->changes = params_changes(op->bot);
    }
    return op->next_plan[0] && strcmp(op->bot->plan_id, op->next_plan) != 0 ? op->next_plan : NULL;
}

static bool renew(struct tb_bots *b, const char *plan_id, struct bot *shown, struct tb_error *err)
{
    struct plan plan;
    bool ok = plan_load(b, plan_id, &plan, err);
    if (ok)
        instances_renew(shown, &plan);
    plan_free(&plan);
    return ok;
}

/* One step with its commit. True when `intent` is to be carried out now. */
static bool step(struct tb_bots *b, struct operation *op, struct tb_intent *intent)
{
    struct tb_life before, next;
    struct operation saved;
    struct bot shown;
    struct tb_error err = {0};
    int64_t wall = tb_wall_ms(), upstream = upstream_wall_ms(b);
    const char *plan_id;
    bool store, ends, ok = true;

    if (!bot_claim(b, op->bot))
        return false;
    pthread_mutex_lock(&b->lock);
    before = op->life;
    ends = observing_ends(b, op);
    op->obs.hold = b->draining || ends;
    if (op->obs.kind == TB_OBS_TICK)
        op->obs.sent_wall = op->obs.done_wall = upstream;
    if (tb_op_state_final(before.state) || (b->draining && op->obs.kind != TB_OBS_RESULT)) {
        pthread_mutex_unlock(&b->lock);
        bot_release(b, op->bot);
        return false;
    }
    tb_life_step(&before, &op->obs, life_now(b), &next, intent);
    if (ends)
        observing_end(&next);
    store = tb_life_worth_storing(&before, &next, *intent);
    saved = *op;
    op->life = next;
    if (tb_op_state_final(next.state))
        op->ended_at = wall;
    steps_follow(op, &next, wall);
    shown = *op->bot;
    instances_show(&shown, &before, &next, wall);
    plan_id = renews(op, &before, &next);
    pthread_mutex_unlock(&b->lock);

    if (plan_id)
        ok = renew(b, plan_id, &shown, &err);
    bot_follow(&shown, &next);
    if (ok && store)
        ok = commit(b, op, &shown, wall, &err);

    pthread_mutex_lock(&b->lock);
    if (ok) {
        op->obs.kind = TB_OBS_TICK;
        adopt_step(b, op, &shown, store);
    } else {
        instances_drop(op->bot, &shown);
        /* Not on disk: nothing may be sent on its strength. The same observation is fed again. */
        if (op->changes != saved.changes)
            free(op->changes);
        saved.plan = op->plan;
        memcpy(saved.plan_base, op->plan_base, sizeof saved.plan_base);
        memcpy(saved.plan_of, op->plan_of, sizeof saved.plan_of);
        saved.next = op->next;
        *op = saved;
        op->life.next_at = life_now(b) + STORE_RETRY_MS;
        *intent = (struct tb_intent){TB_ACT_NONE, 0};
        tb_log(TB_ERROR, "store.failed", "operation %s waits for the store: %s", op->id,
               err.detail);
    }
    pthread_mutex_unlock(&b->lock);
    bot_release(b, op->bot);
    return ok && intent->act != TB_ACT_NONE;
}

/* A stop may supersede the operation meanwhile, so the call is made from a copy of its life. */
static void carry_out(struct tb_bots *b, struct operation *op, struct tb_intent intent)
{
    struct tb_observation obs;
    struct tb_error err = {0};
    struct tb_life life;

    pthread_mutex_lock(&b->lock);
    life = op->life;
    pthread_mutex_unlock(&b->lock);
    if (!load_plan(b, op, &life, &err)) {
        obs = (struct tb_observation){
            .kind = TB_OBS_RESULT, .result = TB_RES_UNSENT, .code = err.code};
        tb_copy(obs.detail, sizeof obs.detail, err.detail);
        tb_nonce(obs.fresh_nonce);
    } else {
        execute(b, op, &life, intent, &obs);
    }
    tb_log(obs.result == TB_RES_DONE ? TB_DEBUG : TB_INFO, "operation.call", "%s %s: %s of %s%s%s",
           tb_op_kind_word(life.kind), op->id, tb_act_word(intent.act),
           life.instance[0] ? life.instance : life.base, obs.detail[0] ? ": " : "", obs.detail);
    pthread_mutex_lock(&b->lock);
    op->obs = obs;
    pthread_mutex_unlock(&b->lock);
}

static void lanes(struct tb_bots *b, enum tb_phase phase, bool take)
{
    if (phase == TB_PH_DEPLOY) {
        b->deploy_lane = take;
        if (!take)
            b->deploy_free_at = tb_mono_ms() + DEPLOY_GAP_MS;
    } else if (phase == TB_PH_PULL) {
        b->pull_lane = take;
    }
}

/* Steps one operation until it has to wait or reaches a lane (lock held on entry and exit). */
static void serve(struct tb_bots *b, struct operation *op)
{
    struct tb_intent intent;
    enum tb_phase lane = wants_lane(op) ? op->life.phase : TB_PH_END;
    bool go = true;

    op->running = true;
    lanes(b, lane, true);
    while (go) {
        pthread_mutex_unlock(&b->lock);
        go = step(b, op, &intent);
        if (go)
            carry_out(b, op, intent);
        pthread_mutex_lock(&b->lock);
        /* The outcome of a laned call is stepped by whoever gets the operation next. */
        if (go && lane != TB_PH_END) {
            op->life.next_at = life_now(b);
            break;
        }
    }
    lanes(b, lane, false);
    op->running = false;
    pthread_cond_broadcast(&b->work);
    if (tb_op_state_final(op->life.state)) {
        tb_log(TB_INFO, "operation.ended", "%s %s of %s: %s%s%s", tb_op_kind_word(op->life.kind),
               op->id, op->bot->name, tb_op_state_word(op->life.state),
               op->life.detail[0] ? ": " : "", op->life.detail);
        if (op->life.kind == TB_OP_STOP && op->life.state != TB_OPS_SUPERSEDED)
            settle_up_later(b, op->bot, op->id);
        operation_forget(b, op);
        feed_poke(b);
        pthread_cond_broadcast(&b->claims);
    }
}

struct worker {
    struct tb_bots *b;
    bool stops_only;
};

static void *work(void *arg)
{
    struct worker me = *(struct worker *)arg;
    struct tb_bots *b = me.b;

    free(arg);
    pthread_mutex_lock(&b->lock);
    while (!b->stop) {
        int64_t wait;
        struct operation *op = next_due(b, me.stops_only, &wait);
        if (op)
            serve(b, op);
        else
            tb_cond_wait_until(&b->work, &b->lock, tb_mono_ms() + wait);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

struct operation *operation_of(struct tb_bots *b, const struct bot *bot)
{
    for (struct operation *op = b->open; op; op = op->next)
        if (op->bot == bot && !tb_op_state_final(op->life.state))
            return op;
    return NULL;
}

struct operation *operation_open(struct tb_bots *b, struct bot *bot, const char *id,
                                 const struct tb_life *life, const char *stored_base,
                                 int64_t created_at)
{
    struct operation *op = tb_xcalloc(1, sizeof *op);
    tb_copy(op->id, sizeof op->id, id);
    op->bot = bot;
    op->life = *life;
    tb_copy(op->stored_base, sizeof op->stored_base, stored_base);
    op->created_at = created_at;
    op->obs.kind = TB_OBS_TICK;
    tb_nonce(op->obs.fresh_nonce);
    op->next = b->open;
    b->open = op;
    tb_copy(bot->operation_id, sizeof bot->operation_id, id);
    pthread_cond_broadcast(&b->work);
    return op;
}

void operation_forget(struct tb_bots *b, struct operation *op)
{
    for (struct operation **at = &b->open; *at; at = &(*at)->next) {
        if (*at == op) {
            *at = op->next;
            break;
        }
    }
    tb_json_free(op->plan);
    free(op->changes);
    free(op);
}

bool operations_start(struct tb_bots *b, struct tb_error *err)
{
    for (int i = 0; i < OPERATION_WORKERS; i++) {
        struct worker *w = tb_xcalloc(1, sizeof *w);
        *w = (struct worker){b, i == 0};
        if (pthread_create(&b->operation_thread[i], NULL, work, w) != 0) {
            free(w);
            return tb_fail(err, TB_INTERNAL, "An operation worker could not be started.");
        }
    }
    return true;
}

void operations_join(struct tb_bots *b)
{
    for (int i = 0; i < OPERATION_WORKERS; i++)
        pthread_join(b->operation_thread[i], NULL);
}
