/* See params_live.h. Runs on the thread of the request that changes a bot; params_look on the
 * watch thread. No lock is held across a call. */
#include "bots/params_live.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/life_private.h"

enum {
    WAIT_MS = 60000, /* for another request that changes the same bot */
    READ_MS = 10000,
    LOOKS = 3,
    LOOK_GAP_MS = 1000,
    BOTS_PER_LOOK = 4,
};

bool live_begin(struct tb_bots *b, struct bot *bot)
{
    int64_t deadline = tb_mono_ms() + WAIT_MS;
    while (bot->changing && !bot->deleted)
        if (!tb_cond_wait_until(&b->claims, &b->lock, deadline))
            return false;
    if (bot->deleted)
        return false;
    bot->changing = true;
    return true;
}

void live_end(struct tb_bots *b, struct bot *bot)
{
    pthread_mutex_lock(&b->lock);
    bot->changing = false;
    pthread_cond_broadcast(&b->claims);
    pthread_mutex_unlock(&b->lock);
}

static const struct tb_json *file_of(const struct deployed *d, int64_t controller)
{
    return tb_json_at(d->files, (size_t)(controller - 1));
}

static const struct tb_json *found_of(const struct deployed *d, const struct tb_json *configs,
                                      int64_t controller)
{
    return deployed_find(configs, deployed_name(d, file_of(d, controller)));
}

static struct tb_json_doc *read_configs(struct tb_bots *b, const char *instance,
                                        struct tb_error *err)
{
    struct tb_json_doc *doc;
    *err = (struct tb_error){0};
    doc = upstream_read_if_there(b, TB_HB_CONTROLLERS_BOT_CONFIGS, instance, tb_mono_ms() + READ_MS,
                                 err);
    if (!doc && err->code == TB_OK)
        tb_fail(err, TB_NOT_FOUND, "The instance has no config files.");
    return doc;
}

static bool any_live(const struct param_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        if (rows->row[i].reason == PARAM_LIVE)
            return true;
    return false;
}

void live_check(struct tb_bots *b, const struct deployed *d, const char *instance,
                struct param_rows *rows)
{
    struct tb_error err;
    struct tb_json_doc *configs;

    if (!any_live(rows))
        return;
    configs = read_configs(b, instance, &err);
    for (size_t i = 0; i < rows->n; i++) {
        struct param_row *row = &rows->row[i];
        struct tb_json_doc *expected;
        const struct tb_json *found;
        if (row->reason != PARAM_LIVE)
            continue;
        found = configs ? found_of(d, tb_json_root(configs), row->controller) : NULL;
        expected = deployed_config(d, file_of(d, row->controller), (size_t)row->controller - 1);
        if (!found)
            row->reason = PARAM_UNREADABLE;
        else if (!tb_json_get(found, row->field))
            row->reason = PARAM_NEW_FIELD;
        else if (!expected || rows_damaged(found, tb_json_root(expected)))
            row->reason = PARAM_DAMAGED;
        tb_json_free(expected);
    }
    tb_json_free(configs);
}

static enum param_reason send_one(struct tb_bots *b, const struct deployed *d, const char *instance,
                                  int64_t controller, const struct tb_buffer *body)
{
    struct tb_hb_answer answer;
    struct tb_error err = {0};
    enum param_reason reason = PARAM_LIVE;
    bool ok =
        tb_hb_call(b->hb,
                   &(struct tb_hb_call){.endpoint = TB_HB_CONTROLLERS_BOT_CONFIG_UPDATE,
                                        .arg = {instance, deployed_name(d, file_of(d, controller))},
                                        .body = body->data,
                                        .body_len = body->len},
                   &answer, &err);

    if (!ok)
        tb_log(TB_WARN, "params.not_answered", "%s: %s", instance, err.detail);
    if (answer.outcome == TB_HB_REFUSED)
        reason = PARAM_REFUSED;
    else if (answer.outcome == TB_HB_UNSENT)
        reason = PARAM_UNSENT;
    tb_hb_answer_free(&answer);
    return reason;
}

void live_send(struct tb_bots *b, const struct deployed *d, const char *instance,
               struct param_rows *rows)
{
    struct tb_buffer body = TB_BUFFER_INIT;
    int64_t done = 0; /* rows come in the order of the controllers */

    for (size_t i = 0; i < rows->n; i++) {
        int64_t controller = rows->row[i].controller;
        struct tb_json_writer w;
        enum param_reason reason;
        if (rows->row[i].reason != PARAM_LIVE || controller <= done)
            continue;
        done = controller;
        tb_buffer_clear(&body);
        tb_jw_init(&w, &body);
        tb_jw_object(&w);
        for (size_t j = i; j < rows->n; j++)
            if (rows->row[j].controller == controller && rows->row[j].reason == PARAM_LIVE)
                tb_jw_kv_node(&w, rows->row[j].field, rows->row[j].to);
        tb_jw_end_object(&w);
        reason = send_one(b, d, instance, controller, &body);
        for (size_t j = i; j < rows->n; j++)
            if (rows->row[j].controller == controller && rows->row[j].reason == PARAM_LIVE)
                rows->row[j].reason = reason;
    }
    tb_buffer_free(&body);
}

static bool compare_found(const struct deployed *d, struct tb_json_doc *configs,
                          struct param_rows *rows)
{
    bool all = true;
    for (size_t i = 0; i < rows->n; i++) {
        struct param_row *row = &rows->row[i];
        const struct tb_json *found, *value;
        if (row->reason != PARAM_LIVE || row->at)
            continue;
        found = found_of(d, tb_json_root(configs), row->controller);
        value = tb_json_get(found, row->field);
        if (value && same_config(value, row->to)) {
            row->to = value;
            row->at = tb_wall_ms();
        } else {
            all = false;
        }
    }
    return all;
}

static void pause_for(struct tb_bots *b, int64_t ms)
{
    int64_t until = tb_mono_ms() + ms;
    pthread_mutex_lock(&b->lock);
    while (tb_cond_wait_until(&b->claims, &b->lock, until)) {
    }
    pthread_mutex_unlock(&b->lock);
}

bool live_confirm(struct tb_bots *b, const struct deployed *d, const char *instance, bool patient,
                  struct param_rows *rows, struct tb_error *err)
{
    bool read = false;
    for (int look = 0; look < (patient ? LOOKS : 1); look++) {
        struct tb_json_doc *configs;
        if (look > 0)
            pause_for(b, LOOK_GAP_MS);
        configs = read_configs(b, instance, err);
        if (!configs)
            continue;
        read = true;
        rows_keep(rows, configs);
        if (compare_found(d, configs, rows))
            break;
    }
    return read;
}

/* ---- keeping ---- */

/* The live rows after these were read back: `from` stays the deployed plan's value. */
static void merge_live(const struct param_rows *before, const struct param_rows *rows,
                       struct param_rows *live)
{
    for (size_t i = 0; i < before->n; i++) {
        const struct param_row *now = rows_find(rows, &before->row[i]);
        if (!now || !now->at)
            rows_add(live, &before->row[i]);
    }
    for (size_t i = 0; i < rows->n; i++) {
        struct param_row row = rows->row[i];
        const struct param_row *old = rows_find(before, &row);
        if (!row.at)
            continue;
        if (old)
            row.from = old->from;
        if (!row.from || !same_config(row.from, row.to))
            rows_add(live, &row);
    }
}

static char *settled_text(const struct bot *bot, const struct wanted *w,
                          const struct param_rows *rows)
{
    struct param_rows before = {0}, live = {0}, doubt = {0}, pending = {0};
    struct tb_buffer facts = TB_BUFFER_INIT;
    char *text;

    rows_read(&before, w->live);
    rows_read(&pending, w->pending);
    merge_live(&before, rows, &live);
    for (size_t i = 0; i < rows->n; i++) {
        const struct param_row *row = &rows->row[i];
        if (!row->at)
            rows_add(row->reason == PARAM_LIVE ? &doubt : &pending, row);
    }
    tb_json_canonical(w->facts, &facts);
    text = params_write(bot, &(struct params_text){.version = w->version,
                                                   .at = w->at,
                                                   .doubt_until = w->doubt_until,
                                                   .plan_id = w->plan_id,
                                                   .facts = tb_buffer_text(&facts),
                                                   .live = &live,
                                                   .doubt = &doubt,
                                                   .pending = &pending});
    tb_buffer_free(&facts);
    rows_free(&before);
    rows_free(&live);
    rows_free(&doubt);
    rows_free(&pending);
    return text;
}

static bool store(struct tb_bots *b, struct bot *bot, char *text,
                  struct tb_store_idempotency *answer, const struct tb_buffer *warnings,
                  struct tb_error *err)
{
    struct tb_buffer body = TB_BUFFER_INIT;
    bool ok;
    if (answer) {
        struct bot shown;
        pthread_mutex_lock(&b->lock);
        shown = *bot;
        pthread_mutex_unlock(&b->lock);
        shown.wanted = text;
        params_write_answer(&shown, warnings, &body);
        answer->status = 200;
        answer->body = tb_buffer_text(&body);
    }
    ok = params_store(b, bot, text,
                      answer ? &(struct tb_store_change){.kind = TB_STORE_IDEMPOTENCY_ANSWER,
                                                         .idempotency = answer}
                             : NULL,
                      NULL, err);
    tb_buffer_free(&body);
    return ok;
}

bool live_settle(struct tb_bots *b, struct bot *bot, int64_t version, const struct param_rows *rows,
                 struct tb_store_idempotency *answer, const struct tb_buffer *warnings,
                 struct tb_error *err)
{
    struct wanted w;
    char *text = NULL;
    bool ok;

    if (!bot_claim(b, bot))
        return tb_fail(err, TB_NOT_FOUND, "The bot was deleted meanwhile.");
    pthread_mutex_lock(&b->lock);
    wanted_of(bot, &w);
    if (w.version == version && w.same_instance)
        text = settled_text(bot, &w, rows);
    wanted_free(&w);
    pthread_mutex_unlock(&b->lock);
    ok = text ? store(b, bot, text, answer, warnings, err)
              : tb_fail(err, TB_CONFLICT, "The bot was redeployed meanwhile.");
    bot_release(b, bot);
    return ok;
}

/* ---- after a crash, a lost answer, a lie ---- */

struct doubtful {
    struct bot *bot;
    struct deployed_key key;
    struct wanted wanted;
};

static size_t collect(struct tb_bots *b, struct doubtful *out)
{
    size_t n = 0;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->bots && n < BOTS_PER_LOOK; i++) {
        struct bot *bot = b->bot[i];
        if (bot->deleted || !bot->in_doubt || bot->changing)
            continue;
        wanted_of(bot, &out[n].wanted);
        if (!out[n].wanted.same_instance || !tb_json_first(out[n].wanted.doubt)) {
            wanted_free(&out[n].wanted);
            continue;
        }
        bot->changing = true;
        out[n].bot = bot;
        deployed_key_of(bot, &out[n++].key);
    }
    pthread_mutex_unlock(&b->lock);
    return n;
}

static void settle_one(struct tb_bots *b, struct doubtful *s)
{
    bool over = tb_wall_ms() > s->wanted.doubt_until, moved = false, read;
    struct param_rows rows = {0};
    struct tb_error err = {0};
    struct deployed d;
    char instance[TB_INSTANCE_NAME];

    tb_copy(instance, sizeof instance, s->key.instance);
    rows_read(&rows, s->wanted.doubt);
    if (deployed_read(b, &s->key, &d, &err)) {
        read = live_confirm(b, &d, instance, false, &rows, &err);
        for (size_t i = 0; i < rows.n; i++) {
            struct param_row *row = &rows.row[i];
            if (!row->at && ((read && over) || err.code == TB_NOT_FOUND))
                row->reason = PARAM_NOT_TAKEN;
            moved |= row->at || row->reason != PARAM_LIVE;
        }
        if (moved && !live_settle(b, s->bot, s->wanted.version, &rows, NULL, NULL, &err))
            tb_log(TB_WARN, "params.not_kept", "%s: %s", instance, err.detail);
    }
    deployed_free(&d);
    rows_free(&rows);
}

void params_look(struct tb_bots *b)
{
    struct doubtful list[BOTS_PER_LOOK];
    size_t n = collect(b, list);
    for (size_t i = 0; i < n; i++) {
        settle_one(b, &list[i]);
        wanted_free(&list[i].wanted);
        live_end(b, list[i].bot);
    }
}
