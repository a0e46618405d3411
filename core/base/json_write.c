/* The JSON writer and the canonical form. Appends to the caller's buffer and owns nothing; what it
 * writes is always valid UTF-8, because broken text is replaced by U+FFFD on the way out. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_private.h"
#include "base/memory.h"

static void write_text(struct tb_buffer *out, const char *text, size_t len)
{
    static const char letters[32] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    const char *end = text + len, *plain = text;
    tb_buffer_putc(out, '"');
    while (text < end) {
        unsigned char c = (unsigned char)*text;
        size_t step = tb_json_utf8(text, end);
        if (c >= 0x20 && c != '"' && c != '\\' && step) {
            text += step;
            continue;
        }
        tb_buffer_append(out, plain, (size_t)(text - plain));
        plain = ++text;
        if (c >= 0x80)
            tb_buffer_puts(out, "\xef\xbf\xbd");
        else if (c >= 0x20)
            tb_buffer_append(out, (char[]){'\\', (char)c}, 2);
        else if (letters[c])
            tb_buffer_append(out, (char[]){'\\', letters[c]}, 2);
        else
            tb_buffer_printf(out, "\\u%04x", c);
    }
    tb_buffer_append(out, plain, (size_t)(text - plain));
    tb_buffer_putc(out, '"');
}

/* ---- parsed values ---- */

static int compare_nodes(const void *a, const void *b)
{
    const struct tb_json *x = *(const struct tb_json *const *)a;
    const struct tb_json *y = *(const struct tb_json *const *)b;
    return tb_json_compare_keys(x->key, x->key_len, y->key, y->key_len);
}

/* Canonical is sorted and in one line; for people it is sorted and each member has its line. */
struct style {
    bool sorted, lines;
};

static void write_node(struct tb_buffer *out, const struct tb_json *node, struct style style,
                       size_t depth);

static void begin_line(struct tb_buffer *out, struct style style, size_t depth)
{
    if (!style.lines)
        return;
    tb_buffer_putc(out, '\n');
    for (size_t i = 0; i < depth; i++)
        tb_buffer_puts(out, "  ");
}

static void write_child(struct tb_buffer *out, const struct tb_json *child, bool first,
                        struct style style, size_t depth)
{
    if (!first)
        tb_buffer_putc(out, ',');
    begin_line(out, style, depth);
    if (child->key) {
        write_text(out, child->key, child->key_len);
        tb_buffer_puts(out, style.lines ? ": " : ":");
    }
    write_node(out, child, style, depth);
}

static void write_sorted(struct tb_buffer *out, const struct tb_json *object, struct style style,
                         size_t depth)
{
    const struct tb_json *few[16];
    const struct tb_json **members = few;
    size_t n = 0;
    if (object->len > sizeof few / sizeof *few)
        members = tb_xmalloc(object->len * sizeof(struct tb_json *));
    for (const struct tb_json *m = object->child; m; m = m->next)
        members[n++] = m;
    qsort(members, n, sizeof(struct tb_json *), compare_nodes);
    for (size_t i = 0; i < n; i++)
        write_child(out, members[i], i == 0, style, depth);
    if (members != few)
        free(members);
}

static void write_container(struct tb_buffer *out, const struct tb_json *node, struct style style,
                            size_t depth)
{
    bool object = node->type == TB_JSON_OBJECT;
    tb_buffer_putc(out, object ? '{' : '[');
    if (style.sorted && object)
        write_sorted(out, node, style, depth + 1);
    else
        for (const struct tb_json *c = node->child; c; c = c->next)
            write_child(out, c, c == node->child, style, depth + 1);
    if (node->child)
        begin_line(out, style, depth);
    tb_buffer_putc(out, object ? '}' : ']');
}

/* Recursive, but a document is never deeper than TB_JSON_DEPTH_MAX. */
static void write_node(struct tb_buffer *out, const struct tb_json *node, struct style style,
                       size_t depth)
{
    switch (node->type) {
    case TB_JSON_NULL:
        tb_buffer_puts(out, "null");
        break;
    case TB_JSON_BOOL:
        tb_buffer_puts(out, node->boolean ? "true" : "false");
        break;
    case TB_JSON_NUMBER:
        tb_buffer_append(out, node->text, node->len);
        break;
    case TB_JSON_STRING:
        write_text(out, node->text, node->len);
        break;
    case TB_JSON_ARRAY:
    case TB_JSON_OBJECT:
        write_container(out, node, style, depth);
        break;
    }
}

void tb_json_canonical(const struct tb_json *node, struct tb_buffer *out)
{
    if (node)
        write_node(out, node, (struct style){.sorted = true}, 0);
    else
        tb_buffer_puts(out, "null");
}

void tb_json_pretty(const struct tb_json *node, struct tb_buffer *out)
{
    if (node)
        write_node(out, node, (struct style){.sorted = true, .lines = true}, 0);
    else
        tb_buffer_puts(out, "null");
    tb_buffer_putc(out, '\n');
}

/* ---- writer ---- */

void tb_jw_init(struct tb_json_writer *w, struct tb_buffer *out)
{
    *w = (struct tb_json_writer){.out = out};
}

static void separate(struct tb_json_writer *w)
{
    if (w->depth == 0)
        return;
    uint64_t bit = UINT64_C(1) << (w->depth - 1);
    if (w->filled & bit)
        tb_buffer_putc(w->out, ',');
    w->filled |= bit;
}

static void begin_value(struct tb_json_writer *w)
{
    if (!w->after_key)
        separate(w);
    w->after_key = false;
}

static void open_container(struct tb_json_writer *w, char bracket)
{
    begin_value(w);
    tb_buffer_putc(w->out, bracket);
    /* Only code written by hand nests here; more than 64 levels is a loop gone wrong. */
    if (w->depth == TB_JSON_DEPTH_MAX)
        abort();
    w->filled &= ~(UINT64_C(1) << w->depth++);
}

static void close_container(struct tb_json_writer *w, char bracket)
{
    if (w->depth == 0)
        abort();
    w->depth--;
    tb_buffer_putc(w->out, bracket);
}

void tb_jw_object(struct tb_json_writer *w)
{
    open_container(w, '{');
}

void tb_jw_end_object(struct tb_json_writer *w)
{
    close_container(w, '}');
}

void tb_jw_array(struct tb_json_writer *w)
{
    open_container(w, '[');
}

void tb_jw_end_array(struct tb_json_writer *w)
{
    close_container(w, ']');
}

void tb_jw_keyn(struct tb_json_writer *w, const char *key, size_t len)
{
    separate(w);
    write_text(w->out, key, len);
    tb_buffer_putc(w->out, ':');
    w->after_key = true;
}

void tb_jw_key(struct tb_json_writer *w, const char *key)
{
    tb_jw_keyn(w, key, strlen(key));
}

void tb_jw_raw(struct tb_json_writer *w, const char *json, size_t len)
{
    begin_value(w);
    if (json && len > 0)
        tb_buffer_append(w->out, json, len);
    else
        tb_buffer_puts(w->out, "null");
}

void tb_jw_null(struct tb_json_writer *w)
{
    tb_jw_raw(w, NULL, 0);
}

void tb_jw_bool(struct tb_json_writer *w, bool value)
{
    begin_value(w);
    tb_buffer_puts(w->out, value ? "true" : "false");
}

void tb_jw_int(struct tb_json_writer *w, int64_t value)
{
    begin_value(w);
    tb_buffer_printf(w->out, "%" PRId64, value);
}

void tb_jw_double(struct tb_json_writer *w, double value)
{
    if (!isfinite(value)) {
        tb_jw_null(w);
        return;
    }
    char text[32];
    int digits = 15, len;
    do
        len = snprintf(text, sizeof text, "%.*g", digits, value);
    while (strtod(text, NULL) != value && ++digits <= 17);
    tb_jw_raw(w, text, (size_t)len);
}

void tb_jw_stringn(struct tb_json_writer *w, const char *text, size_t len)
{
    if (!text) {
        tb_jw_null(w);
        return;
    }
    begin_value(w);
    write_text(w->out, text, len);
}

void tb_jw_string(struct tb_json_writer *w, const char *text)
{
    tb_jw_stringn(w, text, text ? strlen(text) : 0);
}

void tb_jw_decimal_string(struct tb_json_writer *w, const struct tb_decimal *value)
{
    char text[TB_DECIMAL_TEXT];
    tb_jw_stringn(w, text, tb_decimal_format(value, text));
}

void tb_jw_decimal_number(struct tb_json_writer *w, const struct tb_decimal *value)
{
    char text[TB_DECIMAL_TEXT];
    tb_jw_raw(w, text, tb_decimal_format(value, text));
}

void tb_jw_time(struct tb_json_writer *w, int64_t wall_ms)
{
    char text[TB_TIME_TEXT];
    if (wall_ms != 0)
        tb_time_format(wall_ms, text);
    tb_jw_string(w, wall_ms != 0 ? text : NULL);
}

void tb_jw_node(struct tb_json_writer *w, const struct tb_json *node)
{
    if (!node) {
        tb_jw_null(w);
        return;
    }
    begin_value(w);
    write_node(w->out, node, (struct style){0}, 0);
}

void tb_jw_kv_string(struct tb_json_writer *w, const char *key, const char *text)
{
    tb_jw_key(w, key);
    tb_jw_string(w, text);
}

void tb_jw_kv_int(struct tb_json_writer *w, const char *key, int64_t value)
{
    tb_jw_key(w, key);
    tb_jw_int(w, value);
}

void tb_jw_kv_bool(struct tb_json_writer *w, const char *key, bool value)
{
    tb_jw_key(w, key);
    tb_jw_bool(w, value);
}

void tb_jw_kv_time(struct tb_json_writer *w, const char *key, int64_t wall_ms)
{
    tb_jw_key(w, key);
    tb_jw_time(w, wall_ms);
}

void tb_jw_kv_raw(struct tb_json_writer *w, const char *key, const char *json, size_t len)
{
    tb_jw_key(w, key);
    tb_jw_raw(w, json, len);
}

void tb_jw_kv_node(struct tb_json_writer *w, const char *key, const struct tb_json *node)
{
    tb_jw_key(w, key);
    tb_jw_node(w, node);
}
