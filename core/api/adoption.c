/* Taking over bots and giving them back, and what is remembered of one: /bots/adopt,
 * /bots/{id}/release, /config, /history. The bots room decides and writes the documents. Any
 * thread. */
#include "api/api_private.h"

static bool adopt(struct call *call, struct tb_error *err)
{
    return tb_bots_adopt(call->api->bots, call->body, &call->res->body, &call->problems, err);
}

/* A dry run leaves nothing behind, not even its Idempotency-Key: asking again looks again. */
bool api_adopt_bots(struct call *call, struct tb_error *err)
{
    call->dry_run = tb_json_true(tb_json_get(call->body, "dry_run"));
    return call->dry_run ? adopt(call, err) : api_run_once(call, adopt, err);
}

static bool release(struct call *call, struct tb_error *err)
{
    return tb_bots_release(call->api->bots, call->req->arg[0], &call->res->body, err);
}

bool api_release_bot(struct call *call, struct tb_error *err)
{
    return api_run_once(call, release, err);
}

bool api_get_config(struct call *call, struct tb_error *err)
{
    return tb_bots_config(call->api->bots, call->req->arg[0], &call->res->body, err);
}

bool api_get_history(struct call *call, struct tb_error *err)
{
    return tb_bots_history(call->api->bots, call->req->arg[0], &call->res->body, err);
}
