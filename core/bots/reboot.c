/* Several running bots that are seen exited in one look fell with their host: that is one piece of
 * news, said once, and remembered, so that a person can start exactly those again. The bridge
 * itself starts none of them.
 *
 * The lock guards struct rebooted; it is given up for the store. Looks run on the feed thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/bots_private.h"

#define META "host_rebooted" /* {at, bots: [id]} */

enum { TOGETHER_MS = 60000 /* one host's bots may be seen falling in several looks */ };

bool reboot_fell(const struct tb_bots *b, const struct bot *bot, int64_t wall)
{
    return bot->managed && may_judge(bot, wall) && !bot_busy(b, bot) &&
           bot->sight.container == TB_CT_EXITED && strcmp(bot->intent, "run") == 0 &&
           (bot->state == TB_BOT_RUNNING || bot->state == TB_BOT_DEGRADED ||
            bot->state == TB_BOT_STALE);
}

static const struct bot *bot_by_id(const struct tb_bots *b, const char *id)
{
    for (size_t i = 0; i < b->bots; i++)
        if (!b->bot[i]->deleted && strcmp(b->bot[i]->id, id) == 0)
            return b->bot[i];
    return NULL;
}

static bool remembered(const struct tb_bots *b, const char *id)
{
    for (size_t i = 0; i < b->rebooted.n; i++)
        if (strcmp(b->rebooted.bot[i], id) == 0)
            return true;
    return false;
}

bool reboot_waits(const struct tb_bots *b, const struct bot *bot)
{
    return bot->managed && !bot->deleted && remembered(b, bot->id) && !bot_busy(b, bot) &&
           bot->state == TB_BOT_FAILED && strcmp(bot->intent, "run") == 0 &&
           bot->sight.container == TB_CT_EXITED;
}

static void remember(struct rebooted *r, const char *id)
{
    r->bot = tb_xrealloc(r->bot, (r->n + 1) * sizeof *r->bot);
    tb_copy(r->bot[r->n++], TB_ULID_TEXT, id);
}

/* Of an earlier reboot those that wait still are kept: nobody has started them yet. */
static void renew(struct tb_bots *b, int64_t wall)
{
    struct rebooted *old = &b->rebooted, next = {.at = wall};
    for (size_t i = 0; i < b->bots; i++) {
        const struct bot *bot = b->bot[i];
        bool just_before = strcmp(old->alone, bot->id) == 0 && wall - old->alone_at < TOGETHER_MS;
        if (reboot_waits(b, bot) || reboot_fell(b, bot, wall) || just_before)
            remember(&next, bot->id);
    }
    free(old->bot);
    *old = next;
}

/* One that falls in a look of its own. Is it of the reboot that was just seen? */
static bool follows(struct tb_bots *b, const struct bot *bot, int64_t wall)
{
    if (wall - b->rebooted.at < TOGETHER_MS && !remembered(b, bot->id)) {
        remember(&b->rebooted, bot->id);
        return true;
    }
    tb_copy(b->rebooted.alone, sizeof b->rebooted.alone, bot->id);
    b->rebooted.alone_at = wall;
    return false;
}

static void write_bot(struct tb_json_writer *w, const struct bot *bot)
{
    tb_jw_object(w);
    tb_jw_kv_string(w, "id", bot->id);
    tb_jw_kv_string(w, "name", bot->name);
    tb_jw_kv_string(w, "instance", bot->life.instance);
    tb_jw_end_object(w);
}

/* The one request that starts them again. */
static void write_start(struct tb_json_writer *w)
{
    static const char start[] =
        "{\"method\":\"POST\",\"path\":\"/bots/start\",\"body\":{\"bots\":\"those_that_ran\"}}";
    tb_jw_kv_raw(w, "start", start, sizeof start - 1);
}

bool reboot_look(struct tb_bots *b, int64_t wall)
{
    struct tb_buffer event = TB_BUFFER_INIT, names = TB_BUFFER_INIT;
    const struct bot *last = NULL;
    struct tb_json_writer w;
    bool known;
    size_t n = 0;

    tb_jw_init(&w, &event);
    tb_jw_object(&w);
    tb_jw_kv_time(&w, "at", wall);
    tb_jw_key(&w, "bots");
    tb_jw_array(&w);
    for (size_t i = 0; i < b->bots; i++) {
        const struct bot *bot = b->bot[i];
        if (!reboot_fell(b, bot, wall))
            continue;
        n++;
        last = bot;
        tb_buffer_printf(&names, "%s%s", names.len ? ", " : "", bot->name);
        write_bot(&w, bot);
    }
    tb_jw_end_array(&w);
    write_start(&w);
    tb_jw_end_object(&w);
    if (n > 1) {
        renew(b, wall);
        tb_events_publish(b->events, "host.rebooted", event.data, event.len);
        tb_log(TB_ERROR, "host.rebooted",
               "%zu running bots were found exited at once, as after a reboot of their host; they "
               "are not started by themselves (POST /bots/start {\"bots\": \"those_that_ran\"} "
               "starts them one after another): %s",
               n, names.data);
    }
    known = n > 1 || (n == 1 && follows(b, last, wall));
    tb_buffer_free(&event);
    tb_buffer_free(&names);
    return known;
}

void reboot_save(struct tb_bots *b)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_error err = {0};
    struct tb_json_writer w;

    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    pthread_mutex_lock(&b->lock);
    tb_jw_kv_time(&w, "at", b->rebooted.at);
    tb_jw_key(&w, "bots");
    tb_jw_array(&w);
    for (size_t i = 0; i < b->rebooted.n; i++)
        tb_jw_string(&w, b->rebooted.bot[i]);
    tb_jw_end_array(&w);
    pthread_mutex_unlock(&b->lock);
    tb_jw_end_object(&w);
    if (!tb_store_meta_put(b->store, META, text.data, &err))
        tb_log(TB_ERROR, "store.failed", "Which bots fell with their host is not stored: %s",
               err.detail);
    tb_buffer_free(&text);
}

bool reboot_load(struct tb_bots *b, struct tb_error *err)
{
    struct tb_error why = {0};
    char *text = tb_store_meta_get(b->store, META, &why);
    struct tb_json_doc *doc =
        text ? tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, &why) : NULL;
    const struct tb_json *root = doc ? tb_json_root(doc) : NULL;
    const char *at = tb_json_get_string(root, "at");
    bool ok = doc || (!text && why.code == TB_NOT_FOUND);

    if (at && tb_time_parse(at, &b->rebooted.at))
        for (const struct tb_json *i = tb_json_first(tb_json_get(root, "bots")); i; i = i->next)
            if (tb_json_string(i))
                remember(&b->rebooted, tb_json_string(i));
    if (!ok)
        *err = why;
    tb_json_free(doc);
    free(text);
    return ok;
}

void reboot_free(struct tb_bots *b)
{
    free(b->rebooted.bot);
}

/* {at, bots that wait, start}, or null when none waits. */
void reboot_write(const struct tb_bots *b, struct tb_json_writer *w)
{
    size_t waiting = 0;

    for (size_t i = 0; i < b->bots; i++)
        waiting += reboot_waits(b, b->bot[i]);
    tb_jw_key(w, "rebooted");
    if (waiting == 0) {
        tb_jw_null(w);
        return;
    }
    tb_jw_object(w);
    tb_jw_kv_time(w, "at", b->rebooted.at);
    tb_jw_key(w, "bots");
    tb_jw_array(w);
    for (size_t i = 0; i < b->rebooted.n; i++) {
        const struct bot *bot = bot_by_id(b, b->rebooted.bot[i]);
        if (bot && reboot_waits(b, bot))
            write_bot(w, bot);
    }
    tb_jw_end_array(w);
    write_start(w);
    tb_jw_end_object(w);
}
