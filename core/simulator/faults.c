/* Words of the faults, the shapes of failures inside a 200, and a browser's OPTIONS. Read-only
 * tables. */
#include <string.h>

#include "simulator/host.h"

static const char *const words[SIM_FAULT_KINDS] = {
    [SIM_FAULT_LATENCY] = "latency",
    [SIM_FAULT_FREEZE] = "freeze",
    [SIM_FAULT_HANG] = "hang",
    [SIM_FAULT_ERROR500] = "error500",
    [SIM_FAULT_ERROR_DETAIL] = "error_detail",
    [SIM_FAULT_DROP_BEFORE] = "drop_before",
    [SIM_FAULT_DROP_AFTER] = "drop_after",
    [SIM_FAULT_LATE] = "late",
    [SIM_FAULT_LATE_HANG] = "late_hang",
    [SIM_FAULT_SUCCESS_SHAPED] = "success_shaped_failure",
    [SIM_FAULT_NAN] = "nan",
    [SIM_FAULT_HTML] = "html",
    [SIM_FAULT_UNAUTHORIZED] = "unauthorized",
    [SIM_FAULT_CREATED] = "created",
    [SIM_FAULT_ENGINE_TIMEOUT] = "engine_timeout",
    [SIM_FAULT_TEXT_LIST] = "text_list",
};

const char *sim_fault_word(enum sim_fault_kind kind)
{
    return words[kind];
}

enum sim_fault_kind sim_fault_parse(const char *word)
{
    for (int k = 1; k < SIM_FAULT_KINDS; k++) {
        if (strcmp(words[k], word) == 0)
            return (enum sim_fault_kind)k;
    }
    return SIM_FAULT_NONE;
}

struct shape {
    const char *path; /* prefix of the route's path */
    const char *body;
};

#define ENGINE_TEXT "\"Error while fetching server API version: Connection refused\""

static const struct shape shapes[] = {
    {"/bot-orchestration/deploy-v2",
     "{\"success\":false,\"message\":\"500 Server Error for http+docker://localhost/v1.51/"
     "containers/create: Internal Server Error\"}"},
    {"/bot-orchestration/start-bot", "{\"status\":\"success\",\"response\":{\"success\":false}}"},
    {"/bot-orchestration/stop-bot", "{\"status\":\"success\",\"response\":{\"success\":false}}"},
    {"/bot-orchestration/stop-and-archive",
     "{\"status\":\"error\",\"message\":\"Bot not found in active bots.\",\"details\":{}}"},
    {"/bot-orchestration/{bot_name}/history",
     "{\"status\":\"success\",\"response\":{\"success\":false,\"message\":\"No response received\","
     "\"timeout\":true}}"},
    {"/bot-orchestration/{bot_name}/status",
     "{\"status\":\"success\",\"data\":{\"status\":\"error\",\"error\":\"dictionary changed size "
     "during iteration\"}}"},
    {"/bot-orchestration/controller-performance", "{\"status\":\"success\",\"data\":[]}"},
    {"/docker/remove-container", "{\"success\":false,\"message\":\"Conflict\"}"},
    {"/docker/", ENGINE_TEXT},
    {"/gateway/swap/quote",
     "{\"base\":\"SOL\",\"quote\":\"USDC\",\"price\":\"0\",\"amount\":\"1\",\"amount_in\":null,"
     "\"amount_out\":null,\"expected_amount\":null,\"slippage_pct\":\"1\",\"gas_estimate\":null}"},
    {"/gateway/", "{\"error\":\"Internal Server Error\",\"status\":500}"},
    {"/market-data/order-book/restart", "{\"success\":false}"},
    {"", "{\"error\":\"simulated failure\"}"},
};

void sim_fault_success_shaped(struct sim_call *call, const struct sim_route *route)
{
    size_t i = 0;
    while (strncmp(route->path, shapes[i].path, strlen(shapes[i].path)) != 0)
        i++;
    tb_jw_raw(&call->out, shapes[i].body, strlen(shapes[i].body));
}

/* http(s)://localhost or 127.0.0.1 with an optional port */
static bool origin_allowed(const char *origin)
{
    const char *rest = strncmp(origin, "http://", 7) == 0    ? origin + 7
                       : strncmp(origin, "https://", 8) == 0 ? origin + 8
                                                             : "";
    size_t host = strcspn(rest, ":");
    return ((host == 9 && strncmp(rest, "localhost", 9) == 0) ||
            (host == 9 && strncmp(rest, "127.0.0.1", 9) == 0)) &&
           strspn(rest + host, ":0123456789") == strlen(rest + host);
}

void sim_cors_ordinary(const struct tb_http_request *req, struct tb_http_response *res)
{
    const char *origin = tb_http_header(req, "Origin");
    if (origin == NULL)
        return;
    tb_http_header_add(res, "Access-Control-Allow-Credentials", "true");
    if (origin_allowed(origin)) {
        tb_http_header_add(res, "Access-Control-Allow-Origin", origin);
        tb_http_header_add(res, "Vary", "Origin");
    }
}

bool sim_cors(const struct tb_http_request *req, struct tb_http_response *res)
{
    const char *origin = tb_http_header(req, "Origin");
    if (origin == NULL || tb_http_header(req, "Access-Control-Request-Method") == NULL)
        return false;
    bool allowed = origin_allowed(origin);
    tb_buffer_clear(&res->body);
    tb_buffer_puts(&res->body, allowed ? "OK" : "Disallowed CORS origin");
    res->status = allowed ? 200 : 400;
    res->content_type = "text/plain; charset=utf-8";
    tb_http_header_add(res, "Vary", "Origin");
    tb_http_header_add(res, "Access-Control-Allow-Methods",
                       "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
    tb_http_header_add(res, "Access-Control-Max-Age", "600");
    tb_http_header_add(res, "Access-Control-Allow-Credentials", "true");
    if (allowed)
        tb_http_header_add(res, "Access-Control-Allow-Origin", origin);
    return true;
}
