/* POST /exchanges/{exchange}/strategies/{strategy}/replay: an estimate from the market's past. The
 * plugin host reads the candles and does the reckoning; nothing is stored or written. Any thread.
 */
#include "api/api_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* A candle feed that starts takes half a minute; the reckoning has a second of its own. */
enum { REPLAY_MS = 40000 };

static bool known_fields(struct call *call, struct tb_error *err)
{
    static const char *const FIELDS[] = {"params", "days", NULL};
    for (const struct tb_json *m = tb_json_first(call->body); m; m = m->next) {
        bool known = false;
        for (const char *const *f = FIELDS; *f; f++)
            known |= strcmp(m->key, *f) == 0;
        if (!known) {
            struct tb_buffer pointer = TB_BUFFER_INIT;
            tb_buffer_putc(&pointer, '/');
            tb_escape_control(&pointer, m->key);
            tb_problem_add(&call->problems.errors, tb_buffer_text(&pointer), "unknown_field",
                           "A replay has no such field.", "The fields are params and days.");
            tb_buffer_free(&pointer);
        }
    }
    return call->problems.errors.len == 0 ||
           tb_fail(err, TB_INVALID, "The request of the replay is not acceptable.");
}

static void write_input(struct call *call, struct tb_buffer *input)
{
    struct tb_json_writer w;
    tb_jw_init(&w, input);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "strategy", call->req->arg[1]);
    tb_jw_kv_bool(&w, "lenient", call->lenient);
    if (tb_json_get(call->body, "params"))
        tb_jw_kv_node(&w, "params", tb_json_get(call->body, "params"));
    if (tb_json_get(call->body, "days"))
        tb_jw_kv_node(&w, "days", tb_json_get(call->body, "days"));
    tb_jw_key(&w, "ctx");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "bot", "replay");
    tb_jw_kv_string(&w, "account", "");
    tb_jw_kv_string(&w, "image", "");
    tb_jw_kv_string(&w, "hummingbot", "");
    tb_jw_kv_string(&w, "server", "default");
    tb_jw_kv_time(&w, "now", tb_wall_ms());
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
}

static bool refuse(struct call *call, const struct tb_json *errors, struct tb_error *err)
{
    const char *first = tb_json_get_string(tb_json_first(errors), "message");
    for (const struct tb_json *e = tb_json_first(errors); e; e = e->next)
        tb_problem_add(&call->problems.errors, tb_json_get_string(e, "pointer"),
                       tb_json_get_string(e, "code"), tb_json_get_string(e, "message"),
                       tb_json_get_string(e, "hint"));
    return tb_fail(err, TB_INVALID, "Nothing can be replayed: %s.", first ? first : "refused");
}

/* The plugin host has no calendar: its times are seconds. */
static void write_candles(struct tb_json_writer *w, const struct tb_json *candles)
{
    static const struct {
        const char *from, *to;
    } TIMES[] = {{"from_s", "from"}, {"to_s", "to"}};
    tb_jw_key(w, "candles");
    tb_jw_object(w);
    for (const struct tb_json *m = tb_json_first(candles); m; m = m->next) {
        int64_t seconds;
        size_t i = 0;
        while (i < 2 && strcmp(m->key, TIMES[i].from) != 0)
            i++;
        if (i < 2 && tb_json_int64(m, &seconds))
            tb_jw_kv_time(w, TIMES[i].to, seconds * 1000);
        else
            tb_jw_kv_node(w, m->key, m);
    }
    tb_jw_end_object(w);
}

static void write_estimate(struct call *call, const struct tb_json *root)
{
    struct tb_json_writer w;
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "kind", "estimate");
    for (const struct tb_json *m = root->child; m; m = m->next) {
        if (strcmp(m->key, "candles") == 0)
            write_candles(&w, m);
        else if (strcmp(m->key, "ok") != 0 && strcmp(m->key, "errors") != 0)
            tb_jw_kv_node(&w, m->key, m);
    }
    tb_jw_end_object(&w);
}

bool api_replay(struct call *call, struct tb_error *err)
{
    char plugin[64];
    struct tb_buffer input = TB_BUFFER_INIT;
    if (call->body && !tb_json_is(call->body, TB_JSON_OBJECT))
        return tb_fail(err, TB_BAD_REQUEST, "The body must be a JSON object.");
    if (!api_exchange(call, plugin, err) || !api_strategy(call, plugin, err) ||
        !known_fields(call, err))
        return false;
    write_input(call, &input);
    struct tb_json_doc *doc =
        api_ask_plugin(call, plugin, TB_PLUGIN_REPLAY, tb_buffer_text(&input), REPLAY_MS, err);
    tb_buffer_free(&input);
    if (!doc)
        return false;
    const struct tb_json *root = tb_json_root(doc);
    bool ok = tb_json_true(tb_json_get(root, "ok"));
    if (ok)
        write_estimate(call, root);
    else
        (void)refuse(call, tb_json_get(root, "errors"), err);
    tb_json_free(doc);
    return ok;
}
