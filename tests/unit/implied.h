/* The orders that a config implies, counted as Hummingbot's controllers count them and
 * independently of the plugins, against the rules of the world; and worlds of random prices and
 * rules. */
#ifndef TB_TESTS_IMPLIED_H
#define TB_TESTS_IMPLIED_H

#include "config_types.h"
#include "random_values.h"
#include "recognised.h"

/* ---- random worlds ---- */

/* The largest of 1, 2 and 5 times a power of ten that is not above the value. */
static inline double round_down(double value)
{
    double ten = pow(10, floor(log10(value) + 1e-9));
    return value >= 5 * ten ? 5 * ten : value >= 2 * ten ? 2 * ten : ten;
}

static inline void put_exact(struct tb_json_writer *w, const char *key, double value)
{
    char text[64];
    int len = snprintf(text, sizeof text, "%.12f", value);
    while (text[len - 1] == '0' && text[len - 2] != '.')
        text[--len] = '\0';
    tb_jw_key(w, key);
    tb_jw_raw(w, text, (size_t)len);
}

/* Steps worth from a hundredth of a cent to a few dollars, minimums in coins and in money; on
 * perpetuals whole contracts, now and then with a step above the contract as BitMart has them. */
static inline void put_rule(struct tb_json_writer *w, const char *pair, double mid, bool perpetual)
{
    static const double values[] = {0, 1, 5, 5, 10}, multiples[] = {1, 1, 2, 5, 10};
    double step = round_down(pow(10, random_between(-4, 0.7)) / mid);
    double least = step * multiples[random_next() % 5];
    if (perpetual)
        least = random_next() % 4 ? step * multiples[random_next() % 5] : step / 10;
    tb_jw_key(w, pair);
    tb_jw_object(w);
    put_exact(w, "min_order_size", least);
    put_exact(w, "min_base_amount_increment", step);
    put_exact(w, "min_price_increment", round_down(mid * pow(10, random_between(-7, -4.5))));
    put_exact(w, "min_notional_size", perpetual ? least * mid : 0);
    put_exact(w, "min_order_value", perpetual ? 0 : values[random_next() % 5]);
    tb_jw_kv_bool(w, "supports_limit_orders", true);
    tb_jw_end_object(w);
}

static inline void put_rules(struct tb_json_writer *w, const char *name, const struct tb_json *mids)
{
    tb_jw_key(w, name);
    tb_jw_object(w);
    for (const struct tb_json *p = tb_json_get(world_base, name)->child; p; p = p->next) {
        double mid = 0;
        if (tb_json_double(tb_json_get(mids, p->key), &mid))
            put_rule(w, p->key, mid, !strcmp(name, "perpetual_rules"));
    }
    tb_jw_end_object(w);
}

/* Changes to the world for world_changes: every price up to some times larger or smaller. */
static inline struct tb_json_doc *random_world(uint64_t seed)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_error err = {0};
    random_state = seed;
    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    tb_jw_key(&w, "mid");
    tb_jw_object(&w);
    for (const struct tb_json *m = tb_json_get(world_base, "mid")->child; m; m = m->next) {
        char number[48];
        double mid = 0;
        assert_true(tb_json_double(m, &mid));
        (void)snprintf(number, sizeof number, "%.5g", mid * exp(random_between(-1.5, 1.5)));
        tb_jw_key(&w, m->key);
        tb_jw_raw(&w, number, strlen(number));
    }
    tb_jw_end_object(&w);
    struct tb_buffer mids = TB_BUFFER_INIT;
    tb_buffer_append(&mids, tb_buffer_text(&text) + strlen("{\"mid\":"),
                     text.len - strlen("{\"mid\":"));
    struct tb_json_doc *read = tb_json_parse(tb_buffer_text(&mids), mids.len, TB_JSON_CLIENT, &err);
    assert_non_null(read);
    put_rules(&w, "rules", tb_json_root(read));
    put_rules(&w, "perpetual_rules", tb_json_root(read));
    tb_jw_end_object(&w);
    struct tb_json_doc *doc = tb_json_parse(tb_buffer_text(&text), text.len, TB_JSON_CLIENT, &err);
    if (!doc)
        fail_msg("%s in %s", err.detail, tb_buffer_text(&text));
    tb_json_free(read);
    tb_buffer_free(&mids);
    tb_buffer_free(&text);
    return doc;
}

/* ---- the orders ---- */

static inline double number_at(const struct tb_json *config, const char *name)
{
    double value = 0;
    if (!tb_json_double(tb_json_get(config, name), &value))
        fail_msg("%s is no number", name);
    return value;
}

static inline double mid_of(const char *pair)
{
    double mid = 0;
    assert_true(tb_json_double(tb_json_get(world("mid"), pair), &mid));
    return mid;
}

static inline double sum_of(const struct tb_json *list)
{
    double sum = 0, value;
    for (const struct tb_json *i = tb_json_first(list); i; i = i->next)
        sum += tb_json_double(i, &value) ? value : NAN;
    return sum;
}

static inline const struct tb_json *rule_of(const char *connector, const char *pair)
{
    bool perpetual = strstr(connector, "_perpetual") != NULL;
    return tb_json_get(world(perpetual ? "perpetual_rules" : "rules"), pair);
}

/* `amount` coins placed at a price: above every minimum after it was cut off to the step. */
static inline void check_order(const char *connector, const char *pair, double amount, double price)
{
    const struct tb_json *rule = rule_of(connector, pair);
    double step = number_at(rule, "min_base_amount_increment");
    double sent = floor(amount / step + 1e-7) * step, value = sent * price * (1 + 1e-9);
    if (sent <= 0 || sent * (1 + 1e-9) < number_at(rule, "min_order_size") ||
        value < number_at(rule, "min_notional_size") || value < number_at(rule, "min_order_value"))
        fail_msg("an order of %g coins (%g sent) at %g, worth %g, passes no rule on %s %s", amount,
                 sent, price, value, connector, pair);
}

/* The distance of an order from the middle price is not less than a price step. */
static inline void check_tick(const char *connector, const char *pair, double gap)
{
    double tick = number_at(rule_of(connector, pair), "min_price_increment");
    if (gap * (1 + 1e-9) < tick)
        fail_msg("a gap of %g on %s %s is below its price step %g", gap, connector, pair, tick);
}

static inline void check_side(const struct tb_json *config, const char *connector, double budget,
                              const char *side, double sign)
{
    char spreads[32], weights[32];
    const char *pair = tb_json_get_string(config, "trading_pair");
    double all = sum_of(tb_json_get(config, "buy_amounts_pct")) +
                 sum_of(tb_json_get(config, "sell_amounts_pct"));
    /* Distances that follow volatility are no part of the price. */
    bool fixed = strcmp(tb_json_get_string(config, "controller_name"), "pmm_dynamic") != 0;
    (void)snprintf(spreads, sizeof spreads, "%s_spreads", side);
    (void)snprintf(weights, sizeof weights, "%s_amounts_pct", side);
    const struct tb_json *spread = tb_json_first(tb_json_get(config, spreads));
    const struct tb_json *weight = tb_json_first(tb_json_get(config, weights));
    for (; spread && weight; spread = spread->next, weight = weight->next) {
        double distance = 0, part = 0, mid = mid_of(pair);
        assert_true(tb_json_double(spread, &distance) && tb_json_double(weight, &part));
        double price = fixed ? mid * (1 + sign * distance) : mid;
        check_order(connector, pair, budget * part / all / price, price);
        if (fixed)
            check_tick(connector, pair, mid * distance);
    }
    assert_true(!spread && !weight);
}

static inline void check_weighted(const struct tb_json *config, const char *connector,
                                  double budget)
{
    check_side(config, connector, budget, "buy", -1);
    check_side(config, connector, budget, "sell", 1);
}

/* The executor divides by the price of the moment, from now to the end of the range. */
static inline void check_grid(const struct tb_json *config, const char *connector)
{
    const char *pair = tb_json_get_string(config, "trading_pair");
    double low = number_at(config, "start_price"), high = number_at(config, "end_price");
    double stop = number_at(config, "limit_price"), mid = mid_of(pair);
    double order = number_at(config, "min_order_amount_quote");
    double step = number_at(rule_of(connector, pair), "min_base_amount_increment");
    double level = ceil(order * 1.05 / mid / step - 1e-7) * step * mid;
    assert_true(low < high);
    assert_true((int)number_at(config, "side") == 1 ? stop < low && mid <= high && mid > stop
                                                    : stop > high && mid >= low && mid < stop);
    assert_true(number_at(tb_json_get(config, "triple_barrier_config"), "take_profit") > 0);
    assert_true(level <= number_at(config, "total_amount_quote") + 1e-6);
    check_order(connector, pair, order / mid, mid);
    check_order(connector, pair, order / fmax(mid, high), fmax(mid, high));
    check_tick(connector, pair, low * number_at(config, "min_spread_between_orders"));
}

static inline void check_legs(const struct tb_json *config, const char *connector)
{
    const struct tb_json *weights = tb_json_get(config, "dca_amounts_pct");
    const char *pair = tb_json_get_string(config, "trading_pair");
    const struct tb_json *spread = tb_json_first(tb_json_get(config, "dca_spreads"));
    const struct tb_json *weight = tb_json_first(weights);
    for (; spread && weight; spread = spread->next, weight = weight->next) {
        double distance = 0, part = 0;
        assert_true(tb_json_double(spread, &distance) && tb_json_double(weight, &part));
        double quote = number_at(config, "total_amount_quote") * part / sum_of(weights);
        for (int sign = -1; sign <= 1; sign += 2) {
            double price = mid_of(pair) * (1 + sign * distance);
            check_order(connector, pair, quote / price, price);
        }
    }
    assert_true(!spread && !weight);
}

static inline void check_classic(const struct tb_json *config, const char *connector)
{
    const char *pair = tb_json_get_string(config, "trading_pair");
    for (const struct tb_json *s = tb_json_first(tb_json_get(config, "buy_spreads")); s;
         s = s->next) {
        double distance = 0;
        assert_true(tb_json_double(s, &distance));
        check_order(connector, pair, number_at(config, "order_amount"),
                    mid_of(pair) * (1 - distance));
        check_tick(connector, pair, mid_of(pair) * distance);
    }
}

static inline void check_hedged(const struct tb_json *config, const char *maker)
{
    const char *pair = tb_json_get_string(config, "maker_trading_pair");
    const struct tb_json *rows = tb_json_get(config, "buy_levels_targets_amount");
    double amount = number_at(config, "total_amount_quote") / 2 / (double)rows->len / mid_of(pair);
    for (const struct tb_json *row = tb_json_first(rows); row; row = row->next) {
        double target = 0;
        assert_true(tb_json_double(tb_json_at(row, 0), &target));
        check_order(maker, pair, amount, mid_of(pair) * (1 - target));
    }
}

static inline void check_orders(const char *class, const struct tb_json *config)
{
    const char *connector = tb_json_get_string(config, "connector_name");
    const char *pair = tb_json_get_string(config, "trading_pair"), *name = strchr(class, '/') + 1;
    double total = number_at(config, "total_amount_quote");
    if (!strcmp(name, "pmm_simple") || !strcmp(name, "pmm_dynamic"))
        check_weighted(config, connector, total);
    else if (!strcmp(name, "pmm_mister"))
        check_weighted(config, connector, total * number_at(config, "portfolio_allocation"));
    else if (!strcmp(name, "grid_strike"))
        check_grid(config, connector);
    else if (!strcmp(name, "dman_v3"))
        check_legs(config, connector);
    else if (!strncmp(class, "directional_trading/", 20))
        check_order(connector, pair,
                    total / number_at(config, "max_executors_per_side") / mid_of(pair),
                    mid_of(pair));
    else if (!strcmp(name, "pmm_v1"))
        check_classic(config, connector);
    else if (!strcmp(name, "xemm_multiple_levels"))
        check_hedged(config, tb_json_get_string(config, "maker_connector"));
    else if (!strcmp(name, "hedge_asset")) {
        pair = tb_json_get_string(config, "hedge_trading_pair");
        check_order(tb_json_get_string(config, "hedge_connector_name"), pair,
                    number_at(config, "min_notional_size") / mid_of(pair), mid_of(pair));
    } else if (!strcmp(name, "arbitrage_controller")) {
        const struct tb_json *leg = tb_json_get(config, "exchange_pair_1");
        pair = tb_json_get_string(leg, "trading_pair");
        check_order(tb_json_get_string(leg, "connector_name"), pair, total / mid_of(pair),
                    mid_of(pair));
    } else if (strcmp(name, "lp_rebalancer") && strcmp(name, "examples.basic_order_example")) {
        fail_msg("nobody counts the orders of %s", class); /* those two only swap on a chain */
    }
}

/* The config of a plan: every field of its class, each of its type, and orders that pass. */
static inline void check_config(const struct tb_json *plan)
{
    const struct tb_json *controller = tb_json_at(tb_json_get(plan, "controllers"), 0);
    const struct tb_json *config = tb_json_get(controller, "config");
    const char *wrong = NULL;
    char class[128];
    (void)snprintf(class, sizeof class, "%s/%s", tb_json_get_string(controller, "type"),
                   tb_json_get_string(controller, "name"));
    if (!has_fields(config, tb_json_path(class_file, "classes", class, NULL), &wrong)) {
        struct tb_buffer text = TB_BUFFER_INIT;
        tb_json_canonical(config, &text);
        fail_msg("%s is wrong in %s", wrong, tb_buffer_text(&text));
    }
    check_orders(class, config);
}

#endif
