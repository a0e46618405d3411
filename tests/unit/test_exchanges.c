/* The exchange-neutral strategies on exchanges that nobody wrote a plugin for: OKX spot grid in at
 * most 15 lines, Hyperliquid with USDC in at most 40, their plans and the way back; and what is
 * said of options that do not exist. A plugin here is one file, planned in the SDK's own market. */
#include <sys/stat.h>

#include "strategies.h"

static char folder[64];

static void write_text(const char *name, const char *text)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void open_plugin(struct bench *b, const char *name, const char *text, const char *tests)
{
    char path[160];
    (void)snprintf(folder, sizeof folder, "/tmp/tb-exchange-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/%s/tests", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/plugin.lua", name);
    write_text(path, text);
    (void)snprintf(path, sizeof path, "%s/tests/plans.lua", name);
    write_text(path, tests);
    world_changes = NULL;
    raw_start(&b->upstream, serve_world);
    open_host_in(b, &(struct tb_hb_config){.url = b->upstream.url}, folder);
}

static void close_plugin(struct bench *b, const char *name)
{
    static const char *const parts[] = {"/tests/plans.lua", "/tests", "/plugin.lua", ""};
    char path[160];
    close_bench(b);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s%s", folder, name, parts[i]);
        (void)remove(path);
    }
    (void)remove(folder);
}

static size_t lines_of(const char *text)
{
    size_t count = 0;
    for (; (text = strchr(text, '\n')) != NULL; text++)
        count++;
    return count;
}

static const char okx[] =
    "local grid = require('bridge.strategies.grid')\n"
    "return {\n"
    "  api = 1, name = 'okx', title = 'OKX', version = '1.0.0', connectors = { 'okx' },\n"
    "  strategies = { grid.spot { connector = 'okx', title = 'OKX', fee_pct = '0.1' } },\n"
    "}\n";

static const char hyperliquid[] =
    "local grid = require('bridge.strategies.grid')\n"
    "local mm = require('bridge.strategies.mm')\n"
    "local trend = require('bridge.strategies.trend')\n"
    "local spot = { connector = 'hyperliquid', title = 'Hyperliquid', quote = 'USDC', fee_pct = "
    "'0.07', candles = 'hyperliquid' }\n"
    "local perpetual = { connector = 'hyperliquid_perpetual', title = 'Hyperliquid', quote = "
    "'USDC', fee_pct = '0.045',\n"
    "  defaults = { position_mode = 'ONEWAY' } }\n"
    "return {\n"
    "  api = 1, name = 'hyperliquid', title = 'Hyperliquid', version = '1.0.0',\n"
    "  connectors = { 'hyperliquid', 'hyperliquid_perpetual' },\n"
    "  strategies = { grid.spot(spot), mm.spot(spot), grid.perpetual(perpetual), "
    "mm.perpetual(perpetual),\n"
    "    trend.supertrend(perpetual) },\n"
    "}\n";

static const char okx_tests[] =
    "local test = require('bridge.test')\n"
    "test.case('plans', function(t)\n"
    "  local plan = t.plan('spot_grid', {})\n"
    "  t.ok(plan) t.recognised(plan)\n"
    "  t.equal(plan.controllers[1].config.connector_name, 'okx')\n"
    "  t.refused(t.plan('spot_grid', { take_profit_pct = '0.2' }), 'too_small')\n"
    "  t.refused(t.plan('spot_grid', { order_quote = '5' }), 'order_below_minimum', "
    "'/params/order_quote')\n"
    "end)\n"
    "return true\n";

static const char hyperliquid_tests[] =
    "local test = require('bridge.test')\n"
    "local candles = {}\n"
    "for i = 1, 200 do candles[i] = { open = '1', high = '1.1', low = '0.9', close = '1' } end\n"
    "local world = { answers = { ['trading.position_mode'] = { position_mode = 'ONEWAY' },\n"
    "  ['market.candle_connectors'] = { 'hyperliquid_perpetual' }, ['market.candles'] = candles } "
    "}\n"
    "for _, name in ipairs({ 'spot_grid', 'spot_mm', 'perp_grid', 'perp_mm', 'perp_supertrend' }) "
    "do\n"
    "  test.case(name, function(t)\n"
    "    local plan = t.plan(name, {}, { world = world })\n"
    "    t.ok(plan) t.recognised(plan)\n"
    "    t.equal(plan.quotes, { 'USDC' })\n"
    "    t.equal(plan.controllers[1].config.position_mode, 'ONEWAY')\n"
    "  end)\n"
    "end\n"
    "return true\n";

static void check_exchange(const char *name, const char *text, const char *tests, size_t most,
                           size_t cases)
{
    struct bench b;
    assert_in_range(lines_of(text), 1, most);
    open_plugin(&b, name, text, tests);
    struct tb_json_doc *doc = call_entry(&b, name, TB_PLUGIN_TEST, "{}");
    const struct tb_json *rows = tb_json_get(tb_json_root(doc), "tests");
    assert_int_equal(rows->len, cases);
    for (const struct tb_json *row = rows->child; row; row = row->next)
        if (!tb_json_true(tb_json_get(row, "ok")))
            fail_msg("%s: %s: %s", name, tb_json_get_string(row, "name"),
                     tb_json_get_string(row, "message"));
    tb_json_free(doc);
    close_plugin(&b, name);
}

static void test_okx(void **state)
{
    (void)state;
    check_exchange("okx", okx, okx_tests, 15, 1);
}

static void test_hyperliquid(void **state)
{
    (void)state;
    check_exchange("hyperliquid", hyperliquid, hyperliquid_tests, 40, 5);
}

/* An author's mistake is named with the plugin's own line. */
static void test_mistakes(void **state)
{
    static const char *const rows[][2] = {
        {"grid.spot { conector = 'okx' }", "a strategy needs { connector = "},
        {"grid.spot { connector = 'okx', fee = '0.1' }",
         "there is no option fee, did you mean fee_pct?"},
        {"grid.spot()", "a strategy needs { connector = "},
        {"grid.spot { connector = 'okx', defaults = { take_profit_pct = '0.1' } }",
         "the default is refused: take_profit_pct must be at least 0.3"},
        {"grid.spot { connector = 'okx', defaults = { take_profit = '1' } }",
         "defaults names take_profit, which is no field, did you mean take_profit_pct?"},
        {"grid.spot { connector = 'okx', presets = { usual = { budget = '1' } } }",
         "the preset usual is refused by the form"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b;
        struct tb_buffer text = TB_BUFFER_INIT, list = TB_BUFFER_INIT;
        struct tb_error err = {0};
        int64_t line = 0;
        tb_buffer_printf(&text,
                         "local grid = require('bridge.strategies.grid')\n"
                         "local s =\n  %s\n"
                         "return { api = 1, name = 'okx', title = 'OKX', version = '1', connectors "
                         "= { 'okx' }, strategies = { s } }\n",
                         rows[i][0]);
        open_plugin(&b, "okx", tb_buffer_text(&text), "return true\n");
        tb_plugins_list(b.host, &list);
        struct tb_json_doc *doc = tb_json_parse(list.data, list.len, TB_JSON_CLIENT, &err);
        const struct tb_json *e =
            tb_json_get(tb_json_at(tb_json_get(tb_json_root(doc), "plugins"), 0), "error");
        const char *said = tb_json_get_string(e, "message"), *message = said ? said : "nothing";
        (void)tb_json_int64(tb_json_get(e, "line"), &line);
        if (!strstr(message, rows[i][1]))
            fail_msg("%s: says %s", rows[i][0], message);
        if (line != 3 && !strstr(message, "preset"))
            fail_msg("%s: at line %d", rows[i][0], (int)line);
        tb_json_free(doc);
        tb_buffer_free(&list);
        tb_buffer_free(&text);
        close_plugin(&b, "okx");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_okx),
        cmocka_unit_test(test_hyperliquid),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, load_world, free_world);
}
