/* Observe mode: what the bridge does when its store may be older than the world (DESIGN section 4).
 *
 * It is entered after an announced restore, and when a container lives whose name only a bridge on
 * this API could have given, of a nonce that the store does not know or believes unsent: then
 * either an old backup was put back without saying so, or another bridge works here. Continuing
 * what such a store calls unfinished could make a second bot. So until an admin resumes, nothing is
 * written upstream but stops that are asked for now, and unfinished operations end as unknown.
 *
 * Until the containers were looked at once after a start, operations wait as well: the look decides
 * whether the store may be trusted.
 *
 * The lock guards struct observing; it is given up for the store. Looks run on the feed thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/bots_private.h"

#define META_MODE  "observe_mode"      /* {since, reason, instances}, while it is on */
#define META_KNOWN "foreign_instances" /* {shared, instances}: an admin has seen these */

enum {
    KNOWN_MAX = 4096,    /* the newest ones */
    PRESUMED_MS = 60000, /* a deploy follows its command so soon, when nothing holds it up */
};

/* ---- names ---- */

static bool names_have(const struct names *names, const char *instance)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->name[i], instance) == 0)
            return true;
    return false;
}

static void names_add(struct names *names, const char *instance)
{
    if (!instance || names_have(names, instance))
        return;
    if (names->n == KNOWN_MAX) {
        memmove(names->name, names->name + 1, (KNOWN_MAX - 1) * sizeof *names->name);
        names->n--;
    }
    names->name = tb_xrealloc(names->name, (names->n + 1) * sizeof *names->name);
    tb_copy(names->name[names->n++], TB_INSTANCE_NAME, instance);
}

static void names_clear(struct names *names)
{
    free(names->name);
    *names = (struct names){0};
}

static void names_write(const struct names *names, struct tb_json_writer *w)
{
    tb_jw_key(w, "instances");
    tb_jw_array(w);
    for (size_t i = 0; i < names->n; i++)
        tb_jw_string(w, names->name[i]);
    tb_jw_end_array(w);
}

static void names_read(struct names *names, const struct tb_json *root)
{
    const struct tb_json *list = tb_json_get(root, "instances");
    for (const struct tb_json *i = tb_json_first(list); i; i = i->next)
        names_add(names, tb_json_string(i));
}

/* ---- documents ---- */

static void write_mode(const struct observing *o, struct tb_json_writer *w)
{
    tb_jw_object(w);
    tb_jw_kv_time(w, "since", o->since);
    tb_jw_kv_string(w, "reason", o->reason);
    names_write(&o->foreign, w);
    tb_jw_end_object(w);
}

void observing_write(const struct tb_bots *b, struct tb_json_writer *w)
{
    tb_jw_key(w, "observe");
    if (b->observing.on)
        write_mode(&b->observing, w);
    else
        tb_jw_null(w);
    tb_jw_kv_bool(w, "another_bridge", b->observing.shared);
}

static void publish(struct tb_bots *b)
{
    struct tb_buffer json = TB_BUFFER_INIT;
    struct tb_json_writer w;
    tb_jw_init(&w, &json);
    tb_jw_object(&w);
    observing_write(b, &w);
    tb_jw_end_object(&w);
    tb_events_publish(b->events, "observe.changed", json.data, json.len);
    tb_buffer_free(&json);
}

/* The two meta values as they are now (lock held). */
static void snapshot(const struct observing *o, struct tb_buffer *mode, struct tb_buffer *known)
{
    struct tb_json_writer w;
    tb_jw_init(&w, mode);
    write_mode(o, &w);
    tb_jw_init(&w, known);
    tb_jw_object(&w);
    tb_jw_kv_bool(&w, "shared", o->shared);
    names_write(&o->known, &w);
    tb_jw_end_object(&w);
}

/* Writes them; without the lock. on: the mode is kept, else forgotten with the restore's mark. */
static bool save(struct tb_bots *b, bool on, const char *mode, const char *known,
                 struct tb_error *err)
{
    const struct tb_store_change change[] = {
        {.kind = TB_STORE_META_PUT, .meta = {META_KNOWN, known}},
        {.kind = TB_STORE_META_PUT, .meta = {META_MODE, on ? mode : NULL}},
        {.kind = TB_STORE_META_PUT, .meta = {TB_STORE_RESTORED, NULL}},
    };
    /* While it is on, the restore's mark stays: it says since when. */
    return tb_store_commit(b->store, change, on ? 2 : 3, err);
}

static void save_now(struct tb_bots *b)
{
    struct tb_buffer mode = TB_BUFFER_INIT, known = TB_BUFFER_INIT;
    struct tb_error err = {0};
    bool on;
    pthread_mutex_lock(&b->observing.saving);
    pthread_mutex_lock(&b->lock);
    on = b->observing.on;
    snapshot(&b->observing, &mode, &known);
    pthread_mutex_unlock(&b->lock);
    if (!save(b, on, mode.data, known.data, &err))
        tb_log(TB_ERROR, "store.failed", "Observe mode is not stored: %s", err.detail);
    pthread_mutex_unlock(&b->observing.saving);
    tb_buffer_free(&mode);
    tb_buffer_free(&known);
}

/* ---- entering ---- */

/* Lock held. What is unfinished is stepped at once, and that step ends it. */
static void enter(struct tb_bots *b, const char *reason, int64_t since)
{
    struct observing *o = &b->observing;
    o->on = true;
    o->since = since;
    tb_copy(o->reason, sizeof o->reason, reason);
    for (struct operation *op = b->open; op; op = op->next)
        if (observing_ends(b, op))
            op->life.next_at = 0;
    pthread_cond_broadcast(&b->work);
}

static struct tb_json_doc *meta(struct tb_bots *b, const char *key, bool *ok, struct tb_error *err)
{
    struct tb_error why = {0};
    char *text = tb_store_meta_get(b->store, key, &why);
    struct tb_json_doc *doc = NULL;
    if (text)
        doc = tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, &why);
    if (!doc && (text || why.code != TB_NOT_FOUND)) {
        *ok = false;
        *err = why;
    }
    free(text);
    return doc;
}

bool observing_load(struct tb_bots *b, struct tb_error *err)
{
    struct observing *o = &b->observing;
    bool ok = true;
    pthread_mutex_init(&o->saving, NULL);
    struct tb_json_doc *known = meta(b, META_KNOWN, &ok, err);
    struct tb_json_doc *mode = ok ? meta(b, META_MODE, &ok, err) : NULL;
    struct tb_json_doc *restored = ok ? meta(b, TB_STORE_RESTORED, &ok, err) : NULL;
    const char *since = mode ? tb_json_get_string(tb_json_root(mode), "since") : NULL;
    const char *reason = mode ? tb_json_get_string(tb_json_root(mode), "reason") : NULL;
    int64_t at = 0;

    if (known) {
        o->shared = tb_json_true(tb_json_get(tb_json_root(known), "shared"));
        names_read(&o->known, tb_json_root(known));
    }
    if (mode)
        names_read(&o->foreign, tb_json_root(mode));
    if (restored && tb_json_int64(tb_json_root(restored), &at))
        enter(b, "restored", at);
    else if (restored || mode)
        enter(b, reason ? reason : "unknown_instances",
              since && tb_time_parse(since, &at) ? at : tb_wall_ms());
    if (o->on)
        tb_log(TB_WARN, "observe.on",
               "The bridge only observes (%s): it creates and starts nothing until an admin says "
               "POST /hummingbot/resume.",
               o->reason);
    tb_json_free(known);
    tb_json_free(mode);
    tb_json_free(restored);
    return ok;
}

void observing_free(struct tb_bots *b)
{
    pthread_mutex_destroy(&b->observing.saving);
    names_clear(&b->observing.known);
    names_clear(&b->observing.foreign);
}

/* ---- looking ---- */

/* A name that only a bridge gives, of an attempt that this store never sent. */
static bool is_foreign(struct tb_bots *b, const char *instance)
{
    char nonce[TB_NONCE_TEXT];
    struct tb_error err = {0};
    struct tb_store_attempt *row;
    const struct bot *bot;
    bool settled, foreign;

    if (strlen(instance) >= TB_INSTANCE_NAME || !instance_nonce(instance, nonce))
        return false;
    pthread_mutex_lock(&b->lock);
    bot = registry_by_instance(b, instance);
    settled = (bot && bot->managed) || names_have(&b->observing.known, instance) ||
              names_have(&b->observing.foreign, instance);
    pthread_mutex_unlock(&b->lock);
    if (settled)
        return false;
    row = tb_store_attempt_get(b->store, nonce, &err);
    foreign = row ? strcmp(row->state, "intended") == 0 : err.code == TB_NOT_FOUND;
    free(row);
    return foreign;
}

/* Where another bridge works, what appears while this one runs is the other's: this store is open
 * and knows all that it made. What was there before this process may be of a lost history. */
static void note(struct tb_bots *b, const char *instance, bool first)
{
    struct observing *o = &b->observing;
    bool entered = false, foreign;

    pthread_mutex_lock(&b->lock);
    foreign = o->on || first || !o->shared;
    names_add(foreign ? &o->foreign : &o->known, instance);
    if (foreign && !o->on) {
        enter(b, "unknown_instances", tb_wall_ms());
        entered = true;
    }
    publish(b);
    pthread_mutex_unlock(&b->lock);
    if (!foreign)
        tb_log(TB_WARN, "bot.foreign", "%s was made by another bridge on this API.", instance);
    else
        tb_log(TB_ERROR, "observe.instance",
               "%s lives and looks like ours, but the store does not know it%s", instance,
               entered ? ": the bridge only observes until an admin says POST /hummingbot/resume."
                       : ".");
}

void observing_look(struct tb_bots *b, const struct tb_json_doc *active)
{
    bool first, changed = false;

    pthread_mutex_lock(&b->lock);
    first = !b->observing.looked;
    pthread_mutex_unlock(&b->lock);
    for (const struct tb_json *c = tb_json_first(tb_json_root(active)); c; c = c->next) {
        const char *name = tb_json_get_string(c, "name");
        if (name && is_foreign(b, name)) {
            note(b, name, first);
            changed = true;
        }
    }
    if (changed)
        save_now(b);
    if (!first)
        return;
    pthread_mutex_lock(&b->lock);
    b->observing.looked = true;
    pthread_cond_broadcast(&b->work);
    pthread_mutex_unlock(&b->lock);
}

void observing_accept(struct tb_bots *b, const char *instance)
{
    pthread_mutex_lock(&b->lock);
    names_add(&b->observing.known, instance);
    pthread_mutex_unlock(&b->lock);
    save_now(b);
}

/* ---- what it forbids ---- */

bool observing_ends(const struct tb_bots *b, const struct operation *op)
{
    return b->observing.on && (op->taken_over || op->life.kind != TB_OP_STOP);
}

bool observing_holds(const struct tb_bots *b, const struct operation *op)
{
    return !b->observing.on && !b->observing.looked &&
           (op->taken_over || op->life.kind != TB_OP_STOP);
}

/* The store may be older than the world: what it calls unsent may have been sent since, soon after
 * the command began. A stop then looks for it and does not call it never started. */
static void presume_sent(struct tb_life *life)
{
    if (!life->base[0] || life->instance[0] || life->sent)
        return;
    life->sent = true;
    life->window_from = life->began_at;
    life->window_to = life->began_at + PRESUMED_MS;
}

void observing_end(struct tb_life *life)
{
    if (tb_op_state_final(life->state))
        return;
    presume_sent(life);
    life->state = TB_OPS_UNKNOWN;
    life->phase = TB_PH_END;
    tb_copy(life->reason, sizeof life->reason, "observe_mode");
    tb_copy(life->detail, sizeof life->detail,
            "The bridge only observes, so this operation is not continued and what it had begun is "
            "not known. Look at the bot; stop it if in doubt.");
}

bool observing_alone(struct tb_bots *b, const struct bot *bot, struct tb_error *err)
{
    size_t stem = strlen(bot->life.stem);
    char instance[TB_INSTANCE_NAME] = "", nonce[TB_NONCE_TEXT];

    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->bots && stem > 0 && !b->observing.shared; i++) {
        const struct bot *other = b->bot[i];
        const char *name = other->life.instance;
        if (other != bot && !other->deleted && !other->managed &&
            other->sight.container == TB_CT_RUNNING && other->state != TB_BOT_STOPPED &&
            strncmp(name, bot->life.stem, stem) == 0 && instance_nonce(name, nonce) &&
            strncmp(name + stem, nonce, strlen(nonce)) == 0)
            tb_copy(instance, sizeof instance, name);
    }
    pthread_mutex_unlock(&b->lock);
    return !instance[0] ||
           tb_fail(err, TB_STATE_UNKNOWN,
                   "%s runs, has this bot's name and is not the instance that is known of it, so "
                   "the bot is not started beside it. Look at it (GET /bots/%s); stop it, or adopt "
                   "it: POST /bots/adopt.",
                   instance, instance);
}

bool observing_allows(struct tb_bots *b, struct tb_error *err)
{
    char reason[sizeof b->observing.reason];
    size_t n;
    bool on;

    pthread_mutex_lock(&b->lock);
    on = b->observing.on;
    n = b->observing.foreign.n;
    tb_copy(reason, sizeof reason, b->observing.reason);
    pthread_mutex_unlock(&b->lock);
    if (!on)
        return true;
    if (strcmp(reason, "restored") == 0)
        return tb_fail(err, TB_OBSERVE_MODE,
                       "The store was restored from a backup, so the bridge only observes: compare "
                       "its bots with what runs (GET /hummingbot, GET /bots), then an admin says "
                       "POST /hummingbot/resume.");
    return tb_fail(
        err, TB_OBSERVE_MODE,
        "The bridge only observes: %zu living instance%s named like its own %s unknown to its "
        "store, because of an old backup or another bridge on this API. See "
        "GET /hummingbot; then an admin says POST /hummingbot/resume.",
        n, n == 1 ? "" : "s", n == 1 ? "is" : "are");
}

bool tb_bots_may_write(struct tb_bots *bots, struct tb_error *err)
{
    return observing_allows(bots, err);
}

/* ---- the way out ---- */

static bool read_request(const struct tb_json *request, bool *given_out, bool *shared_out,
                         struct tb_problems *problems, struct tb_error *err)
{
    static const char *const fields[] = {"another_bridge", NULL};
    const struct tb_json *shared = tb_json_get(request, fields[0]);
    for (const struct tb_json *m = tb_json_first(request); m; m = m->next)
        if (strcmp(m->key, fields[0]) != 0)
            problem_unknown_field(&problems->errors, m->key, fields, "", false);
    if (shared && !tb_json_is(shared, TB_JSON_BOOL))
        tb_problem_add(&problems->errors, "/another_bridge", "type",
                       "`another_bridge` is true or false.", NULL);
    *given_out = shared != NULL;
    *shared_out = tb_json_true(shared);
    return problems->errors.len == 0 || problems_fail(problems, err);
}

/* What is known once the instances that caused it are remembered (lock held). */
static struct observing without_foreign(const struct observing *o, bool shared)
{
    struct observing next = {.shared = shared};
    for (size_t i = 0; i < o->known.n; i++)
        names_add(&next.known, o->known.name[i]);
    for (size_t i = 0; i < o->foreign.n; i++)
        names_add(&next.known, o->foreign.name[i]);
    return next;
}

static void resume_now(struct tb_bots *b, struct observing *next, struct tb_buffer *out)
{
    struct observing *o = &b->observing;
    struct tb_json_writer w;
    pthread_mutex_lock(&b->lock);
    names_clear(&o->known);
    names_clear(&o->foreign); /* one that came meanwhile is found again by the next look */
    o->known = next->known;
    next->known = (struct names){0};
    o->shared = next->shared;
    o->on = false;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    observing_write(b, &w);
    names_write(&o->known, &w);
    tb_jw_end_object(&w);
    publish(b);
    feed_poke(b);
    pthread_mutex_unlock(&b->lock);
    tb_log(TB_WARN, "observe.off", "An admin resumed: the bridge commands again.");
}

bool tb_bots_resume(struct tb_bots *bots, const struct tb_json *request, struct tb_buffer *out,
                    struct tb_problems *problems, struct tb_error *err)
{
    struct tb_bots *b = bots;
    struct tb_buffer mode = TB_BUFFER_INIT, known = TB_BUFFER_INIT;
    struct observing next;
    bool given, shared, ok;

    if (!read_request(request, &given, &shared, problems, err))
        return false;
    pthread_mutex_lock(&b->observing.saving);
    pthread_mutex_lock(&b->lock);
    next = without_foreign(&b->observing, given ? shared : b->observing.shared);
    pthread_mutex_unlock(&b->lock);
    snapshot(&next, &mode, &known);
    ok = save(b, false, NULL, known.data, err);
    if (ok)
        resume_now(b, &next, out);
    pthread_mutex_unlock(&b->observing.saving);
    names_clear(&next.known);
    tb_buffer_free(&mode);
    tb_buffer_free(&known);
    return ok;
}
