/* POST /exchanges/{exchange}/strategies/{strategy}/check: is this form all right? The plugin's
 * form, check, build and preview run as for a plan; nothing is stored, and of upstream only what
 * the plugin's check reads is read. Any thread. */
#include "api/api_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/nearest.h"
#include "base/problem.h"
#include "base/words.h"

enum { CHECK_MS = 5000 };

static const char *const FIELDS[] = {"params", "risk", "account", NULL};

static bool read_fields(struct call *call, struct tb_error *err)
{
    for (const struct tb_json *m = tb_json_first(call->body); m; m = m->next) {
        struct tb_buffer pointer = TB_BUFFER_INIT, hint = TB_BUFFER_INIT;
        bool text = strcmp(m->key, "account") == 0;
        bool known = false;
        for (const char *const *f = FIELDS; *f; f++)
            known = known || strcmp(*f, m->key) == 0;
        const char *near = known ? NULL : tb_nearest(m->key, FIELDS);
        tb_pointer_add(&pointer, m->key);
        tb_buffer_printf(&hint, "%s%s", near ? "did you mean " : "fields: params, risk, account",
                         near ? near : "");
        if (!known)
            tb_problem_add(&call->problems.errors, tb_buffer_text(&pointer), "unknown_field",
                           "A check has no such field.", tb_buffer_text(&hint));
        else if (!tb_json_is(m, text ? TB_JSON_STRING : TB_JSON_OBJECT))
            tb_problem_add(&call->problems.errors, tb_buffer_text(&pointer), "wrong_type",
                           "params and risk are objects, account is a text.", NULL);
        tb_buffer_free(&pointer);
        tb_buffer_free(&hint);
    }
    return call->problems.errors.len == 0 ||
           tb_fail(err, TB_INVALID, "The request of the check is not acceptable.");
}

static void write_input(const struct call *call, struct tb_buffer *out)
{
    const char *account = tb_json_get_string(call->body, "account");
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "strategy", call->req->arg[1]);
    tb_jw_kv_bool(&w, "lenient", call->lenient);
    for (const struct tb_json *m = tb_json_first(call->body); m; m = m->next)
        if (strcmp(m->key, "account") != 0)
            tb_jw_kv_node(&w, m->key, m);
    tb_jw_key(&w, "ctx");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "bot", "check");
    tb_jw_kv_string(&w, "account", account ? account : "master_account");
    tb_jw_kv_string(&w, "server", "default");
    tb_jw_kv_time(&w, "now", tb_wall_ms());
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
}

static void write_answer(struct call *call, const struct tb_json *plan)
{
    static const char *const shown[] = {"ok",     "errors", "warnings", "dropped", "checks",
                                        "params", "risk",   "preview",  "effects", NULL};
    struct tb_json_writer w;
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    for (const char *const *key = shown; *key; key++)
        tb_jw_kv_node(&w, *key, tb_json_get(plan, *key));
    if (api_role_includes(call->who.role, API_DEVELOPER))
        tb_jw_kv_node(&w, "plugin_log", tb_json_get(plan, "plugin_log"));
    tb_jw_end_object(&w);
}

bool api_check_form(struct call *call, struct tb_error *err)
{
    struct tb_buffer input = TB_BUFFER_INIT;
    char plugin[64];
    if (!api_exchange(call, plugin, err) || !api_strategy(call, plugin, err) ||
        !read_fields(call, err))
        return false;
    write_input(call, &input);
    struct tb_json_doc *doc =
        api_ask_plugin(call, plugin, TB_PLUGIN_PLAN, tb_buffer_text(&input), CHECK_MS, err);
    if (doc)
        write_answer(call, tb_json_root(doc));
    bool ok = doc != NULL;
    tb_json_free(doc);
    tb_buffer_free(&input);
    return ok;
}
