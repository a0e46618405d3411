/* Opening and closing the room: loads what is stored, takes over unfinished operations, starts the
 * threads. The door is bots.h. Owns struct tb_bots. */
#include "bots/bots.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/batch.h"
#include "bots/bots_private.h"

#define IMAGE_PATTERN "hummingbot/hummingbot:*"

struct loading {
    struct tb_bots *b;
    struct tb_error *err;
    bool ok;
};

/* The highest net profit of the instance, from the curve, so that a restart does not forget a
 * drawdown. */
static void load_peak(void *arg, const struct tb_store_sample *sample)
{
    struct bot *bot = arg;
    struct tb_error err;
    struct tb_json_doc *doc =
        tb_json_parse(sample->doc, strlen(sample->doc), TB_JSON_UPSTREAM, &err);
    struct tb_decimal net, peak;

    if (doc && tb_json_decimal(tb_json_get(tb_json_root(doc), "net"), &net) &&
        (!tb_decimal_parse(bot->peak, strlen(bot->peak), &peak) ||
         tb_decimal_compare(&net, &peak) > 0))
        tb_decimal_format(&net, bot->peak);
    tb_json_free(doc);
}

static void load_bot(void *arg, const struct tb_store_bot *row)
{
    struct loading *l = arg;
    struct bot *bot = bot_new();
    struct tb_error ignored;

    tb_copy(bot->id, sizeof bot->id, row->id);
    tb_copy(bot->name, sizeof bot->name, row->name);
    tb_copy(bot->slug, sizeof bot->slug, row->slug);
    tb_copy(bot->exchange, sizeof bot->exchange, row->exchange);
    tb_copy(bot->strategy, sizeof bot->strategy, row->strategy);
    tb_copy(bot->account, sizeof bot->account, row->account);
    tb_copy(bot->server, sizeof bot->server, row->server);
    tb_copy(bot->intent, sizeof bot->intent, row->intent);
    tb_copy(bot->plan_id, sizeof bot->plan_id, row->plan_id ? row->plan_id : "");
    bot->managed = true;
    bot->store_version = row->version;
    bot->created_at = row->created_at;
    bot->updated_at = row->updated_at;
    if (!bot_state_find(row->state, &bot->state))
        bot->state = TB_BOT_UNKNOWN;
    if (!bot_load_doc(bot, row->doc, l->err)) {
        l->ok = false;
        bot_free(bot);
        return;
    }
    tb_copy(bot->reason_known, sizeof bot->reason_known, bot->reason);
    bot->reason_since = bot->updated_at;
    bot->sight.report_at = tb_wall_ms();
    (void)!tb_store_samples_each(l->b->store, bot->id, NULL, bot->peak_from, INT64_MAX, load_peak,
                                 bot, &ignored);
    adopted_load(bot);
    registry_add(l->b, bot);
}

static struct tb_bots *allocate(const struct tb_bots_config *config)
{
    struct tb_bots *b = tb_xcalloc(1, sizeof *b);
    b->store = config->store;
    b->hb = config->hb;
    b->plugins = config->plugins;
    b->events = config->events;
    tb_copy(b->image_pattern, sizeof b->image_pattern,
            config->image_pattern && config->image_pattern[0] ? config->image_pattern
                                                              : IMAGE_PATTERN);
    b->ephemeral = config->ephemeral;
    b->life_epoch = tb_wall_ms() - tb_mono_ms();
    pthread_mutex_init(&b->lock, NULL);
    tb_cond_init(&b->claims);
    tb_cond_init(&b->work);
    tb_cond_init(&b->news);
    tb_cond_init(&b->tick);
    tb_cond_init(&b->settle);
    return b;
}

struct tb_bots *tb_bots_open(const struct tb_bots_config *config, struct tb_error *err)
{
    struct tb_bots *b = allocate(config);
    struct loading l = {b, err, true};

    b->opened_at = tb_wall_ms();
    if (!tb_store_bots_each(b->store, load_bot, &l, err) || !l.ok || !observing_load(b, err) ||
        !reboot_load(b, err) || !operations_resume(b, err) || !operations_start(b, err) ||
        !feed_start(b, err) || !watch_start(b, err) || !settle_up_start(b, err)) {
        /* Opening fails only before or while threads start; the process ends then, so what the
         * threads use is left to it. */
        return NULL;
    }
    return b;
}

void tb_bots_drain(struct tb_bots *bots)
{
    pthread_mutex_lock(&bots->lock);
    bots->draining = true;
    pthread_cond_broadcast(&bots->work);
    pthread_cond_broadcast(&bots->claims);
    pthread_cond_broadcast(&bots->settle);
    pthread_mutex_unlock(&bots->lock);
}

void tb_bots_close(struct tb_bots *bots)
{
    pthread_mutex_lock(&bots->lock);
    bots->stop = bots->draining = true;
    pthread_cond_broadcast(&bots->work);
    pthread_cond_broadcast(&bots->news);
    pthread_cond_broadcast(&bots->tick);
    pthread_cond_broadcast(&bots->claims);
    pthread_cond_broadcast(&bots->settle);
    pthread_mutex_unlock(&bots->lock);
    operations_join(bots);
    batches_join(bots);
    settle_up_join(bots);
    feed_join(bots);
    watch_join(bots);
    while (bots->open)
        operation_forget(bots, bots->open);
    for (size_t i = 0; i < bots->bots; i++)
        bot_free(bots->bot[i]);
    free(bots->bot);
    observing_free(bots);
    reboot_free(bots);
    pthread_mutex_destroy(&bots->lock);
    pthread_cond_destroy(&bots->claims);
    pthread_cond_destroy(&bots->work);
    pthread_cond_destroy(&bots->news);
    pthread_cond_destroy(&bots->tick);
    pthread_cond_destroy(&bots->settle);
    free(bots);
}
