/* News: one thread reads the status document and the container lists, slices them per bot and puts
 * the newest slice of each into its slot; feed workers run the transforms; what the looks mean is
 * said in judge.c. A slice whose bytes did not change is not decoded. Instances that the bridge did
 * not make are listed too, and watched.
 *
 * The poll interval is 20 times the last transfer, between 1 and 30 s, so that reading never takes
 * more than a twentieth of upstream's only event loop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"

#include "bots/instances.h"

enum {
    POLL_FACTOR = 20,
    POLL_MIN_MS = 1000,
    POLL_MAX_MS = 30000,
    CONTAINERS_EVERY_MS = 5000,
    SAMPLE_EVERY_MS = 60000,
    SEEN_EVERY_MS = 10000,
    FORGET_AFTER_MS = 60000, /* an unmanaged instance that upstream no longer shows */
    LOST_WORD = 40,          /* of an error's code */
};

struct look {
    struct tb_bots *b;
    int64_t wall;
    bool alone; /* each bot was asked for itself */
};

static uint64_t fnv1a(const char *bytes, size_t len)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)bytes[i]) * 1099511628211u;
    return h;
}

/* A living instance that no record of ours has. (lock held) */
struct bot *feed_unmanaged(struct tb_bots *b, const char *instance, int64_t wall)
{
    struct bot *bot = bot_new();
    tb_copy(bot->id, sizeof bot->id, "");
    tb_ulid(bot->id);
    tb_copy(bot->name, sizeof bot->name, instance);
    tb_copy(bot->life.instance, sizeof bot->life.instance, instance);
    bot->created_at = bot->sight.report_at = wall;
    bot->state = TB_BOT_UNKNOWN;
    registry_add(b, bot);
    return bot;
}

static struct bot *bot_of_instance(struct tb_bots *b, const char *instance, int64_t wall)
{
    struct bot *bot = registry_by_instance(b, instance);
    if (bot || strlen(instance) >= TB_INSTANCE_NAME)
        return bot;
    /* An operation may have made it a moment ago and not know its name yet. */
    for (const struct operation *op = b->open; op; op = op->next) {
        size_t n = strlen(op->life.base);
        if (n > 0 && strncmp(instance, op->life.base, n) == 0 && instance[n] == '-')
            return NULL;
    }
    return instances_ended(b, instance, wall) ? NULL : feed_unmanaged(b, instance, wall);
}

static bool take_slice(void *arg, const char *instance, size_t len, struct tb_json_slice value)
{
    struct look *look = arg;
    struct tb_bots *b = look->b;
    uint64_t hash = fnv1a(value.start, value.len);
    struct bot *bot;

    (void)len;
    pthread_mutex_lock(&b->lock);
    bot = bot_of_instance(b, instance, look->wall);
    if (bot) {
        bot->sight.at = look->wall;
        bot->sight.listed = true;
        bot->sight.unreadable = false;
        /* The report of a bot that waits does not change: that it is heard says that it is fresh.
         */
        if (bot->sight.hash == hash && bot->sight.active) {
            bot->sight.report_at = bot->sight.trading ? look->wall : bot->sight.report_at;
            if (look->wall - bot->last_seen > SEEN_EVERY_MS) {
                bot->last_seen = look->wall;
                bot_changed(b, bot);
            }
        }
        if (bot->sight.hash != hash) {
            bot->sight.hash = hash;
            free(bot->slice);
            bot->slice = tb_xstrndup(value.start, value.len);
            bot->slice_len = value.len;
            tb_copy(bot->slice_of, sizeof bot->slice_of, instance);
            if (!bot->queued) {
                bot->queued = true;
                bot->next_queued = NULL;
                if (b->queue_tail)
                    b->queue_tail->next_queued = bot;
                else
                    b->queue_head = bot;
                b->queue_tail = bot;
                pthread_cond_signal(&b->news);
            }
        }
    }
    pthread_mutex_unlock(&b->lock);
    return true;
}

static void unreadable(struct look *look, const char *instance)
{
    struct bot *bot;
    pthread_mutex_lock(&look->b->lock);
    bot = registry_by_instance(look->b, instance);
    if (bot)
        bot->sight.unreadable = true;
    pthread_mutex_unlock(&look->b->lock);
}

/* NaN in one bot's report makes the whole document a 500: then each bot is asked for itself, so
 * that one bot's trouble does not hide the others. */
static bool look_one_by_one(struct look *look)
{
    struct tb_bots *b = look->b;
    char(*names)[TB_INSTANCE_NAME];
    size_t n = 0;
    bool any = false;

    look->alone = true;
    pthread_mutex_lock(&b->lock);
    names = tb_xcalloc(b->bots + 1, TB_INSTANCE_NAME);
    for (size_t i = 0; i < b->bots; i++)
        if (!b->bot[i]->deleted && b->bot[i]->life.instance[0] &&
            b->bot[i]->sight.container != TB_CT_ABSENT)
            tb_copy(names[n++], TB_INSTANCE_NAME, b->bot[i]->life.instance);
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < n; i++) {
        struct tb_hb_call call = {
            .endpoint = TB_HB_BOTS_BOT_STATUS, .arg = {names[i]}, .fresh = true};
        struct tb_hb_answer answer;
        struct tb_error err;
        struct tb_json_slice slice;
        if (tb_hb_call(b->hb, &call, &answer, &err) &&
            tb_json_slice_member(answer.body.data, answer.body.len, "data", &slice)) {
            any = true;
            take_slice(look, names[i], strlen(names[i]), slice);
        } else if (answer.outcome == TB_HB_FAILED && answer.status == 500) {
            any = true;
            unreadable(look, names[i]);
        }
        tb_hb_answer_free(&answer);
    }
    free(names);
    return any;
}

static bool look_status(struct look *look, int64_t *took_ms_out, struct tb_error *err)
{
    struct tb_hb_call call = {.endpoint = TB_HB_BOTS_STATUS, .fresh = true};
    struct tb_hb_answer answer;
    struct tb_json_slice data;
    bool ok = tb_hb_call(look->b->hb, &call, &answer, err);

    *took_ms_out = answer.elapsed_ms;
    if (ok && !tb_json_slice_member(answer.body.data ? answer.body.data : "", answer.body.len,
                                    "data", &data))
        ok = tb_fail(err, TB_UPSTREAM_NOT_JSON, "The status document has no usable \"data\".");
    if (ok)
        ok = tb_json_each_member(data.start, data.len, take_slice, look, err);
    else if (answer.outcome == TB_HB_FAILED && answer.status == 500)
        ok = look_one_by_one(look);
    tb_hb_answer_free(&answer);
    return ok;
}

/* Bots that a good status document no longer names. */
static void mark_unlisted(struct look *look)
{
    pthread_mutex_lock(&look->b->lock);
    for (size_t i = 0; i < look->b->bots; i++) {
        struct sight *s = &look->b->bot[i]->sight;
        if (s->at != look->wall) {
            s->listed = s->reported = s->trading = s->active = false;
            s->unreadable = s->unreadable && look->alone;
            s->hash = 0;
        }
    }
    pthread_mutex_unlock(&look->b->lock);
}

/* ---- containers: the truth about existence ---- */

static const struct tb_json *in_list(const struct tb_json_doc *doc, const char *instance)
{
    for (const struct tb_json *c = tb_json_root(doc)->child; c; c = c->next) {
        const char *name = tb_json_get_string(c, "name");
        if (name && strcmp(name, instance) == 0)
            return c;
    }
    return NULL;
}

static struct tb_json_doc *list(struct tb_bots *b, enum tb_hb_endpoint endpoint,
                                struct tb_error *err)
{
    struct tb_hb_call call = {.endpoint = endpoint, .fresh = true};
    struct tb_hb_answer answer;
    struct tb_json_doc *doc = NULL;

    if (tb_hb_call(b->hb, &call, &answer, err))
        doc = tb_json_parse(answer.body.data ? answer.body.data : "", answer.body.len,
                            TB_JSON_UPSTREAM, err);
    tb_hb_answer_free(&answer);
    if (doc && !tb_json_is(tb_json_root(doc), TB_JSON_ARRAY)) {
        tb_json_free(doc);
        doc = NULL;
    }
    return doc;
}

static void forget_unmanaged(struct tb_bots *b, struct bot *bot, int64_t wall)
{
    if (!bot->managed && bot->sight.container == TB_CT_ABSENT &&
        wall - bot->sight.at > FORGET_AFTER_MS && !bot->queued && !bot->working &&
        !bot_busy(b, bot))
        registry_remove(b, bot);
}

static void look_containers(struct look *look)
{
    struct tb_bots *b = look->b;
    struct tb_error err;
    struct tb_json_doc *active = list(b, TB_HB_DOCKER_ACTIVE, &err);
    struct tb_json_doc *exited = active ? list(b, TB_HB_DOCKER_EXITED, &err) : NULL;

    if (active)
        observing_look(b, active);
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; exited && i < b->bots; i++) {
        struct bot *bot = b->bot[i];
        const struct tb_json *row;
        const char *image;
        if (bot->deleted || !bot->life.instance[0])
            continue;
        row = in_list(active, bot->life.instance);
        image = tb_json_get_string(row, "image");
        tb_copy(bot->notes.image, sizeof bot->notes.image, image ? image : "");
        bot->sight.container_at = look->wall;
        bot->sight.container = row                                   ? TB_CT_RUNNING
                               : in_list(exited, bot->life.instance) ? TB_CT_EXITED
                                                                     : TB_CT_ABSENT;
        forget_unmanaged(b, bot, look->wall);
    }
    pthread_mutex_unlock(&b->lock);
    tb_json_free(active);
    tb_json_free(exited);
}

/* ---- the curve ---- */

/* As the instance reports it, with its name: what all of them made together is derived from that.
 */
static void write_sample(const struct bot *bot, const struct tb_json *row, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "instance", bot->life.instance);
    for (const struct tb_json *f = tb_json_first(row); f; f = f->next)
        if (strcmp(f->key, "instance") != 0)
            tb_jw_kv_node(&w, f->key, f);
    tb_jw_end_object(&w);
}

static void sample(struct tb_bots *b, int64_t wall)
{
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->bots; i++) {
        struct bot *bot = b->bot[i];
        struct tb_error err;
        struct tb_json_doc *doc =
            bot->managed && bot->figures &&
                    (bot->state == TB_BOT_RUNNING || bot->state == TB_BOT_DEGRADED)
                ? tb_json_parse(bot->figures, strlen(bot->figures), TB_JSON_UPSTREAM, &err)
                : NULL;
        const struct tb_json *pnl = doc ? tb_json_get(tb_json_root(doc), "pnl") : NULL;
        for (const struct tb_json *p = tb_json_first(pnl); p; p = p->next) {
            struct tb_buffer text = TB_BUFFER_INIT;
            const char *quote = tb_json_get_string(p, "quote");
            write_sample(bot, p, &text);
            tb_store_sample_add(b->store, &(struct tb_store_sample){.bot_id = bot->id,
                                                                    .at = wall,
                                                                    .quote = quote ? quote : "",
                                                                    .doc = text.data});
            tb_buffer_free(&text);
        }
        tb_json_free(doc);
    }
    pthread_mutex_unlock(&b->lock);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* One line when the upstream is lost, for another reason than before, or back. */
static void say_change(char last[LOST_WORD], bool ok, const struct tb_error *err)
{
    const char *word = ok ? "" : tb_code_word(err->code);
    if (strcmp(last, word) == 0)
        return;
    if (ok)
        tb_log(TB_INFO, "hummingbot.back", "The Hummingbot API answers again.");
    else if (err->code == TB_UPSTREAM_BUSY)
        tb_log(TB_INFO, "hummingbot.busy", "Bots are looked at again in a moment: %s", err->detail);
    else
        tb_log(TB_WARN, "hummingbot.lost", "Bots cannot be looked at: %s", err->detail);
    tb_copy(last, LOST_WORD, word);
}

static void *feed(void *arg)
{
    struct tb_bots *b = arg;
    int64_t containers_at = INT64_MIN, sample_at = 0, wall = INT64_MIN;
    char lost[LOST_WORD] = "";

    pthread_mutex_lock(&b->lock);
    while (!b->stop) {
        struct look look = {.b = b};
        struct tb_error err = {0};
        int64_t took, mono = tb_mono_ms();
        bool ok, poked = b->look_now;

        b->look_now = false;
        pthread_mutex_unlock(&b->lock);
        look.wall = tb_wall_ms();
        if (look.wall < wall)
            judge_clock(b, look.wall);
        wall = look.wall;
        ok = look_status(&look, &took, &err);
        say_change(lost, ok, &err);
        if (ok)
            mark_unlisted(&look);
        if (!b->observing.looked || (ok && (poked || mono >= containers_at))) {
            look_containers(&look);
            containers_at = mono + CONTAINERS_EVERY_MS;
        }
        if (ok) {
            judge_all(b, look.wall);
            ghosts_look(b);
            broker_look(b);
        }
        if (ok && mono >= sample_at) {
            sample(b, look.wall);
            sample_at = mono + SAMPLE_EVERY_MS;
        }
        pthread_mutex_lock(&b->lock);
        if (ok) {
            b->looked = true;
            b->looked_at = look.wall;
            b->look_error[0] = '\0';
        } else {
            tb_copy(b->look_error, sizeof b->look_error, err.detail);
            b->look_code = err.code;
        }
        int64_t wake = tb_mono_ms() + clamp(took * POLL_FACTOR, POLL_MIN_MS, POLL_MAX_MS);
        while (!b->stop && !b->look_now && tb_mono_ms() < wake)
            tb_cond_wait_until(&b->tick, &b->lock, wake);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

void feed_poke(struct tb_bots *b)
{
    b->look_now = true;
    pthread_cond_broadcast(&b->tick);
}

/* ---- workers: from slice to figures ---- */

static void *transform(void *arg)
{
    struct tb_bots *b = arg;

    pthread_mutex_lock(&b->lock);
    while (!b->stop) {
        struct bot *bot = b->queue_head;
        char instance[TB_INSTANCE_NAME];
        char *slice;
        size_t len;
        if (!bot) {
            tb_cond_wait_until(&b->news, &b->lock, tb_mono_ms() + POLL_MAX_MS);
            continue;
        }
        b->queue_head = bot->next_queued;
        if (!b->queue_head)
            b->queue_tail = NULL;
        slice = bot->slice;
        len = bot->slice_len;
        tb_copy(instance, sizeof instance, bot->slice_of);
        bot->slice = NULL;
        bot->queued = false;
        bot->working = true;
        pthread_mutex_unlock(&b->lock);
        if (slice)
            transform_bot(b, bot, instance, slice, len);
        pthread_mutex_lock(&b->lock);
        bot->working = false;
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

bool feed_start(struct tb_bots *b, struct tb_error *err)
{
    for (int i = 0; i < FEED_WORKERS; i++)
        if (pthread_create(&b->feed_worker[i], NULL, transform, b) != 0)
            return tb_fail(err, TB_INTERNAL, "A feed worker could not be started.");
    if (pthread_create(&b->feed_thread, NULL, feed, b) != 0)
        return tb_fail(err, TB_INTERNAL, "The feed thread could not be started.");
    return true;
}

void feed_join(struct tb_bots *b)
{
    pthread_join(b->feed_thread, NULL);
    for (int i = 0; i < FEED_WORKERS; i++)
        pthread_join(b->feed_worker[i], NULL);
}
