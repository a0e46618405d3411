/* The bots that trade with an account already, for a plugin's check of a new one: two bots on one
 * pair trade against each other, and budgets add up. Any thread; takes the lock. */
#include <string.h>

#include "bots/bots_private.h"

/* May have orders, or what it holds: everything that is not known to have ended. */
static bool may_trade(const struct bot *bot)
{
    return !bot->deleted && bot->state != TB_BOT_STOPPED && bot->state != TB_BOT_ARCHIVING &&
           bot->state != TB_BOT_ARCHIVED && bot->state != TB_BOT_FAILED;
}

static void write_one(struct tb_json_writer *w, const struct bot *bot)
{
    struct tb_error err = {0};
    struct tb_json_doc *facts =
        bot->facts ? tb_json_parse(bot->facts, strlen(bot->facts), TB_JSON_UPSTREAM, &err) : NULL;
    tb_jw_object(w);
    tb_jw_kv_string(w, "name", bot->name[0] ? bot->name : bot->life.instance);
    tb_jw_kv_string(w, "connector", bot->connector);
    tb_jw_kv_string(w, "pair", bot->pair);
    tb_jw_kv_node(w, "budget_quote", tb_json_get(tb_json_root(facts), "budget_quote"));
    tb_jw_end_object(w);
    tb_json_free(facts);
}

void others_write(struct tb_bots *b, const char *account, const char *name,
                  struct tb_json_writer *w)
{
    tb_jw_array(w);
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->bots; i++) {
        const struct bot *bot = b->bot[i];
        if (may_trade(bot) && bot->pair[0] && strcmp(bot->account, account) == 0 &&
            strcmp(bot->name, name) != 0)
            write_one(w, bot);
    }
    pthread_mutex_unlock(&b->lock);
    tb_jw_end_array(w);
}
