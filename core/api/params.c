/* /bots/{id}/params, and PUT /bots/{id} of the front end that exists: the version in ETag and
 * If-Match, and whose words the body is in. The bots room decides and writes the document. Any
 * thread. */
#include "api/api_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_tag(struct call *call, int64_t version)
{
    char tag[32];
    if (version < 1)
        return;
    snprintf(tag, sizeof tag, "\"%lld\"", (long long)version);
    tb_http_header_add(call->res, "ETag", tag);
    tb_http_header_add(call->res, "Cache-Control", "private, no-cache");
}

bool api_get_params(struct call *call, struct tb_error *err)
{
    int64_t version;
    if (!tb_bots_params(call->api->bots, call->req->arg[0], &call->res->body, &version, err))
        return false;
    add_tag(call, version);
    return true;
}

/* The strong comparison: a weak tag, or one that we never gave, matches nothing. */
static int64_t read_tag(const char *tag)
{
    size_t len = strlen(tag);
    size_t digits = len > 2 && tag[0] == '"' ? strspn(tag + 1, "0123456789") : 0;
    bool good = digits > 0 && digits < 19 && tag[1] != '0' && strcmp(tag + 1 + digits, "\"") == 0;
    return good ? strtoll(tag + 1, NULL, 10) : -1;
}

static bool change(struct call *call, struct tb_params_request *asked, struct tb_error *err)
{
    const char *match = tb_http_header(call->req, "If-Match");
    int64_t version = 0;
    bool ok;

    asked->lenient = call->lenient;
    asked->any_version = !match || strcmp(match, "*") == 0;
    asked->version = match ? read_tag(match) : -1;
    ok = tb_bots_change_params(call->api->bots, call->req->arg[0], asked, &call->res->body,
                               &version, &call->problems, err);
    if (ok || err->code == TB_STALE_VERSION)
        add_tag(call, version);
    return ok;
}

/* ---- PUT ---- */

static bool put(struct call *call, struct tb_store_idempotency *record,
                struct tb_store_idempotency_result *result, struct tb_error *err)
{
    struct tb_params_request asked = {
        .words = call->body, .record = record, .record_result = result};
    return change(call, &asked, err);
}

/* That front end knows no versions: without If-Match the newest is meant. */
bool api_put_bot(struct call *call, struct tb_error *err)
{
    return api_run_with_key(call, put, err);
}

/* ---- PATCH ---- */

static bool patch(struct call *call, struct tb_store_idempotency *record,
                  struct tb_store_idempotency_result *result, struct tb_error *err)
{
    struct tb_params_request asked = {
        .words = call->body, .bare = true, .record = record, .record_result = result};
    return change(call, &asked, err);
}

bool api_patch_params(struct call *call, struct tb_error *err)
{
    if (!tb_http_header(call->req, "If-Match"))
        return tb_fail(err, TB_VERSION_REQUIRED,
                       "A change of parameters needs the header If-Match with the ETag of GET "
                       "/bots/{id}/params, so that it does not undo what somebody else changed "
                       "meanwhile.");
    return api_run_with_key(call, patch, err);
}
