/* Market data, the API's own orders, Gateway, and the small routes. One request with the event loop
 * held. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/routes.h"

static const char *const candle_connectors[] = {
    "aevo_perpetual",
    "backpack",
    "backpack_perpetual",
    "binance_perpetual",
    "binance",
    "bitget",
    "bitget_perpetual",
    "gate_io",
    "gate_io_perpetual",
    "grvt_perpetual",
    "kucoin",
    "kucoin_perpetual",
    "okx_perpetual",
    "okx",
    "kraken",
    "mexc",
    "mexc_perpetual",
    "bybit",
    "bybit_perpetual",
    "hyperliquid",
    "hyperliquid_perpetual",
    "dexalot",
    "evedex_perpetual",
    "bitmart_perpetual",
    "btc_markets",
    "pacifica_perpetual",
    "decibel_perpetual",
    "lighter",
    "lighter_perpetual",
};
#define CANDLE_CONNECTORS (sizeof candle_connectors / sizeof candle_connectors[0])
#define CANDLE_WAIT_MS    30000
#define PAST_MAX          50000

static double seconds_now(const struct sim_call *call)
{
    return (double)call->w->now / 1000;
}

/* ---- prices, books, candles ---- */

void sim_post_prices(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    const char *connector = tb_json_get_string(call->body, "connector_name");
    const struct tb_json *pairs = tb_json_get(call->body, "trading_pairs");
    double price;
    if (!sim_connector_known(call->w, connector)) {
        sim_detail(call, 500, "Connector %s not found", connector);
        return;
    }
    for (const struct tb_json *p = pairs->child; p != NULL; p = p->next) {
        if (!sim_market_price(&call->w->market, connector, p->text == NULL ? "" : p->text,
                              &price)) {
            sim_detail(call, 500, "'%s'", p->text == NULL ? "" : p->text);
            return;
        }
    }
    tb_jw_object(out);
    tb_jw_kv_string(out, "connector", connector);
    tb_jw_key(out, "prices");
    tb_jw_object(out);
    for (const struct tb_json *p = pairs->child; p != NULL; p = p->next) {
        if (sim_market_price(&call->w->market, connector, p->text, &price))
            sim_kv_float(out, p->text, price);
    }
    tb_jw_end_object(out);
    sim_kv_float(out, "timestamp", seconds_now(call));
    tb_jw_end_object(out);
}

static void book_side(struct tb_json_writer *out, const char *key, double mid, int sign,
                      int64_t depth)
{
    tb_jw_key(out, key);
    tb_jw_array(out);
    for (int64_t i = 0; i < depth; i++) {
        tb_jw_object(out);
        sim_kv_float(out, "price", round(mid * (1 + sign * 1e-4 * (double)(i + 1)) * 1e8) / 1e8);
        sim_kv_float(out, "amount", round(3000 / mid * (double)(i + 1) * 1e6) / 1e6);
        tb_jw_end_object(out);
    }
    tb_jw_end_array(out);
}

void sim_post_order_book(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    const char *connector = tb_json_get_string(call->body, "connector_name");
    const char *pair = tb_json_get_string(call->body, "trading_pair");
    int64_t depth = 10;
    double mid;
    (void)tb_json_int64(tb_json_get(call->body, "depth"), &depth);
    if (!sim_connector_known(call->w, connector) ||
        !sim_market_price(&call->w->market, connector, pair, &mid)) {
        sim_detail(call, 500, "Error getting order book: '%s'", pair);
        return;
    }
    tb_jw_object(out);
    tb_jw_kv_string(out, "trading_pair", pair);
    book_side(out, "bids", mid, -1, depth);
    book_side(out, "asks", mid, 1, depth);
    sim_kv_float(out, "timestamp", seconds_now(call));
    tb_jw_end_object(out);
}

void sim_get_candle_connectors(struct sim_call *call)
{
    tb_jw_array(&call->out);
    for (size_t i = 0; i < CANDLE_CONNECTORS; i++)
        tb_jw_string(&call->out, candle_connectors[i]);
    tb_jw_end_array(&call->out);
}

static int64_t interval_ms(const char *text)
{
    char *end;
    long count = strtol(text == NULL ? "1m" : text, &end, 10);
    int64_t unit = *end == 's' ? 1000 : *end == 'h' ? 3600000 : *end == 'd' ? 86400000 : 60000;
    return (count > 0 ? count : 1) * unit;
}

static void write_candle(struct tb_json_writer *out, int64_t at, double open, double close)
{
    static const char *const zeros[] = {"volume", "quote_asset_volume", "n_trades",
                                        "taker_buy_base_volume", "taker_buy_quote_volume"};
    tb_jw_object(out);
    sim_kv_float(out, "timestamp", floor((double)at / 1000));
    sim_kv_float(out, "open", open);
    sim_kv_float(out, "high", fmax(open, close) * 1.0005);
    sim_kv_float(out, "low", fmin(open, close) * 0.9995);
    sim_kv_float(out, "close", close);
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++)
        sim_kv_float(out, zeros[i], 10);
    tb_jw_end_object(out);
}

/* The price at a moment of the past, as a part of the present one: a swing of six hours and noise,
 * the same whichever page is asked. */
static double past_price(int64_t at)
{
    uint64_t random = (uint64_t)at;
    return 1 + 0.01 * sin((double)at / 3600000) + 0.001 * (sim_random_unit(&random) - 0.5);
}

static void write_past(struct sim_call *call, double price, int64_t step)
{
    int64_t from = 0, to = 0, now = call->w->now;
    (void)tb_json_int64(tb_json_get(call->body, "start_time"), &from);
    (void)tb_json_int64(tb_json_get(call->body, "end_time"), &to);
    from = (from * 1000 + step - 1) / step * step;
    to = to * 1000 > now ? now : to * 1000;
    if (from > to) {
        sim_detail(call, 404, "No historical data available");
        return;
    }
    tb_jw_array(&call->out);
    for (int64_t at = from, n = 0; at <= to && n < PAST_MAX; at += step, n++)
        write_candle(&call->out, at, price * past_price(at), price * past_price(at + step));
    tb_jw_end_array(&call->out);
}

void sim_post_candles(struct sim_call *call)
{
    const char *connector = tb_json_get_string(call->body, "connector_name");
    const char *pair = tb_json_get_string(call->body, "trading_pair");
    int64_t count = 500, step = interval_ms(tb_json_get_string(call->body, "interval"));
    double price;
    bool known = false;
    (void)tb_json_int64(tb_json_get(call->body, "max_records"), &count);
    for (size_t i = 0; i < CANDLE_CONNECTORS; i++)
        known = known || strcmp(candle_connectors[i], connector) == 0;
    if (!known) {
        struct tb_buffer names = TB_BUFFER_INIT;
        sim_python_list(&names, candle_connectors, CANDLE_CONNECTORS);
        sim_detail(call, 400, "Unsupported connector '%s'. Available connectors: %s", connector,
                   tb_buffer_text(&names));
        tb_buffer_free(&names);
        return;
    }
    char base[16], quote[16];
    if (!sim_pair_split(pair, base, quote)) {
        sim_detail(call, 400,
                   "Invalid trading pair format '%s'. Expected format: BASE-QUOTE (e.g., BTC-USDT)",
                   pair);
        return;
    }
    if (call->w->candles_missing || !sim_market_price(&call->w->market, connector, pair, &price)) {
        sim_wait(call, CANDLE_WAIT_MS);
        sim_detail(
            call, 504,
            "Candle feed for %s %s did not become ready within 30s. The trading pair may not "
            "exist on this exchange.",
            connector, pair);
        return;
    }
    if (tb_json_get(call->body, "start_time")) {
        write_past(call, price, step);
        return;
    }
    count = count < 1 ? 1 : count > 5000 ? 5000 : count;
    int64_t last = call->w->now / step * step;
    uint64_t random = (uint64_t)last;
    tb_jw_array(&call->out);
    double close = price * (1 + 0.0004 * (double)(count % 7));
    for (int64_t i = count - 1; i >= 0; i--) {
        double open = close;
        close = i == 0 ? price : open * (1 + 0.001 * (sim_random_unit(&random) - 0.5));
        write_candle(&call->out, last - i * step, open, close);
    }
    tb_jw_end_array(&call->out);
}

/* ---- the API's own orders ---- */

static void empty_page(struct sim_call *call)
{
    static const char page[] = "{\"data\":[],\"pagination\":{\"limit\":100,\"has_more\":false,"
                               "\"next_cursor\":null,\"total_count\":0}}";
    tb_jw_raw(&call->out, page, sizeof page - 1);
}

static void write_order(struct tb_json_writer *out, const struct sim_order *o)
{
    tb_jw_object(out);
    tb_jw_kv_string(out, "order_id", o->id);
    tb_jw_kv_string(out, "account_name", o->account);
    tb_jw_kv_string(out, "connector_name", o->connector);
    tb_jw_kv_string(out, "trading_pair", o->pair);
    tb_jw_kv_string(out, "trade_type", o->buy ? "BUY" : "SELL");
    tb_jw_kv_string(out, "order_type", o->type);
    sim_kv_float(out, "amount", o->amount);
    sim_kv_float(out, "price", o->price);
    tb_jw_kv_string(out, "status", o->open ? "OPEN" : "CANCELLED");
    sim_kv_float(out, "filled_amount", 0);
    tb_jw_kv_string(out, "average_fill_price", NULL);
    tb_jw_kv_string(out, "fee_paid", NULL);
    tb_jw_kv_string(out, "fee_currency", NULL);
    sim_kv_iso(out, "created_at", o->at);
    sim_kv_iso(out, "updated_at", o->at);
    tb_jw_kv_string(out, "exchange_order_id", o->id);
    tb_jw_kv_string(out, "error_message", NULL);
    tb_jw_end_object(out);
}

static void orders(struct sim_call *call, bool open_only)
{
    struct tb_json_writer *out = &call->out;
    int64_t count = 0;
    tb_jw_object(out);
    tb_jw_key(out, "data");
    tb_jw_array(out);
    for (size_t i = 0; i < call->w->order_count; i++) {
        if (open_only && !call->w->orders[i].open)
            continue;
        write_order(out, &call->w->orders[i]);
        count++;
    }
    tb_jw_end_array(out);
    tb_jw_key(out, "pagination");
    tb_jw_object(out);
    tb_jw_kv_int(out, "limit", 100);
    tb_jw_kv_bool(out, "has_more", false);
    tb_jw_kv_string(out, "next_cursor", NULL);
    tb_jw_kv_int(out, "total_count", count);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
}

void sim_post_orders_active(struct sim_call *call)
{
    orders(call, true);
}

void sim_post_orders_search(struct sim_call *call)
{
    orders(call, false);
}

void sim_post_empty_page(struct sim_call *call)
{
    empty_page(call);
}

static double number_in(const struct tb_json *body, const char *key)
{
    struct tb_decimal d;
    return tb_json_decimal(tb_json_get(body, key), &d) ? tb_decimal_to_double(&d) : 0;
}

static void text_in(const struct tb_json *body, const char *key, char *out, size_t size)
{
    const char *text = tb_json_get_string(body, key);
    tb_copy(out, size, text == NULL ? "" : text);
}

static struct sim_coin *order_coin(struct sim_world *w, const struct sim_order *o,
                                   double *amount_out)
{
    char base[16], quote[16];
    struct sim_wallet *wallet = sim_wallet_find(sim_account_find(w, o->account), o->connector);
    if (!sim_pair_split(o->pair, base, quote))
        return NULL;
    *amount_out = o->buy ? o->amount * o->price : o->amount;
    return sim_coin_find(wallet, o->buy ? quote : base);
}

void sim_post_order(struct sim_call *call)
{
    struct sim_world *w = call->w;
    struct tb_json_writer *out = &call->out;
    struct sim_order o = {.open = true,
                          .at = w->now,
                          .amount = number_in(call->body, "amount"),
                          .price = number_in(call->body, "price")};
    double need;
    text_in(call->body, "account_name", o.account, sizeof o.account);
    text_in(call->body, "connector_name", o.connector, sizeof o.connector);
    text_in(call->body, "trading_pair", o.pair, sizeof o.pair);
    text_in(call->body, "order_type", o.type, sizeof o.type);
    const char *side = tb_json_get_string(call->body, "trade_type");
    o.buy = side != NULL && strcmp(side, "BUY") == 0;
    snprintf(o.id, sizeof o.id, "x-SIM%s%012llx", o.buy ? "B" : "S",
             (unsigned long long)++w->next_order);
    if (o.type[0] == '\0')
        tb_copy(o.type, sizeof o.type, "LIMIT");
    if (sim_account_find(w, o.account) == NULL) {
        sim_detail(call, 404, "Account '%s' not found", o.account);
        return;
    }
    if (strncmp(o.type, "LIMIT", 5) == 0 && !(o.price > 0)) {
        sim_detail(call, 400, "Price is required for LIMIT and LIMIT_MAKER orders");
        return;
    }
    struct sim_coin *coin = order_coin(w, &o, &need);
    if (coin == NULL) {
        sim_detail(call, 400, "Account '%s' has no connector '%s'", o.account, o.connector);
        return;
    }
    coin->locked += need;
    w->orders = tb_xrealloc(w->orders, (w->order_count + 1) * sizeof *w->orders);
    w->orders[w->order_count++] = o;
    char amount[48], price[48];
    snprintf(amount, sizeof amount, "%.15g", o.amount);
    snprintf(price, sizeof price, "%.15g", o.price);
    call->status = 201;
    tb_jw_object(out);
    tb_jw_kv_string(out, "order_id", o.id);
    tb_jw_kv_string(out, "account_name", o.account);
    tb_jw_kv_string(out, "connector_name", o.connector);
    tb_jw_kv_string(out, "trading_pair", o.pair);
    tb_jw_kv_string(out, "trade_type", o.buy ? "BUY" : "SELL");
    tb_jw_kv_string(out, "amount", amount);
    tb_jw_kv_string(out, "order_type", o.type);
    tb_jw_kv_string(out, "price", o.price > 0 ? price : NULL);
    tb_jw_kv_string(out, "status", "submitted");
    tb_jw_end_object(out);
}

void sim_post_order_cancel(struct sim_call *call)
{
    for (size_t i = 0; i < call->w->order_count; i++) {
        struct sim_order *o = &call->w->orders[i];
        double amount;
        if (strcmp(o->id, call->arg[2]) != 0)
            continue;
        struct sim_coin *coin = order_coin(call->w, o, &amount);
        if (o->open && coin != NULL)
            coin->locked = fmax(0, coin->locked - amount);
        o->open = false;
        sim_message(call, 200, "Order cancellation initiated for %s", o->id);
        return;
    }
    sim_detail(call, 404, "Order '%s' not found in active orders", call->arg[2]);
}

/* ---- position mode, one for all of an account's perpetuals at a connector ---- */

static struct sim_account *perpetual_account(struct sim_call *call)
{
    struct sim_account *a = sim_account_find(call->w, call->arg[0]);
    if (a == NULL)
        sim_detail(call, 404, "Account '%s' not found", call->arg[0]);
    else if (strstr(call->arg[1], "_perpetual") == NULL)
        sim_detail(call, 400, "Connector '%s' is not a perpetual connector", call->arg[1]);
    else if (sim_wallet_find(a, call->arg[1]) == NULL)
        sim_detail(call, 404, "Connector '%s' not found for account '%s'", call->arg[1],
                   call->arg[0]);
    else
        return a;
    return NULL;
}

void sim_get_position_mode(struct sim_call *call)
{
    const struct sim_account *a = perpetual_account(call);
    if (a == NULL)
        return;
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "position_mode", a->oneway ? "ONEWAY" : "HEDGE");
    tb_jw_kv_string(&call->out, "connector", call->arg[1]);
    tb_jw_kv_string(&call->out, "account", call->arg[0]);
    tb_jw_end_object(&call->out);
}

void sim_post_position_mode(struct sim_call *call)
{
    struct sim_account *a = perpetual_account(call);
    const char *mode = tb_json_get_string(call->body, "position_mode");
    if (a == NULL)
        return;
    if (strcmp(mode, "HEDGE") != 0 && strcmp(mode, "ONEWAY") != 0) {
        sim_detail(call, 400, "Invalid position mode '%s'. Must be 'HEDGE' or 'ONEWAY'", mode);
        return;
    }
    a->oneway = strcmp(mode, "ONEWAY") == 0;
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "status", "success");
    tb_jw_kv_string(&call->out, "message", mode);
    tb_jw_end_object(&call->out);
}
