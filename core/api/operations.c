/* /operations and /hummingbot: what the bots room tells of its work and of the API behind it. Any
 * thread. */
#include "api/api_private.h"

#define LIMIT_MAX     500
#define LIMIT_DEFAULT 50

bool api_get_operations(struct call *call, struct tb_error *err)
{
    const char *cursor;
    size_t limit;
    return api_query_count(call, "limit", LIMIT_MAX, LIMIT_DEFAULT, &limit, err) &&
           api_query_cursor(call, &cursor, err) &&
           tb_bots_operations(call->api->bots, tb_http_query(call->req, "bot"), cursor, limit,
                              &call->res->body, err);
}

bool api_get_operation(struct call *call, struct tb_error *err)
{
    return tb_bots_operation(call->api->bots, call->req->arg[0], &call->res->body, err);
}

bool api_get_hummingbot(struct call *call, struct tb_error *err)
{
    (void)err;
    tb_bots_hummingbot(call->api->bots, &call->res->body);
    return true;
}
