/* An operation as it is stored and shown: {wire: what GET /operations/{id} shows without its steps,
 * life}. Any thread, lock held or the operation its caller's own; owns nothing. */
#include <string.h>

#include "bots/bots_private.h"

const char *operation_error(const struct tb_life *life)
{
    switch (life->state) {
    case TB_OPS_FAILED:
    case TB_OPS_NOT_PROVEN:
    case TB_OPS_UNKNOWN:
    case TB_OPS_CONFLICT:
        return life->reason[0] ? life->reason : tb_op_state_word(life->state);
    default:
        return NULL;
    }
}

/* What follows the stop once it is proven. */
static const char *const then[TB_OP_KIND_COUNT] = {
    [TB_OP_RESTART] = "Once the stop is proven, the container is stopped and started, and the bot "
                      "trades again with the configuration it has; prices in it are not made anew. "
                      "If the container is gone, the bot is deployed anew with what is wanted of "
                      "it. If the stop is not proven, nothing is started.",
    [TB_OP_ARCHIVE] = "Once the stop is proven, the container is removed and the instance's folder "
                      "with its trades is moved to the Hummingbot API's archive. A later start "
                      "deploys the stored configs as a new instance.",
    [TB_OP_REDEPLOY] = "Once the stop is proven, the old container is stopped for good and a new "
                       "instance is deployed with the new configuration. If the stop is not "
                       "proven, nothing is deployed; if the deploy fails, the bot stays stopped.",
};

const char *operation_then(enum tb_op_kind kind)
{
    return then[kind];
}

/* What the stop does to orders and positions, as the bot's plan said it, and what follows it. */
static void write_effects(const struct operation *op, struct tb_json_writer *w)
{
    struct tb_error ignored;
    const char *facts = op->bot->facts;
    struct tb_json_doc *doc =
        facts ? tb_json_parse(facts, strlen(facts), TB_JSON_UPSTREAM, &ignored) : NULL;
    const struct tb_json *planned = doc ? tb_json_get(tb_json_root(doc), "effects") : NULL;

    tb_jw_key(w, "effects");
    tb_jw_array(w);
    if (!op->life.keep_container)
        tb_jw_string(w, "The container is stopped; open orders and positions stay on the exchange "
                        "unattended, and a later start trades beside them.");
    else
        for (const struct tb_json *e = tb_json_first(planned); e; e = e->next)
            tb_jw_string(w, tb_json_string(e));
    if (then[op->life.kind])
        tb_jw_string(w, then[op->life.kind]);
    tb_jw_end_array(w);
    tb_json_free(doc);
}

const char *operation_record(const struct bot *bot)
{
    return bot->managed ? bot->id : bot->owner[0] ? bot->owner : NULL;
}

/* What to do after a redeploy that did not succeed. */
static const char not_renewed[] =
    "Nothing new was deployed; the bot has the configuration it had. Look at its state; what was "
    "asked waits for another redeploy.";
static const char not_proven[] =
    "The old instance is stopped. When the bot is failed, a start deploys the new configuration "
    "again, and a redeploy with the earlier parameters goes back; when its state is unknown, stop "
    "it first.";

void operation_write_doc(const struct operation *op, struct tb_buffer *out)
{
    const struct tb_life *life = &op->life;
    const char *code = operation_error(life);
    struct tb_json_writer w;

    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_key(&w, "wire");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "id", op->id);
    tb_jw_kv_string(&w, "kind", tb_op_kind_word(life->kind));
    tb_jw_kv_string(&w, "bot", operation_record(op->bot));
    tb_jw_kv_string(&w, "bot_name", op->bot->name);
    tb_jw_kv_bool(&w, "managed", op->bot->managed);
    tb_jw_kv_string(&w, "state", tb_op_state_word(life->state));
    tb_jw_kv_string(&w, "instance", life->instance[0] ? life->instance : NULL);
    if (tb_op_kind_stops(life->kind))
        write_effects(op, &w);
    if (life->kind == TB_OP_STOP) /* settle_up.c fills it in, once it has ended */
        tb_jw_kv_string(&w, "left", NULL);
    if (op->next_plan[0]) {
        tb_jw_kv_string(&w, "plan_id", op->next_plan);
        tb_jw_kv_raw(&w, "changes", op->changes ? op->changes : "[]",
                     op->changes ? strlen(op->changes) : 2);
    }
    tb_jw_key(&w, "error");
    if (code) {
        tb_jw_object(&w);
        tb_jw_kv_string(&w, "code", code);
        tb_jw_kv_string(&w, "detail", life->detail[0] ? life->detail : code);
        if (life->kind == TB_OP_REDEPLOY)
            tb_jw_kv_string(&w, "hint", tb_life_stopping(life) ? not_renewed : not_proven);
        tb_jw_end_object(&w);
    } else {
        tb_jw_null(&w);
    }
    tb_jw_kv_time(&w, "created_at", op->created_at);
    tb_jw_kv_time(&w, "ended_at", op->ended_at);
    tb_jw_end_object(&w);
    tb_jw_key(&w, "life");
    tb_life_write(life, &w);
    tb_jw_end_object(&w);
}
