/* Opening and closing the room: loads what is stored, takes over unfinished operations, starts the
 * threads. The door is bots.h. Owns struct tb_bots. */
#include "bots/bots.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/batch.h"
#include "bots/profit.h"

#define IMAGE_PATTERN "hummingbot/hummingbot:*"

struct loading {
    struct tb_bots *b;
    struct tb_error *err;
    bool ok;
};

/* What the curve knows of the bot's last instance. */
struct curve {
    struct bot *bot;
    struct tb_buffer rows; /* of the newest moment, later than what is stored with the bot */
    int64_t at;
};

static bool is_of(const struct bot *bot, const struct tb_json *sample)
{
    const char *instance = tb_json_get_string(sample, "instance");
    return !instance || strcmp(instance, bot->life.instance) == 0;
}

static void write_row(const struct tb_json *sample, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    for (const struct tb_json *f = tb_json_first(sample); f; f = f->next)
        if (strcmp(f->key, "instance") != 0)
            tb_jw_kv_node(&w, f->key, f);
    tb_jw_end_object(&w);
}

/* Highest and newest figures, so that a crash forgets neither a drawdown nor a profit. */
static void load_sample(void *arg, const struct tb_store_sample *sample)
{
    struct curve *c = arg;
    struct bot *bot = c->bot;
    struct tb_error err;
    struct tb_json_doc *doc =
        tb_json_parse(sample->doc, strlen(sample->doc), TB_JSON_UPSTREAM, &err);
    const struct tb_json *row = doc ? tb_json_root(doc) : NULL;
    struct tb_decimal net, peak;

    if (row && is_of(bot, row)) {
        if (tb_json_decimal(tb_json_get(row, "net"), &net) &&
            (!tb_decimal_parse(bot->peak, strlen(bot->peak), &peak) ||
             tb_decimal_compare(&net, &peak) > 0))
            tb_decimal_format(&net, bot->peak);
        if (sample->at > bot->figures_at) {
            if (sample->at != c->at)
                tb_buffer_clear(&c->rows);
            c->at = sample->at;
            tb_buffer_puts(&c->rows, c->rows.len ? "," : "[");
            write_row(row, &c->rows);
        }
    }
    tb_json_free(doc);
}

static void load_curve(struct tb_bots *b, struct bot *bot)
{
    struct curve c = {.bot = bot};
    struct tb_error ignored;
    struct tb_json_doc *doc = NULL;

    if (bot->life.instance[0])
        (void)!tb_store_samples_each(b->store, bot->id, NULL, bot->peak_from, INT64_MAX,
                                     load_sample, &c, &ignored);
    tb_buffer_puts(&c.rows, "]");
    if (c.at)
        doc = tb_json_parse(c.rows.data, c.rows.len, TB_JSON_UPSTREAM, &ignored);
    if (doc)
        profit_take(bot, tb_json_root(doc), c.at);
    tb_json_free(doc);
    tb_buffer_free(&c.rows);
}

static void load_bot(void *arg, const struct tb_store_bot *row)
{
    struct loading *l = arg;
    struct bot *bot = bot_new();

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
    load_curve(l->b, bot);
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
