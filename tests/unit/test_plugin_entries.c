/* The other entries of the Lua host, and Lua as plugins have it: decimals, order, language. */
#include "plugin_place.h"

/* ---- the other entries ---- */

static void test_translate(void **state)
{
    (void)state;
    struct place place;
    open_place(&place, trivial);
    struct tb_json_doc *doc = ask(&place, TB_PLUGIN_TRANSLATE,
                                  "{\"request\":{\"name\":\"x\",\"strategy\":\"spread\","
                                  "\"connector\":\"demo_spot\",\"pair\":\"A/B\","
                                  "\"config\":{\"bid_spread\":0.003,\"order_amount\":1000}}}");
    ASSERT_AT(doc, "request",
              "{\"exchange\":\"demo\",\"name\":\"x\",\"params\":{\"budget_quote\":1000,"
              "\"levels_pct\":[\"0.3\"],\"pair\":\"A-B\"},\"strategy\":\"s\"}");
    ASSERT_AT(doc, "warnings.0.pointer", "\"/config\"");
    ASSERT_AT(doc, "warnings.6",
              "{\"code\":\"translated\",\"message\":\"pair was read as "
              "A-B\",\"pointer\":\"/params/pair\"}");
    tb_json_free(doc);
    doc = ask(&place, TB_PLUGIN_TRANSLATE, "{\"request\":{\"strategy\":\"volume\"}}");
    ASSERT_AT(doc, "error.code", "\"no_volume\"");
    ASSERT_AT(doc, "error.pointer", "\"/strategy\"");
    tb_json_free(doc);
    doc = ask(&place, TB_PLUGIN_TRANSLATE, "{\"request\":{\"config\":{},\"params\":{}}}");
    ASSERT_AT(doc, "error.code", "\"both_words\"");
    tb_json_free(doc);
    doc = ask(&place, TB_PLUGIN_TRANSLATE, "{\"request\":{\"connector\":\"binance\"}}");
    ASSERT_AT(doc, "error.code", "\"wrong_connector\"");
    tb_json_free(doc);
    close_place(&place);
}

static void test_status(void **state)
{
    static const char input[] = "{\"bot\":{\"budget_quote\":\"1000\",\"quotes\":[\"USDT\"]},"
                                "\"raw\":{\"status\":\"running\",\"performance\":{"
                                "\"c1\":{\"status\":\"running\",\"performance\":{\"realized_pnl_"
                                "quote\":12.31,\"unrealized_pnl_quote\":\"-0.40\","
                                "\"volume_traded\":3120.5,\"close_type_counts\":{\"CloseType."
                                "FAILED\":2,\"CloseType.TAKE_PROFIT\":\"1\"},"
                                "\"positions_summary\":[{\"connector_name\":\"x\",\"trading_pair\":"
                                "\"BTC-USDT\",\"side\":\"TradeType.BUY\","
                                "\"amount\":0.5,\"breakeven_price\":100,\"unrealized_pnl_quote\":-"
                                "0.4,\"realized_pnl_quote\":0,"
                                "\"cum_fees_quote\":0.92}]},\"custom_info\":{\"levels_by_state\":{"
                                "\"OPEN_ORDER_PLACED\":3}}},"
                                "\"c2\":{\"status\":\"running\",\"performance\":{}}}}}";
    static const char unknown[] =
        "{\"bot\":{},\"raw\":{\"performance\":{\"c\":{\"performance\":{\"realized_pnl_quote\":1,"
        "\"unrealized_pnl_quote\":-50,\"volume_traded\":null,\"positions_summary\":[{\"trading_"
        "pair\":\"A-B\","
        "\"side\":\"TradeType.BUY\",\"amount\":1,\"breakeven_price\":50,\"unrealized_pnl_quote\":-"
        "50}]}}}}}";
    (void)state;
    struct place place;
    open_place(&place, trivial);
    struct tb_json_doc *doc = ask(&place, TB_PLUGIN_STATUS, input);
    ASSERT_AT(doc, "pnl",
              "[{\"drawdown\":null,\"fees\":\"0.92\",\"net\":\"10.99\",\"quote\":\"USDT\","
              "\"realised\":\"12.31\","
              "\"return_pct\":\"1.099\",\"unrealised\":\"-0.40\",\"volume\":\"3120.5\"}]");
    ASSERT_AT(doc, "closes", "{\"FAILED\":2,\"TAKE_PROFIT\":1}");
    ASSERT_AT(doc, "flags.0.code", "\"not_reporting\"");
    ASSERT_AT(doc, "flags.1.code", "\"failed\"");
    ASSERT_AT(doc, "controllers.0.open_orders", "3");
    ASSERT_AT(doc, "controllers.1.realised", "null");
    ASSERT_AT(doc, "positions.0.side", "\"long\"");
    ASSERT_AT(doc, "positions.0.value_quote", "\"49.6\"");
    tb_json_free(doc);
    doc = ask(&place, TB_PLUGIN_STATUS, unknown);
    ASSERT_AT(doc, "pnl.0.unrealised", "null");
    ASSERT_AT(doc, "pnl.0.net", "null");
    ASSERT_AT(doc, "pnl.0.volume", "null");
    ASSERT_AT(doc, "pnl.0.quote", "\"B\"");
    ASSERT_AT(doc, "flags.0.code", "\"price_unknown\"");
    tb_json_free(doc);
    doc = ask(&place, TB_PLUGIN_STATUS, "{\"bot\":{},\"raw\":{\"performance\":{}}}");
    ASSERT_AT(doc, "pnl", "[]");
    ASSERT_AT(doc, "closes", "{}");
    tb_json_free(doc);
    close_place(&place);
}

static void test_log(void **state)
{
    (void)state;
    struct place place;
    open_place(&place, trivial);
    struct tb_json_doc *doc =
        ask(&place, TB_PLUGIN_LOG,
            "{\"lines\":[{\"level_name\":\"ERROR\",\"msg\":\"1 validation error\\nfoo\\n  Extra "
            "inputs are not permitted\","
            "\"timestamp\":1.5},{\"level_name\":\"INFO\",\"msg\":\"fine\"},{\"level_name\":"
            "\"ERROR\",\"msg\":\"odd\\nthing\"},"
            "{\"level_name\":\"ERROR\",\"msg\":\"odd\\nother\",\"timestamp\":3},"
            "{\"level_name\":\"ERROR\",\"msg\":\"demo says 42\"}]}");
    ASSERT_AT(doc, "errors.0.code", "\"unknown_config_key\"");
    ASSERT_AT(doc, "errors.0.last_at", "1500");
    ASSERT_AT(doc, "errors.1.code", "\"log\"");
    ASSERT_AT(doc, "errors.1.message", "\"odd\"");
    ASSERT_AT(doc, "errors.1.count", "2");
    ASSERT_AT(doc, "errors.2.message", "\"It said 42.\"");
    ASSERT_AT(doc, "errors.3", "absent");
    tb_json_free(doc);
    doc = ask(&place, TB_PLUGIN_EFFECTS, "{\"strategy\":\"s\",\"verb\":\"stop\",\"params\":{}}");
    ASSERT_AT(doc, "effects.0",
              "\"Open orders are cancelled and open positions are closed with market orders.\"");
    tb_json_free(doc);
    close_place(&place);
}

/* Bots of unknown strategies have figures too. */
static void test_without_plugin(void **state)
{
    (void)state;
    struct place place;
    struct tb_plugin_fault fault;
    struct tb_error err = {0};
    struct tb_buffer out = TB_BUFFER_INIT;
    open_place(&place, NULL);
    struct tb_plugin_call c = {.entry = TB_PLUGIN_STATUS, .input = "{}", .input_len = 2};
    assert_true(tb_plugins_call(place.host, &c, &out, &fault, &err));
    c.plugin = "gone";
    tb_buffer_clear(&out);
    assert_true(tb_plugins_call(place.host, &c, &out, &fault, &err));
    tb_buffer_free(&out);
    close_place(&place);
}

/* ---- Lua as plugins have it: top-level code that asserts ---- */

static void run_lua(const char *code)
{
    struct place place;
    struct tb_plugin_fault fault;
    struct tb_error err = {0};
    struct tb_buffer out = TB_BUFFER_INIT;
    char *text = malloc(strlen(code) + sizeof HEAD + sizeof TAIL);
    assert_non_null(text);
    strcpy(text, code);
    strcat(text, HEAD);
    strcat(text, TAIL);
    open_place(&place, text);
    if (!call(&place, TB_PLUGIN_DESCRIBE, "{}", &out, &fault, &err))
        fail_msg("%s\n%s", err.detail, fault.excerpt);
    free(text);
    tb_buffer_free(&out);
    close_place(&place);
}

static void test_decimal(void **state)
{
    (void)state;
    run_lua(
        "local d = require('bridge.decimal')\n"
        "assert(tostring(d('0.1') + d('0.2')) == '0.3')\n"
        "assert(d('0.3'):quantize(d('0.1'), 'floor') == d('0.3'))\n"
        "assert(d('0.1') + 1 == d('1.1') and 2 * d('0.5') == d('1'))\n"
        "assert(tostring(-d('1.50')) == '-1.50' and tostring(d('1.50'):normal()) == '1.5')\n"
        "assert(tostring(d('1'):div(3, 4, 'down')) == '0.3333')\n"
        "assert(tostring(d('1'):div(d('3'), 4, 'up')) == '0.3334')\n"
        "assert(tostring(d('0.4'):fraction()) == '0.004' and tostring(d(20):fraction()) == '0.2')\n"
        "assert(tostring(d('2.5'):round(0, 'half_even')) == '2' and tostring(d('2.5'):round(0, "
        "'half_up')) == '3')\n"
        "assert(d('1') < d('2') and d('1') <= 1 and 3 > d('2.99') and d('1.0') == d('1'))\n"
        "assert(d('5'):compare(5) == 0 and d('-5'):sign() == -1 and d('60.0'):integer() == 60)\n"
        "assert(d('60.5'):integer() == nil and d.try('abc') == nil and d.is(d('1')) and not "
        "d.is(1))\n"
        "assert(d.max(d('1'), 3, d('2')) == d(3) and d.min(d('1'), 3) == d(1) and d.abs(d('-2')) "
        "== d(2))\n"
        "assert(not pcall(function() return d(0.1) end), 'float')\n"
        "assert(not pcall(function() return d('1') + 0.5 end), 'float operand')\n"
        "assert(not pcall(function() return d('1') / 2 end), 'division')\n"
        "assert(not pcall(function() return d('1'):div(0, 2, 'down') end), 'zero')\n"
        "assert(not pcall(function() return d('nan') end) and not pcall(d, ' 1'))\n"
        "assert(not pcall(function() local x = d('1e40') return x * x * x end), 'overflow')\n"
        "assert('x' .. d('1') == 'x1')\n");
}

static void test_order(void **state)
{
    (void)state;
    run_lua("local t = { zeta = 1, ['Alpha'] = 1, alpha = 1, [10] = 1, [-1] = 1, [2] = 1, ['10'] = "
            "1 }\n"
            "local seen = {}\n"
            "for k in pairs(t) do seen[#seen + 1] = tostring(k) end\n"
            "assert(table.concat(seen, ' ') == '-1 2 10 10 Alpha alpha zeta', table.concat(seen, ' "
            "'))\n"
            "local n, k = 0, nil\n"
            "repeat k = next(t, k) n = n + 1 until k == nil\n"
            "assert(n == 8 and next({}) == nil)\n"
            "for k2 in pairs(t) do t[k2] = nil end\n"
            "assert(next(t) == nil)\n"
            "for i, v in pairs({ 'a', 'b' }) do assert(v == (i == 1 and 'a' or 'b')) end\n"
            "assert(not pcall(pairs, { [{}] = 1 }) and not pcall(pairs, nil))\n"
            "local out = {}\n"
            "for k3, v in pairs(setmetatable({}, { __pairs = function() return function(_, i) if "
            "not i then return 1, 2 end end end })) do out[1] = k3 + v end\n"
            "assert(out[1] == 3)\n"
            "local many = {} for i = 1, 3000 do many['k' .. i] = i end\n"
            "local last for k4 in pairs(many) do assert(not last or last < k4) last = k4 end\n");
}

static void test_language(void **state)
{
    (void)state;
    run_lua(
        "local ok, a, b = pcall(function(...) return ... end, 1, 2) assert(ok and a == 1 and b "
        "== 2)\n"
        "local bad, e = pcall(error, { code = 1 }) assert(not bad and e.code == 1)\n"
        "local gen = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)\n"
        "assert(gen() == 1 and gen() == 2 and gen() == 3)\n"
        "local co = coroutine.create(function(x) local y = coroutine.yield(x + 1) "
        "pcall(function() coroutine.yield(y) end) return 'end' end)\n"
        "assert(select(2, coroutine.resume(co, 1)) == 2 and select(2, coroutine.resume(co, 5)) "
        "== 5)\n"
        "assert(select(2, coroutine.resume(co)) == 'end' and coroutine.resume(co) == false)\n"
        "local ok2, trace = xpcall(function() error('x', 0) end, function(m) return m .. 'y' "
        "end) assert(not ok2 and trace == 'xy')\n"
        "assert(select('#', xpcall(function() return 1, 2 end, print)) == 3)\n"
        "assert(('%d %s'):format(1, 'a') == '1 a' and ('x'):rep(3, '-') == 'x-x-x')\n"
        "assert(table.concat({ 1, 2 }, ',') == '1,2' and #table.move({ 1, 2 }, 1, 2, 2) == 3)\n"
        "local j = require('bridge.json') assert(j.is_array(j.array({})) and not "
        "j.is_array({}) and j.is_array({ 1 }))\n"
        "assert(require('bridge.text').nearest('sprads', { 'spreads', 'pair' }) == 'spreads')\n"
        "assert(require('cjson').null == j.null)\n"
        "assert(tostring({}) == 'table' and tostring(print) == 'function' and tostring(j.null) == "
        "'null')\n"
        "assert(('%s %d'):format({}, 1) == 'table 1' and not pcall(string.format, '%p', {}))\n"
        "assert(tostring(setmetatable({}, { __tostring = function() return 'me' end })) == 'me')\n"
        "local t1 = { a = { 1, 2 } } local t2 = require('bridge.tables').copy(t1) t2.a[1] = 9 "
        "assert(t1.a[1] == 1)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_translate), cmocka_unit_test(test_status),
        cmocka_unit_test(test_log),       cmocka_unit_test(test_without_plugin),
        cmocka_unit_test(test_decimal),   cmocka_unit_test(test_order),
        cmocka_unit_test(test_language),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
