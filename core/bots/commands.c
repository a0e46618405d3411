/* What people ask of bots: create, start, delete (stop.c stops). A command writes the bot, its
 * operation and the Idempotency-Key in one commit, then wakes the workers (command.h); nothing is
 * answered before it is on disk. Runs on request threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bots/command.h"
#include "bots/params.h"

/* ---- create ---- */

bool name_free(struct tb_bots *b, const char *name, struct tb_problems *problems,
               struct tb_error *err)
{
    const struct bot *holder = NULL, *called = NULL;
    char id[TB_ULID_TEXT], state[16];

    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->bots; i++) {
        const struct bot *bot = b->bot[i];
        if (bot->deleted)
            continue;
        if (bot->managed && bot_holds_name(bot) && strcmp(bot->name, name) == 0)
            holder = bot;
        else if (name[0] && strcmp(bot->life.instance, name) == 0)
            called = bot;
    }
    if (holder || called) {
        tb_copy(id, sizeof id, (holder ? holder : called)->id);
        tb_copy(state, sizeof state, bot_state_word((holder ? holder : called)->state));
    }
    pthread_mutex_unlock(&b->lock);
    if (!holder && !called)
        return true;
    snprintf(problems->location, sizeof problems->location, "/bots/%s", id);
    return tb_fail(err, TB_NAME_TAKEN,
                   holder ? "A bot of this name exists (%s, %s). Use another name, or that bot."
                          : "An instance is called so (%s, %s), and a command meant for the one "
                            "bot could reach the other. Use another name.",
                   id, state);
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

static bool create_from(struct tb_bots *b, const struct plan *plan, uint64_t halts,
                        const struct tb_caller *caller, const struct tb_idempotency *key,
                        struct tb_command_result *result, struct tb_problems *problems,
                        struct tb_error *err)
{
    struct opening o = {.b = b,
                        .caller = caller,
                        .key = key,
                        .plan_id = plan->id,
                        .halts = halts,
                        .wall = tb_wall_ms()};
    struct tb_life settings = {
        .controllers = plan->controllers, .reports = plan->reports, .may_pull = plan->may_pull};

    tb_copy(settings.stem, sizeof settings.stem, plan->stem);
    tb_life_begin(&o.life, TB_OP_CREATE, &settings, false, plan->nonce, life_now(b));
    tb_ulid(o.id);
    o.bot = bot_of_plan(plan);
    o.bot->created_at = o.wall;
    o.bot->sight.report_at = o.wall;
    command_show(&o, "run");
    if (!command_commit(&o, result, err) || result->replayed) {
        bot_free(o.bot);
        return result->replayed;
    }
    /* Claimed until its operation is open: a stop in between would find nothing to supersede. */
    pthread_mutex_lock(&b->lock);
    registry_add(b, o.bot);
    pthread_mutex_unlock(&b->lock);
    command_opened(&o, problems, result);
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
    bool done, ok = command_replayed(b, caller, key, result, &done, &twin);

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
    uint64_t halts = command_halts(bots);
    struct plan plan;
    bool done, ok;

    *result = (struct tb_command_result){0};
    ok = command_replayed(bots, caller, idempotency, result, &done, err);
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
        ok = plan_make(bots, &(struct tb_plan_wish){.request = request, .lenient = lenient}, &plan,
                       problems, err);
    ok = ok && name_free(bots, plan.name, problems, err) &&
         create_from(bots, &plan, halts, caller, idempotency, result, problems, err);
    if (!ok && err->code == TB_NAME_TAKEN)
        ok = taken(bots, plan.name, caller, idempotency, result, problems, err);
    plan_free(&plan);
    return ok;
}

/* ---- start ---- */

bool command_may_start(const struct bot *bot, struct tb_error *err)
{
    const char *state = bot_state_word(bot->state);
    switch (bot->state) {
    case TB_BOT_STOPPED:
    case TB_BOT_ARCHIVED:
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

bool tb_bots_start(struct tb_bots *bots, const char *id, const struct tb_json *request,
                   const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                   struct tb_command_result *result, struct tb_problems *problems,
                   struct tb_error *err)
{
    static const char *const none[] = {NULL};
    struct tb_bots *b = bots;
    struct opening o = {.b = b,
                        .caller = caller,
                        .key = idempotency,
                        .halts = command_halts(b),
                        .wall = tb_wall_ms()};
    char nonce[TB_NONCE_TEXT];
    struct plan plan;
    struct operation *op;
    bool done, ok;

    *result = (struct tb_command_result){0};
    ok = command_replayed(b, caller, idempotency, result, &done, err);
    if (done)
        return ok;
    if (!observing_allows(b, err) || !command_fields(request, none, problems, err) ||
        !command_bot(b, id, &o.bot, err))
        return false;
    if (!command_renewal(b, o.bot, &plan, err)) {
        bot_release(b, o.bot);
        return false;
    }
    pthread_mutex_lock(&b->lock);
    op = operation_of(b, o.bot);
    if (op && o.bot->state == TB_BOT_SETTLING)
        ok = command_may_start(o.bot, err);
    else if (op && op->life.kind == TB_OP_START)
        ok = done = command_join(b, o.bot, op, result);
    else if (op)
        ok = command_in_progress(op, err);
    else
        ok = command_may_start(o.bot, err);
    tb_nonce(nonce);
    tb_life_begin(&o.life, TB_OP_START, &o.bot->life, false, nonce, life_now(b));
    if (ok && !done)
        command_renews(&o, &plan, problems);
    pthread_mutex_unlock(&b->lock);
    if (ok && !done)
        ok = command_open(&o, "run", result, problems, err);
    bot_release(b, o.bot);
    plan_free(&plan);
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
    struct bot *bot, shown;
    bool ok;

    (void)caller;
    if (!command_bot(bots, id, &bot, err))
        return false;
    pthread_mutex_lock(&bots->lock);
    ok = may_delete(bots, bot, err);
    shown = *bot;
    pthread_mutex_unlock(&bots->lock);
    if (ok) {
        bot_write_doc(&shown, &doc);
        bot_record(&shown, doc.data, tb_wall_ms(), &record);
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
