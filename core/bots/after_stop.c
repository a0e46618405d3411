/* Commands that begin with a stop and go on once it is proven. Runs on request threads. */
#include <string.h>

#include "bots/command.h"

/* A restart of what is not known to be quiet is safe, since it goes on only from a proven stop;
 * what is refused is what no stop of one instance can settle. */
static bool may_restart(const struct bot *bot, struct tb_error *err)
{
    switch (bot->state) {
    case TB_BOT_CONFLICT:
        return tb_fail(
            err, TB_STATE_UNKNOWN,
            "Several instances of this bot exist, so it is not restarted. Stop it first: "
            "POST /bots/%s/stop.",
            bot->id);
    case TB_BOT_ARCHIVED:
        return tb_fail(err, TB_STATE, "An archived bot has nothing to stop. Start it instead.");
    default:
        return adopted_may_start(bot, err);
    }
}

static bool may_archive(const struct bot *bot, struct tb_error *err)
{
    if (bot->state == TB_BOT_ARCHIVED)
        return tb_fail(err, TB_STATE, "The bot is archived already.");
    if (bot->state == TB_BOT_CONFLICT)
        return tb_fail(err, TB_STATE_UNKNOWN,
                       "Several instances of this bot exist; which one is to be archived is not "
                       "clear. Stop it first: POST /bots/%s/stop.",
                       bot->id);
    return true;
}

struct after_stop {
    enum tb_op_kind kind;
    const char *intent;
    bool (*may)(const struct bot *bot, struct tb_error *err);
};

static const struct after_stop restart = {TB_OP_RESTART, "run", may_restart};
static const struct after_stop archive = {TB_OP_ARCHIVE, "stop", may_archive};

static bool command(const struct after_stop *what, struct opening *o, const char *id,
                    const struct tb_json *request, struct tb_command_result *result,
                    struct tb_problems *problems, struct tb_error *err)
{
    static const char *const none[] = {NULL};
    struct tb_bots *b = o->b;
    char nonce[TB_NONCE_TEXT];
    struct plan plan = {0};
    const struct operation *op;
    bool done, ok;

    *result = (struct tb_command_result){0};
    ok = command_replayed(b, o->caller, o->key, result, &done, err);
    if (done)
        return ok;
    if (!observing_allows(b, err) || !command_fields(request, none, problems, err) ||
        !command_bot(b, id, &o->bot, err))
        return false;
    if (what->kind == TB_OP_RESTART && !command_renewal(b, o->bot, &plan, err)) {
        bot_release(b, o->bot);
        return false;
    }
    pthread_mutex_lock(&b->lock);
    op = operation_of(b, o->bot);
    if (op && op->life.kind == what->kind)
        ok = done = command_join(b, o->bot, op, result);
    else if (op)
        ok = command_in_progress(op, err);
    else
        ok = what->may(o->bot, err);
    tb_nonce(nonce);
    tb_life_begin(&o->life, what->kind, &o->bot->life, false, nonce, life_now(b));
    if (ok && !done)
        command_renews(o, &plan, problems);
    pthread_mutex_unlock(&b->lock);
    if (ok && !done)
        ok = command_open(o, what->intent, result, problems, err);
    bot_release(b, o->bot);
    plan_free(&plan);
    return ok;
}

bool tb_bots_restart(struct tb_bots *bots, const char *id, const struct tb_json *request,
                     const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                     struct tb_command_result *result, struct tb_problems *problems,
                     struct tb_error *err)
{
    struct opening o = {.b = bots,
                        .caller = caller,
                        .key = idempotency,
                        .halts = command_halts(bots),
                        .wall = tb_wall_ms()};
    return command(&restart, &o, id, request, result, problems, err);
}

bool tb_bots_archive(struct tb_bots *bots, const char *id, const struct tb_json *request,
                     const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                     struct tb_command_result *result, struct tb_problems *problems,
                     struct tb_error *err)
{
    struct opening o = {.b = bots,
                        .caller = caller,
                        .key = idempotency,
                        .halts = command_halts(bots),
                        .wall = tb_wall_ms()};
    return command(&archive, &o, id, request, result, problems, err);
}
