/* POST /exchanges/{exchange}/strategies/{strategy}/check: is this form all right? The bots room
 * asks the plugin as for a plan and keeps nothing; here the path becomes part of the request. Any
 * thread.
 */
#include "api/api_private.h"

#include <string.h>

/* The body as the request of a create: the path says what it is for, and a name is not needed. */
static struct tb_json_doc *as_request(struct call *call, const char *plugin, struct tb_error *err)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;
    const char *said[] = {"exchange", plugin, "strategy", call->req->arg[1]};

    for (size_t i = 0; i < 4; i += 2) {
        const struct tb_json *member = tb_json_get(call->body, said[i]);
        const char *word = tb_json_string(member);
        if (member && (!word || strcmp(word, said[i + 1]) != 0)) {
            (void)tb_fail(err, TB_BAD_REQUEST,
                          "`%s` of the body is another than the path's `%s`; leave it out.",
                          said[i], said[i + 1]);
            return NULL;
        }
    }
    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    for (size_t i = 0; i < 4; i += 2)
        tb_jw_kv_string(&w, said[i], said[i + 1]);
    if (!tb_json_get(call->body, "name"))
        tb_jw_kv_string(&w, "name", "check");
    for (const struct tb_json *m = tb_json_first(call->body); m; m = m->next)
        if (strcmp(m->key, "exchange") != 0 && strcmp(m->key, "strategy") != 0)
            tb_jw_kv_node(&w, m->key, m);
    tb_jw_end_object(&w);
    struct tb_json_doc *doc = tb_json_parse(text.data, text.len, TB_JSON_UPSTREAM, err);
    tb_buffer_free(&text);
    return doc;
}

static bool check(struct call *call, struct tb_error *err)
{
    char plugin[64];
    if (call->body && !tb_json_is(call->body, TB_JSON_OBJECT))
        return tb_fail(err, TB_BAD_REQUEST, "The body must be a JSON object.");
    struct tb_json_doc *doc = api_exchange(call, plugin, err) && api_strategy(call, plugin, err)
                                  ? as_request(call, plugin, err)
                                  : NULL;
    if (!doc)
        return false;
    const struct tb_plan_wish wish = {
        .request = tb_json_root(doc), .lenient = call->lenient, .in = call->in};
    bool ok = tb_bots_check(call->api->bots, &wish, &call->res->body, &call->problems, err);
    tb_json_free(doc);
    if (ok)
        api_add_plugin_log(call);
    return ok;
}

bool api_check_form(struct call *call, struct tb_error *err)
{
    return api_run_once(call, check, err);
}
