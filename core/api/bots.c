/* /bots: reading, planning, and the commands that start operations. The bots room decides and
 * writes the documents; here are status codes, Location, and the wait that a client may ask for.
 * Any thread. */
#include "api/api_private.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define LIMIT_MAX 1000
#define LOOK_MS   1000 /* how soon a wait notices that its client left or that we shut down */

/* Names the versions whose transforms shape the figures. */
static bool shaped_by_all(struct call *call, struct tb_error *err)
{
    char names[PLUGINS_MAX][64];
    const struct tb_generation *in = api_generation(call, err);
    size_t n = in ? tb_generation_names(in, names, PLUGINS_MAX) : 0;
    for (size_t i = 0; i < n; i++)
        api_shaped_by(call, names[i]);
    return in != NULL;
}

static bool shaped_by_own(struct call *call, struct tb_error *err)
{
    char plugin[64];
    struct tb_json_slice text;
    const struct tb_buffer *body = &call->res->body;
    if (!api_generation(call, err))
        return false;
    /* "name" in its quotes; null for a bot that nobody adopted */
    if (tb_json_slice_member(body->data, body->len, "exchange", &text) && text.start[0] == '"' &&
        text.len - 2 < sizeof plugin) {
        snprintf(plugin, sizeof plugin, "%.*s", (int)text.len - 2, text.start + 1);
        api_shaped_by(call, plugin);
    }
    return true;
}

bool api_get_bots(struct call *call, struct tb_error *err)
{
    struct tb_bots_filter filter = {
        .account = tb_http_query(call->req, "account"),
        .state = tb_http_query(call->req, "state"),
    };
    return api_query_count(call, "limit", LIMIT_MAX, 0, &filter.limit, err) &&
           api_query_cursor(call, &filter.cursor, err) && shaped_by_all(call, err) &&
           tb_bots_list(call->api->bots, &filter, &call->caller, &call->res->body, err);
}

bool api_get_bot(struct call *call, struct tb_error *err)
{
    const char *raw = tb_http_query(call->req, "raw");
    bool wants_raw = raw && strcmp(raw, "0") != 0;
    if (wants_raw && !api_role_includes(call->who.role, API_OPERATOR))
        return tb_fail(err, TB_FORBIDDEN, "`raw` needs the role `operator`.");
    return tb_bots_get(call->api->bots, call->req->arg[0], wants_raw, &call->caller,
                       &call->res->body, err) &&
           shaped_by_own(call, err);
}

bool api_get_logs(struct call *call, struct tb_error *err)
{
    return tb_bots_logs(call->api->bots, call->req->arg[0], &call->caller, &call->res->body, err);
}

void api_add_plugin_log(struct call *call)
{
    struct tb_buffer *body = &call->res->body, *lines = &call->problems.plugin_log;
    if (lines->len == 0 || !api_role_includes(call->who.role, API_DEVELOPER))
        return;
    body->len--; /* its closing brace */
    tb_buffer_printf(body, ",\"plugin_log\":%s}", tb_buffer_text(lines));
}

static bool plan(struct call *call, struct tb_error *err)
{
    char plugin[64];
    const char *exchange = tb_json_get_string(call->body, "exchange");
    const struct tb_plan_wish wish = {
        .request = call->body,
        .lenient = call->lenient,
        .shown_only = api_lane(call) != NULL,
        .in = api_generation(call, err),
    };
    if (!wish.in)
        return false;
    exchange = exchange ? exchange : tb_json_get_string(call->body, "connector");
    if (exchange && tb_generation_match(wish.in, exchange, plugin))
        api_shaped_by(call, plugin);
    bool ok = tb_bots_plan(call->api->bots, &wish, &call->res->body, &call->problems, err);
    if (ok)
        api_add_plugin_log(call);
    return ok;
}

bool api_plan_bot(struct call *call, struct tb_error *err)
{
    return api_run_once(call, plan, err);
}

/* ---- commands ---- */

/* Waits for the operation's end. False: it ended otherwise than asked, *err says how. */
static bool wait_for(struct call *call, struct tb_command_result *result, int done_status,
                     struct tb_error *err)
{
    int64_t deadline = tb_mono_ms() + call->wait_s * 1000;
    bool final = false, succeeded = false;
    while (!final && tb_mono_ms() < deadline && tb_http_peer_alive(call->req) &&
           !atomic_load(&call->api->draining)) {
        struct tb_buffer now = TB_BUFFER_INIT;
        int64_t look = tb_mono_ms() + LOOK_MS;
        *err = (struct tb_error){0};
        if (!tb_bots_wait(call->api->bots, result->operation_id, look < deadline ? look : deadline,
                          &final, &succeeded, &now, err)) {
            tb_buffer_free(&now);
            return true; /* the command stands; its answer is what was known before */
        }
        tb_buffer_free(&result->body);
        result->body = now;
    }
    if (final && !succeeded)
        return false;
    if (final)
        call->res->status = done_status;
    return true;
}

/* Half of the workers may wait; beyond that the preference is not applied, so that health, lists
 * and stops are always answered. */
static bool may_wait(struct call *call)
{
    if (call->wait_s == 0)
        return false;
    if (atomic_fetch_add(&call->api->waiting, 1) < call->api->waiting_max)
        return true;
    atomic_fetch_sub(&call->api->waiting, 1);
    return false;
}

/* Which version of the plugin the command's bot is made of, for the audit. */
static void note_generation(struct call *call, const struct tb_buffer *bot)
{
    struct tb_json_slice plugin;
    struct tb_json_writer w;
    if (call->audit.len > 0 || bot->len == 0 ||
        !tb_json_slice_member(bot->data, bot->len, "plugin", &plugin))
        return;
    tb_jw_init(&w, &call->audit);
    tb_jw_object(&w);
    tb_jw_kv_raw(&w, "plugin", plugin.start, plugin.len);
    tb_jw_end_object(&w);
}

static bool answer_command(struct call *call, struct tb_command_result *result, int done_status,
                           struct tb_error *err)
{
    char line[64];
    bool ok = true;
    note_generation(call, &result->body);
    call->replayed = result->replayed;
    call->changed = !result->replayed; /* whatever the wait below brings */
    call->res->status = 202;
    snprintf(line, sizeof line, "/operations/%s", result->operation_id);
    tb_http_header_add(call->res, "Location", line);
    if (result->replayed)
        tb_http_header_add(call->res, "Idempotency-Replayed", "true");
    if (may_wait(call)) {
        snprintf(line, sizeof line, "wait=%lld", (long long)call->wait_s);
        tb_http_header_add(call->res, "Preference-Applied", line);
        ok = wait_for(call, result, done_status, err);
        atomic_fetch_sub(&call->api->waiting, 1);
    }
    if (ok)
        tb_buffer_append(&call->res->body, tb_buffer_text(&result->body), result->body.len);
    tb_command_result_free(result);
    return ok;
}

static const struct tb_idempotency *key_of(const struct call *call)
{
    return call->key ? &call->idempotency : NULL;
}

/* Shows the bot that has the name already. */
static void show_existing(struct call *call)
{
    static const char prefix[] = "/bots/";
    const char *location = call->problems.location;
    struct tb_error ignored = {0};
    if (strncmp(location, prefix, sizeof prefix - 1) == 0 &&
        !tb_bots_get(call->api->bots, location + sizeof prefix - 1, false, &call->caller,
                     &call->existing, &ignored))
        tb_buffer_clear(&call->existing);
}

bool api_create_bot(struct call *call, struct tb_error *err)
{
    struct tb_command_result result = {0};
    if (tb_bots_create(call->api->bots, call->body, call->lenient, &call->caller, key_of(call),
                       &result, &call->problems, err))
        return answer_command(call, &result, 201, err);
    tb_command_result_free(&result);
    show_existing(call);
    return false;
}

/* A command on the bot that the path names. */
typedef bool bot_command(struct tb_bots *bots, const char *id, const struct tb_json *request,
                         const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                         struct tb_command_result *result, struct tb_problems *problems,
                         struct tb_error *err);

static bool command_bot(struct call *call, bot_command *command, struct tb_error *err)
{
    struct tb_command_result result = {0};
    if (command(call->api->bots, call->req->arg[0], call->body, &call->caller, key_of(call),
                &result, &call->problems, err))
        return answer_command(call, &result, 200, err);
    tb_command_result_free(&result);
    return false;
}

bool api_start_bot(struct call *call, struct tb_error *err)
{
    return command_bot(call, tb_bots_start, err);
}

bool api_stop_bot(struct call *call, struct tb_error *err)
{
    return command_bot(call, tb_bots_stop, err);
}

bool api_restart_bot(struct call *call, struct tb_error *err)
{
    return command_bot(call, tb_bots_restart, err);
}

bool api_archive_bot(struct call *call, struct tb_error *err)
{
    return command_bot(call, tb_bots_archive, err);
}

/* A dry run leaves nothing behind, not even its Idempotency-Key. */
bool api_redeploy_bot(struct call *call, struct tb_error *err)
{
    struct tb_command_result result = {0};
    bool ok;

    call->dry_run = tb_json_true(tb_json_get(call->body, "dry_run"));
    ok = tb_bots_redeploy(call->api->bots, call->req->arg[0], call->body, call->lenient,
                          &call->caller, call->dry_run ? NULL : key_of(call), &result,
                          &call->problems, err);
    if (ok && !call->dry_run)
        return answer_command(call, &result, 200, err);
    if (ok)
        tb_buffer_append(&call->res->body, tb_buffer_text(&result.body), result.body.len);
    tb_command_result_free(&result);
    return ok;
}

bool api_delete_bot(struct call *call, struct tb_error *err)
{
    return tb_bots_delete(call->api->bots, call->req->arg[0], &call->caller, &call->res->body, err);
}
