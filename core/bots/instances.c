/* See instances.h. Owns nothing. */
#include "bots/instances.h"

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

static void write_one(const struct bot *bot, const char *instance, int64_t wall,
                      struct tb_json_writer *w)
{
    struct tb_json_doc *figures = parse(bot->figures);

    tb_jw_object(w);
    tb_jw_kv_string(w, "instance", instance);
    tb_jw_kv_string(w, "image", bot->image[0] ? bot->image : NULL);
    tb_jw_kv_string(w, "plan_id", bot->plan_id[0] ? bot->plan_id : NULL);
    tb_jw_kv_time(w, "started_at", bot->started_at);
    tb_jw_kv_time(w, "ended_at", wall);
    tb_jw_kv_node(w, "pnl", figures ? tb_json_get(tb_json_root(figures), "pnl") : NULL);
    tb_jw_end_object(w);
    tb_json_free(figures);
}

void instances_show(struct bot *shown, const struct tb_life *before, const struct tb_life *next,
                    int64_t wall)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_json_doc *earlier;
    int kept = 1;

    if (!before->instance[0] || strcmp(before->base, next->base) == 0)
        return;
    earlier = parse(shown->past);
    tb_jw_init(&w, &text);
    tb_jw_array(&w);
    write_one(shown, before->instance, wall, &w);
    for (const struct tb_json *p = earlier ? tb_json_first(tb_json_root(earlier)) : NULL;
         p && kept < KEPT; p = p->next, kept++)
        tb_jw_node(&w, p);
    tb_jw_end_array(&w);
    tb_json_free(earlier);
    shown->past = tb_buffer_steal(&text, NULL);
}

void instances_renew(struct bot *shown, const struct plan *plan)
{
    tb_copy(shown->plan_id, sizeof shown->plan_id, plan->id);
    tb_copy(shown->image, sizeof shown->image, plan->image);
    tb_copy(shown->connector, sizeof shown->connector, plan->connector);
    tb_copy(shown->pair, sizeof shown->pair, plan->pair);
    shown->facts = tb_xstrdup(tb_buffer_text(&plan->facts));
}

void instances_take(struct bot *bot, const struct bot *shown)
{
    if (shown->past != bot->past) {
        free(bot->past);
        bot->past = shown->past;
        /* They are of the instance that ended. */
        free(bot->figures);
        bot->figures = NULL;
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
