/* From a controller's config to the figures a strategy runs on, with the refusals of the bot's
 * config classes: unknown keys and wrong types are fatal at the start and break every reload.
 * Called with the world's mutex held. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/bot.h"

#define SPREAD_MAX 0.9   /* of the price; beyond it there is no order */
#define VOLATILITY 0.003 /* what pmm_dynamic multiplies its spreads with */

/* An absent key has the class's default; null means none, which is 0 here. */
static double number(const struct tb_json *object, const char *key, double fallback)
{
    double value;
    const struct tb_json *node = tb_json_get(object, key);
    struct tb_decimal d;
    if (tb_json_is(node, TB_JSON_NULL))
        return 0;
    if (tb_json_is(node, TB_JSON_STRING) && tb_json_decimal(node, &d))
        return tb_decimal_to_double(&d);
    return tb_json_double(node, &value) ? value : fallback;
}

static void text(const struct tb_json *object, const char *key, char *out, size_t size)
{
    const char *value = tb_json_get_string(object, key);
    if (value != NULL)
        tb_copy(out, size, value);
}

/* ---- checks ---- */

static const char *problem(const struct sim_class *class, const struct tb_json *root,
                           const char **key_out)
{
    if (tb_json_get_string(root, "id") == NULL) {
        *key_out = "id";
        return "Field required";
    }
    for (const struct tb_json *m = root->child; m != NULL; m = m->next) {
        const struct sim_field *field = sim_field_find(class->fields, m->key);
        *key_out = m->key;
        if (field == NULL)
            return "Extra inputs are not permitted";
        if (!sim_field_accepts(field, m))
            return field->type == 'i' ? "Input should be a valid integer"
                                      : "Input should be valid for this field";
    }
    return NULL;
}

static bool check(struct sim_world *w, const struct tb_json *root, char *reason, size_t size)
{
    const char *type = tb_json_get_string(root, "controller_type");
    const char *name = tb_json_get_string(root, "controller_name");
    const struct sim_class *class =
        sim_class_find(type == NULL ? "" : type, name == NULL ? "" : name);
    if (class == NULL) {
        char path[200];
        snprintf(path, sizeof path, "%s/%s", type == NULL ? "" : type, name == NULL ? "" : name);
        if (sim_shelf_get(&w->controllers, path) != NULL)
            return true; /* somebody's own controller: nothing is known about its fields */
        snprintf(reason, size, "No module named 'controllers.%.80s.%.80s'",
                 type == NULL ? "None" : type, name == NULL ? "None" : name);
        return false;
    }
    const char *key = "";
    const char *message = problem(class, root, &key);
    if (message == NULL)
        return true;
    snprintf(reason, size, "1 validation error for %.80s\n%.100s\n  %s", class->name, key, message);
    return false;
}

/* ---- the three kinds ---- */

static void add_level(struct sim_controller *k, bool buy, double price, double spread, double share)
{
    if (k->level_count == SIM_LEVELS)
        return;
    k->levels[k->level_count++] =
        (struct sim_level){.buy = buy, .fixed = price, .spread = spread, .share = share};
}

static void build_grid(struct sim_controller *k, const struct tb_json *root)
{
    const struct tb_json *barrier = tb_json_get(root, "triple_barrier_config");
    k->kind = SIM_GRID;
    k->take_profit = number(barrier, "take_profit", 0.001);
    k->start_price = number(root, "start_price", 0.38);
    k->end_price = number(root, "end_price", 0.75);
    k->limit_price = number(root, "limit_price", 0.35);
    k->activation = number(root, "activation_bounds", 0);
    k->max_open = (int)number(root, "max_open_orders", 2);
    k->batch_ms = (int64_t)(number(root, "order_frequency", 3) * 1000);
    double spread = fmax(number(root, "min_spread_between_orders", 0.001), 1e-6);
    double smallest = fmax(number(root, "min_order_amount_quote", 5), 1e-6);
    if (!(k->start_price > 0) || !(k->end_price > k->start_price))
        return;
    double by_money = floor(k->total / smallest);
    double by_space = floor(log(k->end_price / k->start_price) / log(1 + spread));
    double count = fmin(fmax(fmin(by_money, by_space), 1), SIM_LEVELS);
    bool buy = number(root, "side", 1) < 1.5;
    double ratio = pow(k->end_price / k->start_price, 1 / fmax(count - 1, 1));
    for (int i = 0; i < (int)count; i++)
        add_level(k, buy, k->start_price * pow(ratio, i), 0, 1 / count);
}

static double weight(const struct tb_json *list, size_t index)
{
    double value;
    return tb_json_double(tb_json_at(list, index), &value) ? value : 1;
}

/* unit: what a spread of 1 means, as a fraction of the price. */
static void build_maker(struct sim_controller *k, const struct tb_json *root, double unit)
{
    static const char *const spreads[2] = {"buy_spreads", "sell_spreads"};
    static const char *const amounts[2] = {"buy_amounts_pct", "sell_amounts_pct"};
    k->kind = SIM_MAKER;
    k->take_profit = number(root, "take_profit", 0.02);
    k->stop_loss = number(root, "stop_loss", 0.03);
    k->time_limit_ms = (int64_t)(number(root, "time_limit", 2700) * 1000);
    k->refresh_ms = (int64_t)(number(root, "executor_refresh_time", 300) * 1000);
    k->cooldown_ms = (int64_t)(number(root, "cooldown_time", 15) * 1000);
    double sum = 0;
    for (int side = 0; side < 2; side++) {
        const struct tb_json *list = tb_json_get(root, spreads[side]);
        for (size_t i = 0; tb_json_is(list, TB_JSON_ARRAY) && i < list->len; i++)
            sum += weight(tb_json_get(root, amounts[side]), i);
    }
    for (int side = 0; side < 2; side++) {
        const struct tb_json *list = tb_json_get(root, spreads[side]);
        for (size_t i = 0; tb_json_is(list, TB_JSON_ARRAY) && i < list->len; i++) {
            double spread = weight(list, i) * unit;
            if (spread >= 0 && spread < SPREAD_MAX)
                add_level(k, side == 0, 0, spread,
                          weight(tb_json_get(root, amounts[side]), i) / sum);
        }
    }
}

static void build_arbitrage(struct sim_controller *k, const struct tb_json *root)
{
    const struct tb_json *one = tb_json_get(root, "exchange_pair_1");
    const struct tb_json *two = tb_json_get(root, "exchange_pair_2");
    k->kind = SIM_ARBITRAGE;
    tb_copy(k->connector, sizeof k->connector, "binance");
    tb_copy(k->pair, sizeof k->pair, "SOL-USDT");
    tb_copy(k->connector_2, sizeof k->connector_2, "jupiter/router");
    tb_copy(k->pair_2, sizeof k->pair_2, "SOL-USDC");
    text(one, "connector_name", k->connector, sizeof k->connector);
    text(one, "trading_pair", k->pair, sizeof k->pair);
    text(two, "connector_name", k->connector_2, sizeof k->connector_2);
    text(two, "trading_pair", k->pair_2, sizeof k->pair_2);
    k->min_profit = number(root, "min_profitability", 0.01);
    k->delay_ms = (int64_t)(number(root, "delay_between_executors", 10) * 1000);
    k->max_imbalance = (int)number(root, "max_executors_imbalance", 1);
}

static void build(struct sim_controller *k, const struct tb_json *root)
{
    const char *name = tb_json_get_string(root, "controller_name");
    bool grid = name != NULL && strcmp(name, "grid_strike") == 0;
    k->total = number(root, "total_amount_quote", grid ? 1000 : 100);
    k->killed = tb_json_true(tb_json_get(root, "manual_kill_switch"));
    text(root, "connector_name", k->connector, sizeof k->connector);
    text(root, "trading_pair", k->pair, sizeof k->pair);
    k->level_count = 0;
    if (grid)
        build_grid(k, root);
    else if (name != NULL && strcmp(name, "arbitrage_controller") == 0)
        build_arbitrage(k, root);
    else if (tb_json_is(tb_json_get(root, "buy_spreads"), TB_JSON_ARRAY))
        build_maker(k, root, name != NULL && strcmp(name, "pmm_dynamic") == 0 ? VOLATILITY : 1);
}

bool sim_controller_load(struct sim_world *w, struct sim_controller *k, const char *config,
                         char *reason, size_t size)
{
    struct tb_json_doc *doc = tb_json_parse(config, strlen(config), TB_JSON_UPSTREAM, NULL);
    const struct tb_json *root = tb_json_root(doc);
    bool ok = root != NULL && check(w, root, reason, size);
    if (ok) {
        const char *id = tb_json_get_string(root, "id");
        k->id = tb_xstrdup(id == NULL ? "main" : id);
        k->loaded = tb_xstrdup(config);
        build(k, root);
    }
    tb_json_free(doc);
    return ok;
}

/* Only what the class marks updatable comes into force; levels that hold something stay. */
bool sim_controller_reload(struct sim_world *w, struct sim_controller *k, const char *config,
                           char *reason, size_t size)
{
    struct tb_json_doc *doc = tb_json_parse(config, strlen(config), TB_JSON_UPSTREAM, NULL);
    const struct tb_json *root = tb_json_root(doc);
    bool ok = root != NULL && check(w, root, reason, size);
    if (ok) {
        struct sim_controller fresh = {0};
        build(&fresh, root);
        k->killed = fresh.killed;
        k->total = fresh.total;
        k->refresh_ms = fresh.refresh_ms;
        k->cooldown_ms = fresh.cooldown_ms;
        if (k->kind == SIM_MAKER) {
            k->take_profit = fresh.take_profit;
            k->stop_loss = fresh.stop_loss;
            k->time_limit_ms = fresh.time_limit_ms;
        }
        for (size_t i = 0; i < k->level_count && i < fresh.level_count; i++)
            k->levels[i].spread = fresh.levels[i].spread;
        free(k->loaded);
        k->loaded = tb_xstrdup(config);
    }
    tb_json_free(doc);
    return ok;
}
