/* /plans/{id}: a stored plan, and the backtests that a second server makes of it. The bots room
 * stores and writes; here are status codes and Location. Any thread. */
#include "api/api_private.h"

bool api_get_plan(struct call *call, struct tb_error *err)
{
    return tb_backtests_plan(call->api->backtests, call->req->arg[0], &call->res->body, err);
}

static bool backtest(struct call *call, struct tb_store_idempotency *record,
                     struct tb_store_idempotency_result *result, struct tb_error *err)
{
    if (record)
        record->status = 202;
    if (!tb_backtests_add(call->api->backtests, call->req->arg[0], call->body, record, result,
                          &call->res->body, &call->problems, err))
        return false;
    call->res->status = 202;
    return true;
}

bool api_backtest_plan(struct call *call, struct tb_error *err)
{
    struct tb_buffer location = TB_BUFFER_INIT;
    if (call->body && !tb_json_is(call->body, TB_JSON_OBJECT))
        return tb_fail(err, TB_BAD_REQUEST, "The body must be a JSON object.");
    if (!api_run_with_key(call, backtest, err))
        return false;
    tb_buffer_printf(&location, "/plans/%s", call->req->arg[0]);
    tb_http_header_add(call->res, "Location", tb_buffer_text(&location));
    tb_buffer_free(&location);
    return true;
}
