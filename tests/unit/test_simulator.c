/* The simulator's pure parts: the life of a bot process against the measured times, fills that keep
 * the books balanced, a market that stays where it belongs. No thread, no server, own clock. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulator/bot.h"
#include "simulator/engine.h"
#include "simulator/python_json.h"
#include "simulator/world.h"

#define NOW   INT64_C(1795361000000)
#define IMAGE "hummingbot/hummingbot:version-2.16.0"

static const char maker[] =
    "{\"buy_amounts_pct\":[1,1],\"buy_spreads\":[0.0005,0.02],\"connector_name\":\"bitmart\","
    "\"controller_name\":\"pmm_simple\",\"controller_type\":\"market_making\",\"cooldown_time\":3,"
    "\"executor_refresh_time\":20,\"id\":\"one\",\"leverage\":1,\"sell_amounts_pct\":[1,1],"
    "\"sell_spreads\":[0.0005,0.02],\"stop_loss\":0.05,\"take_profit\":0.001,\"time_limit\":60,"
    "\"total_amount_quote\":400,\"trading_pair\":\"BTC-USDT\"%s}";
static const char grid[] =
    "{\"controller_name\":\"grid_strike\",\"controller_type\":\"generic\",\"id\":\"one\","
    "\"connector_name\":\"bitmart\",\"trading_pair\":\"ETH-USDT\",\"side\":1,\"start_price\":2850,"
    "\"end_price\":3150,\"limit_price\":2750,\"total_amount_quote\":300,"
    "\"min_spread_between_orders\":0.002,\"min_order_amount_quote\":6,\"max_open_orders\":3,"
    "\"max_orders_per_batch\":1,\"order_frequency\":3,\"leverage\":1,"
    "\"triple_barrier_config\":{\"take_profit\":0.002}%s}";

static struct sim_world world;

static int setup(void **state)
{
    (void)state;
    sim_world_init(&world, NOW, 7, false, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_world_free(&world);
    return 0;
}

static void later(int64_t ms)
{
    sim_world_advance(&world, world.now + ms);
}

/* A deployed bot with one controller; extra: further members of its config. */
static struct sim_container *deploy(const char *config, const char *extra, bool headless)
{
    char text[2048];
    if (config != NULL) {
        /* NOLINTNEXTLINE: the formats are the two constants above */
        const char *mark = strstr(config, "%s");
        snprintf(text, sizeof text, "%.*s%s%s", (int)(mark - config), config, extra, mark + 2);
        sim_shelf_put(&world.controller_configs, "one", text);
    }
    sim_shelf_put(&world.script_configs, "s",
                  "{\"controllers_config\":[\"one.yml\"],"
                  "\"script_file_name\":\"v2_with_controllers.py\"}");
    sim_engine_copy(&world, "bot", "s.yml");
    struct sim_container *c = sim_container_add(&world, "bot", IMAGE);
    strcpy(c->account, "master_account");
    strcpy(c->script_config, "s.yml");
    c->headless = headless;
    sim_engine_start(&world, c);
    return c;
}

static bool reported(void)
{
    const struct sim_view *view = sim_view_active(&world, "bot");
    return view != NULL && view->has_reports;
}

static bool all_empty(void)
{
    const struct sim_view *view = sim_view_active(&world, "bot");
    return view != NULL && view->has_reports && view->reports[0].report.empty;
}

static int64_t until(bool (*happened)(void), int64_t limit)
{
    int64_t start = world.now;
    while (!happened() && world.now - start < limit)
        later(SIM_TICK);
    return world.now - start;
}

static bool seen(void)
{
    return sim_view_active(&world, "bot") != NULL;
}

static bool heard(void)
{
    const struct sim_view *view = sim_view_active(&world, "bot");
    return view != NULL && view->last_message != 0;
}

static void test_start(void **state)
{
    (void)state;
    deploy(maker, "", true);
    int64_t at = until(seen, 5000);
    assert_in_range(at, 0, 1100);
    at += until(heard, 10000);
    assert_in_range(at, 3000, 4300);
    at += until(reported, 10000);
    assert_in_range(at, 5400, 6700);
}

static struct sim_container *dying;

static bool died(void)
{
    return dying->state == SIM_EXITED;
}

static void test_missing_controller(void **state)
{
    (void)state;
    dying = deploy(NULL, "", true);
    assert_in_range(until(died, 20000), 3400, 4600);
    assert_int_equal(dying->exit_code, 1);
    assert_false(heard());
}

static void test_missing_controller_with_ui_stays(void **state)
{
    (void)state;
    struct sim_container *c = deploy(NULL, "", false);
    later(60000);
    assert_int_equal(c->state, SIM_RUNNING);
    assert_true(heard());
    assert_false(reported());
}

static void test_missing_script_kills_either(void **state)
{
    (void)state;
    dying = deploy(maker, "", false);
    sim_shelf_remove(&sim_instance_find(&world, "bot")->scripts, "s.yml");
    sim_engine_start(&world, dying);
    assert_in_range(until(died, 20000), 3400, 4600);
}

static void test_unknown_key_kills(void **state)
{
    (void)state;
    dying = deploy(maker, ",\"bogus\":1", true);
    assert_in_range(until(died, 20000), 3400, 4600);
    assert_non_null(strstr(dying->bot.death, "bogus"));
}

static void test_wrong_type_kills(void **state)
{
    (void)state;
    dying = deploy(grid, ",\"order_type\":\"x\"", true);
    assert_in_range(until(died, 20000), 3400, 4600);
}

static void stop_ends(const char *config, int64_t low, int64_t high)
{
    struct sim_container *c = deploy(config, "", true);
    later(60000);
    assert_true(reported());
    assert_true(sim_controller_busy(&c->bot.controllers[0]));
    sim_view_drop_reports(sim_view_find(&world, "bot"));
    sim_bot_stop(&world, c);
    assert_in_range(until(all_empty, 60000), low, high);
    assert_false(sim_controller_busy(&c->bot.controllers[0]));
    later(60000);
    assert_true(all_empty());
}

static void test_stop_maker(void **state)
{
    (void)state;
    stop_ends(maker, 13000, 13700);
}

static void test_stop_grid(void **state)
{
    (void)state;
    stop_ends(grid, 6900, 7500);
}

static double coin(const char *token, bool locked)
{
    struct sim_wallet *wallet =
        sim_wallet_find(sim_account_find(&world, "master_account"), "bitmart");
    const struct sim_coin *c = sim_coin_find(wallet, token);
    return locked ? c->locked : c->units;
}

/* What the account won or lost is what the bot reports, to the last cent, at every moment. */
static void books_balance(const char *config, const char *base, const char *pair)
{
    double quote = coin("USDT", false), held = coin(base, false), mid;
    struct sim_container *c = deploy(config, "", true);
    bool locked = false;
    for (int i = 0; i < 600; i++) {
        later(1000);
        const struct sim_report *r = &c->bot.controllers[0].now;
        assert_true(sim_market_price(&world.market, "bitmart", pair, &mid));
        double won = coin("USDT", false) - quote + (coin(base, false) - held) * mid;
        if (fabs(won - r->realised - r->unrealised) > 1e-6)
            fail_msg("after %d s the account won %f, the bot says %f", i, won,
                     r->realised + r->unrealised);
        assert_true(coin("USDT", true) <= coin("USDT", false));
        locked = locked || coin("USDT", true) > 0;
    }
    assert_true(c->bot.controllers[0].now.volume > 0);
    assert_true(locked);
    sim_bot_stop(&world, c);
    later(20000);
    assert_true(fabs(coin("USDT", true)) < 1e-6);
    assert_true(fabs(coin(base, true)) < 1e-9);
}

static void test_books_maker(void **state)
{
    (void)state;
    books_balance(maker, "BTC", "BTC-USDT");
}

static void test_books_grid(void **state)
{
    (void)state;
    books_balance(grid, "ETH", "ETH-USDT");
}

static void test_silence_makes_idle_then_gone(void **state)
{
    (void)state;
    struct sim_container *c = deploy(maker, "", true);
    later(20000);
    assert_true(reported());
    sim_bot_kill(&world, c);
    later(29000);
    assert_true(reported());
    later(3000);
    assert_false(seen());
    assert_true(world.orphan_orders > 0);
}

static void test_market(void **state)
{
    (void)state;
    struct sim_market a, b;
    sim_market_init(&a, 3);
    sim_market_init(&b, 3);
    double highest = 0, lowest = 0;
    for (int i = 0; i < 86400; i++) {
        sim_market_step(&a);
        sim_market_step(&b);
        double price = sim_market_token(&a, "BTC");
        assert_in_range((int64_t)price, 54000, 66000);
        highest = a.dex > highest ? a.dex : highest;
        lowest = a.dex < lowest ? a.dex : lowest;
    }
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(highest > 0.02 && lowest < -0.02);
    assert_true(sim_market_set(&a, "SOL", 140));
    assert_true(fabs(sim_market_token(&a, "SOL") - 140) < 1e-9);
}

static void test_rules(void **state)
{
    (void)state;
    struct sim_rule rule;
    assert_true(sim_market_rule("bitmart", "ETH-USDT", &rule));
    assert_true(rule.min_order_value > 0 && rule.min_notional < 1e-9);
    assert_true(sim_market_rule("binance", "ETH-USDT", &rule));
    assert_true(rule.min_notional > 0);
    assert_false(sim_market_rule("bitmart", "NOPE-USDT", &rule));
    assert_false(sim_market_rule("bitmart", "ETH", &rule));
}

static void test_python_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
        size_t at;
    } rows[] = {
        {"{\"bot_name\": \"x\",", "Expecting property name enclosed in double quotes", 17},
        {"{\"a\" 1}", "Expecting ':' delimiter", 5},
        {"{\"a\": 1 \"b\"}", "Expecting ',' delimiter", 8},
        {"{\"a\": }", "Expecting value", 6},
        {"{\"a\": \"x", "Unterminated string starting at", 6},
        {"{} x", "Extra data", 3},
        {"", "Expecting value", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t at;
        assert_string_equal(sim_python_json_error(rows[i].text, strlen(rows[i].text), &at),
                            rows[i].error);
        assert_int_equal(at, rows[i].at);
    }
}

static void test_base_name(void **state)
{
    (void)state;
    char out[SIM_NAME];
    sim_base_name("hummingbot-a-1f2e-20261122-153628", out);
    assert_string_equal(out, "hummingbot-a-1f2e");
    sim_base_name("plain", out);
    assert_string_equal(out, "plain");
    sim_base_name("x-20261122-15362a", out);
    assert_string_equal(out, "x-20261122-15362a");
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(test_start),
        WORLD(test_missing_controller),
        WORLD(test_missing_controller_with_ui_stays),
        WORLD(test_missing_script_kills_either),
        WORLD(test_unknown_key_kills),
        WORLD(test_wrong_type_kills),
        WORLD(test_stop_maker),
        WORLD(test_stop_grid),
        WORLD(test_books_maker),
        WORLD(test_books_grid),
        WORLD(test_silence_makes_idle_then_gone),
        cmocka_unit_test(test_market),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_python_errors),
        cmocka_unit_test(test_base_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
