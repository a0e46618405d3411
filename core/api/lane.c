/* Which plugins answer a request: those that are live or, for developers who ask with `lane=draft`,
 * the drafts. One generation answers all of a request and is named in its header. Any thread. */
#include "api/api_private.h"

#include <stdio.h>
#include <string.h>

const char *api_lane(const struct call *call)
{
    return call->row->flags & API_LANE ? tb_http_query(call->req, "lane") : NULL;
}

struct tb_generation *api_generation(struct call *call, struct tb_error *err)
{
    const char *lane = api_lane(call);
    bool draft = lane && strcmp(lane, "draft") == 0;
    if (lane && !draft && strcmp(lane, "live") != 0) {
        (void)tb_fail(err, TB_BAD_REQUEST, "The query parameter `lane` is `live` or `draft`.");
        return NULL;
    }
    if (!call->in)
        call->in = tb_generation_hold(call->api->plugins, draft ? TB_LANE_DRAFT : TB_LANE_LIVE);
    return call->in;
}

void api_shaped_by(struct call *call, const char *plugin)
{
    char hash[9], line[80];
    tb_generation_hash(call->in, plugin, hash);
    snprintf(line, sizeof line, "%s=%s", plugin, hash);
    if (hash[0])
        tb_http_header_add(call->res, "X-Plugin-Generation", line);
}
