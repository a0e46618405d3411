/* Root, the openapi document, system, storage, archived bots, rate oracle, executors of the API
 * process (there are none). One request with the event loop held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/routes.h"

static void fixed(struct sim_call *call, const char *json)
{
    tb_jw_raw(&call->out, json, strlen(json));
}

void sim_get_root(struct sim_call *call)
{
    fixed(call, "{\"name\":\"Hummingbot API\",\"version\":\"1.0.1\",\"status\":\"running\"}");
}

/* Enough of the document to tell the version by: every path with its methods, the security scheme,
 * and the Gateway start without a passphrase. */
void sim_get_openapi(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    tb_jw_object(out);
    tb_jw_kv_string(out, "openapi", "3.1.0");
    tb_jw_key(out, "info");
    fixed(call, "{\"title\":\"Hummingbot API\",\"version\":\"1.0.1\"}");
    tb_jw_key(out, "paths");
    tb_jw_object(out);
    for (const struct sim_route *r = sim_routes; r->method != NULL; r++) {
        bool first = (r->flags & SIM_LISTED) != 0;
        for (const struct sim_route *before = sim_routes; first && before != r; before++)
            first = strcmp(before->path, r->path) != 0 || (before->flags & SIM_LISTED) == 0;
        if (!first)
            continue;
        tb_jw_key(out, r->path);
        tb_jw_object(out);
        for (const struct sim_route *m = r; m->method != NULL; m++) {
            if (strcmp(m->path, r->path) != 0)
                continue;
            char method[12];
            size_t i = 0;
            for (; m->method[i] != '\0'; i++)
                method[i] = (char)(m->method[i] | 0x20);
            method[i] = '\0';
            tb_jw_key(out, method);
            tb_jw_object(out);
            tb_jw_key(out, "tags");
            tb_jw_array(out);
            tb_jw_string(out, m->tag);
            tb_jw_end_array(out);
            if ((m->flags & SIM_OPEN) == 0) {
                tb_jw_key(out, "security");
                fixed(call, "[{\"HTTPBasic\":[]}]");
            }
            tb_jw_end_object(out);
        }
        tb_jw_end_object(out);
    }
    tb_jw_end_object(out);
    tb_jw_key(out, "components");
    fixed(call, "{\"securitySchemes\":{\"HTTPBasic\":{\"type\":\"http\",\"scheme\":\"basic\"}},"
                "\"schemas\":{\"GatewayConfig\":{\"type\":\"object\",\"title\":\"GatewayConfig\","
                "\"properties\":{\"image\":{\"type\":\"string\",\"title\":\"Image\",\"default\":"
                "\"hummingbot/gateway:latest\"},\"port\":{\"type\":\"integer\",\"title\":\"Port\","
                "\"default\":15888}}}}}");
    tb_jw_end_object(out);
}

void sim_get_resources(struct sim_call *call)
{
    fixed(call,
          "{\"cpu\":{\"percent\":12.5,\"count_logical\":2,\"count_physical\":2,\"load_avg_1m\":0.5,"
          "\"load_avg_5m\":0.4,\"load_avg_15m\":0.3},\"memory\":{\"total\":8589934592,"
          "\"available\":6442450944,\"used\":2147483648,\"percent\":25.0},\"disk\":{\"mountpoint\":"
          "\"host root\",\"total\":107374182400,\"used\":21474836480,\"free\":85899345920,"
          "\"percent\":20.0}}");
}

/* ---- storage ---- */

static void human(int64_t size, char *out, size_t len)
{
    static const char *const units[] = {"B", "KB", "MB", "GB"};
    double value = (double)size;
    size_t unit = 0;
    while (value >= 1024 && unit < 3) {
        value /= 1024;
        unit++;
    }
    snprintf(out, len, "%.2f %s", value, units[unit]);
}

static void kv_size(struct tb_json_writer *out, const char *bytes, const char *text, int64_t size)
{
    char word[32];
    human(size, word, sizeof word);
    tb_jw_kv_int(out, bytes, size);
    tb_jw_kv_string(out, text, word);
}

#define FOLDER_BYTES 280000

static void directory(struct tb_json_writer *out, const char *key, const char *const *names,
                      size_t count)
{
    tb_jw_key(out, key);
    tb_jw_object(out);
    kv_size(out, "size_bytes", "size_human", (int64_t)count * FOLDER_BYTES);
    tb_jw_kv_int(out, "item_count", (int64_t)count);
    tb_jw_key(out, "items");
    tb_jw_array(out);
    for (size_t i = 0; i < count; i++) {
        tb_jw_object(out);
        tb_jw_kv_string(out, "name", names[i]);
        kv_size(out, "size_bytes", "size_human", FOLDER_BYTES);
        tb_jw_end_object(out);
    }
    tb_jw_end_array(out);
    tb_jw_end_object(out);
}

void sim_get_storage(struct sim_call *call)
{
    struct sim_world *w = call->w;
    struct tb_json_writer *out = &call->out;
    static const char *const conf[] = {"scripts", "controllers"};
    const char **archived = calloc(w->archive_count + 1, sizeof *archived);
    const char **instances = calloc(w->instance_count + 1, sizeof *instances);
    if (archived == NULL || instances == NULL)
        abort();
    for (size_t i = 0; i < w->archive_count; i++)
        archived[i] = w->archives[i].name;
    for (size_t i = 0; i < w->instance_count; i++)
        instances[i] = w->instances[i]->name;
    tb_jw_object(out);
    kv_size(out, "total_size_bytes", "total_size_human",
            (int64_t)(w->archive_count + w->instance_count) * FOLDER_BYTES);
    tb_jw_key(out, "directories");
    tb_jw_object(out);
    directory(out, "archived", archived, w->archive_count);
    directory(out, "instances", instances, w->instance_count);
    directory(out, "conf", conf, 2);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
    free(archived);
    free(instances);
}

/* ---- archived bots ---- */

static void archive_path(const struct sim_archive *a, char *out, size_t size)
{
    snprintf(out, size, "bots/archived/%s/data/%s", a->name, a->database);
}

void sim_get_archived(struct sim_call *call)
{
    tb_jw_array(&call->out);
    for (size_t i = 0; i < call->w->archive_count; i++) {
        char path[2 * SIM_NAME + 32];
        archive_path(&call->w->archives[i], path, sizeof path);
        tb_jw_string(&call->out, path);
    }
    tb_jw_end_array(&call->out);
}

static void kv_text(struct tb_json_writer *out, const char *key, const char *json)
{
    tb_jw_kv_raw(out, key, json, strlen(json));
}

static void kv_page(struct tb_json_writer *out, const char *key, const char *json, unsigned total)
{
    kv_text(out, key, json);
    tb_jw_key(out, "pagination");
    tb_jw_object(out);
    tb_jw_kv_int(out, "total", total);
    tb_jw_kv_int(out, "limit", 100);
    tb_jw_kv_int(out, "offset", 0);
    tb_jw_kv_bool(out, "has_more", total > 100);
    tb_jw_end_object(out);
}

static void archive_summary(struct tb_json_writer *out, const struct sim_archive *a)
{
    tb_jw_kv_int(out, "total_orders", a->trade_count);
    tb_jw_kv_int(out, "total_trades", a->trade_count);
    tb_jw_kv_int(out, "total_executors", a->executor_count);
    tb_jw_kv_int(out, "total_positions", 0);
    tb_jw_kv_int(out, "total_controllers", a->controller_count);
    kv_text(out, "trading_pairs", a->pairs);
    kv_text(out, "exchanges", a->exchanges);
}

static void archive_status(struct sim_call *call, const struct sim_archive *a, const char *path)
{
    static const char *const tables[] = {"trade_fill", "orders",      "order_status",
                                         "executors",  "controllers", "positions"};
    struct tb_json_writer *out = &call->out;
    struct tb_buffer url = TB_BUFFER_INIT;
    bool traded = a->trade_count > 0;
    tb_buffer_printf(&url, "sqlite:////hummingbot-api/%s", path);
    tb_jw_object(out);
    tb_jw_kv_string(out, "db_path", path);
    tb_jw_key(out, "status");
    tb_jw_object(out);
    tb_jw_kv_string(out, "db_name", a->database);
    tb_jw_kv_string(out, "db_path", tb_buffer_text(&url));
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        tb_jw_kv_string(out, tables[i], traded ? "Correct" : "Error - No records matched");
    tb_jw_kv_bool(out, "general_status", traded);
    tb_jw_end_object(out);
    tb_jw_kv_bool(out, "healthy", traded);
    tb_jw_end_object(out);
    tb_buffer_free(&url);
}

/* With trades the original's figures hold a NaN and the answer breaks. */
static void archive_performance(struct sim_call *call, const struct sim_archive *a,
                                const char *path)
{
    if (a->trade_count > 0) {
        sim_crash(call);
        return;
    }
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "db_path", path);
    tb_jw_kv_string(&call->out, "error", "No trades found in database");
    kv_text(&call->out, "performance_data", "[]");
    tb_jw_end_object(&call->out);
}

static void archive_answer(struct sim_call *call, const struct sim_archive *a, const char *path,
                           const char *what)
{
    struct tb_json_writer *out = &call->out;
    tb_jw_object(out);
    tb_jw_kv_string(out, "db_path", path);
    if (strcmp(what, "summary") == 0) {
        archive_summary(out, a);
    } else if (strcmp(what, "executors") == 0) {
        kv_text(out, what, a->executors);
        tb_jw_kv_int(out, "total", a->executor_count);
    } else if (strcmp(what, "controllers") == 0) {
        kv_text(out, what, a->controllers);
        tb_jw_kv_int(out, "total", a->controller_count);
    } else if (strcmp(what, "positions") == 0) {
        kv_page(out, what, "[]", 0);
    } else {
        kv_page(out, what, strcmp(what, "trades") == 0 ? a->trades : a->orders, a->trade_count);
    }
    tb_jw_end_object(out);
}

/* GET /archived-bots/<path with slashes>/<what> */
void sim_get_archive_part(struct sim_call *call)
{
    static const char *const parts[] = {"status", "summary",   "performance", "trades",
                                        "orders", "executors", "positions",   "controllers"};
    const char *slash = strrchr(call->arg[0], '/');
    bool known = false;
    for (size_t i = 0; slash != NULL && i < sizeof parts / sizeof parts[0]; i++)
        known = known || strcmp(slash + 1, parts[i]) == 0;
    if (!known) {
        sim_detail(call, 405, "Method Not Allowed");
        return;
    }
    char path[2 * SIM_NAME + 32], other[2 * SIM_NAME + 32];
    snprintf(path, sizeof path, "%.*s", (int)(slash - call->arg[0]), call->arg[0]);
    if (strncmp(path, "bots/archived/", 14) != 0) {
        sim_detail(call, 400, "Path '%s' is outside the archived bots directory", path);
        return;
    }
    for (size_t i = 0; i < call->w->archive_count; i++) {
        archive_path(&call->w->archives[i], other, sizeof other);
        if (strcmp(other, path) != 0)
            continue;
        if (strcmp(slash + 1, "performance") == 0)
            archive_performance(call, &call->w->archives[i], path);
        else if (strcmp(slash + 1, "status") == 0)
            archive_status(call, &call->w->archives[i], path);
        else
            archive_answer(call, &call->w->archives[i], path, slash + 1);
        return;
    }
    sim_detail(call, 404, "Database path '%s' not found", path);
}

void sim_delete_archive(struct sim_call *call)
{
    struct sim_world *w = call->w;
    for (size_t i = 0; i < w->archive_count; i++) {
        char path[2 * SIM_NAME + 32];
        char name[SIM_NAME];
        archive_path(&w->archives[i], path, sizeof path);
        if (strcmp(path, call->arg[0]) != 0)
            continue;
        snprintf(name, sizeof name, "%s", w->archives[i].name);
        sim_archive_clear(&w->archives[i]);
        memmove(&w->archives[i], &w->archives[i + 1],
                (w->archive_count - i - 1) * sizeof *w->archives);
        w->archive_count--;
        struct tb_buffer text = TB_BUFFER_INIT;
        tb_buffer_printf(&text, "Archived bot '%s' deleted successfully", name);
        tb_jw_object(&call->out);
        tb_jw_kv_string(&call->out, "message", tb_buffer_text(&text));
        tb_jw_kv_string(&call->out, "bot_name", name);
        tb_jw_kv_int(&call->out, "bot_runs_deleted", 0);
        tb_jw_end_object(&call->out);
        tb_buffer_free(&text);
        return;
    }
    sim_detail(call, 400, "Path '%s' is outside the archived bots directory", call->arg[0]);
}

/* ---- small ones ---- */

void sim_get_executors_summary(struct sim_call *call)
{
    fixed(call,
          "{\"total_active\":0,\"total_pnl_quote\":0.0,\"total_volume_quote\":0.0,\"by_type\":"
          "{},\"by_connector\":{},\"by_status\":{}}");
}

static const char oracle_sources[] =
    "[\"aevo_perpetual\",\"backpack\",\"binance\",\"coin_gecko\",\"coin_cap\",\"kucoin\",\"gate_"
    "io\","
    "\"coinbase_advanced_trade\",\"dexalot\",\"hyperliquid\",\"hyperliquid_perpetual\","
    "\"architect_perpetual\",\"derive\",\"mexc\",\"evedex_perpetual\",\"pacifica_perpetual\","
    "\"decibel_perpetual\"]";

void sim_get_oracle_sources(struct sim_call *call)
{
    fixed(call, oracle_sources);
}

void sim_get_oracle_config(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    tb_jw_object(out);
    tb_jw_key(out, "rate_oracle_source");
    fixed(call, "{\"name\":\"binance\"}");
    tb_jw_key(out, "global_token");
    fixed(call, "{\"global_token_name\":\"USDT\",\"global_token_symbol\":\"$\"}");
    tb_jw_kv_raw(out, "available_sources", oracle_sources, sizeof oracle_sources - 1);
    tb_jw_end_object(out);
}

static void oracle_head(struct sim_call *call)
{
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "source", "binance");
    tb_jw_kv_string(&call->out, "quote_token", "USDT");
}

void sim_get_oracle_prices(struct sim_call *call)
{
    oracle_head(call);
    tb_jw_kv_int(&call->out, "prices_count", SIM_TOKENS);
    tb_jw_key(&call->out, "prices");
    tb_jw_object(&call->out);
    for (size_t i = 0; i < SIM_TOKENS; i++) {
        char pair[32];
        snprintf(pair, sizeof pair, "%s-USDT", sim_tokens[i].symbol);
        sim_kv_float(&call->out, pair, sim_market_token(&call->w->market, sim_tokens[i].symbol));
    }
    tb_jw_end_object(&call->out);
    tb_jw_end_object(&call->out);
}

void sim_post_oracle_rates(struct sim_call *call)
{
    double rate;
    oracle_head(call);
    tb_jw_key(&call->out, "rates");
    tb_jw_object(&call->out);
    const struct tb_json *pairs = tb_json_get(call->body, "trading_pairs");
    for (const struct tb_json *p = pairs->child; p != NULL; p = p->next) {
        const char *pair = tb_json_string(p);
        if (pair != NULL && sim_market_price(&call->w->market, "binance", pair, &rate))
            sim_kv_float(&call->out, pair, rate);
        else if (pair != NULL)
            tb_jw_kv_string(&call->out, pair, NULL);
    }
    tb_jw_end_object(&call->out);
    tb_jw_end_object(&call->out);
}

void sim_get_oracle_rate(struct sim_call *call)
{
    double rate;
    if (!sim_market_price(&call->w->market, "binance", call->arg[0], &rate)) {
        sim_detail(call, 404, "Rate not found for %s", call->arg[0]);
        return;
    }
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "trading_pair", call->arg[0]);
    sim_kv_float(&call->out, "rate", rate);
    tb_jw_kv_string(&call->out, "source", "binance");
    tb_jw_kv_string(&call->out, "quote_token", "USDT");
    tb_jw_end_object(&call->out);
}
