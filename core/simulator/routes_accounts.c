/* Accounts, their credentials, connectors, portfolio. One request with the event loop held. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/routes.h"

#define CREDENTIAL_MS 240 /* the exchange is asked */
#define HOLDINGS      64  /* different coins in all */

const char *const sim_connectors[] = {
    "hyperliquid_perpetual",
    "hyperliquid_perpetual_testnet",
    "injective_v2_perpetual",
    "aevo_perpetual",
    "aevo_perpetual_testnet",
    "pacifica_perpetual",
    "pacifica_perpetual_testnet",
    "okx_perpetual",
    "derive_perpetual",
    "derive_perpetual_testnet",
    "backpack_perpetual",
    "architect_perpetual",
    "architect_perpetual_sandbox",
    "bitget_perpetual",
    "kucoin_perpetual",
    "decibel_perpetual",
    "decibel_perpetual_testnet",
    "lighter_perpetual",
    "lighter_perpetual_testnet",
    "evedex_perpetual",
    "grvt_perpetual",
    "grvt_perpetual_testnet",
    "bybit_perpetual",
    "bybit_perpetual_testnet",
    "gate_io_perpetual",
    "bitmart_perpetual",
    "binance_perpetual",
    "binance_perpetual_testnet",
    "dydx_v4_perpetual",
    "gate_io",
    "lighter",
    "lighter_testnet",
    "coinbase_advanced_trade",
    "xrpl",
    "htx",
    "ndax",
    "ndax_testnet",
    "bitmart",
    "hyperliquid",
    "hyperliquid_testnet",
    "bitstamp",
    "okx",
    "bybit",
    "bybit_testnet",
    "kucoin",
    "kucoin_hft",
    "mexc",
    "bitget",
    "gemini",
    "bing_x",
    "lambdaplex",
    "kraken",
    "btc_markets",
    "dexalot",
    "dexalot_testnet",
    "backpack",
    "bitrue",
    "foxbit",
    "injective_v2",
    "derive",
    "derive_testnet",
    "binance",
    NULL,
};

struct config_map {
    const char *connector;
    const char *keys[4];
};

static const struct config_map config_maps[] = {
    {"binance", {"binance_api_key", "binance_api_secret"}},
    {"bitmart", {"bitmart_api_key", "bitmart_secret_key", "bitmart_memo"}},
    {"bitmart_perpetual",
     {"bitmart_perpetual_api_key", "bitmart_perpetual_api_secret", "bitmart_perpetual_memo"}},
};

bool sim_connector_known(const struct sim_world *w, const char *name)
{
    for (size_t i = 0; sim_connectors[i] != NULL; i++) {
        if (strcmp(sim_connectors[i], name) == 0)
            return true;
    }
    return w->gateway_running && strncmp(name, "solana-", 7) == 0;
}

/* ---- accounts ---- */

void sim_get_accounts(struct sim_call *call)
{
    tb_jw_array(&call->out);
    for (size_t i = 0; i < call->w->account_count; i++)
        tb_jw_string(&call->out, call->w->accounts[i].name);
    tb_jw_end_array(&call->out);
}

static bool account_name_ok(struct sim_call *call, const char *name)
{
    if (sim_name_ok(name, false))
        return true;
    sim_detail(call, 400,
               "Invalid account name: '%s'. Only letters, numbers, underscores and hyphens are "
               "allowed.",
               name);
    return false;
}

void sim_get_credentials(struct sim_call *call)
{
    if (!account_name_ok(call, call->arg[0]))
        return;
    const struct sim_account *a = sim_account_find(call->w, call->arg[0]);
    if (a == NULL) {
        sim_detail(call, 404, "Directory 'credentials/%s/connectors' not found", call->arg[0]);
        return;
    }
    tb_jw_array(&call->out);
    for (size_t i = 0; i < a->wallet_count; i++) {
        if (!sim_venue_is_dex(a->wallets[i].connector))
            tb_jw_string(&call->out, a->wallets[i].connector);
    }
    tb_jw_end_array(&call->out);
}

static const char *needed_query(struct sim_call *call, const char *name)
{
    const char *value = sim_query(call, name);
    if (value != NULL)
        return value;
    struct tb_json_writer *out = &call->out;
    call->status = 422;
    tb_jw_object(out);
    tb_jw_key(out, "detail");
    tb_jw_array(out);
    tb_jw_object(out);
    tb_jw_kv_string(out, "type", "missing");
    tb_jw_key(out, "loc");
    tb_jw_array(out);
    tb_jw_string(out, "query");
    tb_jw_string(out, name);
    tb_jw_end_array(out);
    tb_jw_kv_string(out, "msg", "Field required");
    tb_jw_kv_string(out, "input", NULL);
    tb_jw_end_object(out);
    tb_jw_end_array(out);
    tb_jw_end_object(out);
    return NULL;
}

void sim_post_add_account(struct sim_call *call)
{
    const char *name = needed_query(call, "account_name");
    if (name == NULL)
        return;
    if (!account_name_ok(call, name))
        return;
    if (sim_account_find(call->w, name) != NULL) {
        sim_detail(call, 400, "Account already exists.");
    } else {
        sim_account_add(call->w, name);
        sim_message(call, 201, "Account added successfully.");
    }
}

void sim_post_delete_account(struct sim_call *call)
{
    struct sim_world *w = call->w;
    const char *name = needed_query(call, "account_name");
    if (name == NULL)
        return;
    if (!account_name_ok(call, name))
        return;
    if (strcmp(name, "master_account") == 0) {
        sim_detail(call, 400, "Cannot delete master account.");
        return;
    }
    struct sim_account *a = sim_account_find(w, name);
    if (a == NULL) {
        sim_detail(call, 404, "Folder '%s' not found in 'credentials'", name);
        return;
    }
    memmove(a, a + 1, (size_t)(w->accounts + w->account_count - a - 1) * sizeof *a);
    w->account_count--;
    sim_message(call, 200, "Account deleted successfully.");
}

void sim_post_add_credential(struct sim_call *call)
{
    struct sim_account *a = sim_account_find(call->w, call->arg[0]);
    if (!sim_connector_known(call->w, call->arg[1])) {
        sim_detail(call, 400, "'%s'", call->arg[1]);
        return;
    }
    if (a == NULL) {
        sim_detail(call, 400, "[Errno 2] No such file or directory: 'bots/credentials/%s'",
                   call->arg[0]);
        return;
    }
    sim_freeze(call, CREDENTIAL_MS);
    if (sim_wallet_add(a, call->arg[1]) == NULL)
        sim_detail(call, 400, "Too many connectors");
    else
        sim_message(call, 201, "Connector credentials added successfully.");
}

void sim_post_delete_credential(struct sim_call *call)
{
    struct sim_account *a = sim_account_find(call->w, call->arg[0]);
    struct sim_wallet *wallet = sim_wallet_find(a, call->arg[1]);
    if (wallet != NULL) {
        memmove(wallet, wallet + 1,
                (size_t)(a->wallets + a->wallet_count - wallet - 1) * sizeof *wallet);
        a->wallet_count--;
    }
    sim_message(call, 200, "Credential deleted successfully.");
}

/* ---- connectors ---- */

void sim_get_connectors(struct sim_call *call)
{
    tb_jw_array(&call->out);
    for (size_t i = 0; sim_connectors[i] != NULL; i++)
        tb_jw_string(&call->out, sim_connectors[i]);
    if (call->w->gateway_running)
        tb_jw_string(&call->out, "solana-mainnet-beta");
    tb_jw_end_array(&call->out);
}

static void kv_secret(struct tb_json_writer *out, const char *key)
{
    static const char value[] = "{\"type\":\"SecretStr\",\"required\":true}";
    tb_jw_kv_raw(out, key, value, sizeof value - 1);
}

void sim_get_config_map(struct sim_call *call)
{
    const char *name = call->arg[0];
    if (!sim_connector_known(call->w, name)) {
        sim_crash(call);
        return;
    }
    const struct config_map *map = NULL;
    for (size_t i = 0; i < sizeof config_maps / sizeof config_maps[0]; i++) {
        if (strcmp(config_maps[i].connector, name) == 0)
            map = &config_maps[i];
    }
    tb_jw_object(&call->out);
    for (size_t i = 0; map != NULL && map->keys[i] != NULL; i++)
        kv_secret(&call->out, map->keys[i]);
    if (map == NULL) {
        char key[96];
        snprintf(key, sizeof key, "%s_api_key", name);
        kv_secret(&call->out, key);
        snprintf(key, sizeof key, "%s_secret_key", name);
        kv_secret(&call->out, key);
    }
    tb_jw_end_object(&call->out);
}

void sim_get_order_types(struct sim_call *call)
{
    if (!sim_connector_known(call->w, call->arg[0])) {
        sim_detail(call, 404, "Connector '%s' not found: Connector %s not found", call->arg[0],
                   call->arg[0]);
        return;
    }
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "connector", call->arg[0]);
    tb_jw_key(&call->out, "supported_order_types");
    static const char types[] = "[\"LIMIT\",\"MARKET\",\"LIMIT_MAKER\"]";
    tb_jw_raw(&call->out, types, sizeof types - 1);
    tb_jw_end_object(&call->out);
}

static void write_rule(struct tb_json_writer *out, const char *pair, const struct sim_rule *r)
{
    char base[16], quote[16];
    (void)sim_pair_split(pair, base, quote);
    tb_jw_key(out, pair);
    tb_jw_object(out);
    sim_kv_float(out, "min_order_size", r->min_order_size);
    sim_kv_float(out, "max_order_size", 1e56);
    sim_kv_float(out, "min_price_increment", r->price_increment);
    sim_kv_float(out, "min_base_amount_increment", r->base_increment);
    sim_kv_float(out, "min_quote_amount_increment", 1e-56);
    sim_kv_float(out, "min_notional_size", r->min_notional);
    sim_kv_float(out, "min_order_value", r->min_order_value);
    sim_kv_float(out, "max_price_significant_digits", 1e56);
    tb_jw_kv_bool(out, "supports_limit_orders", true);
    tb_jw_kv_bool(out, "supports_market_orders", true);
    tb_jw_kv_string(out, "buy_order_collateral_token", quote);
    tb_jw_kv_string(out, "sell_order_collateral_token", quote);
    tb_jw_end_object(out);
}

void sim_get_trading_rules(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    const char *name = call->arg[0];
    struct sim_rule rule;
    if (!sim_connector_known(call->w, name)) {
        sim_detail(call, 404, "Connector '%s' not found or error: Connector %s not found", name,
                   name);
        return;
    }
    tb_jw_object(out);
    bool asked = false;
    for (const char *const *q = call->queries; q != NULL && q[0] != NULL; q += 2) {
        if (strcmp(q[0], "trading_pairs") != 0)
            continue;
        asked = true;
        if (sim_market_rule(name, q[1], &rule)) {
            write_rule(out, q[1], &rule);
        } else {
            char text[320];
            snprintf(text, sizeof text, "Trading pair %.280s not found", q[1]);
            tb_jw_key(out, q[1]);
            tb_jw_object(out);
            tb_jw_kv_string(out, "error", text);
            tb_jw_end_object(out);
        }
    }
    for (size_t i = 0; !asked && i < SIM_TOKENS; i++) {
        static const char *const quotes[] = {"USDT", "USDC"};
        for (size_t j = 0; j < 2; j++) {
            char pair[40];
            snprintf(pair, sizeof pair, "%s-%s", sim_tokens[i].symbol, quotes[j]);
            if (sim_market_rule(name, pair, &rule))
                write_rule(out, pair, &rule);
        }
    }
    tb_jw_end_object(out);
}

/* ---- portfolio ---- */

static bool listed(const struct tb_json *list, const char *name)
{
    if (!tb_json_is(list, TB_JSON_ARRAY))
        return true;
    for (const struct tb_json *e = list->child; e != NULL; e = e->next) {
        if (tb_json_string(e) != NULL && strcmp(e->text, name) == 0)
            return true;
    }
    return list->len == 0;
}

static bool wallet_shown(const struct sim_world *w, const struct sim_wallet *wallet,
                         bool skip_gateway)
{
    return !sim_venue_is_dex(wallet->connector) || (w->gateway_running && !skip_gateway);
}

static void write_wallet(struct sim_call *call, const struct sim_wallet *wallet)
{
    struct tb_json_writer *out = &call->out;
    tb_jw_key(out, wallet->connector);
    tb_jw_array(out);
    for (size_t i = 0; i < wallet->coin_count; i++) {
        const struct sim_coin *c = &wallet->coins[i];
        double price = sim_market_token(&call->w->market, c->token);
        tb_jw_object(out);
        tb_jw_kv_string(out, "token", c->token);
        sim_kv_float(out, "units", c->units);
        sim_kv_float(out, "price", price);
        sim_kv_float(out, "value", c->units * price);
        sim_kv_float(out, "available_units", c->units - c->locked);
        tb_jw_end_object(out);
    }
    tb_jw_end_array(out);
}

void sim_post_portfolio_state(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    const struct tb_json *accounts = tb_json_get(call->body, "account_names");
    const struct tb_json *connectors = tb_json_get(call->body, "connector_names");
    bool skip = tb_json_true(tb_json_get(call->body, "skip_gateway"));
    tb_jw_object(out);
    for (size_t i = 0; i < call->w->account_count; i++) {
        const struct sim_account *a = &call->w->accounts[i];
        if (a->wallet_count == 0 || !listed(accounts, a->name))
            continue;
        tb_jw_key(out, a->name);
        tb_jw_object(out);
        for (size_t j = 0; j < a->wallet_count; j++) {
            if (wallet_shown(call->w, &a->wallets[j], skip) &&
                listed(connectors, a->wallets[j].connector))
                write_wallet(call, &a->wallets[j]);
        }
        tb_jw_end_object(out);
    }
    tb_jw_end_object(out);
}

struct holding {
    const char *token;
    double units, value;
};

static double rounded(double value, double digits)
{
    return round(value * digits) / digits;
}

static size_t gather(struct sim_call *call, const struct sim_account *a, struct holding *out,
                     double *total_out)
{
    size_t count = 0;
    for (size_t j = 0; j < a->wallet_count; j++) {
        const struct sim_wallet *wallet = &a->wallets[j];
        for (size_t k = 0; wallet_shown(call->w, wallet, false) && k < wallet->coin_count; k++) {
            const struct sim_coin *c = &wallet->coins[k];
            size_t at = 0;
            while (at < count && strcmp(out[at].token, c->token) != 0)
                at++;
            if (at == HOLDINGS)
                continue;
            if (at == count)
                out[count++] = (struct holding){c->token, 0, 0};
            double value = c->units * sim_market_token(&call->w->market, c->token);
            out[at].units += c->units;
            out[at].value += value;
            *total_out += value;
        }
    }
    return count;
}

static int by_value(const void *a, const void *b)
{
    const struct holding *x = a, *y = b;
    return x->value < y->value ? 1 : x->value > y->value ? -1 : 0;
}

static void write_holding(struct sim_call *call, const struct sim_account *a,
                          const struct holding *h, double total)
{
    struct tb_json_writer *out = &call->out;
    double share = total > 0 ? rounded(h->value / total * 100, 1e4) : 0;
    tb_jw_object(out);
    tb_jw_kv_string(out, "token", h->token);
    sim_kv_float(out, "total_value", rounded(h->value, 1e6));
    sim_kv_float(out, "total_units", h->units);
    sim_kv_float(out, "percentage", share);
    tb_jw_key(out, "accounts");
    tb_jw_object(out);
    tb_jw_key(out, a->name);
    tb_jw_object(out);
    sim_kv_float(out, "value", rounded(h->value, 1e6));
    sim_kv_float(out, "units", h->units);
    sim_kv_float(out, "percentage", share);
    tb_jw_key(out, "connectors");
    tb_jw_object(out);
    for (size_t j = 0; j < a->wallet_count; j++) {
        const struct sim_wallet *wallet = &a->wallets[j];
        for (size_t k = 0; k < wallet->coin_count; k++) {
            if (strcmp(wallet->coins[k].token, h->token) != 0)
                continue;
            double units = wallet->coins[k].units;
            tb_jw_key(out, wallet->connector);
            tb_jw_object(out);
            sim_kv_float(out, "value",
                         rounded(units * sim_market_token(&call->w->market, h->token), 1e6));
            sim_kv_float(out, "units", units);
            tb_jw_end_object(out);
        }
    }
    tb_jw_end_object(out);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
}

static void several_accounts(struct sim_call *call, const struct tb_json *names)
{
    struct tb_json_writer *out = &call->out;
    tb_jw_object(out);
    tb_jw_kv_raw(out, "tokens", "{}", 2);
    tb_jw_kv_int(out, "total_value", 0);
    tb_jw_kv_int(out, "token_count", 0);
    tb_jw_key(out, "accounts");
    tb_jw_object(out);
    for (size_t i = 0; i < call->w->account_count; i++) {
        if (listed(names, call->w->accounts[i].name))
            tb_jw_kv_raw(out, call->w->accounts[i].name, "{}", 2);
    }
    tb_jw_end_object(out);
    tb_jw_end_object(out);
}

/* Like the original, of no use for more than one account: then everything is zero. */
void sim_post_portfolio_distribution(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    const struct tb_json *names = tb_json_get(call->body, "account_names");
    const struct sim_account *a = NULL;
    size_t chosen = 0, count = 0;
    for (size_t i = 0; i < call->w->account_count; i++) {
        if (listed(names, call->w->accounts[i].name)) {
            a = &call->w->accounts[i];
            chosen++;
        }
    }
    if (chosen > 1) {
        several_accounts(call, names);
        return;
    }
    struct holding holdings[HOLDINGS];
    double total = 0;
    if (chosen == 1)
        count = gather(call, a, holdings, &total);
    qsort(holdings, count, sizeof holdings[0], by_value);
    tb_jw_object(out);
    if (count == 0)
        tb_jw_kv_int(out, "total_portfolio_value", 0);
    else
        sim_kv_float(out, "total_portfolio_value", rounded(total, 1e6));
    tb_jw_kv_int(out, "token_count", (int64_t)count);
    tb_jw_key(out, "distribution");
    tb_jw_array(out);
    for (size_t i = 0; i < count; i++)
        write_holding(call, a, &holdings[i], total);
    tb_jw_end_array(out);
    if (tb_json_is(names, TB_JSON_ARRAY) && names->len > 0)
        tb_jw_kv_node(out, "account_filter", names->len == 1 ? names->child : names);
    else
        tb_jw_kv_string(out, "account_filter", "all_accounts");
    tb_jw_end_object(out);
}

void sim_get_accounts_distribution(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    struct holding holdings[HOLDINGS];
    double total = 0;
    for (size_t i = 0; i < call->w->account_count; i++)
        (void)gather(call, &call->w->accounts[i], holdings, &total);
    tb_jw_object(out);
    sim_kv_float(out, "total_portfolio_value", rounded(total, 1e6));
    tb_jw_kv_int(out, "account_count", (int64_t)call->w->account_count);
    tb_jw_key(out, "distribution");
    tb_jw_array(out);
    for (size_t i = 0; i < call->w->account_count; i++) {
        double value = 0;
        (void)gather(call, &call->w->accounts[i], holdings, &value);
        tb_jw_object(out);
        tb_jw_kv_string(out, "account", call->w->accounts[i].name);
        sim_kv_float(out, "total_value", rounded(value, 1e6));
        sim_kv_float(out, "percentage", total > 0 ? rounded(value / total * 100, 1e4) : 0);
        tb_jw_kv_raw(out, "connectors", "{}", 2);
        tb_jw_end_object(out);
    }
    tb_jw_end_array(out);
    tb_jw_end_object(out);
}
