/* The bots in memory: loading, finding, claiming, keeping their fragments current. `lock` guards
 * all of it (bots_private.h). Any thread. Owns the bots. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/params.h"
#include "bots/profit.h"

int64_t life_now(const struct tb_bots *b)
{
    return b->life_epoch + tb_mono_ms();
}

struct bot *bot_new(void)
{
    struct bot *bot = tb_xcalloc(1, sizeof *bot);
    tb_copy(bot->server, sizeof bot->server, "default");
    tb_copy(bot->intent, sizeof bot->intent, "run");
    watch_forget(&bot->notes, 0);
    return bot;
}

void bot_free(struct bot *bot)
{
    free(bot->facts);
    free(bot->wanted);
    free(bot->past);
    free(bot->slice);
    free(bot->figures);
    free(bot->errors);
    free(bot->raw);
    free(bot->fragment);
    free(bot->client_fragment);
    free(bot);
}

bool bot_holds_name(const struct bot *bot)
{
    return bot->state != TB_BOT_FAILED && bot->state != TB_BOT_ARCHIVED;
}

struct bot *registry_by_instance(struct tb_bots *b, const char *instance)
{
    for (size_t i = 0; i < b->bots && instance[0]; i++) /* many have none */
        if (!b->bot[i]->deleted && strcmp(b->bot[i]->life.instance, instance) == 0)
            return b->bot[i];
    return NULL;
}

/* A name that is held by a living bot is meant before anything that only happens to be called so;
 * of several records of one name the newest is the one that can live. */
struct bot *registry_find(struct tb_bots *b, const char *id)
{
    struct bot *holder = NULL, *instance = NULL, *late = NULL, *foreign = NULL;
    if (!id[0])
        return NULL;
    for (size_t i = 0; i < b->bots; i++) {
        struct bot *bot = b->bot[i];
        if (bot->deleted)
            continue;
        if (strcmp(bot->id, id) == 0)
            return bot;
        if (bot->managed && strcmp(bot->name, id) == 0)
            *(bot_holds_name(bot) ? &holder : &late) = bot;
        else if (strcmp(bot->life.instance, id) == 0)
            *(bot->managed ? &instance : &foreign) = bot;
    }
    return holder ? holder : instance ? instance : late ? late : foreign;
}

struct bot *registry_meant(struct tb_bots *b, const char *id, struct tb_error *err)
{
    struct bot *bot = registry_find(b, id);
    const struct bot *other = bot ? registry_by_instance(b, id) : NULL;

    if (!bot)
        tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
    if (!other || other == bot || !other->managed || strcmp(bot->id, id) == 0)
        return bot;
    tb_fail(err, TB_STATE,
            "Two bots are called so: it is the name of the bot %s and the instance of the bot %s. "
            "Use the id of the one you mean.",
            bot->id, other->id);
    return NULL;
}

void registry_add(struct tb_bots *b, struct bot *bot)
{
    if (b->bots == b->bots_capacity) {
        b->bots_capacity = b->bots_capacity ? b->bots_capacity * 2 : 64;
        b->bot = tb_xrealloc(b->bot, b->bots_capacity * sizeof(struct bot *));
    }
    b->bot[b->bots++] = bot;
    bot_changed(b, bot);
}

/* The record stays allocated until close: a worker may still hold it. */
void registry_remove(struct tb_bots *b, struct bot *bot)
{
    struct tb_buffer event = TB_BUFFER_INIT;
    bot->deleted = true;
    b->revision++;
    tb_buffer_printf(&event, "{\"id\":\"%s\"}", bot->id);
    tb_events_publish(b->events, "bot.removed", event.data, event.len);
    tb_buffer_free(&event);
}

void bot_changed(struct tb_bots *b, struct bot *bot)
{
    struct tb_buffer full = TB_BUFFER_INIT, client = TB_BUFFER_INIT;

    if (strcmp(bot->reason, bot->reason_known) != 0) {
        tb_copy(bot->reason_known, sizeof bot->reason_known, bot->reason);
        bot->reason_since = tb_wall_ms();
    }
    fragment_build(bot, false, &full);
    if (bot->fragment && strcmp(bot->fragment, full.data) == 0) {
        tb_buffer_free(&full);
        return;
    }
    fragment_build(bot, true, &client);
    free(bot->fragment);
    free(bot->client_fragment);
    bot->fragment = tb_buffer_steal(&full, NULL);
    bot->client_fragment = tb_buffer_steal(&client, NULL);
    bot->revision = ++b->revision;
    tb_events_publish(b->events, "bot.changed", bot->fragment, strlen(bot->fragment));
}

bool bot_busy(const struct tb_bots *b, const struct bot *bot)
{
    for (const struct operation *op = b->open; op; op = op->next)
        if (op->bot == bot && !tb_op_state_final(op->life.state))
            return true;
    return false;
}

bool bot_claim(struct tb_bots *b, struct bot *bot)
{
    bool alive;
    pthread_mutex_lock(&b->lock);
    while (bot->claimed)
        pthread_cond_wait(&b->claims, &b->lock);
    alive = !bot->deleted;
    bot->claimed = alive;
    pthread_mutex_unlock(&b->lock);
    return alive;
}

void bot_release(struct tb_bots *b, struct bot *bot)
{
    pthread_mutex_lock(&b->lock);
    bot->claimed = false;
    pthread_cond_broadcast(&b->claims);
    pthread_mutex_unlock(&b->lock);
}

bool caller_sees(const struct tb_caller *caller, const struct bot *bot)
{
    if (!caller || !caller->bots)
        return true;
    for (const char *const *id = caller->bots; *id; id++)
        if (strcmp(*id, bot->id) == 0)
            return true;
    return false;
}

/* ---- the stored form ---- */

static const struct {
    const char *name;
    size_t offset, size;
} texts[] = {
/* clang-format off */
#define TEXT(field) {#field, offsetof(struct bot, field), sizeof(((struct bot *)0)->field)}
    TEXT(image), TEXT(connector), TEXT(pair), TEXT(operation_id), TEXT(reason), TEXT(reason_detail), TEXT(proof), TEXT(peak),
#undef TEXT
    /* clang-format on */
};

void bot_write_doc(const struct bot *bot, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        tb_jw_kv_string(&w, texts[i].name, (const char *)bot + texts[i].offset);
    tb_jw_kv_int(&w, "started_at", bot->started_at);
    tb_jw_kv_int(&w, "peak_from", bot->peak_from);
    if (bot->pnl[0]) {
        tb_jw_kv_raw(&w, "pnl", bot->pnl, strlen(bot->pnl));
        tb_jw_kv_int(&w, "figures_at", bot->figures_at);
    }
    tb_jw_kv_raw(&w, "facts", bot->facts ? bot->facts : "{}", bot->facts ? strlen(bot->facts) : 2);
    if (bot->wanted)
        tb_jw_kv_raw(&w, "wanted", bot->wanted, strlen(bot->wanted));
    if (bot->past)
        tb_jw_kv_raw(&w, "past", bot->past, strlen(bot->past));
    tb_jw_key(&w, "life");
    tb_life_write(&bot->life, &w);
    tb_jw_end_object(&w);
}

bool bot_load_doc(struct bot *bot, const char *text, struct tb_error *err)
{
    struct tb_json_doc *doc = tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, err);
    const struct tb_json *root;
    struct tb_buffer facts = TB_BUFFER_INIT;
    int64_t figures_at;
    bool ok;

    if (!doc)
        return false;
    root = tb_json_root(doc);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *value = tb_json_get_string(root, texts[i].name);
        if (value)
            tb_copy((char *)bot + texts[i].offset, texts[i].size, value);
    }
    if (!tb_json_int64(tb_json_get(root, "started_at"), &bot->started_at))
        bot->started_at = 0;
    if (!tb_json_int64(tb_json_get(root, "peak_from"), &bot->peak_from))
        bot->peak_from = 0;
    if (tb_json_int64(tb_json_get(root, "figures_at"), &figures_at))
        profit_take(bot, tb_json_get(root, "pnl"), figures_at);
    tb_json_canonical(tb_json_get(root, "facts"), &facts);
    bot->facts = tb_buffer_steal(&facts, NULL);
    if (tb_json_is(tb_json_get(root, "wanted"), TB_JSON_OBJECT)) {
        struct tb_buffer wanted = TB_BUFFER_INIT;
        tb_json_canonical(tb_json_get(root, "wanted"), &wanted);
        params_set(bot, tb_buffer_steal(&wanted, NULL));
    }
    if (tb_json_is(tb_json_get(root, "past"), TB_JSON_ARRAY)) {
        struct tb_buffer past = TB_BUFFER_INIT;
        tb_json_canonical(tb_json_get(root, "past"), &past);
        bot->past = tb_buffer_steal(&past, NULL);
    }
    ok = tb_life_read(tb_json_get(root, "life"), &bot->life, err);
    tb_json_free(doc);
    return ok;
}

void bot_record(const struct bot *bot, const char *doc, int64_t now, struct tb_store_bot *out)
{
    *out = (struct tb_store_bot){
        .id = bot->id,
        .server = bot->server,
        .name = bot->name,
        .slug = bot->slug,
        .exchange = bot->exchange,
        .strategy = bot->strategy,
        .account = bot->account,
        .state = bot_state_word(bot->state),
        .intent = bot->intent,
        .plan_id = bot->plan_id[0] ? bot->plan_id : NULL,
        .holds_name = bot_holds_name(bot),
        .created_at = bot->created_at,
        .updated_at = now,
        .deleted_at = bot->deleted ? now : 0,
        .doc = doc,
    };
}
