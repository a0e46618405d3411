/* See instances.h. Owns nothing. */
#include "bots/instances.h"

#include "bots/profit.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEPT = 20,
    REPEATED_MS = 60000, /* upstream repeats the last report of a silent bot for 30 s */
};

static struct tb_json_doc *parse(const char *text)
{
    struct tb_error ignored;
    return text ? tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, &ignored) : NULL;
}

/* Only a proof of life says when an instance began: the time that is known may be of the one
 * before. */
static int64_t began_at(const struct bot *bot, const struct tb_json *earlier)
{
    const char *text = tb_json_get_string(tb_json_first(earlier), "ended_at");
    int64_t before;
    return text && tb_time_parse(text, &before) && bot->started_at <= before ? 0 : bot->started_at;
}

static void write_one(const struct bot *bot, const char *instance, bool proven,
                      const struct tb_json *earlier, int64_t wall, struct tb_json_writer *w)
{
    struct tb_json_doc *doc = parse(bot->facts);
    const struct tb_json *facts = doc ? tb_json_root(doc) : NULL;

    tb_jw_object(w);
    tb_jw_kv_string(w, "instance", instance);
    tb_jw_kv_string(w, "image", bot->image[0] ? bot->image : NULL);
    tb_jw_kv_string(w, "plan_id", bot->plan_id[0] ? bot->plan_id : NULL);
    tb_jw_kv_node(w, "generation", tb_json_path(facts, "plugin", "generation", NULL));
    tb_jw_kv_time(w, "started_at", began_at(bot, earlier));
    tb_jw_kv_time(w, "ended_at", wall);
    profit_write_ended(bot, facts, proven, w);
    tb_jw_end_object(w);
    tb_json_free(doc);
}

/* The two oldest as one. */
static void write_both(const struct tb_json *newer, const struct tb_json *older,
                       struct tb_json_writer *w)
{
    tb_jw_object(w);
    tb_jw_kv_node(w, "started_at", tb_json_get(older, "started_at"));
    tb_jw_kv_node(w, "ended_at", tb_json_get(newer, "ended_at"));
    profit_write_both(newer, older, w);
    tb_jw_end_object(w);
}

static void remember(struct bot *shown, const char *instance, bool proven, int64_t wall)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_json_doc *doc = parse(shown->past);
    const struct tb_json *earlier = doc ? tb_json_root(doc) : NULL, *p = tb_json_first(earlier);

    tb_jw_init(&w, &text);
    tb_jw_array(&w);
    write_one(shown, instance, proven, earlier, wall, &w);
    for (int kept = 1; p && (kept < KEPT || !p->next); p = p->next, kept++)
        tb_jw_node(&w, p);
    if (p)
        write_both(p, p->next, &w);
    tb_jw_end_array(&w);
    tb_json_free(doc);
    shown->past = tb_buffer_steal(&text, NULL);
    /* They are of the instance that ended. */
    shown->pnl[0] = '\0';
    shown->figures_at = 0;
}

void instances_show(struct bot *shown, const struct tb_life *before, const struct tb_life *next,
                    int64_t wall)
{
    if (before->instance[0] && strcmp(before->base, next->base) != 0)
        remember(shown, before->instance, before->rests, wall);
}

void instances_show_other(struct bot *shown, const char *instance, const struct bot *entry,
                          const char *stored, int64_t wall)
{
    char *before = shown->past;

    tb_copy(shown->pnl, sizeof shown->pnl, entry ? entry->pnl : "");
    tb_copy(shown->peak, sizeof shown->peak, entry ? entry->peak : "");
    shown->figures_at = entry ? entry->figures_at : 0;
    remember(shown, instance, false, wall);
    shown->peak[0] = '\0';
    if (before != stored)
        free(before);
}

/* What is known of the bot and not of its plan: that, and with what, it was taken over. */
static char *renewed_facts(const char *of_plan, const char *before)
{
    struct tb_json_doc *old = parse(before), *new = parse(of_plan);
    const struct tb_json *adoption = old ? tb_json_get(tb_json_root(old), "adoption") : NULL;
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;

    if (adoption && new) {
        tb_jw_init(&w, &text);
        tb_jw_object(&w);
        for (const struct tb_json *m = tb_json_first(tb_json_root(new)); m; m = m->next)
            tb_jw_kv_node(&w, m->key, m);
        tb_jw_kv_node(&w, "adoption", adoption);
        tb_jw_end_object(&w);
    } else {
        tb_buffer_puts(&text, of_plan);
    }
    tb_json_free(old);
    tb_json_free(new);
    return tb_buffer_steal(&text, NULL);
}

void instances_renew(struct bot *shown, const struct plan *plan)
{
    tb_copy(shown->plan_id, sizeof shown->plan_id, plan->id);
    tb_copy(shown->image, sizeof shown->image, plan->image);
    tb_copy(shown->connector, sizeof shown->connector, plan->connector);
    tb_copy(shown->pair, sizeof shown->pair, plan->pair);
    shown->facts = renewed_facts(tb_buffer_text(&plan->facts), shown->facts);
}

void instances_take(struct bot *bot, const struct bot *shown)
{
    if (shown->past != bot->past) {
        free(bot->past);
        bot->past = shown->past;
        free(bot->figures);
        bot->figures = NULL;
        bot->pnl[0] = '\0';
        bot->figures_at = 0;
    }
    if (shown->facts != bot->facts) {
        free(bot->facts);
        bot->facts = shown->facts;
        tb_copy(bot->plan_id, sizeof bot->plan_id, shown->plan_id);
        tb_copy(bot->image, sizeof bot->image, shown->image);
        tb_copy(bot->connector, sizeof bot->connector, shown->connector);
        tb_copy(bot->pair, sizeof bot->pair, shown->pair);
    }
}

void instances_drop(const struct bot *bot, const struct bot *shown)
{
    if (shown->past != bot->past)
        free(shown->past);
    if (shown->facts != bot->facts)
        free(shown->facts);
}

static bool ended(const struct bot *bot, const char *instance, int64_t wall)
{
    struct tb_json_doc *doc = bot->past && strstr(bot->past, instance) ? parse(bot->past) : NULL;
    bool yes = false;

    for (const struct tb_json *p = doc ? tb_json_first(tb_json_root(doc)) : NULL; p; p = p->next) {
        const char *name = tb_json_get_string(p, "instance");
        const char *at = tb_json_get_string(p, "ended_at");
        int64_t end;
        yes |= name && at && strcmp(name, instance) == 0 && tb_time_parse(at, &end) &&
               wall < end + REPEATED_MS;
    }
    tb_json_free(doc);
    return yes;
}

bool instances_ended(const struct tb_bots *b, const char *instance, int64_t wall)
{
    for (size_t i = 0; i < b->bots; i++)
        if (!b->bot[i]->deleted && ended(b->bot[i], instance, wall))
            return true;
    return false;
}
