/* The two records of a request: the audit row of whoever changed something or was refused, and the
 * access log line. Neither holds a body, a query or a token. Any thread. */
#include "api/api_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* Rows for requests without a good token: enough to see an attack, too few to fill the disk. */
#define STRANGER_ROWS_PER_MINUTE 30

static bool stranger_may(struct tb_api *api)
{
    int64_t now = tb_mono_ms();
    pthread_mutex_lock(&api->lock);
    if (now - api->refused_window_ms >= 60000) {
        api->refused_window_ms = now;
        api->refused_rows = 0;
    }
    bool may = api->refused_rows < STRANGER_ROWS_PER_MINUTE;
    api->refused_rows += may;
    pthread_mutex_unlock(&api->lock);
    return may;
}

void api_audit(struct call *call)
{
    struct tb_error err = {0};
    if (!call->known && !stranger_may(call->api))
        return;
    const struct tb_store_audit row = {
        .at = tb_wall_ms(),
        .request_id = call->req->id,
        .token_id = call->known ? call->who.token_id : NULL,
        .token_name = call->known ? call->who.name : "",
        .role = call->known ? api_role_word(call->who.role) : "",
        .method = call->req->method,
        .route = call->row->pattern,
        .target = call->req->target,
        .status = call->res->status,
        .code = call->code == TB_OK ? NULL : tb_code_word(call->code),
        .doc = call->audit.len > 0 ? call->audit.data : NULL,
    };
    if (!tb_store_audit_add(call->api->store, &row, &err))
        tb_log(TB_ERROR, "audit.lost", "%s %s by %s was not recorded: %s", row.method, row.route,
               row.token_name, err.detail);
}

void api_access_log(const struct tb_http_request *req, const struct tb_http_response *res)
{
    const struct call *call = req->user;
    const struct api_route *row = call ? call->row : NULL;
    bool quiet = row && (row->flags & API_HEALTH) && res->status < 500;
    tb_log(quiet ? TB_DEBUG : TB_INFO, "http.request", "%s %.200s %d %zu bytes %lld ms %s %s",
           req->method, req->target, res->status, res->body.len,
           (long long)(tb_mono_ms() - req->started_ms), call && call->known ? call->who.name : "-",
           req->id);
}
