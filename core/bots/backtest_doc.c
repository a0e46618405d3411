/* The record of a backtest: its document in the store and what people see of it. Pure; any thread.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "bots/backtest_private.h"

/* The document's members, and the fields they fill. */
#define TEXT_FIELD(name)                                                                           \
    {                                                                                              \
#name, offsetof(struct backtest, name), sizeof((struct backtest *)0)->name                 \
    }
#define INT_FIELD(name)                                                                            \
    {                                                                                              \
#name, offsetof(struct backtest, name), 0                                                  \
    }
static const struct field {
    const char *key;
    size_t at, size; /* 0: an int64 */
} FIELDS[] = {
    INT_FIELD(days),     INT_FIELD(from_s),           INT_FIELD(to_s),        INT_FIELD(sent_at),
    INT_FIELD(seen_at),  TEXT_FIELD(trade_cost),      TEXT_FIELD(controller), TEXT_FIELD(config_id),
    TEXT_FIELD(task_id), TEXT_FIELD(upstream_status), TEXT_FIELD(code),       TEXT_FIELD(detail),
};
#define FIELD_COUNT (sizeof FIELDS / sizeof *FIELDS)

static const char *const OPTIMISM[] = {
    "Hummingbot's own engine computed this from candles alone: no queue at a price, no refused or "
    "delayed order is counted.",
    "Every trade pays the same trade_cost, and losses stop at the executors' own barriers only.",
};

bool backtest_read(const struct tb_store_backtest *row, struct backtest *out, struct tb_error *err)
{
    struct tb_json_doc *doc = tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, err);
    if (!doc)
        return false;
    *out = (struct backtest){.created_at = row->created_at, .ended_at = row->ended_at};
    (void)(tb_copy(out->id, sizeof out->id, row->id) &&
           tb_copy(out->plan_id, sizeof out->plan_id, row->plan_id) &&
           tb_copy(out->state, sizeof out->state, row->state));
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct field *f = &FIELDS[i];
        char *at = (char *)out + f->at;
        const struct tb_json *member = tb_json_get(tb_json_root(doc), f->key);
        if (f->size)
            (void)tb_copy(at, f->size, tb_json_string(member) ? tb_json_string(member) : "");
        else
            (void)tb_json_int64(member, (int64_t *)(void *)at);
    }
    const struct tb_json *result = tb_json_get(tb_json_root(doc), "result");
    if (tb_json_is(result, TB_JSON_OBJECT))
        tb_json_canonical(result, &out->result);
    tb_json_free(doc);
    return true;
}

void backtest_free(struct backtest *t)
{
    tb_buffer_free(&t->result);
}

void backtest_write_doc(const struct backtest *t, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const char *at = (const char *)t + FIELDS[i].at;
        if (FIELDS[i].size)
            tb_jw_kv_string(&w, FIELDS[i].key, at);
        else
            tb_jw_kv_int(&w, FIELDS[i].key, *(const int64_t *)(const void *)at);
    }
    tb_jw_kv_raw(&w, "result", t->result.data, t->result.len);
    tb_jw_end_object(&w);
}

static void write_optimism(struct tb_json_writer *w)
{
    tb_jw_key(w, "optimism");
    tb_jw_array(w);
    for (size_t i = 0; i < sizeof OPTIMISM / sizeof *OPTIMISM; i++)
        tb_jw_string(w, OPTIMISM[i]);
    tb_jw_end_array(w);
}

void backtest_write(const struct backtest *t, struct tb_json_writer *w)
{
    tb_jw_object(w);
    tb_jw_kv_string(w, "id", t->id);
    tb_jw_kv_string(w, "kind", "estimate");
    tb_jw_kv_string(w, "state", t->state);
    tb_jw_kv_string(w, "controller", t->controller);
    tb_jw_kv_int(w, "days", t->days);
    tb_jw_kv_time(w, "from", t->from_s * 1000);
    tb_jw_kv_time(w, "to", t->to_s * 1000);
    tb_jw_kv_string(w, "resolution", "1m");
    tb_jw_kv_string(w, "trade_cost", t->trade_cost);
    tb_jw_kv_string(w, "task_id", t->task_id[0] ? t->task_id : NULL);
    tb_jw_kv_string(w, "upstream_status", t->upstream_status[0] ? t->upstream_status : NULL);
    tb_jw_kv_time(w, "created_at", t->created_at);
    tb_jw_kv_time(w, "sent_at", t->sent_at);
    tb_jw_kv_time(w, "as_of", t->seen_at);
    tb_jw_kv_time(w, "ended_at", t->ended_at);
    tb_jw_key(w, "error");
    if (t->code[0]) {
        tb_jw_object(w);
        tb_jw_kv_string(w, "code", t->code);
        tb_jw_kv_string(w, "detail", t->detail);
        tb_jw_end_object(w);
    } else {
        tb_jw_null(w);
    }
    tb_jw_kv_raw(w, "result", t->result.data, t->result.len);
    write_optimism(w);
    tb_jw_end_object(w);
}

/* The config's members with an id of its own, made once; the name and type are for people. */
static void write_config(struct backtest *t, const struct tb_json *config, struct tb_buffer *out)
{
    struct tb_json_writer w;
    char random[TB_NONCE_TEXT];
    const char *id = tb_json_get_string(config, "id");
    const char *type = tb_json_get_string(config, "controller_type");
    const char *name = tb_json_get_string(config, "controller_name");
    if (!t->config_id[0]) {
        tb_nonce(random);
        (void)snprintf(t->config_id, sizeof t->config_id, "%.120s-bt-%s", id ? id : "plan", random);
    }
    (void)snprintf(t->controller, sizeof t->controller, "%.60s/%.90s", type ? type : "?",
                   name ? name : "?");
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "id", t->config_id);
    for (const struct tb_json *m = tb_json_first(config); m; m = m->next)
        if (strcmp(m->key, "id") != 0)
            tb_jw_kv_node(&w, m->key, m);
    tb_jw_end_object(&w);
}

bool backtest_config(const struct tb_json *plan, struct backtest *t, struct tb_buffer *config_out,
                     struct tb_error *err)
{
    static const char FOLDER[] = "/controllers/";
    const char *bytes = NULL;
    size_t found = 0;
    for (const struct tb_json *f = tb_json_first(tb_json_get(plan, "files")); f; f = f->next) {
        const char *path = tb_json_get_string(f, "path");
        if (path && strncmp(path, FOLDER, sizeof FOLDER - 1) == 0) {
            bytes = tb_json_get_string(f, "bytes");
            found++;
        }
    }
    if (found != 1 || !bytes)
        return tb_fail(err, TB_INVALID,
                       "This plan has %zu controllers; Hummingbot's engine simulates exactly one.",
                       found);
    struct tb_json_doc *doc = tb_json_parse(bytes, strlen(bytes), TB_JSON_UPSTREAM, err);
    if (!doc)
        return false;
    write_config(t, tb_json_root(doc), config_out);
    tb_json_free(doc);
    return true;
}
