/* /plugins/{p}: which versions there are, what putting one in force would change, and doing it. Any
 * thread. */
#include "api/api_private.h"

#include <stdio.h>
#include <string.h>

#include "base/words.h"

#define VERSIONS_MAX 1000

bool api_get_generations(struct call *call, struct tb_error *err)
{
    const char *from = tb_http_query(call->req, "from"), *to = tb_http_query(call->req, "to");
    const char *plugin = call->req->arg[0];
    struct tb_json_writer w;
    size_t limit;
    bool ok;
    if (!from != !to)
        return tb_fail(err, TB_BAD_REQUEST, "`from` and `to` name two generations to compare.");
    if (!api_query_count(call, "limit", VERSIONS_MAX, 100, &limit, err))
        return false;
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    if (from) {
        ok = tb_plugins_diff(call->api->plugins, plugin, from, to, &w, err);
    } else {
        tb_jw_key(&w, "generations");
        ok = tb_plugins_generations(call->api->plugins, plugin, limit, &w, err);
        tb_jw_key(&w, "next_cursor");
        tb_jw_null(&w);
    }
    tb_jw_end_object(&w);
    return ok;
}

/* ---- orders ---- */

static struct tb_plugin_order order_of(const struct call *call)
{
    return (struct tb_plugin_order){
        .plugin = call->req->arg[0], .admin = call->who.role == API_ADMIN, .by = call->who.name};
}

/* {generation?, dry_run?} */
static bool read_order(struct call *call, struct tb_plugin_order *order, struct tb_error *err)
{
    *order = (struct tb_plugin_order){
        .plugin = call->req->arg[0], .admin = call->who.role == API_ADMIN, .by = call->who.name};
    for (const struct tb_json *m = tb_json_first(call->body); m; m = m->next) {
        if (strcmp(m->key, "generation") == 0 && tb_json_string(m))
            order->generation = tb_json_string(m);
        else if (strcmp(m->key, "dry_run") == 0 && m->type == TB_JSON_BOOL)
            call->dry_run = tb_json_true(m);
        else
            return tb_fail(err, TB_INVALID,
                           "The body is {\"generation\": text, \"dry_run\": true or false}, both "
                           "may be left out.");
    }
    return true;
}

static void write_audit(struct call *call, const char *plugin, const char *hash)
{
    struct tb_json_writer w;
    tb_buffer_clear(&call->audit);
    tb_jw_init(&w, &call->audit);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "plugin", plugin);
    tb_jw_key(&w, "generation");
    tb_jw_stringn(&w, hash, strnlen(hash, 8));
    tb_jw_end_object(&w);
}

static bool carry_out(struct call *call, enum tb_plugin_verb verb, struct tb_error *err)
{
    struct tb_plugins *plugins = call->api->plugins;
    struct tb_plugin_order wish;
    struct tb_plugin_comparison change;
    struct tb_json_writer w;
    if (!read_order(call, &wish, err))
        return false;
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    if (!tb_plugins_compare(plugins, verb, &wish, &change, &w, err))
        return false;
    bool ok = tb_bots_rebuilt(call->api->bots, wish.plugin, change.before, change.after, &w, err);
    tb_jw_kv_bool(&w, "dry_run", call->dry_run);
    tb_jw_end_object(&w);
    wish.generation = change.to; /* what was shown is what is done */
    write_audit(call, wish.plugin, change.to);
    if (ok && !call->dry_run)
        ok = tb_plugins_order(plugins, verb, &wish, err);
    tb_plugin_comparison_free(&change);
    return ok;
}

static bool activate(struct call *call, struct tb_error *err)
{
    return carry_out(call, TB_PLUGIN_ACTIVATE, err);
}

static bool rollback(struct call *call, struct tb_error *err)
{
    return carry_out(call, TB_PLUGIN_ROLLBACK, err);
}

bool api_activate_plugin(struct call *call, struct tb_error *err)
{
    return api_run_once(call, activate, err);
}

bool api_rollback_plugin(struct call *call, struct tb_error *err)
{
    return api_run_once(call, rollback, err);
}

/* ---- uploads ---- */

static bool may_upload(const struct call *call, struct tb_error *err)
{
    return call->api->uploads ||
           tb_fail(err, TB_FORBIDDEN,
                   "Uploading plugins is off: who may upload one can run code in the bridge's "
                   "sandbox. Set BRIDGE_PLUGIN_UPLOAD=1 to allow it, or put the plugin into the "
                   "folder.");
}

static bool asks_dry_run(const struct call *call)
{
    const char *dry = tb_http_query(call->req, "dry_run");
    return dry && strcmp(dry, "0") != 0;
}

/* Where in the bundle it fails, beside the sentence. */
static void name_place(struct call *call, const struct tb_plugin_fault *fault,
                       const struct tb_error *err)
{
    struct tb_buffer pointer = TB_BUFFER_INIT;
    if (fault->file[0]) {
        tb_buffer_puts(&pointer, "/files");
        tb_pointer_add(&pointer, fault->file);
        tb_problem_add(&call->problems.errors, tb_buffer_text(&pointer), "does_not_load",
                       err->detail, fault->excerpt[0] ? fault->excerpt : NULL);
    }
    tb_buffer_free(&pointer);
}

bool api_put_plugin(struct call *call, struct tb_error *err)
{
    const struct tb_plugin_bundle bundle = {.json = call->tar ? NULL : call->body,
                                            .tar = call->req->body,
                                            .tar_len = call->req->body_len};
    const struct tb_plugin_order wish = order_of(call);
    struct tb_plugin_comparison change;
    struct tb_plugin_fault fault = {0};
    struct tb_json_writer w;
    if (!may_upload(call, err))
        return false;
    call->dry_run = asks_dry_run(call);
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    if (!tb_plugins_put(call->api->plugins, &wish, &bundle, call->dry_run, &change, &w, &fault,
                        err)) {
        name_place(call, &fault, err);
        return false;
    }
    bool ok = tb_bots_rebuilt(call->api->bots, wish.plugin, change.before, change.after, &w, err);
    tb_jw_kv_bool(&w, "dry_run", call->dry_run);
    tb_jw_end_object(&w);
    write_audit(call, wish.plugin, change.to);
    tb_plugin_comparison_free(&change);
    return ok;
}

bool api_delete_plugin(struct call *call, struct tb_error *err)
{
    const struct tb_plugin_order wish = order_of(call);
    struct tb_plugin_comparison change;
    struct tb_json_writer w;
    if (!may_upload(call, err))
        return false;
    call->dry_run = asks_dry_run(call);
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "deleted", call->dry_run ? NULL : wish.plugin);
    if (!tb_plugins_delete(call->api->plugins, &wish, call->dry_run, &change, &w, err))
        return false;
    bool ok = tb_bots_rebuilt(call->api->bots, wish.plugin, change.before, change.after, &w, err);
    tb_jw_kv_bool(&w, "dry_run", call->dry_run);
    tb_jw_end_object(&w);
    write_audit(call, wish.plugin, change.to);
    tb_plugin_comparison_free(&change);
    return ok;
}
