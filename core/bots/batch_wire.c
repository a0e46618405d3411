/* What a batch looks like on the wire, which is also what is stored of it, how it is read back, and
 * the fields that its requests share. Any thread; owns nothing. */
#include <stdio.h>
#include <string.h>

#include "bots/batch.h"

enum { PAUSE_MAX_S = 3600 };

static const char *const words[ITEM_STATE_COUNT] = {
    [ITEM_PENDING] = "pending",   [ITEM_RUNNING] = "running", [ITEM_SUCCEEDED] = "succeeded",
    [ITEM_LEFT] = "left_running", [ITEM_FAILED] = "failed",   [ITEM_SKIPPED] = "skipped",
};

static enum item_state state_of(const char *word)
{
    for (int i = 0; word && i < ITEM_STATE_COUNT; i++)
        if (strcmp(words[i], word) == 0)
            return (enum item_state)i;
    return ITEM_PENDING;
}

static void text_or_null(struct tb_json_writer *w, const char *key, const char *text)
{
    tb_jw_kv_string(w, key, text[0] ? text : NULL);
}

static void write_item(const struct batch_item *item, bool dry, struct tb_json_writer *w)
{
    char href[sizeof "/operations/" + TB_ULID_TEXT];

    tb_jw_object(w);
    tb_jw_kv_string(w, "bot", item->bot_id);
    tb_jw_kv_string(w, "name", item->name);
    text_or_null(w, "instance", item->instance);
    tb_jw_kv_bool(w, "managed", item->managed);
    tb_jw_kv_string(w, "state",
                    !dry || item->state == ITEM_LEFT ? words[item->state]
                    : item->state == ITEM_PENDING    ? "would_do"
                                                     : "refused");
    text_or_null(w, "policy", item->policy);
    text_or_null(w, "code", item->code);
    text_or_null(w, "detail", item->detail);
    tb_jw_kv_raw(w, "effects", item->effects, item->effects ? strlen(item->effects) : 0);
    tb_jw_key(w, "operation");
    if (item->operation_id[0]) {
        snprintf(href, sizeof href, "/operations/%s", item->operation_id);
        tb_jw_object(w);
        tb_jw_kv_string(w, "id", item->operation_id);
        tb_jw_kv_string(w, "href", href);
        tb_jw_end_object(w);
    } else {
        tb_jw_null(w);
    }
    tb_jw_kv_int(w, "tries", item->tries);
    tb_jw_end_object(w);
}

void batch_write(const struct batch *p, bool dry, struct tb_json_writer *w)
{
    tb_jw_object(w);
    tb_jw_kv_string(w, "id", dry ? NULL : p->id);
    tb_jw_kv_string(w, "kind", p->kind->word);
    tb_jw_kv_bool(w, "dry_run", dry);
    tb_jw_kv_string(w, "bot", NULL);
    tb_jw_kv_string(w, "state", dry ? NULL : tb_op_state_word(p->state));
    tb_jw_kv_bool(w, "one_at_a_time", p->one_at_a_time);
    tb_jw_kv_int(w, "pause_s", p->pause_ms / 1000);
    tb_jw_kv_bool(w, "stop_at_first_failure", p->stop_at_first_failure);
    tb_jw_kv_raw(w, "request", p->request ? p->request : "{}", p->request ? strlen(p->request) : 2);
    tb_jw_key(w, "items");
    tb_jw_array(w);
    for (size_t i = 0; i < p->items; i++)
        write_item(&p->item[i], dry, w);
    tb_jw_end_array(w);
    tb_jw_key(w, "error");
    if (p->code[0]) {
        tb_jw_object(w);
        tb_jw_kv_string(w, "code", p->code);
        tb_jw_kv_string(w, "detail", p->detail);
        tb_jw_end_object(w);
    } else {
        tb_jw_null(w);
    }
    tb_jw_kv_time(w, "created_at", p->created_at);
    tb_jw_kv_time(w, "ended_at", p->ended_at);
    tb_jw_end_object(w);
}

bool batch_read_pace(struct batch *p, const struct tb_json *request, struct tb_problems *problems,
                     struct tb_error *err)
{
    const struct tb_json *pause = tb_json_get(request, "pause_s");
    const struct tb_json *stop = tb_json_get(request, "stop_at_first_failure");
    int64_t s = p->pause_ms / 1000;

    if (pause && (!tb_json_int64(pause, &s) || s < 0 || s > PAUSE_MAX_S))
        tb_problem_add(&problems->errors, "/pause_s", "range",
                       "`pause_s` is a whole number of seconds from 0 to 3600.", NULL);
    if (stop && !tb_json_is(stop, TB_JSON_BOOL))
        tb_problem_add(&problems->errors, "/stop_at_first_failure", "type",
                       "`stop_at_first_failure` is true or false.", NULL);
    if (problems->errors.len > 0)
        return problems_fail(problems, err);
    p->pause_ms = s * 1000;
    if (stop)
        p->stop_at_first_failure = tb_json_true(stop);
    return true;
}

/* ---- back from the store ---- */

static void copy(const struct tb_json *from, const char *key, char *out, size_t size)
{
    const char *text = tb_json_get_string(from, key);
    tb_copy(out, size, text ? text : "");
}

static void read_item(struct batch *p, const struct tb_json *node)
{
    const struct tb_json *effects = tb_json_get(node, "effects");
    const struct bot none = {.managed = tb_json_true(tb_json_get(node, "managed"))};
    struct batch_item *item = batch_add(p, &none);
    struct tb_buffer text = TB_BUFFER_INIT;

    copy(node, "bot", item->bot_id, sizeof item->bot_id);
    copy(node, "name", item->name, sizeof item->name);
    copy(node, "instance", item->instance, sizeof item->instance);
    copy(node, "policy", item->policy, sizeof item->policy);
    copy(node, "code", item->code, sizeof item->code);
    copy(node, "detail", item->detail, sizeof item->detail);
    copy(tb_json_get(node, "operation"), "id", item->operation_id, sizeof item->operation_id);
    if (!tb_json_int64(tb_json_get(node, "tries"), &item->tries))
        item->tries = 0;
    if (effects) {
        tb_json_canonical(effects, &text);
        item->effects = tb_buffer_steal(&text, NULL);
    }
    item->state = state_of(tb_json_get_string(node, "state"));
}

struct batch *batch_read(struct tb_bots *b, const struct batch_kind *kind,
                         const struct tb_store_operation *row, const struct tb_json *wire)
{
    struct batch *p = batch_new(b, kind, tb_json_get(wire, "request"));
    int64_t pause_s = 0;

    tb_copy(p->id, sizeof p->id, row->id);
    p->created_at = row->created_at;
    p->taken_over = true;
    p->one_at_a_time = tb_json_true(tb_json_get(wire, "one_at_a_time"));
    p->stop_at_first_failure = tb_json_true(tb_json_get(wire, "stop_at_first_failure"));
    (void)tb_json_int64(tb_json_get(wire, "pause_s"), &pause_s);
    p->pause_ms = pause_s * 1000;
    p->next_at = tb_mono_ms() + p->pause_ms;
    for (const struct tb_json *i = tb_json_first(tb_json_get(wire, "items")); i; i = i->next)
        read_item(p, i);
    return p;
}
