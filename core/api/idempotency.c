/* Idempotency-Key for routes whose effect is one answer, not an operation. The answer is kept only
 * when there is one: a refusal leaves the key free. Commands on bots keep their keys in bots/, in
 * the same commit as the operation. Any thread. */
#include "api/api_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static bool replay(struct call *call, const struct tb_store_idempotency *found,
                   struct tb_error *err)
{
    if (strcmp(found->body_sha256, call->body_sha256) != 0)
        return tb_fail(err, TB_IDEMPOTENCY_MISMATCH,
                       "This Idempotency-Key was used for another request; take a new key for a "
                       "new request.");
    tb_buffer_clear(&call->res->body);
    tb_buffer_puts(&call->res->body, found->body ? found->body : "{}");
    call->res->status = found->status ? (int)found->status : 200;
    call->replayed = true;
    tb_http_header_add(call->res, "Idempotency-Replayed", "true");
    return true;
}

/* Answers from the store when the key is known. True: *done_out says whether it was. */
static bool look_up(struct call *call, bool *done_out, struct tb_error *err)
{
    struct tb_error why = {0};
    struct tb_store_idempotency *found =
        tb_store_idempotency_get(call->api->store, call->who.token_id, call->req->method,
                                 call->row->name, call->key, tb_wall_ms(), &why);
    *done_out = found != NULL;
    if (!found && why.code != TB_NOT_FOUND) {
        *err = why;
        return false;
    }
    bool ok = !found || replay(call, found, err);
    free(found);
    return ok;
}

/* Two first requests at once: the store lets one in, the other answers as that one did. */
static bool settle(struct call *call, bool ok, struct tb_store_idempotency_result *result,
                   struct tb_error *err)
{
    if (!ok && result->found)
        ok = replay(call, result->found, err);
    free(result->found);
    return ok;
}

static struct tb_store_idempotency record_of(const struct call *call)
{
    return (struct tb_store_idempotency){
        .token_id = call->who.token_id,
        .method = call->req->method,
        .route = call->row->name,
        .key = call->key,
        .body_sha256 = call->body_sha256,
        .created_at = tb_wall_ms(),
    };
}

bool api_run_once(struct call *call, api_handler *handle, struct tb_error *err)
{
    bool done;
    if (!call->key)
        return handle(call, err);
    if (!look_up(call, &done, err))
        return false;
    if (done)
        return true;
    if (!handle(call, err))
        return false;
    struct tb_store_idempotency record = record_of(call);
    struct tb_store_idempotency_result result = {0};
    record.status = call->res->status;
    record.body = tb_buffer_text(&call->res->body);
    const struct tb_store_change change = {
        .kind = TB_STORE_IDEMPOTENCY_BEGIN, .idempotency_result = &result, .idempotency = &record};
    return settle(call, tb_store_commit(call->api->store, &change, 1, err), &result, err);
}

bool api_run_with_key(struct call *call, api_keyed_handler *handle, struct tb_error *err)
{
    bool done;
    if (!call->key)
        return handle(call, NULL, NULL, err);
    if (!look_up(call, &done, err))
        return false;
    if (done)
        return true;
    struct tb_store_idempotency record = record_of(call);
    struct tb_store_idempotency_result result = {0};
    return settle(call, handle(call, &record, &result, err), &result, err);
}

static const char begun[] =
    "{\"code\":\"upstream_unknown\",\"detail\":\"The first request with this Idempotency-Key is "
    "still "
    "running, or the bridge ended while it ran: what it did is not known. Look before you ask "
    "again with another key.\",\"retryable\":false}";

/* A failure as a repeated request gets it. */
static void write_failure(const struct tb_error *err, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "code", tb_code_word(err->code));
    tb_jw_kv_string(&w, "detail", err->detail);
    tb_jw_kv_bool(&w, "retryable", false);
    tb_jw_end_object(&w);
}

/* TB_BUSY says that nothing was done, so that the same request may come again with the same key.
 * When this fails, the key goes on saying that the outcome is unknown, which is true. */
static void keep_answer(struct call *call, struct tb_store_idempotency *record, bool ok,
                        const struct tb_error *err)
{
    struct tb_buffer failure = TB_BUFFER_INIT;
    struct tb_error why = {0};
    const struct tb_store_change change = {.kind = !ok && err->code == TB_BUSY
                                                       ? TB_STORE_IDEMPOTENCY_FREE
                                                       : TB_STORE_IDEMPOTENCY_ANSWER,
                                           .idempotency = record};
    if (!ok)
        write_failure(err, &failure);
    record->status = ok ? call->res->status : tb_code_http_status(err->code);
    record->body = ok ? tb_buffer_text(&call->res->body) : tb_buffer_text(&failure);
    if (!tb_store_commit(call->api->store, &change, 1, &why))
        tb_log(TB_WARN, "idempotency.answer", "An answer was not kept: %s", why.detail);
    tb_buffer_free(&failure);
}

bool api_run_begun(struct call *call, api_begun_handler *handle, const void *user,
                   struct tb_error *err)
{
    bool done;
    if (!call->key || call->dry_run)
        return handle(call, user, err);
    if (!look_up(call, &done, err))
        return false;
    if (done)
        return true;
    struct tb_store_idempotency record = record_of(call);
    struct tb_store_idempotency_result result = {0};
    const struct tb_store_change change = {
        .kind = TB_STORE_IDEMPOTENCY_BEGIN, .idempotency_result = &result, .idempotency = &record};
    record.status = tb_code_http_status(TB_UPSTREAM_UNKNOWN);
    record.body = begun;
    if (!tb_store_commit(call->api->store, &change, 1, err))
        return settle(call, false, &result, err);
    free(result.found);
    bool ok = handle(call, user, err);
    keep_answer(call, &record, ok, err);
    return ok;
}
