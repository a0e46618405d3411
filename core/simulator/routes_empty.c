/* Routes about things this world has none of (executors of the API process, swaps made by it,
 * pools): their empty answers. One request with the event loop held. */
#include <string.h>

#include "simulator/routes.h"

struct empty {
    const char *path;
    const char *body;
    bool gateway; /* 503 while Gateway is down */
};

#define PAGE_50                                                                                    \
    "{\"data\":[],\"pagination\":{\"limit\":50,\"offset\":0,\"has_more\":false,\"total_count\":0}" \
    "}"

static const struct empty empties[] = {
    {"/market-data/settings",
     "{\"cleanup_interval\":300,\"feed_timeout\":600,\"description\":\"Feeds are removed after the "
     "time-out\"}",
     false},
    {"/market-data/active-feeds", "{}", false},
    {"/executors/positions/summary",
     "{\"total_positions\":0,\"total_realized_pnl\":0.0,\"total_unrealized_pnl\":0.0,"
     "\"positions\":[]}",
     false},
    {"/executors/performance",
     "{\"controller_id\":null,\"total_executors\":0,\"by_status\":{},\"pnl_total_quote\":0.0,"
     "\"unrealized_pnl_quote\":0.0,\"global_pnl_quote\":0.0,\"pnl_pct_avg\":0.0,"
     "\"fees_total_quote\":0.0,\"volume_total_quote\":0.0,\"win_rate\":0.0,\"sharpe_ratio\":null,"
     "\"by_type\":[],\"active_positions\":0}",
     false},
    {"/gateway/pools", "[]", true},
    {"/gateway/apiKeys", "{\"helius\":\"\"}", true},
    {"/gateway/networks/{network_id}/pools",
     "{\"pools\":[],\"count\":0,\"network_id\":\"solana-mainnet-beta\"}", true},
    {"/gateway/swaps/search", PAGE_50, false},
    {"/gateway/swaps/summary",
     "{\"total_swaps\":0,\"confirmed_swaps\":0,\"failed_swaps\":0,\"pending_swaps\":0,"
     "\"success_rate\":0,\"total_volume\":0,\"total_gas_fees\":0}",
     false},
    {"/gateway/clmm/positions/search", PAGE_50, false},
    {"/gateway/clmm/pools", "{\"pools\":[],\"total\":0,\"page\":0,\"pageSize\":50}", true},
};

void sim_get_fixed(struct sim_call *call)
{
    size_t i = 0;
    while (strcmp(empties[i].path, call->route->path) != 0)
        i++;
    if (empties[i].gateway && !call->w->gateway_running)
        sim_detail(call, 503, "Gateway service is not available");
    else
        tb_jw_raw(&call->out, empties[i].body, strlen(empties[i].body));
}

void sim_get_executor(struct sim_call *call)
{
    sim_detail(call, 404, "Executor %s not found", call->arg[0]);
}

void sim_get_executor_logs(struct sim_call *call)
{
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "executor_id", call->arg[0]);
    tb_jw_kv_raw(&call->out, "logs", "[]", 2);
    tb_jw_kv_int(&call->out, "total_count", 0);
    tb_jw_end_object(&call->out);
}

/* Snapshots of the portfolio are not kept. */
void sim_post_portfolio_history(struct sim_call *call)
{
    static const char *const filters[] = {"account_names", "connector_names", "start_time",
                                          "end_time", "interval"};
    struct tb_json_writer *out = &call->out;
    tb_jw_object(out);
    tb_jw_kv_raw(out, "data", "[]", 2);
    tb_jw_key(out, "pagination");
    tb_jw_object(out);
    tb_jw_kv_int(out, "limit", 100);
    tb_jw_kv_bool(out, "has_more", false);
    tb_jw_kv_string(out, "next_cursor", NULL);
    tb_jw_kv_string(out, "current_cursor", NULL);
    tb_jw_key(out, "filters");
    tb_jw_object(out);
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        tb_jw_kv_node(out, filters[i], tb_json_get(call->body, filters[i]));
    tb_jw_end_object(out);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
}
