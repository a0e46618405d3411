/* Requests over many bots: /bots/start, /bots/redeploy, /bots/emergency-stop. The bots room decides
 * and writes the documents; here are the status code and Location. `Prefer: wait` is not applied:
 * such an operation takes as long as its slowest bot. Any thread. */
#include "api/api_private.h"

#include <stdio.h>

typedef bool many_command(struct tb_bots *bots, const struct tb_json *request,
                          const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                          struct tb_command_result *result, struct tb_problems *problems,
                          struct tb_error *err);

/* A dry run leaves nothing behind, not even its Idempotency-Key: asking again looks again. */
static bool command_many(struct call *call, many_command *command, struct tb_error *err)
{
    struct tb_command_result result = {0};
    char line[64];
    bool ok;

    call->dry_run = tb_json_true(tb_json_get(call->body, "dry_run"));
    ok = command(call->api->bots, call->body, &call->caller,
                 call->key && !call->dry_run ? &call->idempotency : NULL, &result, &call->problems,
                 err);
    call->replayed = result.replayed;
    if (ok && result.operation_id[0]) {
        call->res->status = 202;
        snprintf(line, sizeof line, "/operations/%s", result.operation_id);
        tb_http_header_add(call->res, "Location", line);
        if (result.replayed)
            tb_http_header_add(call->res, "Idempotency-Replayed", "true");
    }
    if (ok)
        tb_buffer_append(&call->res->body, tb_buffer_text(&result.body), result.body.len);
    tb_command_result_free(&result);
    return ok;
}

bool api_start_bots(struct call *call, struct tb_error *err)
{
    return command_many(call, tb_bots_start_many, err);
}

bool api_redeploy_bots(struct call *call, struct tb_error *err)
{
    return command_many(call, tb_bots_redeploy_many, err);
}

bool api_emergency_stop(struct call *call, struct tb_error *err)
{
    return command_many(call, tb_bots_emergency_stop, err);
}
