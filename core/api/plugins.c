/* /plugins: what is loaded, what failed and where; reload. Any thread. */
#include "api/api_private.h"

#include <string.h>

#include "base/log.h"

static struct tb_json_doc *list(struct call *call, struct tb_error *err)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_plugins_list(call->api->plugins, &text);
    struct tb_json_doc *doc = tb_json_parse(tb_buffer_text(&text), text.len, TB_JSON_UPSTREAM, err);
    tb_buffer_free(&text);
    return doc;
}

bool api_get_plugins(struct call *call, struct tb_error *err)
{
    struct tb_json_writer w;
    struct tb_json_doc *doc = list(call, err);
    if (!doc)
        return false;
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    for (const struct tb_json *m = tb_json_root(doc)->child; m; m = m->next)
        tb_jw_kv_node(&w, m->key, m);
    tb_jw_key(&w, "next_cursor");
    tb_jw_null(&w);
    tb_jw_end_object(&w);
    tb_json_free(doc);
    return true;
}

bool api_get_plugin(struct call *call, struct tb_error *err)
{
    const char *name = call->req->arg[0];
    struct tb_json_doc *doc = list(call, err);
    const struct tb_json *all = doc ? tb_json_get(tb_json_root(doc), "plugins") : NULL;
    const struct tb_json *found = NULL;
    for (const struct tb_json *p = all ? all->child : NULL; p && !found; p = p->next) {
        const char *its = tb_json_get_string(p, "name");
        if (its && strcmp(its, name) == 0)
            found = p;
    }
    if (found) {
        struct tb_json_writer w;
        tb_jw_init(&w, &call->res->body);
        tb_jw_node(&w, found);
    } else if (doc) {
        struct tb_buffer shown = TB_BUFFER_INIT;
        tb_escape_control(&shown, name);
        (void)tb_fail(err, TB_NOT_FOUND, "There is no plugin `%.64s`.", tb_buffer_text(&shown));
        tb_buffer_free(&shown);
    }
    tb_json_free(doc);
    return found != NULL;
}

static bool reload(struct call *call, struct tb_error *err)
{
    if (!tb_plugins_reload(call->api->plugins, &call->res->body, err))
        return false;
    tb_buffer_append(&call->audit, call->res->body.data, call->res->body.len);
    return true;
}

bool api_reload_plugins(struct call *call, struct tb_error *err)
{
    return api_run_once(call, reload, err);
}
