/* What a batch looks like on the wire, which is also what is stored of it, and the fields that its
 * requests share. Pure; any thread; owns nothing. */
#include <stdio.h>
#include <string.h>

#include "bots/batch.h"

enum { PAUSE_MAX_S = 3600 };

static const char *const words[ITEM_STATE_COUNT] = {
    [ITEM_PENDING] = "pending", [ITEM_RUNNING] = "running", [ITEM_SUCCEEDED] = "succeeded",
    [ITEM_FAILED] = "failed",   [ITEM_SKIPPED] = "skipped",
};

enum item_state batch_item_state(const char *word)
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
                    dry ? item->state == ITEM_PENDING ? "would_do" : "refused"
                        : words[item->state]);
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
