/* POST /exchanges/{exchange}/actions/{action}: what a plugin offers to do beside bots. A dry run
 * sends nothing but reads. A run with an Idempotency-Key is on disk before it begins, so that a
 * repeated request, also after a crash, finds the first one and never a second run. Any thread. */
#include "api/api_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/nearest.h"
#include "base/problem.h"
#include "base/words.h"

enum { ACTION_MS = 60000 };

static const char *const FIELDS[] = {"params", "account", "dry_run", NULL};

struct wish {
    char plugin[64];
    const char *action, *account;
    const struct tb_json *params;
};

static void check_field(struct call *call, const struct tb_json *m)
{
    struct tb_buffer pointer = TB_BUFFER_INIT, hint = TB_BUFFER_INIT;
    size_t i = 0;
    while (FIELDS[i] && strcmp(FIELDS[i], m->key) != 0)
        i++;
    tb_pointer_add(&pointer, m->key);
    if (!FIELDS[i]) {
        const char *near = tb_nearest(m->key, FIELDS);
        tb_buffer_printf(&hint, "%s%s", near ? "did you mean " : "fields: params, account, dry_run",
                         near ? near : "");
        tb_problem_add(&call->problems.errors, tb_buffer_text(&pointer), "unknown_field",
                       "An action has no such field.", tb_buffer_text(&hint));
    } else if (!tb_json_is(m, i == 0 ? TB_JSON_OBJECT : i == 1 ? TB_JSON_STRING : TB_JSON_BOOL)) {
        tb_problem_add(&call->problems.errors, tb_buffer_text(&pointer), "wrong_type",
                       "params is an object, account a text, dry_run true or false.", NULL);
    }
    tb_buffer_free(&pointer);
    tb_buffer_free(&hint);
}

static bool read_wish(struct call *call, struct wish *wish, struct tb_error *err)
{
    const char *account = tb_json_get_string(call->body, "account");
    if (!api_exchange(call, wish->plugin, err))
        return false;
    for (const struct tb_json *m = tb_json_first(call->body); m; m = m->next)
        check_field(call, m);
    if (call->problems.errors.len)
        return tb_fail(err, TB_INVALID, "The request of the action is not acceptable.");
    wish->action = call->req->arg[1];
    wish->account = account ? account : "master_account";
    wish->params = tb_json_get(call->body, "params");
    call->dry_run = tb_json_true(tb_json_get(call->body, "dry_run"));
    return true;
}

/* The kernel's answer, or NULL with *err. form_only: nothing runs. */
static struct tb_json_doc *ask(struct call *call, const struct wish *wish, bool form_only,
                               struct tb_error *err)
{
    struct tb_buffer input = TB_BUFFER_INIT;
    struct tb_json_writer w;
    tb_jw_init(&w, &input);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "action", wish->action);
    tb_jw_kv_bool(&w, "form_only", form_only);
    tb_jw_kv_bool(&w, "dry_run", call->dry_run);
    if (wish->params)
        tb_jw_kv_node(&w, "params", wish->params);
    tb_jw_key(&w, "ctx");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "account", wish->account);
    tb_jw_kv_string(&w, "server", "default");
    tb_jw_kv_time(&w, "now", tb_wall_ms());
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
    struct tb_json_doc *doc = api_ask_plugin(call, wish->plugin, TB_PLUGIN_ACTION,
                                             tb_buffer_text(&input), ACTION_MS, err);
    tb_buffer_free(&input);
    return doc;
}

/* Form errors and the role that the action asks for. */
static bool may_run(struct call *call, const struct tb_json *answer, struct tb_error *err)
{
    enum api_role role = API_ADMIN;
    const char *word = tb_json_get_string(answer, "role");
    const struct tb_json *errors = tb_json_get(answer, "errors");
    if (word && !api_role_find(word, &role))
        role = API_ADMIN;
    if (!api_role_includes(call->who.role, role))
        return tb_fail(err, TB_FORBIDDEN, "This action is for the role %s.", word ? word : "admin");
    if (!tb_json_first(errors))
        return true;
    const char *message = tb_json_get_string(tb_json_first(errors), "message");
    tb_buffer_clear(&call->problems.errors);
    tb_json_canonical(errors, &call->problems.errors);
    return tb_fail(err, TB_INVALID, "%s", message ? message : "The form is refused.");
}

/* Role and form before anything: a refusal leaves the key free. */
static bool look_first(struct call *call, const struct wish *wish, struct tb_error *err)
{
    struct tb_json_doc *answer = ask(call, wish, true, err);
    bool ok = answer && may_run(call, tb_json_root(answer), err);
    tb_json_free(answer);
    if (ok && !call->dry_run && api_lane(call) && strcmp(api_lane(call), "draft") == 0)
        return tb_fail(err, TB_STATE,
                       "A draft's action runs with {\"dry_run\": true} only; activate it first.");
    return ok && (call->dry_run || tb_bots_may_write(call->api->bots, err));
}

static void write_audit(struct call *call, const struct wish *wish, const struct tb_json *calls)
{
    struct tb_json_writer w;
    tb_buffer_clear(&call->audit);
    tb_jw_init(&w, &call->audit);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "plugin", wish->plugin);
    tb_jw_kv_string(&w, "action", wish->action);
    tb_jw_key(&w, "calls");
    tb_jw_array(&w);
    for (const struct tb_json *c = tb_json_first(calls); c; c = c->next) {
        tb_jw_object(&w);
        tb_jw_kv_node(&w, "endpoint", tb_json_get(c, "endpoint"));
        tb_jw_kv_node(&w, "state", tb_json_get(c, "state"));
        tb_jw_end_object(&w);
    }
    tb_jw_end_array(&w);
    tb_jw_end_object(&w);
}

/* The answer says what was called and what became of it, also when the action failed. */
static void write_answer(struct call *call, const struct wish *wish, const struct tb_json *answer)
{
    struct tb_json_writer w;
    tb_buffer_clear(&call->res->body);
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "exchange", wish->plugin);
    tb_jw_kv_string(&w, "action", wish->action);
    tb_jw_kv_bool(&w, "dry_run", call->dry_run);
    tb_jw_kv_node(&w, "ok", tb_json_get(answer, "ok"));
    tb_jw_kv_node(&w, "result", tb_json_get(answer, "result"));
    tb_jw_kv_node(&w, "calls", tb_json_get(answer, "calls"));
    tb_jw_kv_node(&w, "failure", tb_json_get(answer, "failure"));
    if (api_role_includes(call->who.role, API_DEVELOPER))
        tb_jw_kv_node(&w, "plugin_log", tb_json_get(answer, "plugin_log"));
    tb_jw_end_object(&w);
}

static bool run(struct call *call, const void *user, struct tb_error *err)
{
    const struct wish *wish = user;
    struct tb_json_doc *answer = ask(call, wish, false, err);
    call->changed = !call->dry_run;
    if (!answer) {
        write_audit(call, wish, NULL);
        return false;
    }
    const struct tb_json *root = tb_json_root(answer), *failure = tb_json_get(root, "failure");
    bool upstream = tb_json_true(tb_json_get(failure, "upstream"));
    write_audit(call, wish, tb_json_get(root, "calls"));
    write_answer(call, wish, root);
    if (tb_json_is(failure, TB_JSON_OBJECT))
        call->res->status = upstream ? 502 : 500;
    tb_json_free(answer);
    return true;
}

bool api_run_action(struct call *call, struct tb_error *err)
{
    struct wish wish;
    return read_wish(call, &wish, err) && look_first(call, &wish, err) &&
           api_run_begun(call, run, &wish, err);
}
