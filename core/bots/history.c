/* GET /bots/{id}/history: operations, the changes of state that a look found, what the watchdogs
 * raised and cleared, the changes of parameters, the adoption and the instances that ended with
 * what they had made, newest first, all from the store.
 * Changes are kept as log lines of the levels "state", "watch" and "params", whose text is JSON.
 * Any thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bots/bots_private.h"

#define STATE_LEVEL  "state"
#define WATCH_LEVEL  "watch"
#define PARAMS_LEVEL "params"

enum { OPERATIONS_MAX = 200, LINES_MAX = 500 };

static void remember(struct tb_bots *b, const struct bot *bot, const char *level,
                     struct tb_buffer *text, int64_t wall)
{
    tb_store_log_line_add(
        b->store,
        &(struct tb_store_log_line){
            .bot_id = bot->id, .at = wall, .level = level, .text = text->data, .count = 1});
    tb_buffer_free(text);
}

void history_state(struct tb_bots *b, const struct bot *bot, enum tb_bot_state to,
                   const char *reason, int64_t wall)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;

    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "from", bot_state_word(bot->state));
    tb_jw_kv_string(&w, "to", bot_state_word(to));
    tb_jw_kv_string(&w, "reason", reason[0] ? reason : NULL);
    tb_jw_end_object(&w);
    remember(b, bot, STATE_LEVEL, &text, wall);
}

void history_watch(struct tb_bots *b, const struct bot *bot, enum tb_watch watch, int64_t wall)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;

    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "code", tb_watch_row(watch)->code);
    tb_jw_kv_bool(&w, "raised", bot->watch[watch].since != 0);
    tb_jw_kv_string(&w, "detail", bot->watch[watch].detail);
    tb_jw_end_object(&w);
    remember(b, bot, WATCH_LEVEL, &text, wall);
}

void history_params(struct tb_bots *b, const struct bot *bot, int64_t version, const char *facts,
                    int64_t wall)
{
    struct tb_error ignored;
    struct tb_json_doc *doc = tb_json_parse(facts, strlen(facts), TB_JSON_UPSTREAM, &ignored);
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;

    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    tb_jw_kv_int(&w, "version", version);
    tb_jw_kv_node(&w, "params", doc ? tb_json_get(tb_json_root(doc), "params") : NULL);
    tb_jw_kv_node(&w, "risk", doc ? tb_json_get(tb_json_root(doc), "risk") : NULL);
    tb_jw_end_object(&w);
    remember(b, bot, PARAMS_LEVEL, &text, wall);
    tb_json_free(doc);
}

struct entry {
    int64_t at;
    size_t order; /* of reading: keeps equal times apart */
    char *json;
};

struct entries {
    struct entry *list;
    size_t n, capacity;
};

static void add(struct entries *e, int64_t at, struct tb_buffer *json)
{
    if (e->n == e->capacity) {
        e->capacity = e->capacity ? e->capacity * 2 : 32;
        e->list = tb_xrealloc(e->list, e->capacity * sizeof *e->list);
    }
    e->list[e->n] = (struct entry){at, e->n, tb_buffer_steal(json, NULL)};
    e->n++;
}

static void begin(struct tb_json_writer *w, struct tb_buffer *json, int64_t at, const char *what)
{
    tb_jw_init(w, json);
    tb_jw_object(w);
    tb_jw_kv_time(w, "at", at);
    tb_jw_kv_string(w, "what", what);
}

static void add_operation(void *arg, const struct tb_store_operation *row)
{
    struct tb_buffer json = TB_BUFFER_INIT;
    struct tb_json_writer w;
    char href[sizeof "/operations/" + TB_ULID_TEXT];

    snprintf(href, sizeof href, "/operations/%s", row->id);
    begin(&w, &json, row->created_at, "operation");
    tb_jw_kv_string(&w, "kind", row->kind);
    tb_jw_kv_string(&w, "id", row->id);
    tb_jw_kv_string(&w, "href", href);
    tb_jw_kv_string(&w, "state", row->state);
    tb_jw_kv_time(&w, "ended_at", row->ended_at);
    tb_jw_end_object(&w);
    add(arg, row->created_at, &json);
}

static void add_line(void *arg, const struct tb_store_log_line *row)
{
    struct tb_buffer json = TB_BUFFER_INIT;
    struct tb_error ignored;
    struct tb_json_doc *doc;
    struct tb_json_writer w;

    if (strcmp(row->level, STATE_LEVEL) != 0 && strcmp(row->level, WATCH_LEVEL) != 0 &&
        strcmp(row->level, PARAMS_LEVEL) != 0)
        return;
    doc = tb_json_parse(row->text, strlen(row->text), TB_JSON_UPSTREAM, &ignored);
    if (!doc)
        return;
    begin(&w, &json, row->at, row->level);
    for (const struct tb_json *f = tb_json_first(tb_json_root(doc)); f; f = f->next)
        tb_jw_kv_node(&w, f->key, f);
    tb_jw_end_object(&w);
    add(arg, row->at, &json);
    tb_json_free(doc);
}

static void add_adoption(struct entries *e, const char *facts)
{
    struct tb_buffer json = TB_BUFFER_INIT;
    struct tb_error ignored;
    struct tb_json_doc *doc =
        facts ? tb_json_parse(facts, strlen(facts), TB_JSON_UPSTREAM, &ignored) : NULL;
    const struct tb_json *adoption = doc ? tb_json_get(tb_json_root(doc), "adoption") : NULL;
    const char *text = tb_json_get_string(adoption, "at");
    struct tb_json_writer w;
    int64_t at;

    if (text && tb_time_parse(text, &at)) {
        begin(&w, &json, at, "adopted");
        tb_jw_kv_node(&w, "instance", tb_json_get(adoption, "instance"));
        tb_jw_kv_node(&w, "opening", tb_json_get(adoption, "opening"));
        tb_jw_end_object(&w);
        add(e, at, &json);
    }
    tb_json_free(doc);
}

/* What each earlier instance had made when it ended. Several that are kept as one have no name. */
static void add_ended(struct entries *e, const char *past)
{
    struct tb_error ignored;
    struct tb_json_doc *doc =
        past ? tb_json_parse(past, strlen(past), TB_JSON_UPSTREAM, &ignored) : NULL;

    for (const struct tb_json *p = doc ? tb_json_first(tb_json_root(doc)) : NULL; p; p = p->next) {
        const char *text = tb_json_get_string(p, "ended_at");
        struct tb_buffer json = TB_BUFFER_INIT;
        struct tb_json_writer w;
        int64_t at;

        if (!tb_json_get(p, "instance") || !text || !tb_time_parse(text, &at))
            continue;
        begin(&w, &json, at, "instance_ended");
        for (const struct tb_json *f = p->child; f; f = f->next)
            if (strcmp(f->key, "ended_at") != 0)
                tb_jw_kv_node(&w, f->key, f);
        tb_jw_end_object(&w);
        add(e, at, &json);
    }
    tb_json_free(doc);
}

static int newest_first(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? 1 : -1;
    return x->order < y->order ? -1 : 1;
}

static void write_entries(struct entries *e, struct tb_buffer *out)
{
    struct tb_json_writer w;

    if (e->n > 0)
        qsort(e->list, e->n, sizeof *e->list, newest_first);
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_key(&w, "history");
    tb_jw_array(&w);
    for (size_t i = 0; i < e->n; i++)
        tb_jw_raw(&w, e->list[i].json, strlen(e->list[i].json));
    tb_jw_end_array(&w);
    tb_jw_end_object(&w);
}

bool tb_bots_history(struct tb_bots *bots, const char *id, struct tb_buffer *out,
                     struct tb_error *err)
{
    struct tb_store_operation_filter filter = {.limit = OPERATIONS_MAX};
    struct entries e = {0};
    char bot_id[TB_ULID_TEXT];
    char *facts = NULL, *past = NULL;
    struct bot *bot;
    bool ok;

    pthread_mutex_lock(&bots->lock);
    bot = registry_find(bots, id);
    if (bot) {
        tb_copy(bot_id, sizeof bot_id, bot->id);
        facts = bot->facts ? tb_xstrdup(bot->facts) : NULL;
        past = bot->past ? tb_xstrdup(bot->past) : NULL;
    }
    pthread_mutex_unlock(&bots->lock);
    if (!bot)
        return tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
    filter.bot_id = bot_id;
    ok = tb_store_operations_each(bots->store, &filter, add_operation, &e, err) &&
         tb_store_log_lines_each(bots->store, bot_id, LINES_MAX, add_line, &e, err);
    if (ok) {
        add_adoption(&e, facts);
        add_ended(&e, past);
        write_entries(&e, out);
    }
    for (size_t i = 0; i < e.n; i++)
        free(e.list[i].json);
    free(e.list);
    free(facts);
    free(past);
    return ok;
}
