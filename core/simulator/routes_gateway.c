/* Gateway: the chain side of the API, with one network that works. One request with the event loop
 * held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "simulator/routes.h"

#define NETWORK "solana-mainnet-beta"
#define POOL    "Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE"
#define WALLET  "82SggYRE2Vo4jN4a2pk3aQ4SET4ctafZJGbowmCqyHx5"

struct chain_token {
    const char *symbol, *name, *address;
    int decimals;
};

static const struct chain_token chain_tokens[] = {
    {"SOL", "Wrapped SOL", "So11111111111111111111111111111111111111112", 9},
    {"USDC", "USD Coin", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", 6},
    {"USDT", "USDT", "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB", 6},
    {"JUP", "Jupiter", "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN", 6},
    {"BONK", "Bonk", "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263", 5},
    {"WIF", "dogwifhat", "EKpQGSJtjMFqKZ9KQanSqYXRcF8fBopzLHYxdM65zcjm", 6},
    {"RAY", "Raydium", "4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R", 6},
};

static const char wallets_json[] = "[{\"chain\":\"solana\",\"walletAddresses\":[\"" WALLET
                                   "\"],\"default_address\":\"" WALLET "\"}]";
static const char connectors_json[] =
    "{\"connectors\":[{\"name\":\"jupiter\",\"trading_types\":[\"router\"],\"chain\":\"solana\","
    "\"networks\":[\"mainnet-beta\",\"devnet\"]},{\"name\":\"orca\",\"trading_types\":[\"clmm\"],"
    "\"chain\":\"solana\",\"networks\":[\"mainnet-beta\"]},{\"name\":\"raydium\",\"trading_types\":"
    "[\"amm\",\"clmm\"],\"chain\":\"solana\",\"networks\":[\"mainnet-beta\"]},{\"name\":"
    "\"meteora\",\"trading_types\":[\"clmm\"],\"chain\":\"solana\",\"networks\":"
    "[\"mainnet-beta\"]}]}";
static const char chains_json[] =
    "{\"chains\":[{\"chain\":\"solana\",\"networks\":[\"mainnet-beta\",\"devnet\"]}]}";
static const char networks_json[] =
    "{\"networks\":[{\"network_id\":\"" NETWORK "\",\"chain\":\"solana\",\"network\":"
    "\"mainnet-beta\"},{\"network_id\":\"solana-devnet\",\"chain\":\"solana\",\"network\":"
    "\"devnet\"}],\"count\":2}";
static const char network_json[] =
    "{\"chain_id\":101,\"node_url\":\"https://solana.node.example\","
    "\"native_currency_symbol\":\"SOL\",\"swap_provider\":\"jupiter/router\"}";

void sim_get_gateway_status(struct sim_call *call)
{
    struct sim_world *w = call->w;
    struct tb_json_writer *out = &call->out;
    char id[65];
    memset(id, 'b', 64);
    id[64] = '\0';
    tb_jw_object(out);
    tb_jw_kv_bool(out, "running", w->gateway_running);
    tb_jw_kv_string(out, "container_id", w->gateway_running ? id : NULL);
    tb_jw_kv_string(out, "image", w->gateway_running ? w->gateway_image : NULL);
    if (w->gateway_running) {
        tb_jw_kv_time(out, "created_at", w->gateway_created);
        tb_jw_kv_int(out, "port", w->gateway_port);
    } else {
        tb_jw_kv_string(out, "created_at", NULL);
        tb_jw_kv_string(out, "port", NULL);
    }
    tb_jw_end_object(out);
}

static void start(struct sim_call *call, const char *image, int64_t port)
{
    tb_copy(call->w->gateway_image, sizeof call->w->gateway_image, image);
    call->w->gateway_port = (int)port;
    call->w->gateway_running = true;
    call->w->gateway_created = call->w->now;
    struct sim_account *a = sim_account_find(call->w, "master_account");
    if (a != NULL)
        (void)sim_wallet_add(a, NETWORK);
}

static bool container_there(struct sim_call *call)
{
    if (call->w->gateway_running)
        return true;
    sim_detail(call, 404, "Gateway container not found. Start it first.");
    return false;
}

static void success(struct sim_call *call, const char *message)
{
    tb_jw_object(&call->out);
    tb_jw_kv_bool(&call->out, "success", true);
    tb_jw_kv_string(&call->out, "message", message);
    tb_jw_end_object(&call->out);
}

void sim_post_gateway_start(struct sim_call *call)
{
    const char *image = tb_json_get_string(call->body, "image");
    int64_t port = 15888;
    (void)tb_json_int64(tb_json_get(call->body, "port"), &port);
    if (call->w->gateway_running) {
        sim_detail(call, 400, "Gateway is already running");
        return;
    }
    start(call, image == NULL ? "hummingbot/gateway:latest" : image, port);
    char id[65];
    memset(id, 'b', 64);
    id[64] = '\0';
    tb_jw_object(&call->out);
    tb_jw_kv_bool(&call->out, "success", true);
    tb_jw_kv_string(&call->out, "message", "Gateway started successfully");
    tb_jw_kv_string(&call->out, "container_id", id);
    tb_jw_kv_int(&call->out, "port", port);
    tb_jw_end_object(&call->out);
}

void sim_post_gateway_stop(struct sim_call *call)
{
    if (!container_there(call))
        return;
    call->w->gateway_running = false;
    success(call, "Gateway stopped successfully");
}

void sim_post_gateway_restart(struct sim_call *call)
{
    if (container_there(call))
        success(call, "Gateway restarted successfully");
}

void sim_get_gateway_logs(struct sim_call *call)
{
    if (!container_there(call))
        return;
    tb_jw_object(&call->out);
    tb_jw_kv_bool(&call->out, "success", true);
    tb_jw_kv_string(&call->out, "logs", "Gateway running on 15888");
    tb_jw_end_object(&call->out);
}

static bool gateway_up(struct sim_call *call)
{
    if (call->w->gateway_running)
        return true;
    sim_detail(call, 503, "Gateway service is not available");
    return false;
}

static void fixed(struct sim_call *call, const char *json)
{
    if (gateway_up(call))
        tb_jw_raw(&call->out, json, strlen(json));
}

void sim_get_gateway_wallets(struct sim_call *call)
{
    fixed(call, wallets_json);
}

void sim_get_gateway_connectors(struct sim_call *call)
{
    fixed(call, connectors_json);
}

void sim_get_gateway_chains(struct sim_call *call)
{
    fixed(call, chains_json);
}

void sim_get_gateway_networks(struct sim_call *call)
{
    fixed(call, networks_json);
}

void sim_get_gateway_connector(struct sim_call *call)
{
    if (strcmp(call->arg[0], "jupiter") == 0)
        fixed(call, "{\"slippage_pct\":1,\"priority_level\":\"veryHigh\"}");
    else
        fixed(call, "{\"error\":\"Connector not found\",\"status\":404}");
}

static bool network_known(struct sim_call *call)
{
    if (strchr(call->arg[0], '-') == NULL) {
        sim_detail(call, 400, "Invalid network_id format: '%s'. Use 'chain-network'", call->arg[0]);
        return false;
    }
    if (strcmp(call->arg[0], NETWORK) == 0)
        return true;
    fixed(call, "{\"error\":\"Network not found\",\"status\":404}");
    return false;
}

void sim_get_gateway_network(struct sim_call *call)
{
    if (network_known(call))
        fixed(call, network_json);
}

static void put_token(struct sim_call *call, const char *symbol, const char *name,
                      const char *address, int64_t decimals)
{
    struct tb_json_writer *out = &call->out;
    const char *search = sim_query(call, "search");
    if (search != NULL && strcasestr(symbol, search) == NULL && strcasestr(name, search) == NULL)
        return;
    tb_jw_object(out);
    tb_jw_kv_int(out, "chainId", 101);
    tb_jw_kv_string(out, "name", name);
    tb_jw_kv_string(out, "symbol", symbol);
    tb_jw_kv_string(out, "address", address);
    tb_jw_kv_int(out, "decimals", decimals);
    tb_jw_end_object(out);
}

void sim_get_gateway_tokens(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    if (!network_known(call) || !gateway_up(call))
        return;
    tb_jw_object(out);
    tb_jw_key(out, "tokens");
    tb_jw_array(out);
    for (size_t i = 0; i < sizeof chain_tokens / sizeof chain_tokens[0]; i++)
        put_token(call, chain_tokens[i].symbol, chain_tokens[i].name, chain_tokens[i].address,
                  chain_tokens[i].decimals);
    for (size_t i = 0; i < call->w->token_count; i++)
        put_token(call, call->w->tokens[i].symbol, call->w->tokens[i].name,
                  call->w->tokens[i].address, call->w->tokens[i].decimals);
    tb_jw_end_array(out);
    tb_jw_end_object(out);
}

/* No traffic of it was recorded; the answer is what upstream's documented route gives. */
void sim_post_gateway_token(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    struct sim_world *w = call->w;
    const char *symbol = tb_json_get_string(call->body, "symbol");
    const char *name = tb_json_get_string(call->body, "name");
    const char *address = tb_json_get_string(call->body, "address");
    if (!network_known(call) || !gateway_up(call))
        return;
    if (w->token_count == sizeof w->tokens / sizeof w->tokens[0]) {
        sim_detail(call, 500, "Error adding token: the list of this simulator is full");
        return;
    }
    struct sim_listed_token *token = &w->tokens[w->token_count++];
    (void)tb_copy(token->symbol, sizeof token->symbol, symbol);
    (void)tb_copy(token->name, sizeof token->name, name ? name : symbol);
    (void)tb_copy(token->address, sizeof token->address, address);
    (void)tb_json_int64(tb_json_get(call->body, "decimals"), &token->decimals);
    tb_jw_object(out);
    tb_jw_kv_bool(out, "success", true);
    tb_jw_key(out, "message");
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_buffer_printf(&text, "Token %s added to %s.", token->symbol, call->arg[0]);
    tb_jw_string(out, tb_buffer_text(&text));
    tb_buffer_free(&text);
    tb_jw_key(out, "token");
    tb_jw_object(out);
    tb_jw_kv_string(out, "symbol", token->symbol);
    tb_jw_kv_string(out, "address", token->address);
    tb_jw_kv_string(out, "network_id", call->arg[0]);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
}

static bool on_chain(const char *symbol)
{
    for (size_t i = 0; i < sizeof chain_tokens / sizeof chain_tokens[0]; i++) {
        if (strcmp(chain_tokens[i].symbol, symbol) == 0)
            return true;
    }
    return false;
}

static void kv_text_number(struct tb_json_writer *out, const char *key, double value)
{
    char text[48];
    snprintf(text, sizeof text, "%.12g", value);
    tb_jw_kv_string(out, key, text);
}

/* No route, or an error of Gateway: 200 with a price of "0" and nulls. */
static void no_route(struct tb_json_writer *out)
{
    static const char *const nulls[] = {"amount_in", "amount_out", "expected_amount"};
    tb_jw_kv_string(out, "price", "0");
    for (size_t i = 0; i < 3; i++)
        tb_jw_kv_string(out, nulls[i], NULL);
}

void sim_post_quote(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    const char *pair = tb_json_get_string(call->body, "trading_pair");
    const char *side = tb_json_get_string(call->body, "side");
    char base[16], quote[16];
    struct tb_decimal d;
    double price = 0, slippage = 1;
    if (!gateway_up(call))
        return;
    if (!sim_pair_split(pair, base, quote)) {
        sim_detail(call, 400, "%s",
                   strchr(pair, '-') != strrchr(pair, '-')
                       ? "too many values to unpack (expected 2)"
                       : "not enough values to unpack (expected 2, got 1)");
        return;
    }
    double amount =
        tb_json_decimal(tb_json_get(call->body, "amount"), &d) ? tb_decimal_to_double(&d) : 0;
    if (tb_json_decimal(tb_json_get(call->body, "slippage_pct"), &d))
        slippage = tb_decimal_to_double(&d);
    bool buy = side == NULL || strcmp(side, "BUY") == 0;
    bool route = on_chain(base) && on_chain(quote) &&
                 sim_market_price(&call->w->market, NETWORK, pair, &price);
    tb_jw_object(out);
    tb_jw_kv_string(out, "base", base);
    tb_jw_kv_string(out, "quote", quote);
    kv_text_number(out, "amount", amount);
    if (route) {
        double here = price * (buy ? 1.0005 : 0.9995);
        kv_text_number(out, "price", here);
        kv_text_number(out, "amount_in", buy ? amount * here : amount);
        kv_text_number(out, "amount_out", buy ? amount : amount * here);
        kv_text_number(out, "expected_amount", buy ? amount : amount * here);
    } else {
        no_route(out);
    }
    kv_text_number(out, "slippage_pct", slippage);
    tb_jw_kv_string(out, "gas_estimate", NULL);
    tb_jw_end_object(out);
}

/* One pool, the best known of SOL-USDC; another address is not there. */
void sim_get_pool_info(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    const char *address = sim_query(call, "pool_address"),
               *connector = sim_query(call, "connector");
    double price = 0;
    if (!gateway_up(call))
        return;
    if (address == NULL || connector == NULL || strcmp(connector, "orca") != 0 ||
        strcmp(address, POOL) != 0 ||
        !sim_market_price(&call->w->market, NETWORK, "SOL-USDC", &price)) {
        sim_detail(call, 404, "Pool not found: %s", address == NULL ? "" : address);
        return;
    }
    tb_jw_object(out);
    tb_jw_kv_string(out, "address", POOL);
    tb_jw_kv_string(out, "baseTokenAddress", chain_tokens[0].address);
    tb_jw_kv_string(out, "quoteTokenAddress", chain_tokens[1].address);
    tb_jw_kv_string(out, "binStep", NULL);
    tb_jw_kv_string(out, "feePct", "0.04");
    kv_text_number(out, "price", price);
    kv_text_number(out, "baseTokenAmount", 20000);
    kv_text_number(out, "quoteTokenAmount", 20000 * price);
    tb_jw_kv_raw(out, "bins", "[]", 2);
    tb_jw_end_object(out);
}
