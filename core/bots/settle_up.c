/* After a stop: one thread looks at what may be left (left.h) and writes it into the operation that
 * has ended, and the level of its proof into the bot. The stop was proven before and waits for none
 * of this; when nothing can be read, that is what is written. After a crash the stops that were not
 * looked at yet are looked at then. Owns the queue. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/left.h"

enum { RETRY_MS = 2000 };

struct settling {
    char operation_id[TB_ULID_TEXT];
    struct bot *bot;
    struct settling *next;
};

void settle_up_later(struct tb_bots *b, struct bot *bot, const char *operation_id)
{
    struct settling *job = tb_xcalloc(1, sizeof *job), **at = &b->settling;
    tb_copy(job->operation_id, sizeof job->operation_id, operation_id);
    job->bot = bot;
    while (*at)
        at = &(*at)->next;
    *at = job;
    pthread_cond_broadcast(&b->settle);
}

/* Waits; true when the process ends. */
static bool stop_wait(struct tb_bots *b, int64_t ms)
{
    int64_t deadline = tb_mono_ms() + ms;
    bool ends;
    pthread_mutex_lock(&b->lock);
    while (!b->stop && !b->draining && tb_cond_wait_until(&b->settle, &b->lock, deadline)) {
    }
    ends = b->stop || b->draining;
    pthread_mutex_unlock(&b->lock);
    return ends;
}

static void copy_stopped(struct tb_bots *b, const struct bot *bot, struct stopped *s)
{
    pthread_mutex_lock(&b->lock);
    s->bot = bot;
    tb_copy(s->exchange, sizeof s->exchange, bot->exchange);
    tb_copy(s->strategy, sizeof s->strategy, bot->strategy);
    tb_copy(s->account, sizeof s->account, bot->account);
    tb_copy(s->connector, sizeof s->connector, bot->connector);
    tb_copy(s->pair, sizeof s->pair, bot->pair);
    tb_copy(s->plan_id, sizeof s->plan_id, bot->plan_id);
    s->facts = bot->facts ? tb_xstrdup(bot->facts) : NULL;
    pthread_mutex_unlock(&b->lock);
}

/* The stored document with its `left` filled in. */
static void write_doc(const struct tb_json *root, const struct tb_buffer *left,
                      struct tb_buffer *out)
{
    struct tb_json_writer w;

    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_key(&w, "wire");
    tb_jw_object(&w);
    for (const struct tb_json *f = tb_json_first(tb_json_get(root, "wire")); f; f = f->next) {
        if (strcmp(f->key, "left") == 0)
            tb_jw_kv_raw(&w, "left", left->data, left->len);
        else
            tb_jw_kv_node(&w, f->key, f);
    }
    tb_jw_end_object(&w);
    tb_jw_kv_node(&w, "life", tb_json_get(root, "life"));
    tb_jw_end_object(&w);
}

/* The level belongs to the bot only while this stop is the last word on it. */
static bool commit(struct tb_bots *b, const struct settling *job,
                   const struct tb_store_operation *row, const struct tb_json *root,
                   const struct tb_buffer *left, const char *proof, struct tb_error *err)
{
    struct tb_buffer doc = TB_BUFFER_INIT, bot_doc = TB_BUFFER_INIT;
    struct tb_store_operation changed = *row;
    struct tb_store_change change[2];
    struct tb_store_bot record;
    struct bot *bot = job->bot, shown;
    bool last, ok, claimed = bot_claim(b, bot);
    size_t n = 0;

    write_doc(root, left, &doc);
    changed.doc = doc.data;
    change[n++] = (struct tb_store_change){.kind = TB_STORE_OPERATION_PUT, .operation = &changed};
    pthread_mutex_lock(&b->lock);
    last = claimed && bot->managed && strcmp(bot->operation_id, job->operation_id) == 0;
    shown = *bot;
    pthread_mutex_unlock(&b->lock);
    if (last) {
        tb_copy(shown.proof, sizeof shown.proof, proof);
        bot_write_doc(&shown, &bot_doc);
        bot_record(&shown, bot_doc.data, tb_wall_ms(), &record);
        change[n++] = (struct tb_store_change){
            .kind = TB_STORE_BOT_PUT, .expected_version = shown.store_version, .bot = &record};
    }
    ok = tb_store_commit(b->store, change, n, err);
    if (ok && last) {
        pthread_mutex_lock(&b->lock);
        bot->store_version++;
        tb_copy(bot->proof, sizeof bot->proof, proof);
        bot_changed(b, bot);
        pthread_mutex_unlock(&b->lock);
    }
    if (claimed)
        bot_release(b, bot);
    tb_buffer_free(&doc);
    tb_buffer_free(&bot_doc);
    return ok;
}

/* False: the store failed, so it is tried again. */
static bool settle_up(struct tb_bots *b, const struct settling *job)
{
    struct tb_buffer left = TB_BUFFER_INIT;
    struct tb_error err = {0};
    struct stopped s = {0};
    struct tb_store_operation *row = tb_store_operation_get(b->store, job->operation_id, &err);
    struct tb_json_doc *doc =
        row ? tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, &err) : NULL;
    const char *proof;
    bool ok = false;

    if (doc && tb_life_read(tb_json_get(tb_json_root(doc), "life"), &s.life, &err)) {
        copy_stopped(b, job->bot, &s);
        left_look(b, &s, stop_wait, &left, &proof);
        /* What could not be read because the process ends is looked at by the next one. */
        ok = stop_wait(b, 0) || commit(b, job, row, tb_json_root(doc), &left, proof, &err);
        tb_log(TB_INFO, "operation.left", "%s: %.*s", job->operation_id, (int)left.len,
               tb_buffer_text(&left));
    }
    if (!ok)
        tb_log(TB_WARN, "store.failed", "What %s left is not stored: %s", job->operation_id,
               err.detail);
    tb_json_free(doc);
    free(row);
    free(s.facts);
    tb_buffer_free(&left);
    return ok || err.code != TB_STORE_FAILED;
}

/* Stops that ended while nobody looked. */
static void find_missed(struct tb_bots *b)
{
    struct tb_error ignored;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->bots; i++) {
        struct bot *bot = b->bot[i];
        struct tb_store_operation *row;
        struct tb_json_doc *doc = NULL;
        const struct tb_json *left = NULL;
        char id[TB_ULID_TEXT];

        if (bot->deleted || !bot->managed || !bot->operation_id[0] || bot_busy(b, bot))
            continue;
        memcpy(id, bot->operation_id, sizeof id);
        pthread_mutex_unlock(&b->lock);
        row = tb_store_operation_get(b->store, id, &ignored);
        if (row && strcmp(row->kind, tb_op_kind_word(TB_OP_STOP)) == 0)
            doc = tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, &ignored);
        if (doc)
            left = tb_json_path(tb_json_root(doc), "wire", "left", NULL);
        pthread_mutex_lock(&b->lock);
        if (row && row->ended_at != 0 && tb_json_is(left, TB_JSON_NULL))
            settle_up_later(b, bot, id);
        tb_json_free(doc);
        free(row);
    }
    pthread_mutex_unlock(&b->lock);
}

static void *settle(void *arg)
{
    struct tb_bots *b = arg;

    find_missed(b);
    pthread_mutex_lock(&b->lock);
    while (!b->stop && !b->draining) {
        struct settling *job = b->settling;
        char owner[TB_ULID_TEXT];
        if (!job) {
            pthread_cond_wait(&b->settle, &b->lock);
            continue;
        }
        b->settling = job->next;
        memcpy(owner, job->bot->owner, sizeof owner);
        pthread_mutex_unlock(&b->lock);
        while (!settle_up(b, job) && !stop_wait(b, RETRY_MS)) {
        }
        if (owner[0])
            conflict_look(b, owner);
        free(job);
        pthread_mutex_lock(&b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

bool settle_up_start(struct tb_bots *b, struct tb_error *err)
{
    return pthread_create(&b->settle_thread, NULL, settle, b) == 0 ||
           tb_fail(err, TB_INTERNAL, "The settling thread could not be started.");
}

void settle_up_join(struct tb_bots *b)
{
    pthread_join(b->settle_thread, NULL);
    while (b->settling) {
        struct settling *job = b->settling;
        b->settling = job->next;
        free(job);
    }
}
