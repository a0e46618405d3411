/* Bots that other people made: which of their configs are a strategy's, and what is said of the
 * rest. That recognise inverts build is tested where the random forms are
 * (test_strategy_configs.c). */
#include "strategies.h"

/* What no strategy built is not called one: an altered constant, an own key, another controller. */
static void test_strangers(void **state)
{
    static const struct {
        const char *config;
        bool known;
        size_t unknown;
    } rows[] = {
#define MM(more)                                                                                   \
    "{\"controller_name\":\"pmm_simple\",\"controller_type\":\"market_making\",\"id\":\"a\","      \
    "\"_config_name\":\"a\",\"connector_name\":\"bitmart\",\"trading_pair\":\"BTC-USDT\","         \
    "\"total_amount_quote\":200,\"buy_spreads\":[0.001,0.002],\"sell_spreads\":[0.001,0.002]" more \
    "}"
        {MM(""), true, 22},
        {MM(",\"leverage\":1,\"time_limit\":120,\"take_profit\":3e-3"), true, 17},
        {MM(",\"leverage\":20"), false, 0},
        {MM(",\"candles_config\":[]"), false, 0},
        {MM(",\"time_limit\":90"), false, 0},
        {MM(",\"take_profit\":\"0.003\""), false, 0},
        {MM(",\"take_profit\":null,\"skip_rebalance\":true"), true, 19},
        {MM(",\"skip_rebalance\":\"no\""), false, 0},
        {"{\"controller_name\":\"pmm_simple\",\"controller_type\":\"generic\"}", false, 0},
        {"7", false, 0},
#undef MM
    };
    (void)state;
    struct bench b;
    world_changes = NULL;
    open_bench(&b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char input[1024];
        (void)snprintf(input, sizeof input, "{\"configs\":[%s],\"script\":{}}", rows[i].config);
        struct tb_json_doc *doc = call_entry(&b, "bitmart", TB_PLUGIN_RECOGNISE, input);
        const struct tb_json *root = tb_json_root(doc);
        if (!tb_json_get(root, "strategy") == rows[i].known)
            fail_msg("row %zu", i);
        if (rows[i].known && tb_json_get(root, "unknown")->len != rows[i].unknown)
            fail_msg("row %zu has %zu unknown", i, tb_json_get(root, "unknown")->len);
        if (!rows[i].known)
            assert_int_equal(root->len, 0);
        tb_json_free(doc);
    }
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strangers),
    };
    return cmocka_run_group_tests(tests, load_world, free_world);
}
