/* Reading: lists, single bots, operations, logs, the state of the upstream. Joins ready fragments;
 * asks neither upstream nor plugins, but for logs. Runs on request threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bots/bots_private.h"

/* A list that could not be refreshed for this long says so. */
enum { STALE_MS = 60000, PAGE_MAX = 500, FOLLOWS_MS = 5000 };

static bool is_client(const struct tb_caller *caller)
{
    return caller && caller->role && strcmp(caller->role, "client") == 0;
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct bot *const *)a)->id, (*(struct bot *const *)b)->id);
}

static bool wanted(const struct tb_bots_filter *f, const struct tb_caller *caller,
                   const struct bot *bot)
{
    return !bot->deleted && caller_sees(caller, bot) && (bot->managed || !is_client(caller)) &&
           (!f->account || strcmp(f->account, bot->account) == 0) &&
           (!f->state || strcmp(f->state, bot_state_word(bot->state)) == 0) &&
           (!f->cursor || strcmp(bot->id, f->cursor) > 0);
}

bool tb_bots_list(struct tb_bots *bots, const struct tb_bots_filter *filter,
                  const struct tb_caller *caller, struct tb_buffer *out, struct tb_error *err)
{
    size_t limit = filter->limit ? filter->limit : SIZE_MAX, n = 0;
    struct bot **sorted;
    const struct bot *last = NULL;
    struct tb_json_writer w;
    enum tb_bot_state known;
    bool more = false;

    if (filter->state && !bot_state_find(filter->state, &known))
        return tb_fail(err, TB_BAD_REQUEST, "\"%.32s\" is not a state of bots.", filter->state);
    pthread_mutex_lock(&bots->lock);
    sorted = tb_xcalloc(bots->bots + 1, sizeof *sorted);
    for (size_t i = 0; i < bots->bots; i++)
        if (wanted(filter, caller, bots->bot[i]))
            sorted[n++] = bots->bot[i];
    qsort(sorted, n, sizeof *sorted, by_id);
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_key(&w, "bots");
    tb_jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        const char *json = is_client(caller) ? sorted[i]->client_fragment : sorted[i]->fragment;
        if (i == limit) {
            more = true;
            break;
        }
        tb_jw_raw(&w, json, strlen(json));
        last = sorted[i];
    }
    tb_jw_end_array(&w);
    tb_jw_kv_string(&w, "next_cursor", more && last ? last->id : NULL);
    if (bots->look_error[0])
        tb_jw_kv_time(&w, "stale_since", bots->looked_at ? bots->looked_at : bots->opened_at);
    tb_jw_end_object(&w);
    pthread_mutex_unlock(&bots->lock);
    free(sorted);
    return true;
}

bool tb_bots_get(struct tb_bots *bots, const char *id, bool raw, const struct tb_caller *caller,
                 struct tb_buffer *out, struct tb_error *err)
{
    struct bot *bot;

    pthread_mutex_lock(&bots->lock);
    bot = registry_find(bots, id);
    if (bot && (!caller_sees(caller, bot) || (is_client(caller) && !bot->managed)))
        bot = NULL;
    if (bot && raw && !is_client(caller)) {
        size_t n = strlen(bot->fragment);
        tb_buffer_append(out, bot->fragment, n - 1); /* without its closing brace */
        tb_buffer_puts(out, ",\"raw\":");
        tb_buffer_puts(out, bot->raw ? bot->raw : "null");
        tb_buffer_putc(out, '}');
    } else if (bot) {
        tb_buffer_puts(out, is_client(caller) ? bot->client_fragment : bot->fragment);
    }
    pthread_mutex_unlock(&bots->lock);
    if (!bot)
        return tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
    return true;
}

static void write_lines(struct tb_json_writer *w, const struct tb_json *raw)
{
    static const char *const sources[] = {"error_logs", "general_logs", NULL};
    tb_jw_key(w, "lines");
    tb_jw_array(w);
    for (const char *const *s = sources; *s; s++) {
        const struct tb_json *list = tb_json_get(raw, *s);
        for (const struct tb_json *l = tb_json_first(list); l; l = l->next) {
            double at = 0;
            tb_jw_object(w);
            tb_jw_kv_string(w, "level", tb_json_get_string(l, "level_name"));
            tb_jw_kv_time(w, "at",
                          tb_json_double(tb_json_get(l, "timestamp"), &at) && at > 0 && at < 1e11
                              ? (int64_t)(at * 1000)
                              : 0);
            tb_jw_kv_string(w, "logger", tb_json_get_string(l, "logger_name"));
            tb_jw_kv_string(w, "text", tb_json_get_string(l, "msg"));
            tb_jw_end_object(w);
        }
    }
    tb_jw_end_array(w);
}

bool tb_bots_logs(struct tb_bots *bots, const char *id, const struct tb_caller *caller,
                  struct tb_buffer *out, struct tb_error *err)
{
    struct bot *bot;
    struct tb_json_doc *doc = NULL;
    struct tb_json_writer w;
    char *raw = NULL, *errors = NULL;
    struct tb_error ignored;

    pthread_mutex_lock(&bots->lock);
    bot = registry_find(bots, id);
    if (bot && !caller_sees(caller, bot))
        bot = NULL;
    if (bot && bot->raw)
        raw = tb_xstrdup(bot->raw);
    if (bot && bot->errors)
        errors = tb_xstrdup(bot->errors);
    pthread_mutex_unlock(&bots->lock);
    if (!bot)
        return tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
    if (raw)
        doc = tb_json_parse(raw, strlen(raw), TB_JSON_UPSTREAM, &ignored);
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_raw(&w, "errors", errors ? errors : "[]", errors ? strlen(errors) : 2);
    write_lines(&w, doc ? tb_json_root(doc) : NULL);
    tb_jw_end_object(&w);
    tb_json_free(doc);
    free(raw);
    free(errors);
    return true;
}

/* ---- operations ---- */

static bool is_open(const struct tb_bots *b, const char *id)
{
    for (const struct operation *op = b->open; op; op = op->next)
        if (strcmp(op->id, id) == 0)
            return true;
    return false;
}

/* The store says that an operation has ended a moment before memory says what became of its bot.
 * Whoever reads that a create succeeded must find the bot running, so nobody is told before. What a
 * stop superseded leaves its bot alone and may be open for long: its last call is under way. */
bool operation_followed(struct tb_bots *b, const struct tb_store_operation *row,
                        struct tb_error *err)
{
    int64_t deadline = tb_mono_ms() + tb_clock_machine_ms(FOLLOWS_MS);
    bool open;

    if (row->ended_at == 0 || strcmp(row->state, tb_op_state_word(TB_OPS_SUPERSEDED)) == 0)
        return true;
    pthread_mutex_lock(&b->lock);
    while ((open = is_open(b, row->id)) && tb_cond_wait_until(&b->claims, &b->lock, deadline)) {
    }
    pthread_mutex_unlock(&b->lock);
    return !open || tb_fail(err, TB_BUSY, "The operation is just ending; ask again.");
}

static void write_step(void *arg, const struct tb_store_step *row)
{
    struct tb_json_writer *w = arg;
    tb_jw_object(w);
    tb_jw_kv_string(w, "name", row->name);
    tb_jw_kv_string(w, "state", row->state);
    tb_jw_kv_time(w, "at", row->at);
    tb_jw_kv_string(w, "detail", row->detail && row->detail[0] ? row->detail : NULL);
    tb_jw_end_object(w);
}

static bool write_operation(struct tb_bots *b, const struct tb_store_operation *row,
                            struct tb_json_writer *w, struct tb_error *err)
{
    struct tb_json_doc *doc = operation_followed(b, row, err)
                                  ? tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, err)
                                  : NULL;
    const struct tb_json *wire = doc ? tb_json_get(tb_json_root(doc), "wire") : NULL;
    bool ok = doc != NULL;

    if (!ok)
        return false;
    tb_jw_object(w);
    for (const struct tb_json *f = tb_json_first(wire); f; f = f->next)
        tb_jw_kv_node(w, f->key, f);
    tb_jw_key(w, "steps");
    tb_jw_array(w);
    ok = tb_store_steps_each(b->store, row->id, write_step, w, err);
    tb_jw_end_array(w);
    tb_jw_end_object(w);
    tb_json_free(doc);
    return ok;
}

bool tb_bots_operation(struct tb_bots *bots, const char *id, struct tb_buffer *out,
                       struct tb_error *err)
{
    struct tb_store_operation *row = tb_store_operation_get(bots->store, id, err);
    struct tb_json_writer w;
    bool ok;
    if (!row) {
        if (err->code == TB_NOT_FOUND)
            tb_fail(err, TB_NOT_FOUND, "There is no operation of this id.");
        return false;
    }
    tb_jw_init(&w, out);
    ok = write_operation(bots, row, &w, err);
    free(row);
    return ok;
}

struct listing {
    struct tb_bots *b;
    struct tb_json_writer w;
    struct tb_error *err;
    size_t n, limit;
    char last[TB_ULID_TEXT];
    bool ok, more;
};

static void list_operation(void *arg, const struct tb_store_operation *row)
{
    struct listing *l = arg;
    if (l->n == l->limit) {
        l->more = true;
        return;
    }
    l->n++;
    tb_copy(l->last, sizeof l->last, row->id);
    l->ok &= write_operation(l->b, row, &l->w, l->err);
}

bool tb_bots_operations(struct tb_bots *bots, const char *bot, const char *cursor, size_t limit,
                        struct tb_buffer *out, struct tb_error *err)
{
    struct listing l = {.b = bots, .err = err, .ok = true};
    char id[TB_ULID_TEXT] = "";
    struct tb_store_operation_filter filter = {.before = cursor};

    l.limit = limit && limit < PAGE_MAX ? limit : PAGE_MAX;
    filter.limit = (int64_t)l.limit + 1;
    if (bot) {
        struct bot *found;
        pthread_mutex_lock(&bots->lock);
        found = registry_find(bots, bot);
        tb_copy(id, sizeof id, found ? found->id : bot);
        pthread_mutex_unlock(&bots->lock);
        filter.bot_id = id;
    }
    tb_jw_init(&l.w, out);
    tb_jw_object(&l.w);
    tb_jw_key(&l.w, "operations");
    tb_jw_array(&l.w);
    if (!tb_store_operations_each(bots->store, &filter, list_operation, &l, err) || !l.ok)
        return false;
    tb_jw_end_array(&l.w);
    tb_jw_kv_string(&l.w, "next_cursor", l.more ? l.last : NULL);
    tb_jw_end_object(&l.w);
    return true;
}

bool tb_bots_wait(struct tb_bots *bots, const char *operation_id, int64_t mono_deadline_ms,
                  bool *final_out, bool *succeeded_out, struct tb_buffer *out, struct tb_error *err)
{
    struct tb_store_operation *row;
    struct tb_json_doc *doc;
    const struct tb_json *problem;
    struct bot *bot;

    pthread_mutex_lock(&bots->lock);
    while (is_open(bots, operation_id) && !bots->draining && tb_mono_ms() < mono_deadline_ms)
        tb_cond_wait_until(&bots->claims, &bots->lock, mono_deadline_ms);
    pthread_mutex_unlock(&bots->lock);
    row = tb_store_operation_get(bots->store, operation_id, err);
    if (!row || !operation_followed(bots, row, err)) {
        free(row);
        return false;
    }
    *final_out = row->ended_at != 0;
    *succeeded_out = strcmp(row->state, tb_op_state_word(TB_OPS_SUCCEEDED)) == 0;
    doc = tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, err);
    problem = doc ? tb_json_path(tb_json_root(doc), "wire", "error", NULL) : NULL;
    if (*final_out && !*succeeded_out) {
        const char *detail = tb_json_get_string(problem, "detail");
        tb_fail(err, strcmp(row->state, "failed") == 0 ? TB_UPSTREAM_REFUSED : TB_UPSTREAM_UNKNOWN,
                "The operation ended as %s: %s", row->state, detail ? detail : "no detail");
    }
    tb_json_free(doc);
    pthread_mutex_lock(&bots->lock);
    bot = row->bot_id ? registry_find(bots, row->bot_id) : NULL;
    if (bot)
        fragment_with_operation(bots, bot, row->id, row->state, NULL, out);
    pthread_mutex_unlock(&bots->lock);
    free(row);
    return true;
}

/* ---- the upstream ---- */

static const char *health_word(enum tb_hb_health health)
{
    static const char *const words[] = {[TB_HB_NEVER_SEEN] = "never_seen",
                                        [TB_HB_UP] = "up",
                                        [TB_HB_BUSY_NOW] = "busy",
                                        [TB_HB_DOWN] = "down"};
    return words[health];
}

void tb_bots_hummingbot(struct tb_bots *bots, struct tb_buffer *out)
{
    struct tb_hb_status s;
    struct tb_hb_profile p;
    struct tb_error err = {0};
    bool known = tb_hb_profile(bots->hb, false, &p, &err);
    struct tb_json_writer w;

    tb_hb_status(bots->hb, &s);
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "health", health_word(s.health));
    tb_jw_kv_time(&w, "last_ok", s.last_ok_wall_ms);
    tb_jw_kv_string(&w, "last_error", s.last_error[0] ? s.last_error : NULL);
    tb_jw_key(&w, "clock_offset_ms");
    if (s.clock_known)
        tb_jw_int(&w, s.clock_offset_ms);
    else
        tb_jw_null(&w);
    tb_jw_key(&w, "lanes");
    tb_jw_object(&w);
    tb_jw_kv_int(&w, "reads", s.reads_in_flight);
    tb_jw_kv_int(&w, "writes", s.writes_in_flight);
    tb_jw_end_object(&w);
    tb_jw_key(&w, "profile");
    if (known) {
        tb_jw_object(&w);
        tb_jw_kv_string(&w, "name", p.name);
        tb_jw_kv_string(&w, "since", p.since[0] ? p.since : NULL);
        tb_jw_kv_string(&w, "fingerprint", p.fingerprint);
        tb_jw_kv_bool(&w, "can_list", p.can_list);
        tb_jw_kv_bool(&w, "can_create", p.can_create);
        tb_jw_kv_string(&w, "differences", p.differences[0] ? p.differences : NULL);
        tb_jw_end_object(&w);
    } else {
        tb_jw_null(&w);
    }
    pthread_mutex_lock(&bots->lock);
    observing_write(bots, &w);
    broker_write(bots, &w);
    reboot_write(bots, &w);
    tb_jw_key(&w, "feed");
    tb_jw_object(&w);
    tb_jw_kv_time(&w, "looked_at", bots->looked_at);
    tb_jw_kv_string(&w, "error", bots->look_error[0] ? bots->look_error : NULL);
    tb_jw_end_object(&w);
    pthread_mutex_unlock(&bots->lock);
    tb_jw_end_object(&w);
}

bool tb_bots_ready(struct tb_bots *bots, enum tb_code *why_out)
{
    bool ready;
    pthread_mutex_lock(&bots->lock);
    ready = bots->looked;
    *why_out = bots->look_error[0] ? bots->look_code : TB_OK;
    pthread_mutex_unlock(&bots->lock);
    return ready;
}

uint64_t tb_bots_revision(struct tb_bots *bots)
{
    uint64_t revision;
    pthread_mutex_lock(&bots->lock);
    revision = bots->revision;
    pthread_mutex_unlock(&bots->lock);
    return revision;
}
