/* /exchanges: what can be created, as the plugins describe it. Every document names the plugin's
 * generation, since a plugin may be another one a second later. Any thread. */
#include "api/api_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define CALL_MS 5000

struct tb_json_doc *api_ask_plugin(struct call *call, const char *plugin,
                                   enum tb_plugin_entry entry, const char *input, int64_t ms,
                                   struct tb_error *err)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_plugin_fault fault = {0};
    struct tb_json_doc *doc = NULL;
    if (tb_plugins_call(call->api->plugins,
                        &(struct tb_plugin_call){.plugin = plugin,
                                                 .entry = entry,
                                                 .input = input,
                                                 .input_len = strlen(input),
                                                 .mono_deadline_ms = tb_plugins_deadline(ms),
                                                 .in = call->in},
                        &out, &fault, err))
        doc = tb_json_parse(tb_buffer_text(&out), out.len, TB_JSON_UPSTREAM, err);
    tb_buffer_clear(&call->problems.plugin);
    if (!doc)
        tb_plugin_fault_json(&fault, &call->problems.plugin);
    tb_buffer_free(&out);
    return doc;
}

static struct tb_json_doc *ask(struct call *call, const char *plugin, enum tb_plugin_entry entry,
                               const char *input, struct tb_error *err)
{
    return api_ask_plugin(call, plugin, entry, input, CALL_MS, err);
}

/* The plugin's object with `generation` beside its own members. */
static void write_shaped(struct call *call, const char *plugin, const struct tb_json *object,
                         struct tb_json_writer *w)
{
    char generation[9];
    tb_generation_hash(call->in, plugin, generation);
    tb_jw_object(w);
    for (const struct tb_json *m = object->child; m; m = m->next)
        tb_jw_kv_node(w, m->key, m);
    tb_jw_kv_string(w, "generation", generation);
    tb_plugin_untransformed(call->in, plugin, w);
    tb_jw_end_object(w);
}

bool api_exchange(struct call *call, char plugin_out[64], struct tb_error *err)
{
    const struct tb_generation *in = api_generation(call, err);
    if (!in)
        return false;
    if (tb_generation_match(in, call->req->arg[0], plugin_out)) {
        api_shaped_by(call, plugin_out);
        return true;
    }
    struct tb_buffer shown = TB_BUFFER_INIT, names = TB_BUFFER_INIT;
    char list[PLUGINS_MAX][64];
    size_t n = tb_generation_names(in, list, PLUGINS_MAX);
    tb_escape_control(&shown, call->req->arg[0]);
    for (size_t i = 0; i < n; i++)
        tb_buffer_printf(&names, "%s%s", i ? ", " : "", list[i]);
    (void)tb_fail(err, TB_NOT_FOUND, "There is no exchange `%.64s`; there are: %s.",
                  tb_buffer_text(&shown), n ? tb_buffer_text(&names) : "none");
    tb_buffer_free(&shown);
    tb_buffer_free(&names);
    return false;
}

bool api_get_exchanges(struct call *call, struct tb_error *err)
{
    char names[PLUGINS_MAX][64];
    const struct tb_generation *in = api_generation(call, err);
    size_t n = in ? tb_generation_names(in, names, PLUGINS_MAX) : 0;
    struct tb_json_writer w;
    bool whole = true;
    if (!in)
        return false;
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    tb_jw_key(&w, "exchanges");
    tb_jw_array(&w);
    for (size_t i = 0; i < n && whole; i++) {
        struct tb_error why = {0};
        struct tb_json_doc *doc = ask(call, names[i], TB_PLUGIN_DESCRIBE, "{}", &why);
        /* One broken plugin must not hide the others; GET /plugins shows what is wrong with it. One
         * that was only late is not broken, and a list without it would be wrong. */
        if (doc) {
            write_shaped(call, names[i], tb_json_root(doc), &w);
            api_shaped_by(call, names[i]);
        } else if (why.code == TB_BUSY) {
            *err = why;
            whole = false;
        } else {
            tb_log(TB_WARN, "plugin.describe", "%s: %s", names[i], why.detail);
        }
        tb_json_free(doc);
    }
    tb_jw_end_array(&w);
    tb_jw_key(&w, "next_cursor");
    tb_jw_null(&w);
    tb_jw_end_object(&w);
    return whole;
}

bool api_get_exchange(struct call *call, struct tb_error *err)
{
    char plugin[64];
    struct tb_json_writer w;
    if (!api_exchange(call, plugin, err))
        return false;
    struct tb_json_doc *doc = ask(call, plugin, TB_PLUGIN_DESCRIBE, "{}", err);
    if (!doc)
        return false;
    tb_jw_init(&w, &call->res->body);
    write_shaped(call, plugin, tb_json_root(doc), &w);
    tb_json_free(doc);
    return true;
}

static bool has_strategy(const struct tb_json *described, const char *strategy,
                         struct tb_error *err)
{
    struct tb_buffer names = TB_BUFFER_INIT, shown = TB_BUFFER_INIT;
    const struct tb_json *list = tb_json_get(described, "strategies");
    bool found = false;
    for (const struct tb_json *s = list ? list->child : NULL; s && !found; s = s->next) {
        const char *name = tb_json_get_string(s, "name");
        if (!name)
            continue;
        tb_buffer_printf(&names, "%s%s", names.len ? ", " : "", name);
        found = strcmp(name, strategy) == 0;
    }
    tb_escape_control(&shown, strategy);
    if (!found)
        (void)tb_fail(err, TB_NOT_FOUND, "This exchange has no strategy `%.64s`; it has: %s.",
                      tb_buffer_text(&shown), tb_buffer_text(&names));
    tb_buffer_free(&names);
    tb_buffer_free(&shown);
    return found;
}

bool api_strategy(struct call *call, const char *plugin, struct tb_error *err)
{
    struct tb_json_doc *described = ask(call, plugin, TB_PLUGIN_DESCRIBE, "{}", err);
    bool known = described && has_strategy(tb_json_root(described), call->req->arg[1], err);
    tb_json_free(described);
    return known;
}

static struct tb_json_doc *ask_schema(struct call *call, const char *plugin, struct tb_error *err)
{
    struct tb_buffer input = TB_BUFFER_INIT;
    struct tb_json_writer w;
    tb_jw_init(&w, &input);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "strategy", call->req->arg[1]);
    if (tb_http_query(call->req, "choice"))
        tb_jw_kv_string(&w, "choice", tb_http_query(call->req, "choice"));
    tb_jw_end_object(&w);
    struct tb_json_doc *doc = ask(call, plugin, TB_PLUGIN_SCHEMA, tb_buffer_text(&input), err);
    tb_buffer_free(&input);
    return doc;
}

bool api_get_strategy(struct call *call, struct tb_error *err)
{
    char plugin[64];
    struct tb_json_writer w;
    if (!api_exchange(call, plugin, err))
        return false;
    struct tb_json_doc *doc =
        api_strategy(call, plugin, err) ? ask_schema(call, plugin, err) : NULL;
    if (!doc)
        return false;
    tb_jw_init(&w, &call->res->body);
    write_shaped(call, plugin, tb_json_root(doc), &w);
    tb_json_free(doc);
    return true;
}
