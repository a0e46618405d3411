/* The way out of a conflict: a person stops instances of the bot, one by one, until one is left or
 * none. Then the bot has one instance again, and its state is what is seen of that one.
 *
 * Runs on the settling thread after each such stop. It is decided by a fresh look at upstream,
 * since an instance that is not listed yet would otherwise be forgotten. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/instances.h"

static struct bot *conflicted(struct tb_bots *b, const char *id)
{
    struct bot *bot = registry_find(b, id);
    return bot && bot->managed && bot->state == TB_BOT_CONFLICT && !bot_busy(b, bot) ? bot : NULL;
}

enum { STOPS_MAX = 50 };

/* The hits of which a stop was proven, by the newest operations of the bot. */
struct proven {
    const struct tb_observation *obs;
    bool hit[TB_LOOK_HITS];
};

static void read_stop(void *arg, const struct tb_store_operation *row)
{
    struct proven *p = arg;
    struct tb_error ignored;
    struct tb_json_doc *doc;
    const char *instance;

    if (strcmp(row->kind, tb_op_kind_word(TB_OP_STOP)) != 0 ||
        strcmp(row->state, tb_op_state_word(TB_OPS_SUCCEEDED)) != 0)
        return;
    doc = tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, &ignored);
    instance = doc ? tb_json_get_string(tb_json_get(tb_json_root(doc), "wire"), "instance") : NULL;
    for (int64_t i = 0; instance && i < p->obs->hits; i++)
        p->hit[i] |= strcmp(p->obs->hit[i].instance, instance) == 0;
    tb_json_free(doc);
}

/* The instance that the bot has now. False: there are several still, or it cannot be told. A
 * container that runs and says nothing rests only when a stop of it was proven. */
static bool choose(struct tb_bots *b, const struct tb_observation *obs, const struct proven *stops,
                   char out[TB_INSTANCE_NAME], bool *lives_out)
{
    size_t living = 0;

    out[0] = '\0';
    for (int64_t i = 0; i < obs->hits; i++) {
        const struct tb_hit *hit = &obs->hit[i];
        const struct bot *entry = registry_by_instance(b, hit->instance);
        bool runs = hit->container == TB_CT_RUNNING;
        bool reports = runs && entry && entry->sight.trading;
        bool rests = hit->container == TB_CT_EXITED || (runs && stops->hit[i] && !reports);
        bool trades = reports && !stops->hit[i];
        if ((!rests && !trades) ||
            (entry && (entry->managed || entry->claimed || bot_busy(b, entry))))
            return false;
        living += trades;
        if (trades || !out[0])
            tb_copy(out, TB_INSTANCE_NAME, hit->instance);
    }
    *lives_out = living > 0;
    return obs->lists && out[0] && living < 2;
}

static void become(struct bot *bot, const char *instance, bool lives)
{
    tb_copy(bot->life.instance, sizeof bot->life.instance, instance);
    tb_copy(bot->intent, sizeof bot->intent, lives ? "run" : "stop");
    bot->life.rests = !lives;
    bot->state = lives ? TB_BOT_UNKNOWN : TB_BOT_STOPPED;
    bot->reason[0] = bot->reason_detail[0] = '\0';
}

/* What the other instances made was made by the bot too; the figures are those of the one that it
 * has now. (lock held) */
static void sum_up(struct tb_bots *b, struct bot *shown, const struct tb_observation *obs,
                   const char *instance, int64_t wall)
{
    const struct bot *own = registry_by_instance(b, instance);
    const char *stored = shown->past;

    for (int64_t i = 0; i < obs->hits; i++)
        if (strcmp(obs->hit[i].instance, instance) != 0)
            instances_show_other(shown, obs->hit[i].instance,
                                 registry_by_instance(b, obs->hit[i].instance), stored, wall);
    tb_copy(shown->pnl, sizeof shown->pnl, own ? own->pnl : "");
    tb_copy(shown->peak, sizeof shown->peak, own ? own->peak : "");
    shown->figures_at = own ? own->figures_at : 0;
    shown->peak_from = wall;
}

static void take_figures(struct bot *bot, const struct bot *shown)
{
    memcpy(bot->pnl, shown->pnl, sizeof bot->pnl);
    memcpy(bot->peak, shown->peak, sizeof bot->peak);
    bot->figures_at = shown->figures_at;
    bot->peak_from = shown->peak_from;
}

/* Stored first, then shown; the bot is claimed. */
static void resolve(struct tb_bots *b, struct bot *bot, const struct tb_observation *obs,
                    const char *instance, bool lives)
{
    struct tb_buffer doc = TB_BUFFER_INIT;
    struct tb_store_bot record;
    struct tb_error err = {0};
    struct bot shown, *entry;
    bool ok;

    pthread_mutex_lock(&b->lock);
    shown = *bot;
    sum_up(b, &shown, obs, instance, tb_wall_ms());
    pthread_mutex_unlock(&b->lock);
    become(&shown, instance, lives);
    bot_write_doc(&shown, &doc);
    bot_record(&shown, doc.data, tb_wall_ms(), &record);
    ok = tb_store_bot_put(b->store, &record, shown.store_version, &err);
    tb_buffer_free(&doc);
    if (!ok) {
        instances_drop(bot, &shown);
        tb_log(TB_ERROR, "store.failed", "%s stays in conflict: %s", bot->name, err.detail);
        return;
    }
    pthread_mutex_lock(&b->lock);
    entry = registry_by_instance(b, instance);
    if (entry && entry != bot)
        registry_remove(b, entry);
    bot->store_version++;
    instances_take(bot, &shown);
    take_figures(bot, &shown);
    become(bot, instance, lives);
    bot->sight = (struct sight){.report_at = tb_wall_ms()};
    bot->judge_after = tb_wall_ms();
    bot_changed(b, bot);
    feed_poke(b);
    pthread_mutex_unlock(&b->lock);
    tb_log(TB_WARN, "bot.conflict_over", "%s has one instance: %s, %s", bot->name, instance,
           lives ? "which runs" : "which was stopped");
}

void conflict_look(struct tb_bots *b, const char *owner)
{
    struct tb_observation obs = {0};
    struct proven stops = {.obs = &obs};
    const struct tb_store_operation_filter of_bot = {.bot_id = owner, .limit = STOPS_MAX};
    struct tb_error err;
    char instance[TB_INSTANCE_NAME];
    struct tb_life life;
    struct bot *bot;
    bool lives, one;

    pthread_mutex_lock(&b->lock);
    bot = conflicted(b, owner);
    if (bot)
        life = bot->life;
    pthread_mutex_unlock(&b->lock);
    if (!bot)
        return;
    life.phase = TB_PH_LOOK;
    obs.sent_wall = obs.done_wall = upstream_wall_ms(b);
    look_for_base(b, &life, &obs);
    if (!tb_store_operations_each(b->store, &of_bot, read_stop, &stops, &err) || !bot_claim(b, bot))
        return;
    pthread_mutex_lock(&b->lock);
    one = conflicted(b, owner) == bot && choose(b, &obs, &stops, instance, &lives);
    pthread_mutex_unlock(&b->lock);
    if (one)
        resolve(b, bot, &obs, instance, lives);
    bot_release(b, bot);
}
