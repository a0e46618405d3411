/* See params_rows.h. */
#include "bots/params_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bots/bots_private.h"
#include "hummingbot/config_fields.h"

static const struct {
    const char *word, *sentence;
} REASONS[] = {
#define X(name, word, sentence) [name] = {word, sentence},
    PARAM_REASONS(X)
#undef X
};

struct param_row *rows_add(struct param_rows *rows, const struct param_row *row)
{
    if (rows->n == rows->capacity) {
        rows->capacity = rows->capacity ? rows->capacity * 2 : 16;
        rows->row = tb_xrealloc(rows->row, rows->capacity * sizeof *rows->row);
    }
    rows->row[rows->n] = *row;
    return &rows->row[rows->n++];
}

void rows_keep(struct param_rows *rows, struct tb_json_doc *doc)
{
    rows->doc = tb_xrealloc(rows->doc, (rows->docs + 1) * sizeof(struct tb_json_doc *));
    rows->doc[rows->docs++] = doc;
}

void rows_free(struct param_rows *rows)
{
    for (size_t i = 0; i < rows->docs; i++)
        tb_json_free(rows->doc[i]);
    free(rows->doc);
    free(rows->row);
    *rows = (struct param_rows){0};
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

struct param_row *rows_find(const struct param_rows *rows, const struct param_row *like)
{
    for (size_t i = 0; i < rows->n; i++)
        if (rows->row[i].controller == like->controller &&
            same_text(rows->row[i].field, like->field))
            return &rows->row[i];
    return NULL;
}

static enum param_reason reason_of(const char *word)
{
    for (int i = 0; word && i < PARAM_REASON_COUNT; i++)
        if (strcmp(REASONS[i].word, word) == 0)
            return (enum param_reason)i;
    return PARAM_LIVE;
}

/* Null stands for what is absent: a row is only ever about two different values. */
static const struct tb_json *value_or_none(const struct tb_json *value, const struct tb_json *has)
{
    return tb_json_true(has) ? value : NULL;
}

void rows_read(struct param_rows *rows, const struct tb_json *list)
{
    for (const struct tb_json *r = tb_json_first(list); r; r = r->next) {
        struct param_row row = {.name = tb_json_get_string(r, "name"),
                                .field = tb_json_get_string(r, "field"),
                                .from =
                                    value_or_none(tb_json_get(r, "from"), tb_json_get(r, "had")),
                                .to = value_or_none(tb_json_get(r, "to"), tb_json_get(r, "has")),
                                .reason = reason_of(tb_json_get_string(r, "reason"))};
        if (!tb_json_int64(tb_json_get(r, "controller"), &row.controller))
            row.controller = 0;
        if (!tb_json_int64(tb_json_get(r, "at"), &row.at))
            row.at = 0;
        rows_add(rows, &row);
    }
}

static void write_shown(const struct param_row *row, struct tb_json_writer *w)
{
    const struct tb_hb_class *c = NULL;
    static const char *const types[] = {"generic", "market_making", "directional_trading"};
    for (size_t i = 0; row->name && !c && i < sizeof types / sizeof *types; i++)
        c = tb_hb_class_find(types[i], row->name);
    if (row->reason != PARAM_LIVE) {
        tb_jw_key(w, "reason");
        tb_jw_object(w);
        tb_jw_kv_string(w, "code", REASONS[row->reason].word);
        tb_jw_kv_string(w, "detail", REASONS[row->reason].sentence);
        tb_jw_end_object(w);
    }
    if (row->at) {
        tb_jw_kv_time(w, "read_back_at", row->at);
        tb_jw_kv_string(w, "acts_on",
                        c && tb_hb_class_takes_effect(c) == TB_HB_NEXT_GRID ? "next_grid"
                                                                            : "new_orders");
    }
}

static void write_stored(const struct param_row *row, struct tb_json_writer *w)
{
    tb_jw_kv_bool(w, "had", row->from != NULL);
    tb_jw_kv_bool(w, "has", row->to != NULL);
    tb_jw_kv_string(w, "reason", REASONS[row->reason].word);
    tb_jw_kv_int(w, "at", row->at);
}

void rows_write(const struct param_rows *rows, bool shown, struct tb_json_writer *w)
{
    tb_jw_array(w);
    for (size_t i = 0; i < rows->n; i++) {
        const struct param_row *row = &rows->row[i];
        tb_jw_object(w);
        tb_jw_key(w, "controller");
        if (row->controller > 0 || !shown)
            tb_jw_int(w, row->controller);
        else
            tb_jw_null(w);
        tb_jw_kv_string(w, "name", row->name);
        tb_jw_kv_string(w, "field", row->field);
        tb_jw_kv_node(w, "from", row->from);
        tb_jw_kv_node(w, "to", row->to);
        if (shown)
            write_shown(row, w);
        else
            write_stored(row, w);
        tb_jw_end_object(w);
    }
    tb_jw_end_array(w);
}

char *rows_changes(const struct param_rows *rows)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;

    tb_jw_init(&w, &text);
    tb_jw_array(&w);
    for (size_t i = 0; i < rows->n; i++) {
        const struct param_row *row = &rows->row[i];
        tb_jw_object(&w);
        tb_jw_key(&w, "controller");
        if (row->controller)
            tb_jw_int(&w, row->controller);
        else
            tb_jw_null(&w);
        tb_jw_kv_string(&w, "name", row->name);
        tb_jw_kv_string(&w, "field", row->field);
        tb_jw_kv_node(&w, "from", row->from);
        tb_jw_kv_node(&w, "to", row->to);
        tb_jw_end_object(&w);
    }
    tb_jw_end_array(&w);
    return tb_buffer_steal(&text, NULL);
}

/* ---- comparing ---- */

static const struct tb_hb_class *class_of(const struct tb_json *config)
{
    const char *type = tb_json_get_string(config, "controller_type");
    const char *name = tb_json_get_string(config, "controller_name");
    return type && name ? tb_hb_class_find(type, name) : NULL;
}

static bool same_class(const struct tb_json *a, const struct tb_json *b)
{
    return same_text(tb_json_get_string(a, "controller_type"),
                     tb_json_get_string(b, "controller_type")) &&
           same_text(tb_json_get_string(a, "controller_name"),
                     tb_json_get_string(b, "controller_name"));
}

/* An empty field may be filled: its class takes both. That it may be emptied is not known. */
static bool kind_allows(const struct tb_json *from, const struct tb_json *to)
{
    return from->type == TB_JSON_NULL || from->type == to->type;
}

static enum param_reason judge(const struct tb_hb_class *c, int64_t controller, bool image_known,
                               const struct tb_json *from, const struct tb_json *to)
{
    enum tb_hb_field field = tb_hb_class_field(c, to->key);
    return controller == 0                ? PARAM_SCRIPT
           : !image_known                 ? PARAM_IMAGE
           : field == TB_HB_FIELD_UNKNOWN ? PARAM_UNKNOWN_FIELD
           : field == TB_HB_FIELD_FIXED   ? PARAM_FIXED
           : !from                        ? PARAM_NEW_FIELD
           : !kind_allows(from, to)       ? PARAM_KIND
                                          : PARAM_LIVE;
}

void rows_compare(struct param_rows *rows, int64_t controller, const struct tb_json *expected,
                  const struct tb_json *wanted, bool image_known)
{
    const struct tb_hb_class *c = class_of(expected);
    struct param_row row = {.controller = controller,
                            .name = tb_json_get_string(expected, "controller_name")};

    if (!expected || !wanted || !same_class(expected, wanted)) {
        row.name = tb_json_get_string(wanted ? wanted : expected, "controller_name");
        row.from = expected;
        row.to = wanted;
        row.reason = PARAM_CONTROLLERS;
        rows_add(rows, &row);
        return;
    }
    for (const struct tb_json *to = tb_json_first(wanted); to; to = to->next) {
        const struct tb_json *from = tb_json_get(expected, to->key);
        if (from && same_config(from, to))
            continue;
        row.field = to->key;
        row.from = from;
        row.to = to;
        row.reason = judge(c, controller, image_known, from, to);
        rows_add(rows, &row);
    }
    for (const struct tb_json *from = tb_json_first(expected); from; from = from->next) {
        if (tb_json_get(wanted, from->key))
            continue;
        row.field = from->key;
        row.from = from;
        row.to = NULL;
        row.reason = controller == 0 ? PARAM_SCRIPT : PARAM_REMOVED;
        rows_add(rows, &row);
    }
}

bool rows_damaged(const struct tb_json *found, const struct tb_json *expected)
{
    const struct tb_hb_class *c = class_of(expected);
    for (const struct tb_json *f = tb_json_first(found); f; f = f->next) {
        const struct tb_json *e = tb_json_get(expected, f->key);
        /* Reading adds this one; in the file itself it would be there twice. */
        if (strcmp(f->key, "_config_name") == 0)
            continue;
        if (tb_hb_class_field(c, f->key) == TB_HB_FIELD_UNKNOWN)
            return true;
        if (e && e->type != f->type && e->type != TB_JSON_NULL)
            return true;
    }
    return false;
}
