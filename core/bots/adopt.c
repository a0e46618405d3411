/* Taking over running bots that the bridge did not make, and giving them back. Neither touches
 * anything upstream: adopting reads, and makes one record a bot in one commit; releasing deletes
 * the record. Runs on request threads. */
#include "bots/adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"

enum { ONE_BOT_MS = 20000, NAMES_MAX = 9, WORKER_LOOK_MS = 10 };

struct adopting {
    struct tb_bots *b;
    struct tb_json_doc *active; /* the containers that run */
    bool dry;
    struct tb_json_writer w;
};

/* Why an instance is left alone; reason is "" when it is not. */
struct refusal {
    char reason[32];
    char detail[sizeof(((struct tb_error *)0)->detail)];
};

static void refuse(struct refusal *r, const char *reason, const char *detail)
{
    tb_copy(r->reason, sizeof r->reason, reason);
    tb_copy(r->detail, sizeof r->detail, detail);
}

/* ---- what was asked ---- */

static bool wants_all(const struct tb_json *request)
{
    const char *all = tb_json_get_string(request, "instances");
    return all && strcmp(all, "all") == 0;
}

static bool is_name_list(const struct tb_json *list)
{
    bool good = tb_json_is(list, TB_JSON_ARRAY) && list->len > 0;
    for (const struct tb_json *i = tb_json_first(list); i; i = i->next)
        good &= tb_json_string(i) != NULL;
    return good;
}

static bool check_request(const struct tb_json *request, struct tb_problems *problems,
                          struct tb_error *err)
{
    static const char *const fields[] = {"instances", "dry_run", NULL};
    const struct tb_json *dry = tb_json_get(request, "dry_run");

    for (const struct tb_json *m = tb_json_first(request); m; m = m->next)
        if (strcmp(m->key, "instances") != 0 && strcmp(m->key, "dry_run") != 0)
            problem_unknown_field(&problems->errors, m->key, fields, "", false);
    if (!wants_all(request) && !is_name_list(tb_json_get(request, "instances")))
        tb_problem_add(&problems->errors, "/instances", "required",
                       "Which bots? A list of instance names, or \"all\".",
                       "GET /bots lists those with \"managed\": false.");
    if (dry && !tb_json_is(dry, TB_JSON_BOOL))
        tb_problem_add(&problems->errors, "/dry_run", "wrong_type", "It must be true or false.",
                       NULL);
    return problems->errors.len == 0 || problems_fail(problems, err);
}

/* ---- may it be adopted? ---- */

/* The row of the container list; its image is what really runs. */
static const struct tb_json *container_of(const struct adopting *a, const char *instance)
{
    for (const struct tb_json *c = tb_json_first(tb_json_root(a->active)); c; c = c->next) {
        const char *name = tb_json_get_string(c, "name");
        if (name && strcmp(name, instance) == 0)
            return c;
    }
    return NULL;
}

/* The lock is held. */
static void judge(const struct adopting *a, const struct bot *bot, const char *instance,
                  struct refusal *r)
{
    if (!bot)
        refuse(r, "not_found", "No bot of this instance name is listed.");
    else if (bot->managed)
        refuse(r, "managed", "The bridge manages this bot already.");
    else if (bot->ghost)
        refuse(r, "late_ghost", "A deploy that had been given up made it; it is being stopped.");
    else if (!bot->ghost_checked)
        refuse(r, "not_looked_at", "It has only just appeared; try again in some seconds.");
    else if (bot_busy(a->b, bot))
        refuse(r, "operation_in_progress", "It is being stopped; try again when that has ended.");
    else if (!container_of(a, instance))
        refuse(r, "not_running", "Its container does not run.");
}

/* Its instance's name, unless a managed bot has that. (lock held) */
static bool choose_name(struct tb_bots *b, const char *instance, char name[264])
{
    for (int n = 1; n <= NAMES_MAX; n++) {
        bool taken = false;
        if (n == 1)
            tb_copy(name, 264, instance);
        else
            snprintf(name, 264, "%s-%d", instance, n);
        for (size_t i = 0; i < b->bots; i++)
            taken |=
                b->bot[i]->managed && !b->bot[i]->deleted && strcmp(b->bot[i]->name, name) == 0;
        if (!taken)
            return true;
    }
    return false;
}

/* ---- the record ---- */

static char *facts_of(struct tb_bots *b, const struct found *f, const char *figures, int64_t wall)
{
    struct tb_buffer text = TB_BUFFER_INIT, list = TB_BUFFER_INIT;
    struct tb_error ignored;
    struct tb_json_doc *doc =
        figures ? tb_json_parse(figures, strlen(figures), TB_JSON_UPSTREAM, &ignored) : NULL;
    struct tb_json_writer w;

    tb_buffer_printf(&list, "[%s]", tb_buffer_text(&f->unknown));
    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    found_write_facts(b, f, &w);
    upstream_write_version(b, &w);
    tb_jw_key(&w, "adoption");
    tb_jw_object(&w);
    tb_jw_kv_time(&w, "at", wall);
    tb_jw_kv_string(&w, "instance", f->instance);
    opening_write(&w, doc ? tb_json_root(doc) : NULL, found_quote(f));
    tb_jw_kv_raw(&w, "unknown", list.data, list.len);
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
    tb_json_free(doc);
    tb_buffer_free(&list);
    return tb_buffer_steal(&text, NULL);
}

/* The only net profit there is; several quotes have no common peak. */
static void opening_peak(struct bot *bot)
{
    struct tb_error ignored;
    struct tb_json_doc *doc =
        bot->facts ? tb_json_parse(bot->facts, strlen(bot->facts), TB_JSON_UPSTREAM, &ignored)
                   : NULL;
    const struct tb_json *facts = doc ? tb_json_root(doc) : NULL;
    const struct tb_json *rows = tb_json_path(facts, "adoption", "opening", NULL);
    struct tb_decimal net, peak;

    if (facts && opening_counts(bot, facts) && rows->len == 1 &&
        tb_json_decimal(tb_json_get(rows->child, "net"), &net) &&
        (!tb_decimal_parse(bot->peak, strlen(bot->peak), &peak) ||
         tb_decimal_compare(&net, &peak) > 0)) {
        tb_decimal_normalise(&net);
        tb_decimal_format(&net, bot->peak);
    }
    tb_json_free(doc);
}

void adopted_load(struct bot *bot)
{
    opening_peak(bot);
}

/* The bot as it will be once committed: a copy, so that nobody sees it before. */
static void become(struct bot *shown, const struct found *f, const char *name, bool kept,
                   int64_t wall)
{
    struct tb_life life = {.kind = TB_OP_START, .state = TB_OPS_SUCCEEDED, .phase = TB_PH_END};

    tb_copy(shown->name, sizeof shown->name, name);
    tb_slug(name, shown->slug);
    tb_copy(shown->exchange, sizeof shown->exchange, f->exchange);
    tb_copy(shown->strategy, sizeof shown->strategy, f->strategy);
    tb_copy(shown->account, sizeof shown->account, f->account);
    tb_copy(shown->image, sizeof shown->image, f->image);
    tb_copy(shown->connector, sizeof shown->connector, f->connector);
    tb_copy(shown->pair, sizeof shown->pair, f->pair);
    tb_copy(shown->intent, sizeof shown->intent, "run");
    tb_copy(life.instance, sizeof life.instance, f->instance);
    life.reports = f->configs != NULL;
    if (kept) {
        tb_ulid(shown->plan_id);
        life.controllers = (int64_t)tb_json_root(f->configs)->len;
        snprintf(life.stem, sizeof life.stem, "hummingbot-%s-", shown->slug);
    }
    shown->life = life;
    shown->managed = true;
    /* Never after the adoption, also when the API host's clock is ahead. */
    shown->started_at = f->deployed_at < wall ? f->deployed_at : wall;
    shown->created_at = shown->updated_at = shown->judge_after = wall;
    shown->store_version = 0;
    shown->peak[0] = '\0';
    opening_peak(shown);
}

static bool commit(struct adopting *a, const struct found *f, const struct bot *shown, int64_t wall,
                   struct tb_error *err)
{
    struct tb_buffer doc = TB_BUFFER_INIT, plan_doc = TB_BUFFER_INIT;
    struct tb_store_change change[2];
    struct tb_store_bot record;
    struct tb_store_plan plan;
    char hash[TB_SHA256_TEXT];
    size_t n = 0;
    bool ok;

    if (shown->plan_id[0]) {
        found_plan(f, shown->name, shown->life.stem, &plan_doc);
        tb_sha256_hex(plan_doc.data, plan_doc.len, hash);
        /* Used from the beginning: it is never pruned, and no create can name it. */
        plan = (struct tb_store_plan){.id = shown->plan_id,
                                      .hash = hash,
                                      .created_at = wall,
                                      .expires_at = wall,
                                      .doc = plan_doc.data,
                                      .used_by_operation = shown->id};
        change[n++] = (struct tb_store_change){.kind = TB_STORE_PLAN_ADD, .plan = &plan};
    }
    bot_write_doc(shown, &doc);
    bot_record(shown, doc.data, wall, &record);
    change[n++] = (struct tb_store_change){.kind = TB_STORE_BOT_PUT, .bot = &record};
    ok = tb_store_commit(a->b->store, change, n, err);
    tb_buffer_free(&doc);
    tb_buffer_free(&plan_doc);
    return ok;
}

/* Makes the committed copy the bot (lock held). What news brought meanwhile stays. */
static void take_over(struct tb_bots *b, struct bot *bot, const struct bot *shown)
{
    struct bot news = *bot;

    *bot = *shown;
    bot->sight = news.sight;
    bot->slice = news.slice;
    bot->slice_len = news.slice_len;
    memcpy(bot->slice_of, news.slice_of, sizeof bot->slice_of);
    bot->queued = news.queued;
    bot->working = news.working;
    bot->figures = news.figures;
    memcpy(bot->pnl, news.pnl, sizeof bot->pnl);
    bot->figures_at = news.figures_at;
    bot->errors = news.errors;
    bot->raw = news.raw;
    bot->raw_len = news.raw_len;
    bot->fragment = news.fragment;
    bot->client_fragment = news.client_fragment;
    bot->next_queued = news.next_queued;
    bot->claimed = news.claimed;
    bot->last_seen = news.last_seen;
    free(news.facts);
    bot->store_version = 1;
    bot_changed(b, bot);
}

static void adopt(struct adopting *a, struct bot *bot, const struct found *f, char *facts,
                  struct bot *shown, struct refusal *r)
{
    struct tb_bots *b = a->b;
    struct tb_error err = {0};
    int64_t wall = tb_wall_ms();
    char name[264];

    if (!bot_claim(b, bot)) {
        refuse(r, "not_found", "The instance has vanished meanwhile.");
        return;
    }
    pthread_mutex_lock(&b->lock);
    judge(a, bot, f->instance, r);
    if (!r->reason[0] && !choose_name(b, f->instance, name))
        refuse(r, "name_taken", "Its name and its variants are taken.");
    *shown = *bot;
    pthread_mutex_unlock(&b->lock);
    if (!r->reason[0]) {
        shown->facts = facts;
        become(shown, f, name, f->not_kept.len == 0, wall);
        if (!commit(a, f, shown, wall, &err))
            refuse(r, tb_code_word(err.code), err.detail);
    }
    if (!r->reason[0]) {
        pthread_mutex_lock(&b->lock);
        /* A feed worker that has it reads its names and facts without the lock, for milliseconds.
         */
        while (bot->working)
            tb_cond_wait_until(&b->claims, &b->lock, tb_mono_ms() + WORKER_LOOK_MS);
        shown->facts = tb_xstrdup(facts);
        take_over(b, bot, shown);
        pthread_mutex_unlock(&b->lock);
        tb_log(TB_INFO, "bot.adopted", "%s (%s)", shown->name, f->instance);
    }
    bot_release(b, bot);
}

/* ---- the answer ---- */

static void text_or_null(struct tb_json_writer *w, const char *key, const char *text)
{
    tb_jw_kv_string(w, key, text[0] ? text : NULL);
}

static void write_known(struct adopting *a, const struct found *f, const char *facts)
{
    struct tb_error ignored;
    struct tb_json_doc *doc = tb_json_parse(facts, strlen(facts), TB_JSON_UPSTREAM, &ignored);
    const struct tb_json *root = doc ? tb_json_root(doc) : NULL;
    const struct tb_json *adoption = tb_json_get(root, "adoption");
    struct tb_json_writer *w = &a->w;

    text_or_null(w, "exchange", f->exchange);
    text_or_null(w, "strategy", f->strategy);
    text_or_null(w, "account", f->account);
    text_or_null(w, "image", f->image);
    text_or_null(w, "connector", f->connector);
    text_or_null(w, "pair", f->pair);
    tb_jw_kv_node(w, "params", tb_json_get(root, "params"));
    tb_jw_kv_node(w, "risk", tb_json_get(root, "risk"));
    tb_jw_kv_node(w, "budget_quote", tb_json_get(root, "budget_quote"));
    tb_jw_kv_time(w, "started_at", f->deployed_at);
    tb_jw_kv_node(w, "opening", tb_json_get(adoption, "opening"));
    tb_jw_key(w, "redeployable");
    tb_jw_object(w);
    tb_jw_kv_bool(w, "possible", f->not_kept.len == 0);
    tb_jw_kv_string(w, "detail", f->not_kept.len ? f->not_kept.data : NULL);
    tb_jw_end_object(w);
    tb_jw_kv_node(w, "unknown", tb_json_get(adoption, "unknown"));
    tb_jw_key(w, "plugin_problems");
    tb_jw_array(w);
    if (f->failed.len > 0)
        tb_jw_raw(w, f->failed.data, f->failed.len);
    tb_jw_end_array(w);
    tb_json_free(doc);
}

static void write_one(struct adopting *a, const char *instance, const struct bot *shown,
                      const struct refusal *r, const struct found *f, const char *facts)
{
    struct tb_json_writer *w = &a->w;
    bool adopted = !a->dry && !r->reason[0];

    tb_jw_object(w);
    tb_jw_kv_string(w, "instance", instance);
    tb_jw_kv_bool(w, "adopted", adopted);
    tb_jw_kv_string(w, "id", adopted ? shown->id : NULL);
    tb_jw_kv_string(w, "name", adopted ? shown->name : NULL);
    tb_jw_key(w, "reason");
    if (r->reason[0]) {
        tb_jw_object(w);
        tb_jw_kv_string(w, "code", r->reason);
        tb_jw_kv_string(w, "detail", r->detail);
        tb_jw_end_object(w);
    } else {
        tb_jw_null(w);
    }
    if (f && facts)
        write_known(a, f, facts);
    tb_jw_end_object(w);
}

static void serve(struct adopting *a, const char *instance)
{
    struct tb_bots *b = a->b;
    struct refusal r = {.reason = ""};
    struct found f = {0};
    struct bot *bot, shown = {0};
    struct tb_error err = {0};
    char *figures = NULL, *facts = NULL;

    pthread_mutex_lock(&b->lock);
    bot = registry_by_instance(b, instance);
    judge(a, bot, instance, &r);
    if (!r.reason[0] && bot->figures)
        figures = tb_xstrdup(bot->figures);
    pthread_mutex_unlock(&b->lock);
    if (!r.reason[0] &&
        !found_read(b, instance, tb_json_get_string(container_of(a, instance), "image"),
                    tb_plugins_deadline(ONE_BOT_MS), &f, &err))
        refuse(&r, tb_code_word(err.code), err.detail);
    if (!r.reason[0])
        facts = facts_of(b, &f, figures, tb_wall_ms());
    if (!r.reason[0] && !a->dry)
        adopt(a, bot, &f, facts, &shown, &r);
    write_one(a, instance, &shown, &r, &f, facts);
    free(facts);
    free(figures);
    found_free(&f);
}

/* Names of all that may be adopted; the caller frees the list. */
static char (*candidates(struct adopting *a, size_t *n_out))[TB_INSTANCE_NAME]
{
    struct tb_bots *b = a->b;
    char(*names)[TB_INSTANCE_NAME];
    struct refusal r;

    *n_out = 0;
    pthread_mutex_lock(&b->lock);
    names = tb_xcalloc(b->bots + 1, TB_INSTANCE_NAME);
    for (size_t i = 0; i < b->bots; i++) {
        const struct bot *bot = b->bot[i];
        r.reason[0] = '\0';
        judge(a, bot, bot->life.instance, &r);
        if (!bot->deleted && !r.reason[0])
            tb_copy(names[(*n_out)++], TB_INSTANCE_NAME, bot->life.instance);
    }
    pthread_mutex_unlock(&b->lock);
    return names;
}

static bool read_containers(struct adopting *a, struct tb_error *err)
{
    struct tb_hb_call call = {.endpoint = TB_HB_DOCKER_ACTIVE, .fresh = true};
    struct tb_hb_answer answer;

    if (tb_hb_call(a->b->hb, &call, &answer, err))
        a->active =
            tb_json_parse(tb_buffer_text(&answer.body), answer.body.len, TB_JSON_UPSTREAM, err);
    tb_hb_answer_free(&answer);
    if (a->active && tb_json_is(tb_json_root(a->active), TB_JSON_ARRAY))
        return true;
    if (a->active)
        tb_fail(err, TB_UPSTREAM_NOT_JSON, "The list of containers is no list.");
    tb_json_free(a->active);
    a->active = NULL;
    return false;
}

bool tb_bots_adopt(struct tb_bots *bots, const struct tb_json *request, struct tb_buffer *out,
                   struct tb_problems *problems, struct tb_error *err)
{
    struct adopting a = {.b = bots, .dry = tb_json_true(tb_json_get(request, "dry_run"))};
    const struct tb_json *list = tb_json_get(request, "instances");

    if (!check_request(request, problems, err) || !read_containers(&a, err))
        return false;
    tb_jw_init(&a.w, out);
    tb_jw_object(&a.w);
    tb_jw_kv_bool(&a.w, "dry_run", a.dry);
    tb_jw_key(&a.w, "bots");
    tb_jw_array(&a.w);
    if (wants_all(request)) {
        size_t n;
        char(*names)[TB_INSTANCE_NAME] = candidates(&a, &n);
        for (size_t i = 0; i < n; i++)
            serve(&a, names[i]);
        free(names);
    } else {
        for (const struct tb_json *i = list->child; i; i = i->next)
            serve(&a, tb_json_string(i));
    }
    tb_jw_end_array(&a.w);
    tb_jw_end_object(&a.w);
    tb_json_free(a.active);
    return true;
}

/* ---- release ---- */

static bool is_adopted(const struct bot *bot)
{
    struct tb_error ignored;
    struct tb_json_doc *doc =
        bot->facts ? tb_json_parse(bot->facts, strlen(bot->facts), TB_JSON_UPSTREAM, &ignored)
                   : NULL;
    bool yes = doc && tb_json_get(tb_json_root(doc), "adoption") != NULL;
    tb_json_free(doc);
    return yes;
}

bool adopted_may_start(const struct bot *bot, struct tb_error *err)
{
    if (bot->plan_id[0] || bot->sight.container != TB_CT_ABSENT)
        return true;
    return tb_fail(err, TB_STATE,
                   "The bot was adopted, its container is gone, and its configs were not complete "
                   "when it was adopted, so there is nothing to deploy. Create a new bot, and "
                   "release this record: POST /bots/%s/release.",
                   bot->id);
}

static bool may_release(struct tb_bots *b, const struct bot *bot, struct tb_error *err)
{
    if (!bot || bot->deleted)
        return tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
    if (!bot->managed)
        return tb_fail(err, TB_STATE,
                       "The bridge does not manage this bot, so there is nothing "
                       "to release.");
    if (!is_adopted(bot))
        return tb_fail(err, TB_STATE,
                       "Only adopted bots can be released; the bridge made this one "
                       "itself. DELETE removes its record once it has ended.");
    if (bot_busy(b, bot))
        return tb_fail(err, TB_OPERATION_IN_PROGRESS,
                       "An operation of this bot is under way; release it afterwards.");
    if (bot->life.base[0])
        return tb_fail(err, TB_STATE,
                       "The bot was adopted, but the bridge has deployed it itself since, so it "
                       "stays with the bridge.");
    return true;
}

static bool delete_record(struct tb_bots *b, const struct bot *bot, struct tb_error *err)
{
    struct tb_buffer doc = TB_BUFFER_INIT;
    struct tb_store_bot record;
    bool ok;

    bot_write_doc(bot, &doc);
    bot_record(bot, doc.data, tb_wall_ms(), &record);
    record.deleted_at = record.updated_at;
    record.holds_name = false;
    ok = tb_store_bot_put(b->store, &record, bot->store_version, err);
    tb_buffer_free(&doc);
    return ok;
}

bool tb_bots_release(struct tb_bots *bots, const char *id, struct tb_buffer *out,
                     struct tb_error *err)
{
    struct bot *bot, shown;
    char instance[TB_INSTANCE_NAME], nonce[TB_NONCE_TEXT];
    bool ok;

    pthread_mutex_lock(&bots->lock);
    bot = registry_meant(bots, id, err);
    ok = bot && may_release(bots, bot, err);
    pthread_mutex_unlock(&bots->lock);
    if (!ok)
        return false;
    if (!bot_claim(bots, bot))
        return tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
    pthread_mutex_lock(&bots->lock);
    ok = may_release(bots, bot, err);
    shown = *bot;
    pthread_mutex_unlock(&bots->lock);
    ok = ok && delete_record(bots, &shown, err);
    if (ok) {
        tb_copy(instance, sizeof instance, bot->life.instance);
        tb_buffer_printf(out, "{\"id\":\"%s\",\"instance\":\"%s\",\"released\":true}", bot->id,
                         instance);
        observing_accept(bots, instance);
        pthread_mutex_lock(&bots->lock);
        enum tb_container container = bot->sight.container;
        registry_remove(bots, bot);
        if (container != TB_CT_ABSENT)
            feed_unmanaged(bots, instance, tb_wall_ms());
        feed_poke(bots);
        pthread_mutex_unlock(&bots->lock);
        /* A person has just said that it is somebody else's. */
        if (instance_nonce(instance, nonce))
            observing_accept(bots, instance);
        tb_log(TB_INFO, "bot.released", "%s", instance);
    }
    bot_release(bots, bot);
    return ok;
}
