/* The SDK's forms, log and test library, with small plugins written for it: every kind of field and
 * every rule between fields read, refused and shown as JSON Schema; mistakes of the plugin's author
 * named at load; what a plugin logs; a plugin's own tests. */
#include <sys/stat.h>
#include <unistd.h>

#include "strategies.h"

static char folder[64];

static void write_plugin(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/demo/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void open_demo(struct bench *b, const char *text)
{
    char path[128];
    (void)snprintf(folder, sizeof folder, "/tmp/tb-form-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/demo", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/demo/tests", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_plugin("plugin.lua", text);
    world_changes = NULL;
    raw_start(&b->upstream, serve_world);
    open_host_in(b, &(struct tb_hb_config){.url = b->upstream.url}, folder);
}

static void close_demo(struct bench *b)
{
    static const char *const files[] = {"demo/plugin.lua",
                                        "demo/tests/grid.lua",
                                        "demo/tests/broken.lua",
                                        "demo/tests",
                                        "demo",
                                        ""};
    char path[160];
    close_bench(b);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)remove(path);
    }
}

/* The node at a path such as "errors.0.code". */
static const struct tb_json *node_at(const struct tb_json *node, const char *path)
{
    char word[64];
    while (node && *path) {
        size_t len = strcspn(path, ".");
        (void)snprintf(word, sizeof word, "%.*s", (int)len, path);
        node = tb_json_is(node, TB_JSON_ARRAY) ? tb_json_at(node, (size_t)strtoul(word, NULL, 10))
                                               : tb_json_get(node, word);
        path += len + (path[len] == '.');
    }
    return node;
}

static void assert_at(const struct tb_json_doc *doc, const char *path, const char *text)
{
    struct tb_buffer is = TB_BUFFER_INIT;
    const struct tb_json *node = node_at(tb_json_root(doc), path);
    if (node)
        tb_json_canonical(node, &is);
    if (strcmp(node ? tb_buffer_text(&is) : "absent", text) != 0) {
        struct tb_buffer all = TB_BUFFER_INIT;
        tb_json_canonical(tb_json_root(doc), &all);
        fail_msg("%s is %s and should be %s in %s", path, tb_buffer_text(&is), text,
                 tb_buffer_text(&all));
    }
    tb_buffer_free(&is);
}

#define HEAD                                                                                       \
    "local form = require('bridge.form')\n"                                                        \
    "local s = { name = 's', revision = 1, title = 'S', summary = 'S', risk = 'low',\n"            \
    "  executors = { 'position' }, form = form.of {}, build = function(_, p)\n"                    \
    "    return { controllers = { { type = 'a', name = 'b', config = {} } } } end,\n"              \
    "  risk_defaults = { max_loss_quote = '20', max_controller_loss_quote = '20' } }\n"            \
    "local plugin = { api = 1, name = 'demo', title = 'D', version = '1',\n"                       \
    "  connectors = { 'bitmart' }, strategies = { s } }\n"
#define TAIL "return plugin\n"

/* ---- kinds and rules ---- */

static const char everything[] =
    HEAD "s.form = form.of {\n"
         "  form.string('note', { optional = true }), form.slug('tag', { default = 'a-1' }),\n"
         "  form.bps('fee', { default = '25', max = '500' }),\n"
         "  form.account('other', { optional = true }), form.connector('feed', { default = "
         "'bitmart_perpetual' }),\n"
         "  form.mint('mint', { optional = true, network = 'solana-mainnet-beta' }),\n"
         "  form.record('leg', { of = { form.pair('pair', { default = 'SOL-USDT' }),\n"
         "    form.decimal('size', { default = '1', min = '0.5' }) } }),\n"
         "  form.list('legs', { of = form.record { of = { form.integer('n', { default = 1, min = 1 "
         "}) } }, default = { { n = 2 } } }),\n"
         "  form.group('Exits', {\n"
         "    form.enum('exit', { values = { 'stop', 'time' }, default = 'stop' }),\n"
         "    form.percent('stop_pct', { default = '3', above = '0', shown_when = { exit = 'stop' "
         "} }),\n"
         "    form.minutes('time_min', { min = 1, optional = true, required_when = { exit = 'time' "
         "} }),\n"
         "  }),\n"
         "  form.decimal('budget', { optional = true, default = '100' }), form.decimal('coins', { "
         "optional = true }),\n"
         "  form.one_of('budget', 'coins'),\n"
         "  form.integer('a', { optional = true }), form.integer('b', { optional = true }), "
         "form.exclusive('a', 'b'),\n"
         "  form.boolean('c', { optional = true }), form.boolean('d', { optional = true, default = "
         "true }), form.at_least_one('c', 'd'),\n"
         "  form.decimal('low', { default = '1' }), form.decimal('high', { default = '2' }), "
         "form.ordered('low', 'high'),\n"
         "  form.refused('side', 'no_side', 'there is only one', 'buy'),\n"
         "  form.custom(function(p, refuse) if p.note == 'bad' then refuse('note', 'rude', 'is "
         "rude', 'be kind') end end),\n"
         "}\n" TAIL;

static const struct {
    const char *params, *path, *is;
} read_rows[] = {
    {"{}", "params.tag", "\"a-1\""},
    {"{}", "params.leg", "{\"pair\":\"SOL-USDT\",\"size\":\"1\"}"},
    {"{}", "params.legs", "[{\"n\":2}]"},
    {"{}", "params.stop_pct", "\"3\""},
    {"{}", "params.budget", "\"100\""},
    {"{}", "params.coins", "null"},
    {"{\"leg\":{\"size\":2}}", "params.leg.size", "\"2\""},
    {"{\"leg\":{\"size\":\"0.1\",\"siz\":1}}", "errors.0.pointer", "\"/params/leg/siz\""},
    {"{\"leg\":{\"size\":\"0.1\",\"siz\":1}}", "errors.0.hint", "\"did you mean size?\""},
    {"{\"leg\":{\"size\":\"0.1\",\"siz\":1}}", "errors.1.pointer", "\"/params/leg/size\""},
    {"{\"leg\":7}", "errors.0.code", "\"wrong_type\""},
    {"{\"legs\":[{\"n\":1},{\"n\":0}]}", "errors.0.pointer", "\"/params/legs/1/n\""},
    {"{\"fee\":\"501\"}", "errors.0.hint", "\"maximum: 500\""},
    {"{\"other\":\"a b\"}", "errors.0.code", "\"bad_text\""},
    {"{\"feed\":\"Bit Mart\"}", "errors.0.code", "\"bad_text\""},
    {"{\"feed\":\"kucoin_paper_trade\"}", "errors.0.code", "\"paper_trade\""},
    {"{\"feed\":\"kucoin_paper_trade\"}", "errors.0.hint",
     "\"use kucoin with a small budget, or the simulator\""},
    {"{\"mint\":\"So1l111111111111111111111111111111111111112\"}", "errors.0.hint",
     "\"0, O, I and l do not occur in one\""},
    {"{\"mint\":\"So11111111111111111111111111111111111111112\"}", "ok", "true"},
    {"{\"exit\":\"time\"}", "errors.0.code", "\"required\""},
    {"{\"exit\":\"time\"}", "errors.0.pointer", "\"/params/time_min\""},
    {"{\"exit\":\"time\",\"time_min\":5}", "params.stop_pct", "null"},
    {"{\"exit\":\"time\",\"time_min\":5,\"stop_pct\":null}", "ok", "true"},
    {"{\"exit\":\"time\",\"time_min\":5,\"stop_pct\":1}", "errors.0.code", "\"not_applicable\""},
    {"{\"coins\":1}", "params.budget", "null"},
    {"{\"coins\":1,\"budget\":2}", "errors.0.code", "\"only_one\""},
    {"{\"coins\":1,\"budget\":2}", "errors.0.pointer", "\"/params/coins\""},
    {"{\"budget\":null}", "errors.0.code", "\"required\""},
    {"{\"a\":1,\"b\":1}", "errors.0.code", "\"only_one\""},
    {"{\"d\":null}", "errors.0.code", "\"required\""},
    {"{\"low\":2}", "errors.0.code", "\"not_ordered\""},
    {"{\"low\":2}", "errors.0.pointer", "\"/params/high\""},
    {"{\"note\":\"bad\"}", "errors.0.code", "\"rude\""},
    {"{\"note\":\"bad\",\"low\":2}", "errors.1", "absent"},
    {"{\"side\":\"short\"}", "errors.0.code", "\"no_side\""},
    {"{\"side\":\"short\"}", "errors.0.hint", "\"buy\""},
    {"{\"side\":\"short\"}", "errors.1", "absent"},
    {"{\"side\":null}", "ok", "true"},
    {"{\"low\":3,\"coins\":1,\"budget\":1,\"fee\":-1e20,\"mint\":1}", "errors.2.pointer",
     "\"/params/high\""},
};

static void test_reading(void **state)
{
    (void)state;
    struct bench b;
    struct tb_error err = {0};
    open_demo(&b, everything);
    for (size_t i = 0; i < sizeof read_rows / sizeof read_rows[0]; i++) {
        const char *text = read_rows[i].params;
        struct tb_json_doc *params = tb_json_parse(text, strlen(text), TB_JSON_CLIENT, &err);
        struct tb_json_doc *plan = call_plan(&b, "demo", "s", NULL, tb_json_root(params), NULL);
        assert_at(plan, read_rows[i].path, read_rows[i].is);
        for (const struct tb_json *e = node_at(tb_json_root(plan), "errors")->child; e; e = e->next)
            assert_true(tb_json_get_string(e, "message") && tb_json_get_string(e, "pointer"));
        /* What was read and is shown means the same when it is sent again. */
        if (tb_json_true(tb_json_get(tb_json_root(plan), "ok"))) {
            struct tb_json_doc *again =
                call_plan(&b, "demo", "s", NULL, tb_json_get(tb_json_root(plan), "params"), NULL);
            same_json("params", tb_json_get(tb_json_root(again), "params"),
                      tb_json_get(tb_json_root(plan), "params"));
            tb_json_free(again);
        }
        tb_json_free(plan);
        tb_json_free(params);
    }
    close_demo(&b);
}

static void test_schema(void **state)
{
    static const char *const rows[][2] = {
        {"properties.fee.x-unit", "\"bps\""},
        {"properties.fee.default", "\"25\""},
        {"properties.other.x-widget", "\"account\""},
        {"properties.feed.x-widget", "\"connector\""},
        {"properties.mint.x-network", "\"solana-mainnet-beta\""},
        {"properties.mint.type", "[\"string\",\"null\"]"},
        {"properties.leg.type", "\"object\""},
        {"properties.leg.additionalProperties", "false"},
        {"properties.leg.properties.size.minimum", "0.5"},
        {"properties.leg.default", "{\"pair\":\"SOL-USDT\",\"size\":\"1\"}"},
        {"properties.legs.items.properties.n.type", "\"integer\""},
        {"properties.exit.x-group", "\"Exits\""},
        {"properties.stop_pct.x-shown-when", "{\"exit\":[\"stop\"]}"},
        {"required", "[]"},
        {"allOf.0", "{\"if\":{\"properties\":{\"exit\":{\"enum\":[\"time\"]}},\"required\":["
                    "\"exit\"]},\"then\":{\"required\":[\"time_min\"]}}"},
        {"allOf.1", "{\"not\":{\"required\":[\"budget\",\"coins\"]}}"},
        {"allOf.2", "{\"not\":{\"required\":[\"a\",\"b\"]}}"},
        {"allOf.3", "absent"},
        {"x-rules.0", "{\"fields\":[\"budget\",\"coins\"],\"rule\":\"one_of\"}"},
        {"x-rules.3.rule", "\"ordered\""},
    };
    (void)state;
    struct bench b;
    open_demo(&b, everything);
    struct tb_json_doc *doc = call_entry(&b, "demo", TB_PLUGIN_SCHEMA, "{\"strategy\":\"s\"}");
    char path[128];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)snprintf(path, sizeof path, "schema.%s", rows[i][0]);
        assert_at(doc, path, rows[i][1]);
    }
    assert_non_null(
        strstr(tb_json_get_string(tb_json_root(doc), "docs"), "Needed when exit is time."));
    tb_json_free(doc);
    close_demo(&b);
}

/* ---- the author's mistakes ---- */

#define FIELDS "form.decimal('low', { default = '1' }), form.decimal('high', { default = '2' })"

static const struct {
    const char *text, *says;
    int line;
} mistakes[] = {
    {"form.enum('e', { values = {} })", "needs values", 8},
    {"form.list('l', { default = {} })", "needs of = form.<kind>", 8},
    {"form.record('r', { of = form.integer {} })", "record r needs of", 8},
    {"form.record('r', { of = { form.integer {} } })", "is not a named field", 8},
    {"form.of { " FIELDS ",\n form.ordered('low', 'hihg') }", "did you mean high?", 9},
    {"form.of { " FIELDS ",\n form.exclusive('low', 'high') }", "write optional = true", 9},
    {"form.ordered('low')", "name at least two fields", 8},
    {"form.of { form.boolean('x', { default = true }), " FIELDS ",\n form.ordered('low', 'x') }",
     "x is a boolean and cannot be compared", 9},
    {"form.of { form.integer('x', { optional = true, default = 1 }), form.integer('y', { optional "
     "= true, default = 1 }),\n form.one_of('x', 'y') }",
     "only one of x and y may have a default", 9},
    {"form.custom(function(a, b, c) end)", "takes 3 parameters", 8},
    {"form.refused('x')", "form.refused(\"name\"", 8},
    {"form.of { " FIELDS ",\n form.refused('low', 'c', 'm') }", "low is a field of the form", 9},
    {"form.custom('x')", "form.custom(function(p, refuse)", 8},
    {"form.group({})", "form.group(\"Title\"", 8},
    {"form.of { form.enum('mode', { values = { 'grid' }, default = 'grid' }),\n"
     " form.integer('x', { shown_when = { mode = 'gird' } }) }",
     "mode is never gird, did you mean grid?", 9},
    {"form.of { form.enum('mode', { values = { 'grid' }, default = 'grid' }),\n"
     " form.integer('x', { shown_when = { mod = 'grid' } }) }",
     "there is no field mod, did you mean mode?", 9},
    {"form.of { form.integer('n', { default = 1 }),\n form.integer('x', { required_when = { n = 1 "
     "} }) }",
     "only an enum or a boolean can be a condition", 9},
    {"form.of { form.integer('n', { default = 1 }), form.integer('x', { shown_when = 1 }) }",
     "must be { field = value }", 8},
    {"form.of { form.integer('n', { default = 1 }),\n\n form.integer('n', { default = 1 }) }",
     "n is there twice", 10},
    {"form.bps('x', { maximum = '1' })", "did you mean max?", 8},
    {"form.connector('x', { default = 'okx_paper_trade' })", "paper trading", 8},
    {"s.form = form.of { form.integer('x', { optional = true }), form.integer('y', { optional = "
     "true }),\n form.one_of('x', 'y') }",
     "must accept {}: one of x and y is needed", 0},
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct bench b;
        struct tb_buffer list = TB_BUFFER_INIT, text = TB_BUFFER_INIT;
        struct tb_error err = {0};
        int64_t line = 0;
        tb_buffer_printf(&text, "%s%s\n%s", HEAD, mistakes[i].text, TAIL);
        open_demo(&b, tb_buffer_text(&text));
        tb_plugins_list(b.host, &list);
        struct tb_json_doc *doc = tb_json_parse(list.data, list.len, TB_JSON_CLIENT, &err);
        const struct tb_json *e = node_at(tb_json_root(doc), "plugins.0.error");
        const char *message = tb_json_get_string(e, "message");
        (void)tb_json_int64(tb_json_get(e, "line"), &line);
        if (!message || !strstr(message, mistakes[i].says))
            fail_msg("%s: says %s", mistakes[i].text, message);
        if (mistakes[i].line && line != mistakes[i].line)
            fail_msg("%s: at line %d", mistakes[i].text, (int)line);
        tb_json_free(doc);
        tb_buffer_free(&list);
        tb_buffer_free(&text);
        close_demo(&b);
    }
}

/* ---- log ---- */

static void test_log(void **state)
{
    (void)state;
    struct bench b;
    open_demo(&b, HEAD "local log = require('bridge.log')\n"
                       "s.check = function(ctx, p)\n"
                       "  log.info('{n} levels\\27[2J for {who}', { n = 7 })\n"
                       "  log.error(('x'):rep(600))\n"
                       "  for i = 1, 200 do log.debug(i) end\n"
                       "end\n" TAIL);
    struct tb_json_doc *plan = call_plan(&b, "demo", "s", NULL, NULL, NULL);
    assert_at(plan, "plugin_log.0",
              "{\"at\":\"demo/plugin.lua:10\",\"level\":\"info\",\"message\":\"7 levels [2J for "
              "{who}\"}");
    assert_int_equal(
        strlen(tb_json_get_string(node_at(tb_json_root(plan), "plugin_log.1"), "message")), 503);
    assert_at(plan, "plugin_log.99.message", "\"98\"");
    assert_at(plan, "plugin_log.100.message", "\"more lines are left out\"");
    assert_at(plan, "plugin_log.101", "absent");
    tb_json_free(plan);
    close_demo(&b);
}

/* ---- a plugin's own tests ---- */

static const char own_tests[] =
    "local test = require('bridge.test')\n"
    "test.case('passes', function(t)\n"
    "  local plan = t.plan('s', { size = '2' })\n"
    "  t.ok(plan) t.equal(plan.controllers[1].config.mid, '60000.50') "
    "t.recognised(plan)\n"
    "end)\n"
    "test.case('refused', function(t) t.refused(t.plan('s', { size = '0' }), 'too_small', "
    "'/params/size') end)\n"
    "test.case('not refused', function(t) t.refused(t.plan('s', {}), 'too_small') end)\n"
    "test.case('differs', function(t) t.equal(t.plan('s', {}).params.size, '3') end)\n"
    "test.case('a bug', function(t) local x = nil; return x.y end)\n"
    "test.case('golden', function(t) t.golden('g', t.plan('s', {}).controllers) end)\n"
    "test.case('new golden', function(t) t.golden('h', { 1 }) end)\n"
    "test.case('its own world', function(t)\n"
    "  t.refused(t.plan('s', { pair = 'A-B' }), 'unknown_pair')\n"
    "  t.ok(t.plan('s', { pair = 'A-B' }, { world = { mid = { ['A-B'] = '2' }, rules = { ['A-B'] = "
    "{} } } }))\n"
    "end)\n"
    "return true\n";

static void test_own_tests(void **state)
{
    static const struct {
        const char *name, *says; /* NULL: passes */
    } rows[] = {
        {"the file loads", "nowhere"},
        {"passes", NULL},
        {"refused", NULL},
        {"not refused", "expected too_small, refused is nothing"},
        {"differs", "is \"1\", should be \"3\""},
        {"a bug", "demo/tests/grid.lua:9: attempt to index a nil value"},
        {"golden", NULL},
        {"new golden", "tests/golden/h.json is missing; run the tests with --bless"},
        {"its own world", NULL},
    };
    (void)state;
    struct bench b;
    char path[64];
    open_demo(&b, HEAD
              "s.form = form.of { form.pair('pair', { default = 'BTC-USDT', connector = 'bitmart' "
              "}),\n  form.decimal('size', { default = '1', min = '1' }) }\n"
              "s.build = function(_, p) return { controllers = { { type = 'a', name = 'b',\n"
              "  config = { size = p.size, mid = require('bridge.decimal')('60000.5') } } } } end\n"
              "s.recognise = function(_, list) return { size = list[1].size, pair = 'BTC-USDT' } "
              "end\n" TAIL);
    write_plugin("tests/grid.lua", own_tests);
    write_plugin("tests/broken.lua", "error('nowhere')\n");
    struct tb_buffer list = TB_BUFFER_INIT;
    struct tb_error err = {0};
    assert_true(tb_plugins_reload(b.host, &list, &err));
    tb_buffer_free(&list);
    struct tb_json_doc *doc = call_entry(
        &b, "demo", TB_PLUGIN_TEST,
        "{\"golden\":{\"g\":[{\"type\":\"a\",\"name\":\"b\",\"config\":{\"size\":1,\"mid\":60000.5,"
        "\"controller_type\":\"a\",\"controller_name\":\"b\"}}]}}");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)snprintf(path, sizeof path, "tests.%zu", i);
        const struct tb_json *row = node_at(tb_json_root(doc), path);
        const char *message = tb_json_get_string(row, "message");
        assert_string_equal(tb_json_get_string(row, "name"), rows[i].name);
        if (tb_json_true(tb_json_get(row, "ok")) != (rows[i].says == NULL))
            fail_msg("%s: %s", rows[i].name, message);
        if (rows[i].says ? !message || !strstr(message, rows[i].says) : message != NULL)
            fail_msg("%s: says %s", rows[i].name, message);
    }
    assert_at(doc, "golden.h", "[1]");
    assert_at(doc, "tests.9", "absent");
    tb_json_free(doc);
    close_demo(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),   cmocka_unit_test(test_schema),
        cmocka_unit_test(test_mistakes),  cmocka_unit_test(test_log),
        cmocka_unit_test(test_own_tests),
    };
    return cmocka_run_group_tests(tests, load_world, free_world);
}
