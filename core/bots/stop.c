/* POST /bots/{id}/stop, and the stop that a batch asks for. Of what may exist a stop is always
 * accepted: it supersedes whatever is under way, and joins a stop that is. Runs on request threads
 * and those of batches. */
#include <string.h>

#include "bots/command.h"

static bool read_policy(const struct tb_json *request, bool *abandon_out,
                        struct tb_problems *problems, struct tb_error *err)
{
    static const char *const fields[] = {"policy", "confirm", "instance", NULL};
    const char *policy = tb_json_get_string(request, "policy");
    const char *confirm = tb_json_get_string(request, "confirm");

    *abandon_out = policy && strcmp(policy, "abandon") == 0;
    if (!command_fields(request, fields, problems, err))
        return false;
    if (tb_json_get(request, "instance") && !tb_json_get_string(request, "instance")) {
        tb_problem_add(&problems->errors, "/instance", "type",
                       "`instance` is the name of one of the bot's instances.", NULL);
        return problems_fail(problems, err);
    }
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

bool command_stop(struct tb_bots *b, struct bot *bot, struct stop_order order,
                  const struct tb_caller *caller, const struct tb_idempotency *key,
                  struct tb_command_result *result, struct tb_problems *problems,
                  struct tb_error *err)
{
    struct opening o = {.b = b, .bot = bot, .caller = caller, .key = key, .wall = tb_wall_ms()};
    char nonce[TB_NONCE_TEXT];
    struct operation *op;
    bool done = false;

    pthread_mutex_lock(&b->lock);
    op = operation_of(b, bot);
    if (op && op->life.kind == TB_OP_STOP &&
        (order.join_any || op->life.keep_container == !order.abandon))
        done = command_join(b, bot, op, result);
    else
        o.superseded = op;
    tb_nonce(nonce);
    tb_life_begin(&o.life, TB_OP_STOP, op ? &op->life : &bot->life, order.abandon, nonce,
                  life_now(b));
    pthread_mutex_unlock(&b->lock);
    return done || command_open(&o, "stop", result, problems, err);
}

/* A stop of an archived bot would call it stopped, with a container that does not exist. */
static bool may_stop(struct tb_bots *b, const struct bot *bot, struct tb_error *err)
{
    bool archived;
    pthread_mutex_lock(&b->lock);
    archived = bot->state == TB_BOT_ARCHIVED;
    pthread_mutex_unlock(&b->lock);
    return !archived ||
           tb_fail(err, TB_STATE, "The bot is archived; nothing of it is left to stop.");
}

/* What is to be stopped: the bot that `id` names or, of a bot with several, the instance that is
 * named (also as `id`). Claimed. */
static bool find(struct tb_bots *b, const char *id, const char *instance, struct bot **bot_out,
                 struct tb_error *err)
{
    struct bot *named, *bot;
    const struct bot *maker = NULL;

    pthread_mutex_lock(&b->lock);
    named = bot = registry_meant(b, id, err);
    if (bot && instance && strcmp(bot->life.instance, instance) != 0)
        bot = registry_by_instance(b, instance);
    if (bot && !bot->managed)
        maker = bot_maker_of(b, bot->life.instance);
    if (bot != named && maker != named)
        bot = NULL;
    if (bot && maker)
        tb_copy(bot->owner, sizeof bot->owner, maker->id);
    pthread_mutex_unlock(&b->lock);
    if (!named)
        return false;
    if (!bot)
        return tb_fail(err, TB_NOT_FOUND,
                       "The bot has no such instance; GET /bots lists those that exist.");
    if (!maker)
        return command_bot(b, bot->id, bot_out, err);
    *bot_out = bot;
    return bot_claim(b, bot) ||
           tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
}

bool tb_bots_stop(struct tb_bots *bots, const char *id, const struct tb_json *request,
                  const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                  struct tb_command_result *result, struct tb_problems *problems,
                  struct tb_error *err)
{
    struct stop_order order = {.abandon = false};
    struct bot *bot = NULL;
    bool done, ok;

    *result = (struct tb_command_result){0};
    ok = command_replayed(bots, caller, idempotency, result, &done, err);
    if (done)
        return ok;
    if (!read_policy(request, &order.abandon, problems, err) ||
        !find(bots, id, tb_json_get_string(request, "instance"), &bot, err))
        return false;
    ok = bot && may_stop(bots, bot, err) &&
         command_stop(bots, bot, order, caller, idempotency, result, problems, err);
    bot_release(bots, bot);
    return ok;
}
