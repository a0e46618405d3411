/* What concerns the bridge's own past: the backup of its store, the way out of observe mode, the
 * leftovers of its attempts. Any thread. */
#include "api/api_private.h"

#include <string.h>

bool api_get_backup(struct call *call, struct tb_error *err)
{
    struct tb_http_response *res = call->res;
    int64_t bytes = 0;
    int tar = tb_store_backup(call->api->store, &bytes, err);
    if (tar < 0)
        return false;
    res->file = tar;
    res->file_bytes = bytes;
    res->content_type = "application/x-tar";
    tb_http_header_add(res, "Content-Disposition", "attachment; filename=\"trading-bridge.tar\"");
    return true;
}

bool api_resume(struct call *call, struct tb_error *err)
{
    return tb_bots_resume(call->api->bots, call->body, &call->res->body, &call->problems, err);
}

bool api_cleanup(struct call *call, struct tb_error *err)
{
    const char *dry = tb_http_query(call->req, "dry_run");
    if (dry && strcmp(dry, "1") != 0 && strcmp(dry, "0") != 0)
        return tb_fail(err, TB_BAD_REQUEST, "`dry_run` is 1 or 0.");
    if (call->body && call->body->child)
        return tb_fail(err, TB_BAD_REQUEST,
                       "A cleanup takes no fields; `dry_run` is in the query.");
    call->dry_run = dry && strcmp(dry, "1") == 0;
    return tb_bots_cleanup(call->api->bots, call->dry_run, &call->res->body, err);
}
