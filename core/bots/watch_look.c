/* What the watchdogs need and no poll brings: each bot's own configs, which connectors its account
 * has keys for, which routes the API has. One thread per server; a read at a time, each thing every
 * few minutes, and only while upstream is calm and no operation is open. The same thread settles
 * live changes whose outcome was lost, which does not wait for calm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/params.h"

enum {
    TURN_MS = 2000,
    FILES_EVERY_MS = 300000,
    FILES_AFTER_MS = 15000, /* of a start: its first reload is over then */
    AGAIN_MS = 10000,
    KEYS_EVERY_MS = 180000,
    PROFILE_EVERY_MS = 3600000,
    CALM_AFTER_MS = 10000,
    READ_MS = 15000,
};

#define META_KEYS "credentials"

/* The keys of one account for one connector, as they were seen to come and go. */
struct watch_keys {
    char account[132], connector[64];
    bool present;
    int64_t removed_at; /* wall ms of the look that missed them first; 0: never */
};

/* ---- is this the time? ---- */

static bool calm(struct tb_bots *b)
{
    struct tb_hb_status status;

    tb_hb_status(b->hb, &status);
    if (status.health != TB_HB_UP || status.writes_in_flight > 0 || status.reads_in_flight > 1 ||
        tb_mono_ms() - status.up_since_mono_ms < CALM_AFTER_MS)
        return false;
    for (const struct operation *op = b->open; op; op = op->next)
        if (!tb_op_state_final(op->life.state))
            return false;
    return true;
}

static bool lives(const struct bot *bot)
{
    return bot->managed && !bot->deleted && bot->sight.container == TB_CT_RUNNING &&
           (bot->state == TB_BOT_RUNNING || bot->state == TB_BOT_DEGRADED ||
            bot->state == TB_BOT_STALE);
}

/* ---- files ---- */

/* The bot whose configs were not looked at for longest; "" when none is due. (lock held) */
static bool due(struct tb_bots *b, int64_t wall, char id_out[TB_ULID_TEXT])
{
    const struct bot *oldest = NULL;

    for (size_t i = 0; i < b->bots; i++) {
        const struct bot *bot = b->bot[i];
        int64_t at = bot->notes.looked_at;
        if (!lives(bot) || wall - bot->started_at < FILES_AFTER_MS ||
            (at && wall - at < FILES_EVERY_MS))
            continue;
        if (!oldest || at < oldest->notes.looked_at)
            oldest = bot;
    }
    tb_copy(id_out, TB_ULID_TEXT, oldest ? oldest->id : "");
    return oldest != NULL;
}

/* (lock held) */
static void note_version(struct bot *bot, const struct tb_hb_profile *now)
{
    struct tb_error ignored;
    struct tb_json_doc *facts =
        bot->facts ? tb_json_parse(bot->facts, strlen(bot->facts), TB_JSON_UPSTREAM, &ignored)
                   : NULL;
    const struct tb_json *then = facts ? tb_json_get(tb_json_root(facts), "upstream") : NULL;
    const char *print = tb_json_get_string(then, "fingerprint");
    const char *since = tb_json_get_string(then, "since");

    bot->notes.version[0] = '\0';
    if (print && now->fingerprint[0] && strcmp(print, now->fingerprint) != 0)
        snprintf(bot->notes.version, sizeof bot->notes.version,
                 "The API is of %.20s or later, it was of %.20s or later when the bot was planned; "
                 "their routes differ.",
                 now->since, since ? since : "?");
    tb_json_free(facts);
}

static void look_files(struct tb_bots *b, const char *id, int64_t wall)
{
    struct tb_buffer differences = TB_BUFFER_INIT;
    struct tb_error err = {0};
    struct tb_json_doc *configs = config_look(b, id, &differences, &err);
    struct tb_json_doc *list =
        configs ? tb_json_parse(differences.data, differences.len, TB_JSON_UPSTREAM, &err) : NULL;
    struct tb_hb_profile profile;
    bool known = tb_hb_profile(b->hb, false, &profile, &err);
    struct bot *bot;

    pthread_mutex_lock(&b->lock);
    bot = registry_find(b, id);
    if (bot) {
        bot->notes.looked_at = wall;
        if (list && bot->notes.start == bot->started_at && !bot_busy(b, bot) && !bot->changing &&
            !bot->in_doubt) {
            watch_read_wait(&bot->notes, tb_json_root(configs));
            if (watch_read_drift(&bot->notes, tb_json_root(list)))
                bot->notes.looked_at = wall - FILES_EVERY_MS + AGAIN_MS;
        }
        if (known)
            note_version(bot, &profile);
    }
    pthread_mutex_unlock(&b->lock);
    tb_json_free(list);
    tb_json_free(configs);
    tb_buffer_free(&differences);
}

/* ---- keys ---- */

static struct watch_keys *keys_find(struct tb_bots *b, const char *account, const char *connector)
{
    for (size_t i = 0; i < b->keys_count; i++)
        if (strcmp(b->keys[i].account, account) == 0 &&
            strcmp(b->keys[i].connector, connector) == 0)
            return &b->keys[i];
    return NULL;
}

static struct watch_keys *keys_add(struct tb_bots *b, const char *account, const char *connector)
{
    struct watch_keys *k;

    b->keys = tb_xrealloc(b->keys, (b->keys_count + 1) * sizeof *b->keys);
    k = &b->keys[b->keys_count++];
    *k = (struct watch_keys){0};
    tb_copy(k->account, sizeof k->account, account);
    tb_copy(k->connector, sizeof k->connector, connector);
    return k;
}

static void keys_load(struct tb_bots *b)
{
    struct tb_error ignored;
    char *text = tb_store_meta_get(b->store, META_KEYS, &ignored);
    struct tb_json_doc *doc =
        text ? tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, &ignored) : NULL;

    for (const struct tb_json *e = doc ? tb_json_first(tb_json_root(doc)) : NULL; e; e = e->next) {
        const char *account = tb_json_get_string(e, "account");
        const char *connector = tb_json_get_string(e, "connector");
        struct watch_keys *k = account && connector ? keys_add(b, account, connector) : NULL;
        if (!k)
            continue;
        k->present = tb_json_true(tb_json_get(e, "present"));
        if (!tb_json_int64(tb_json_get(e, "removed_at"), &k->removed_at))
            k->removed_at = 0;
    }
    tb_json_free(doc);
    free(text);
}

static void keys_save(struct tb_bots *b)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_error err = {0};
    struct tb_json_writer w;

    tb_jw_init(&w, &text);
    tb_jw_array(&w);
    for (size_t i = 0; i < b->keys_count; i++) {
        tb_jw_object(&w);
        tb_jw_kv_string(&w, "account", b->keys[i].account);
        tb_jw_kv_string(&w, "connector", b->keys[i].connector);
        tb_jw_kv_bool(&w, "present", b->keys[i].present);
        tb_jw_kv_int(&w, "removed_at", b->keys[i].removed_at);
        tb_jw_end_object(&w);
    }
    tb_jw_end_array(&w);
    if (!tb_store_meta_put(b->store, META_KEYS, text.data, &err))
        tb_log(TB_WARN, "store.failed", "What keys were seen is not stored: %s", err.detail);
    tb_buffer_free(&text);
}

static bool listed(const struct tb_json *connectors, const char *connector)
{
    for (const struct tb_json *c = tb_json_first(connectors); c; c = c->next) {
        const char *name = tb_json_string(c);
        if (name && strcmp(name, connector) == 0)
            return true;
    }
    return false;
}

/* One more pair that a living bot needs, whose account has not been asked this time. A name of a
 * Gateway network, with a dash, has no keys there. (lock held) */
static const struct bot *needs_keys(struct tb_bots *b, size_t *from)
{
    for (; *from < b->bots; (*from)++) {
        const struct bot *bot = b->bot[*from];
        if (lives(bot) && bot->account[0] && bot->connector[0] && !strchr(bot->connector, '-'))
            return b->bot[(*from)++];
    }
    return NULL;
}

static bool note_keys(struct tb_bots *b, const char *account, const char *connector, bool present,
                      int64_t wall)
{
    struct watch_keys *k = keys_find(b, account, connector);
    bool changed = !k || k->present != present;

    if (!k)
        k = keys_add(b, account, connector);
    else if (k->present && !present)
        k->removed_at = wall;
    k->present = present;
    return changed;
}

/* (lock held) */
static void tell_bots(struct tb_bots *b)
{
    for (size_t i = 0; i < b->bots; i++) {
        struct bot *bot = b->bot[i];
        const struct watch_keys *k = keys_find(b, bot->account, bot->connector);
        char *out = bot->notes.credentials;
        out[0] = '\0';
        if (!k || !lives(bot))
            continue;
        if (!k->present)
            snprintf(out, WATCH_TEXT, "The account %.60s has no keys for %.40s any more.",
                     bot->account, bot->connector);
        else if (k->removed_at > bot->started_at)
            snprintf(out, WATCH_TEXT,
                     "The keys of %.60s for %.40s were removed and entered again after its start.",
                     bot->account, bot->connector);
    }
}

static void look_keys(struct tb_bots *b, int64_t wall)
{
    bool changed = false;
    size_t from = 0;

    for (;;) {
        char account[132] = "", connector[64] = "";
        struct tb_error err = {0};
        struct tb_json_doc *doc;
        const struct bot *bot;

        pthread_mutex_lock(&b->lock);
        bot = b->stop ? NULL : needs_keys(b, &from);
        if (bot) {
            tb_copy(account, sizeof account, bot->account);
            tb_copy(connector, sizeof connector, bot->connector);
        }
        pthread_mutex_unlock(&b->lock);
        if (!bot)
            break;
        /* Bots of one account share the client's cached answer. */
        doc = upstream_read(b, TB_HB_ACCOUNTS_CREDENTIALS, account, NULL, tb_mono_ms() + READ_MS,
                            &err);
        if (doc && tb_json_is(tb_json_root(doc), TB_JSON_ARRAY)) {
            pthread_mutex_lock(&b->lock);
            changed |= note_keys(b, account, connector, listed(tb_json_root(doc), connector), wall);
            pthread_mutex_unlock(&b->lock);
        }
        tb_json_free(doc);
    }
    if (changed)
        keys_save(b); /* this thread alone changes them */
    pthread_mutex_lock(&b->lock);
    tell_bots(b);
    pthread_mutex_unlock(&b->lock);
}

/* ---- the thread ---- */

/* After a restart the API may be another one; a quick restart is not noticed by its silence. */
static void look_profile(struct tb_bots *b, int64_t *of, int64_t *at, int64_t wall)
{
    struct tb_hb_status status;
    struct tb_hb_profile profile;
    struct tb_error err = {0};

    tb_hb_status(b->hb, &status);
    if ((status.up_since_mono_ms != *of || wall - *at >= PROFILE_EVERY_MS) &&
        tb_hb_profile(b->hb, *of != 0, &profile, &err)) {
        *of = status.up_since_mono_ms;
        *at = wall;
    }
}

static void *watch(void *arg)
{
    struct tb_bots *b = arg;
    int64_t keys_at = 0, profile_of = 0, profile_at = 0;

    keys_load(b);
    pthread_mutex_lock(&b->lock);
    while (!b->stop) {
        int64_t wake = tb_mono_ms() + TURN_MS, wall = tb_wall_ms();
        char id[TB_ULID_TEXT] = "";
        bool now = calm(b) && !b->draining, files = now && due(b, wall, id);
        bool settle = b->looked && !b->draining;
        pthread_mutex_unlock(&b->lock);
        if (settle)
            params_look(b);
        if (now)
            look_profile(b, &profile_of, &profile_at, wall);
        if (files)
            look_files(b, id, wall);
        if (now && wall - keys_at >= KEYS_EVERY_MS) {
            keys_at = wall;
            look_keys(b, wall);
        }
        pthread_mutex_lock(&b->lock);
        while (!b->stop && tb_mono_ms() < wake)
            tb_cond_wait_until(&b->tick, &b->lock, wake);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

bool watch_start(struct tb_bots *b, struct tb_error *err)
{
    return pthread_create(&b->watch_thread, NULL, watch, b) == 0 ||
           tb_fail(err, TB_INTERNAL, "The watch thread could not be started.");
}

void watch_join(struct tb_bots *b)
{
    pthread_join(b->watch_thread, NULL);
    free(b->keys);
}
