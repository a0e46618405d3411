/* The Lua host with plugin folders made in a temporary directory: loading and its errors, the
 * sandbox, budgets, reload, isolation, threads, the decimal library. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/embed.h"
#include "base/json.h"
#include "base/log.h"
#include "plugins/host.h"

/* ---- upstream, faked at the client's door ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool hold;   /* calls wait inside until this is false again */
    unsigned in; /* calls inside */
    unsigned calls;
    enum tb_code fails; /* TB_OK: answers */
    char last_body[512];
} upstream = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static const char *answer_of(const struct tb_hb_call *call)
{
    const char *pair = call->queries ? call->query[0].value : NULL;
    switch (call->endpoint) {
    case TB_HB_CONNECTORS_TRADING_RULES:
        if (pair && strcmp(pair, "BTC-USDT") != 0)
            return "{}";
        return "{\"BTC-USDT\": {\"min_order_size\": 1e-05, \"max_order_size\": 1e+56, "
               "\"min_price_increment\": 0.01, \"min_base_amount_increment\": 1e-05, "
               "\"min_notional_size\": 0, \"min_order_value\": 5.0, "
               "\"supports_limit_orders\": true, \"supports_market_orders\": true}}";
    case TB_HB_MARKET_PRICES:
        return "{\"connector\": \"x\", \"prices\": {\"BTC-USDT\": 60052.133864}}";
    case TB_HB_PORTFOLIO_STATE:
        return "{\"a\": {\"demo\": [{\"token\": \"USDT\", \"units\": 100.5, "
               "\"available_units\": 90.25}]}}";
    default:
        return "{}";
    }
}

bool tb_hb_call(struct tb_hb *hb, const struct tb_hb_call *call, struct tb_hb_answer *answer,
                struct tb_error *err)
{
    (void)hb;
    memset(answer, 0, sizeof *answer);
    pthread_mutex_lock(&upstream.lock);
    upstream.in++;
    upstream.calls++;
    (void)snprintf(upstream.last_body, sizeof upstream.last_body, "%s",
                   call->body ? call->body : "");
    pthread_cond_broadcast(&upstream.moved);
    while (upstream.hold)
        pthread_cond_wait(&upstream.moved, &upstream.lock);
    upstream.in--;
    enum tb_code fails = upstream.fails;
    pthread_mutex_unlock(&upstream.lock);
    if (fails != TB_OK)
        return tb_fail(err, fails, "the Hummingbot API did not answer");
    tb_buffer_puts(&answer->body, answer_of(call));
    return true;
}

void tb_hb_answer_free(struct tb_hb_answer *answer)
{
    tb_buffer_free(&answer->body);
}

/* ---- folders ---- */

struct place {
    char dir[64];
    struct tb_plugins *host;
};

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        (void)mkdir(path, 0700);
        *p = '/';
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static const char trivial[] =
    "local form = require('bridge.form')\n"
    "local json = require('bridge.json')\n"
    "local decimal = require('bridge.decimal')\n"
    "return {\n"
    "  api = 1, name = 'demo', title = 'Demo', version = '1.0.0',\n"
    "  connectors = { 'demo', 'demo_spot' },\n"
    "  messages = { below_fees = { '{spread} % does not cover {fee} %', hint = 'take more than "
    "{fee}' },\n"
    "    rules_read = 'rules are known', no_volume = 'Not offered.' },\n"
    "  log = { { match = 'demo says (%d+)', pattern = true, code = 'said', message = 'It said "
    "{1}.' } },\n"
    "  aliases = { strategies = {\n"
    "    spread = { to = 's', rename = { order_amount = 'budget_quote' }, convert = "
    "function(params, note)\n"
    "      params.levels_pct = { tostring((params.bid_spread * 100):normal()) }\n"
    "      params.bid_spread = nil note('bid_spread', 'levels_pct') return params end },\n"
    "    volume = { refuse = 'no_volume' } } },\n"
    "  strategies = { {\n"
    "    name = 's', revision = 1, title = 'S', summary = 'Sum', risk = 'low',\n"
    "    executors = { 'position' },\n"
    "    form = form.of { form.pair('pair', { default = 'BTC-USDT', connector = 'demo_spot' }),\n"
    "      form.decimal('budget_quote', { default = '200', min = '20', unit = 'quote' }),\n"
    "      form.list('levels_pct', { of = form.percent { min = '0.02', max = '20' }, default = { "
    "'0.4', '0.8' },\n"
    "        min_items = 1, max_items = 5, ascending = true }),\n"
    "      form.price('low', { from_mid = '-5', above = '0' }),\n"
    "      form.percent('stop_pct', { default = '3', above = '0', optional = true }),\n"
    "      form.enum('mode', { values = { 'fast', 'slow' }, default = 'fast' }),\n"
    "      form.integer('count', { default = '3', min = '1' }),\n"
    "      form.duration('wait', { default = '90s', min = '1' }) },\n"
    "    presets = { bold = { levels_pct = { '1', '2' } } },\n"
    "    check = function(ctx, p, market, report)\n"
    "      if market.rules('demo_spot', p.pair).min_value == decimal('5') then "
    "report:ok('rules_read', {}) end\n"
    "      market.balances(ctx.account or 'a', 'demo')\n"
    "      for i, level in ipairs(p.levels_pct) do\n"
    "        if level < decimal('0.2') then\n"
    "          report:error({ 'levels_pct', i }, 'below_fees', { spread = level, fee = "
    "decimal('0.2') })\n"
    "        end\n"
    "      end\n"
    "    end,\n"
    "    build = function(ctx, p, facts)\n"
    "      local spreads = {}\n"
    "      for i, level in ipairs(p.levels_pct) do spreads[i] = level:fraction() end\n"
    "      return { controllers = { { type = 'generic', name = 'x', config = {\n"
    "        total_amount_quote = p.budget_quote, trading_pair = p.pair, spreads = spreads,\n"
    "        stop = p.stop_pct and p.stop_pct:fraction() or json.null, none = json.array({}),\n"
    "        at = ctx.now and os.time() or nil } } } }\n"
    "    end,\n"
    "    preview = function() return { { kind = 'x' } } end,\n"
    "  } },\n"
    "}\n";

static void open_place(struct place *place, const char *plugin_lua)
{
    (void)snprintf(place->dir, sizeof place->dir, "/tmp/tb-plugins-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    if (plugin_lua)
        write_file(place->dir, "demo/plugin.lua", plugin_lua);
    struct tb_plugins_config config = {
        .dir = place->dir, .sdk = tb_sdk_files, .arenas = 8, .hb = (struct tb_hb *)&upstream};
    struct tb_error err = {0};
    place->host = tb_plugins_open(&config, &err);
    if (!place->host)
        fail_msg("%s", err.detail);
}

static void close_place(struct place *place)
{
    char command[128];
    tb_plugins_close(place->host);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", place->dir);
    assert_int_equal(system(command), 0);
}

static bool call(struct place *place, enum tb_plugin_entry entry, const char *input,
                 struct tb_buffer *out, struct tb_plugin_fault *fault, struct tb_error *err)
{
    struct tb_plugin_call c = {.plugin = "demo",
                               .entry = entry,
                               .input = input,
                               .input_len = strlen(input),
                               .mono_deadline_ms = tb_mono_ms() + 60000};
    tb_buffer_clear(out);
    return tb_plugins_call(place->host, &c, out, fault, err);
}

static void call_ok(struct place *place, enum tb_plugin_entry entry, const char *input,
                    struct tb_buffer *out)
{
    struct tb_plugin_fault fault;
    struct tb_error err = {0};
    if (!call(place, entry, input, out, &fault, &err))
        fail_msg("%s [%s]", err.detail, fault.excerpt);
}

/* The parsed answer of a call that must work; freed by the caller. */
static struct tb_json_doc *ask(struct place *place, enum tb_plugin_entry entry, const char *input)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_error err = {0};
    call_ok(place, entry, input, &out);
    struct tb_json_doc *doc = tb_json_parse(tb_buffer_text(&out), out.len, TB_JSON_CLIENT, &err);
    if (!doc)
        fail_msg("%s", err.detail);
    tb_buffer_free(&out);
    return doc;
}

/* Canonical text of the value at a dotted path ("errors.0.code"), "absent" when there is none. */
static const char *at(const struct tb_json_doc *doc, const char *path)
{
    static struct tb_buffer out;
    char word[128];
    const struct tb_json *node = tb_json_root(doc);
    for (const char *p = path; node && *p;) {
        size_t len = strcspn(p, ".");
        (void)snprintf(word, sizeof word, "%.*s", (int)len, p);
        node = tb_json_is(node, TB_JSON_ARRAY) ? tb_json_at(node, (size_t)atoi(word))
                                               : tb_json_get(node, word);
        p += len + (p[len] == '.');
    }
    tb_buffer_clear(&out);
    if (!node)
        return "absent";
    tb_json_canonical(node, &out);
    return tb_buffer_text(&out);
}

#define ASSERT_AT(doc, path, text) assert_string_equal(at(doc, path), text)

/* ---- loading ---- */

struct load_row {
    const char *name, *file, *text; /* one more file beside plugin.lua, or plugin.lua itself */
    const char *says, *where;
    int line;
};

#define HEAD                                                                                       \
    "local form = require('bridge.form')\n"                                                        \
    "local s = { name = 's', revision = 1, title = 'S', summary = 'S', risk = 'low',\n"            \
    "  executors = { 'position' }, form = form.of {}, build = function() end,"                     \
    "  risk_defaults = { max_loss_quote = '20', max_controller_loss_quote = '20' } }\n"            \
    "local plugin = { api = 1, name = 'demo', title = 'D', version = '1',\n"                       \
    "  connectors = { 'x' }, strategies = { s } }\n"
#define TAIL "return plugin\n"

static const struct load_row bad_plugins[] = {
    {"syntax", NULL, "return {\n  api = = 1\n}\n", "unexpected symbol near '='", "demo/plugin.lua",
     2},
    {"syntax elsewhere", "grid.lua", "local x = = 1\n", "unexpected symbol", "demo/grid.lua", 1},
    {"bytecode", NULL, "\x1bLua", "attempt to load a binary chunk", "demo/plugin.lua", 1},
    {"run time", NULL, HEAD "local n = nil\nlocal m = n.x\n" TAIL, "attempt to index a nil value",
     "demo/plugin.lua", 7},
    {"no value", NULL, "local x = 1\n", "exactly one value", "demo/plugin.lua", 0},
    {"two values", NULL, "return 1, 2\n", "exactly one value", "demo/plugin.lua", 0},
    {"not a table", NULL, "return 1\n", "must return a table", "demo/plugin.lua", 1},
    {"missing title", NULL, HEAD "plugin.title = nil\n" TAIL, "lacks title", "demo/plugin.lua", 0},
    {"unknown key", NULL, HEAD "plugin.stategies = {}\n" TAIL,
     "unknown key stategies, did you mean strategies?", "demo/plugin.lua", 6},
    {"wrong type", NULL, HEAD "plugin.connectors = 'x'\n" TAIL,
     "connectors must be an array of texts", "demo/plugin.lua", 0},
    {"other api", NULL, HEAD "plugin.api = 2\n" TAIL, "api must be 1", "demo/plugin.lua", 0},
    {"other name", NULL, HEAD "plugin.name = 'other'\n" TAIL, "its folder is demo",
     "demo/plugin.lua", 0},
    {"no strategy", NULL, HEAD "plugin.strategies = {}\n" TAIL, "no strategy", "demo/plugin.lua",
     0},
    {"strategy lacks build", NULL, HEAD "s.build = nil\n" TAIL, "strategy s lacks build",
     "demo/plugin.lua", 0},
    {"strategy key", NULL, HEAD "s.chek = function() end\n" TAIL, "did you mean check?",
     "demo/plugin.lua", 6},
    {"arity", NULL, HEAD "s.check = function(a, b, c, d, e) end\n" TAIL,
     "check takes 5 parameters, the contract gives it 4", "demo/plugin.lua", 6},
    {"arity of recognise", NULL, HEAD "s.recognise = function(a, b, c) end\n" TAIL,
     "recognise takes 3 parameters, the contract gives it 2", "demo/plugin.lua", 6},
    {"risk", NULL, HEAD "s.risk = 'wild'\n" TAIL, "low, medium or high", "demo/plugin.lua", 0},
    {"executors", NULL, HEAD "s.executors = { 'positions' }\n" TAIL, "executors must be of",
     "demo/plugin.lua", 0},
    {"field option", NULL, HEAD "form.decimal('x', { minimum = '1' })\n" TAIL,
     "unknown option minimum, did you mean min?", "demo/plugin.lua", 6},
    {"float in a form", NULL, HEAD "form.decimal('x', { min = 0.1 })\n" TAIL, "written as text",
     "demo/plugin.lua", 6},
    {"bad default", NULL, HEAD "form.decimal('x', { min = '1', default = '0.5' })\n" TAIL,
     "the default is refused", "demo/plugin.lua", 6},
    {"form needs a value", NULL, HEAD "s.form = form.of { form.decimal('x', {}) }\n" TAIL,
     "must accept {}", "demo/plugin.lua", 0},
    {"preset", NULL, HEAD "s.presets = { bold = { nope = 1 } }\n" TAIL, "preset bold is refused",
     "demo/plugin.lua", 6},
    {"undeclared code", NULL,
     HEAD "plugin.messages = { too_low = 'x' }\ns.check = function(ctx, p, market, report)\n"
          "  report:error('pair', 'too_lo', {})\nend\n" TAIL,
     "the code too_lo is not declared in messages, did you mean too_low?", "demo/plugin.lua", 8},
    {"missing data", NULL,
     HEAD
     "plugin.messages = { low = 'at least {least}' }\ns.check = function(ctx, p, market, report)\n"
     "  report:error({ 'a', 1 }, 'low', { last = 1 })\nend\n" TAIL,
     "the message of low needs data.least", "demo/plugin.lua", 8},
    {"alias to nowhere", NULL, HEAD "plugin.aliases = { strategies = { x = { to = 'y' } } }\n" TAIL,
     "leads to y", "demo/plugin.lua", 6},
    {"limit of no budget", NULL, HEAD "s.risk_defaults = nil\n" TAIL, "budget names no field",
     "demo/plugin.lua", 3},
    {"circle", "a.lua", "return require('b')\n", "required in a circle", "demo/b.lua", 1},
    {"outside", NULL, "return require('../bitmart/plugin')\n", "no file of this plugin",
     "demo/plugin.lua", 1},
    {"global", NULL, "helper = 1\n", "the global 'helper' is not declared", "demo/plugin.lua", 1},
};

static void test_bad_plugins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_plugins / sizeof *bad_plugins; i++) {
        const struct load_row *row = &bad_plugins[i];
        struct place place;
        struct tb_buffer list = TB_BUFFER_INIT;
        struct tb_error err = {0};
        open_place(&place, row->file ? "require('a')\nreturn 1\n" : row->text);
        if (row->file) {
            write_file(place.dir, "demo/b.lua", "return require('a')\n");
            char path[64];
            (void)snprintf(path, sizeof path, "demo/%s", row->file);
            write_file(place.dir, path, row->text);
            assert_true(tb_plugins_reload(place.host, &list, &err));
            tb_buffer_clear(&list);
        }
        tb_plugins_list(place.host, &list);
        struct tb_json_doc *doc = tb_json_parse(list.data, list.len, TB_JSON_CLIENT, &err);
        const struct tb_json *e =
            tb_json_get(tb_json_at(tb_json_get(tb_json_root(doc), "plugins"), 0), "error");
        const char *message = tb_json_get_string(e, "message"),
                   *file = tb_json_get_string(e, "file");
        int64_t line = 0;
        (void)tb_json_int64(tb_json_get(e, "line"), &line);
        ASSERT_AT(doc, "plugins.0.status", "\"failed\"");
        if (!message || !strstr(message, row->says))
            fail_msg("%s: says %s", row->name, message);
        if (row->line && (!file || strcmp(file, row->where) != 0 || line != row->line))
            fail_msg("%s: at %s:%d, %s", row->name, file, (int)line, message);
        if (row->line && !tb_json_get_string(e, "excerpt"))
            fail_msg("%s: no excerpt", row->name);
        struct tb_plugin_fault fault;
        struct tb_buffer out = TB_BUFFER_INIT;
        assert_false(call(&place, TB_PLUGIN_DESCRIBE, "{}", &out, &fault, &err));
        assert_int_equal(err.code, TB_PLUGIN_FAILED);
        tb_json_free(doc);
        tb_buffer_free(&list);
        tb_buffer_free(&out);
        close_place(&place);
    }
}

static void test_names(void **state)
{
    (void)state;
    struct place place;
    char name[64] = "", names[4][64], hash[9];
    struct tb_plugin_fault fault;
    struct tb_error err = {0};
    struct tb_buffer out = TB_BUFFER_INIT;
    open_place(&place, trivial);
    assert_true(tb_plugins_find(place.host, "demo_spot", name));
    assert_string_equal(name, "demo");
    assert_true(tb_plugins_find(place.host, "demo", name));
    assert_false(tb_plugins_find(place.host, "nope", name));
    assert_int_equal(tb_plugins_names(place.host, names, 4), 1);
    tb_plugins_hash(place.host, "demo", hash);
    assert_int_equal(strlen(hash), 8);
    tb_plugins_hash(place.host, "nope", hash);
    assert_string_equal(hash, "");
    struct tb_plugin_call c = {
        .plugin = "nope", .entry = TB_PLUGIN_DESCRIBE, .input = "{}", .input_len = 2};
    assert_false(tb_plugins_call(place.host, &c, &out, &fault, &err));
    assert_int_equal(err.code, TB_NOT_FOUND);
    c.plugin = "demo";
    assert_false(call(&place, TB_PLUGIN_SCHEMA, "{\"strategy\":\"t\"}", &out, &fault, &err));
    assert_int_equal(err.code, TB_NOT_FOUND);
    tb_buffer_free(&out);
    close_place(&place);
}

/* ---- forms and plans ---- */

static void test_schema(void **state)
{
    (void)state;
    struct place place;
    open_place(&place, trivial);
    struct tb_json_doc *doc = ask(&place, TB_PLUGIN_SCHEMA, "{\"strategy\":\"s\"}");
    ASSERT_AT(doc, "schema.additionalProperties", "false");
    ASSERT_AT(doc, "schema.required", "[]");
    ASSERT_AT(doc, "schema.properties.budget_quote.minimum", "20");
    ASSERT_AT(doc, "schema.properties.budget_quote.default", "\"200\"");
    ASSERT_AT(doc, "schema.properties.budget_quote.x-unit", "\"quote\"");
    ASSERT_AT(doc, "schema.properties.stop_pct.type", "[\"string\",\"number\",\"null\"]");
    ASSERT_AT(doc, "schema.properties.levels_pct.items.minimum", "0.02");
    ASSERT_AT(doc, "schema.properties.mode.enum", "[\"fast\",\"slow\"]");
    ASSERT_AT(doc, "schema.properties.low.x-from-mid-pct", "\"-5\"");
    ASSERT_AT(doc, "defaults.levels_pct", "[\"0.4\",\"0.8\"]");
    ASSERT_AT(doc, "defaults.low", "absent");
    ASSERT_AT(doc, "presets.bold.levels_pct", "[\"1\",\"2\"]");
    ASSERT_AT(doc, "risk_defaults.max_loss_quote", "\"10%\"");
    tb_json_free(doc);
    close_place(&place);
}

static void test_all_errors_at_once(void **state)
{
    (void)state;
    struct place place;
    open_place(&place, trivial);
    struct tb_json_doc *doc =
        ask(&place, TB_PLUGIN_PLAN,
            "{\"strategy\":\"s\",\"params\":{\"budget\":1,\"budget_quote\":\"5\",\"count\":1.5,"
            "\"levels_pct\":[\"0.5\",0.4,\"x\"],\"mode\":\"fats\",\"pair\":\"btc/usdt\","
            "\"stop_pct\":\"3%\",\"wait\":\"1x\"},\"risk\":{\"max_los_quote\":1}}");
    ASSERT_AT(doc, "ok", "false");
    ASSERT_AT(doc, "errors.0.pointer", "\"/params/budget\"");
    ASSERT_AT(doc, "errors.0.code", "\"unknown_field\"");
    ASSERT_AT(doc, "errors.0.hint", "\"did you mean budget_quote?\"");
    ASSERT_AT(doc, "errors.1.code", "\"bad_pair\"");
    ASSERT_AT(doc, "errors.1.hint", "\"did you mean \\\"BTC-USDT\\\"?\"");
    ASSERT_AT(doc, "errors.2.pointer", "\"/params/budget_quote\"");
    ASSERT_AT(doc, "errors.2.code", "\"too_small\"");
    ASSERT_AT(doc, "errors.3.pointer", "\"/params/levels_pct/1\"");
    ASSERT_AT(doc, "errors.3.code", "\"not_ascending\"");
    ASSERT_AT(doc, "errors.4.pointer", "\"/params/levels_pct/2\"");
    ASSERT_AT(doc, "errors.5.pointer", "\"/params/stop_pct\"");
    ASSERT_AT(doc, "errors.5.hint", "\"write only the number: \\\"3\\\"\"");
    ASSERT_AT(doc, "errors.6.hint", "\"did you mean \\\"fast\\\"?\"");
    ASSERT_AT(doc, "errors.7.pointer", "\"/params/count\"");
    ASSERT_AT(doc, "errors.8.pointer", "\"/params/wait\"");
    ASSERT_AT(doc, "errors.9.pointer", "\"/risk/max_los_quote\"");
    ASSERT_AT(doc, "errors.10", "absent");
    ASSERT_AT(doc, "controllers", "[]");
    tb_json_free(doc);
    doc = ask(&place, TB_PLUGIN_PLAN, "{\"strategy\":\"grid\",\"params\":{}}");
    ASSERT_AT(doc, "errors.0.code", "\"unknown_strategy\"");
    tb_json_free(doc);
    doc =
        ask(&place, TB_PLUGIN_PLAN,
            "{\"strategy\":\"s\",\"params\":{\"wait\":\"9999999999999999999s\",\"count\":\"1e30\","
            "\"low\":\"0\",\"budget_quote\":1e16}}");
    ASSERT_AT(doc, "errors.0.pointer", "\"/params/budget_quote\"");
    ASSERT_AT(doc, "errors.1.pointer", "\"/params/low\"");
    ASSERT_AT(doc, "errors.2.pointer", "\"/params/count\"");
    ASSERT_AT(doc, "errors.3.pointer", "\"/params/wait\"");
    tb_json_free(doc);
    doc = ask(&place, TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":[1]}");
    ASSERT_AT(doc, "errors.0.pointer", "\"/params\"");
    tb_json_free(doc);
    close_place(&place);
}

/* A body full of nonsense costs the client an answer, not the plugin its budget. */
static void test_many_unknown_fields(void **state)
{
    (void)state;
    struct place place;
    struct tb_buffer input = TB_BUFFER_INIT;
    open_place(&place, trivial);
    tb_buffer_puts(&input, "{\"strategy\":\"s\",\"params\":{");
    for (int i = 0; i < 5000; i++)
        tb_buffer_printf(&input, "\"aé%.*sbudget_quotx%d\":1,", i == 0 ? 60 : 0,
                         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", i);
    tb_buffer_puts(&input, "\"pair\":\"BTC-USDT\"}}");
    struct tb_json_doc *doc = ask(&place, TB_PLUGIN_PLAN, input.data);
    ASSERT_AT(doc, "errors.20.message", "\"and 4980 more fields that do not exist\"");
    ASSERT_AT(doc, "errors.21", "absent");
    tb_json_free(doc);
    tb_buffer_free(&input);
    close_place(&place);
}

/* Every value of a wrong type at every place of every input is answered, never a fault of the
 * plugin or the kernel. %s is the place. */
static void test_wrong_types(void **state)
{
    static const char *const values[] = {
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "1e400",
        "123456789012345678901234567890",
        "\"\"",
        "\"x\"",
        "\"1e999\"",
        "\"-\"",
        "\"\\u0000\"",
        "[]",
        "[null]",
        "[[]]",
        "[1,\"a\"]",
        "{}",
        "{\"a\":1}",
        "{\"1\":1}",
        "\"BTC-USDT-X\"",
        "\"/\"",
        "\"BTC/\"",
        "\"999999999999999999999999999999999999999999999999999999999999999999999999999999\""};
    static const struct {
        enum tb_plugin_entry entry;
        const char *input;
    } places[] = {
        {TB_PLUGIN_PLAN, "{\"strategy\":%s}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":%s}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"risk\":%s}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"risk\":{\"max_loss_quote\":%s}}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"lenient\":%s}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":{\"pair\":%s}}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":{\"budget_quote\":%s}}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":{\"levels_pct\":%s}}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":{\"levels_pct\":[%s]}}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":{\"low\":%s}}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":{\"stop_pct\":%s}}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":{\"mode\":%s}}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":{\"count\":%s}}"},
        {TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":{\"wait\":%s}}"},
        {TB_PLUGIN_TRANSLATE, "{\"request\":{\"strategy\":%s}}"},
        {TB_PLUGIN_TRANSLATE, "{\"request\":{\"strategy\":\"s\",\"pair\":%s}}"},
        {TB_PLUGIN_TRANSLATE, "{\"request\":{\"strategy\":\"s\",\"config\":%s}}"},
        {TB_PLUGIN_TRANSLATE, "{\"request\":{\"strategy\":\"s\",\"params\":%s}}"},
        {TB_PLUGIN_TRANSLATE, "{\"request\":{\"strategy\":\"s\",\"connector\":%s}}"},
        {TB_PLUGIN_TRANSLATE, "{\"request\":{\"strategy\":\"s\",\"exchange\":%s}}"},
        {TB_PLUGIN_STATUS, "{\"bot\":%s}"},
        {TB_PLUGIN_STATUS, "{\"bot\":{\"quotes\":%s,\"budget_quote\":%s}}"},
        {TB_PLUGIN_STATUS, "{\"raw\":%s}"},
        {TB_PLUGIN_STATUS, "{\"raw\":{\"performance\":%s}}"},
        {TB_PLUGIN_STATUS, "{\"raw\":{\"performance\":{\"c\":%s}}}"},
        {TB_PLUGIN_STATUS,
         "{\"raw\":{\"performance\":{\"c\":{\"performance\":%s,\"custom_info\":%s}}}}"},
        {TB_PLUGIN_STATUS,
         "{\"raw\":{\"performance\":{\"c\":{\"performance\":{\"positions_summary\":%s}}}}}"},
        {TB_PLUGIN_STATUS,
         "{\"raw\":{\"performance\":{\"c\":{\"performance\":{\"positions_summary\":[%s]}}}}}"},
        {TB_PLUGIN_STATUS, "{\"raw\":{\"performance\":{\"c\":{\"performance\":{\"close_type_"
                           "counts\":{\"F\":%s}}}}}}"},
        {TB_PLUGIN_STATUS,
         "{\"raw\":{\"performance\":{\"c\":{\"performance\":{\"realized_pnl_quote\":%s}}}}}"},
        {TB_PLUGIN_STATUS,
         "{\"raw\":{\"performance\":{\"c\":{\"performance\":{\"positions_summary\":[{"
         "\"amount\":%s,\"breakeven_price\":%s,\"trading_pair\":%s,\"side\":%s,"
         "\"cum_fees_quote\":%s,\"unrealized_pnl_quote\":%s}]}}}}}"},
        {TB_PLUGIN_LOG, "{\"lines\":%s}"},
        {TB_PLUGIN_LOG, "{\"lines\":[%s]}"},
        {TB_PLUGIN_LOG, "{\"lines\":[{\"msg\":%s,\"timestamp\":%s,\"level_name\":\"ERROR\"}]}"},
        {TB_PLUGIN_EFFECTS, "{\"strategy\":\"s\",\"params\":%s,\"verb\":%s}"},
    };
    (void)state;
    struct place place;
    struct tb_buffer input = TB_BUFFER_INIT, out = TB_BUFFER_INIT;
    unsigned faults = 0;
    open_place(&place, trivial);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            struct tb_plugin_fault fault;
            struct tb_error err = {0};
            tb_buffer_clear(&input);
            for (const char *p = places[i].input; *p; p++) {
                if (p[0] == '%' && p[1] == 's')
                    tb_buffer_puts(&input, values[v]), p++;
                else
                    tb_buffer_putc(&input, *p);
            }
            if (!call(&place, places[i].entry, input.data, &out, &fault, &err)) {
                print_message("%s\n    %s\n", input.data, err.detail);
                faults++;
            }
        }
    }
    assert_int_equal(faults, 0);
    tb_buffer_free(&input);
    tb_buffer_free(&out);
    close_place(&place);
}

static void test_plan(void **state)
{
    (void)state;
    struct place place;
    open_place(&place, trivial);
    struct tb_json_doc *doc = ask(
        &place, TB_PLUGIN_PLAN,
        "{\"strategy\":\"s\",\"lenient\":true,\"params\":{\"budget_quote\":100.50,\"stop_pct\":"
        "null,\"bugdet\":1,"
        "\"wait\":\"1h30m\"},\"ctx\":{\"account\":\"a\",\"now\":\"2026-11-22T10:15:00.000Z\"}}");
    ASSERT_AT(doc, "errors", "[]");
    ASSERT_AT(doc, "ok", "true");
    ASSERT_AT(doc, "dropped", "[\"/params/bugdet\"]");
    ASSERT_AT(doc, "warnings.0.code", "\"dropped\"");
    ASSERT_AT(doc, "params.budget_quote", "\"100.50\"");
    ASSERT_AT(doc, "params.stop_pct", "null");
    ASSERT_AT(doc, "params.wait", "5400");
    ASSERT_AT(doc, "params.low", "\"57049.53\""); /* 60052.133864 * 0.95 at a step of 0.01 */
    ASSERT_AT(doc, "facts.mid.demo_spot.BTC-USDT", "\"60052.133864\"");
    ASSERT_AT(doc, "facts.rules.demo_spot.BTC-USDT.min_value", "\"5.0\"");
    ASSERT_AT(doc, "facts.rules.demo_spot.BTC-USDT.max_base", "absent");
    ASSERT_AT(doc, "facts.balances.a.demo.USDT.available", "\"90.25\"");
    ASSERT_AT(doc, "facts.derived.0.field", "\"low\"");
    ASSERT_AT(doc, "controllers.0.config.total_amount_quote", "100.50");
    ASSERT_AT(doc, "controllers.0.config.spreads", "[0.004,0.008]");
    ASSERT_AT(doc, "controllers.0.config.stop", "null");
    ASSERT_AT(doc, "controllers.0.config.none", "[]");
    ASSERT_AT(doc, "controllers.0.config.at", "1795342500");
    ASSERT_AT(doc, "controllers.0.config.controller_name", "\"x\"");
    ASSERT_AT(doc, "script.file", "\"v2_with_controllers.py\"");
    ASSERT_AT(doc, "script.config.max_global_drawdown_quote", "10.05");
    ASSERT_AT(doc, "risk.max_loss_quote", "\"10.05\"");
    ASSERT_AT(doc, "connector", "\"demo_spot\"");
    ASSERT_AT(doc, "pair", "\"BTC-USDT\"");
    ASSERT_AT(doc, "quotes", "[\"USDT\"]");
    ASSERT_AT(doc, "budget_quote", "\"100.50\"");
    ASSERT_AT(doc, "checks.0.status", "\"ok\"");
    ASSERT_AT(doc, "preview.0.kind", "\"x\"");
    tb_json_free(doc);

    doc =
        ask(&place, TB_PLUGIN_PLAN,
            "{\"strategy\":\"s\",\"params\":{\"pair\":\"BTC-USDC\"},\"ctx\":{\"account\":\"a\"}}");
    ASSERT_AT(doc, "errors.0.code", "\"unknown_pair\"");
    ASSERT_AT(doc, "errors.0.hint", "\"did you mean BTC-USDT?\"");
    tb_json_free(doc);

    doc =
        ask(&place, TB_PLUGIN_PLAN,
            "{\"strategy\":\"s\",\"params\":{\"levels_pct\":[\"0.1\"]},\"ctx\":{\"account\":\"a\"},"
            "\"risk\":{\"max_loss_quote\":\"300\"}}");
    ASSERT_AT(doc, "errors.0.pointer", "\"/risk/max_loss_quote\"");
    tb_json_free(doc);
    doc = ask(
        &place, TB_PLUGIN_PLAN,
        "{\"strategy\":\"s\",\"params\":{\"levels_pct\":[\"0.1\"]},\"ctx\":{\"account\":\"a\"}}");
    ASSERT_AT(doc, "errors.0.pointer", "\"/params/levels_pct/0\"");
    ASSERT_AT(doc, "errors.0.message", "\"0.1 % does not cover 0.2 %\"");
    ASSERT_AT(doc, "errors.0.hint", "\"take more than 0.2\"");
    ASSERT_AT(doc, "checks.1.status", "\"error\"");
    ASSERT_AT(doc, "controllers", "[]");
    tb_json_free(doc);
    close_place(&place);
}

static void test_upstream_errors(void **state)
{
    (void)state;
    struct place place;
    struct tb_plugin_fault fault;
    struct tb_error err = {0};
    struct tb_buffer out = TB_BUFFER_INIT;
    open_place(&place, trivial);
    upstream.fails = TB_UPSTREAM_TIMEOUT;
    bool ok =
        call(&place, TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":{}}", &out, &fault, &err);
    upstream.fails = TB_OK;
    assert_false(ok);
    assert_int_equal(err.code, TB_UPSTREAM_TIMEOUT);
    assert_true(fault.upstream);
    assert_string_equal(out.len ? out.data : "", "");
    tb_buffer_free(&out);
    close_place(&place);
}

/* One hook each: what the phases and rows refuse. */
static void test_reads(void **state)
{
    static const struct {
        const char *hook, *says;
    } rows[] = {
        {"s.build = function() require('bridge.hb').bots.status {} end", "during build"},
        {"s.check = function() require('bridge.hb').gateway.status { x = 1 } end", "no argument x"},
        {"s.check = function() require('bridge.hb').gateway.nope {} end", "no such endpoint"},
        {"s.check = function() require('bridge.hb').docker.stop { container_name = 'x' } end",
         "not a read"},
        {"s.check = function() require('bridge.hb').gateway.status { body = {} } end", "no body"},
        {"s.check = function(c, p, m, report) report:error('pair', 'nope', {}) end",
         "the code nope is not declared"},
        {"s.build = function() return { controllers = {} } end", "build must return"},
        {"s.build = function() return { controllers = { { type = 'x', name = 'y', config = { f = "
         "0/0 } } } } end",
         ""},
        {"s.check = function() local t = { code = 'x', message = 'boom' } error(t) end", "boom"},
        {"s.check = function() error() end", "nil"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct place place;
        struct tb_plugin_fault fault;
        struct tb_error err = {0};
        struct tb_buffer out = TB_BUFFER_INIT;
        char text[2048];
        (void)snprintf(text, sizeof text, HEAD "%s\n" TAIL, rows[i].hook);
        open_place(&place, NULL);
        /* The contract would find an undeclared literal code at load; hide it from the scan. */
        char *code = strstr(text, "'nope', {}");
        if (code)
            memcpy(code, "('nope')  ", 10);
        write_file(place.dir, "demo/plugin.lua", text);
        assert_true(tb_plugins_reload(place.host, &out, &err));
        if (call(&place, TB_PLUGIN_PLAN, "{\"strategy\":\"s\"}", &out, &fault, &err))
            fail_msg("%s ran", rows[i].hook);
        if (err.code != TB_PLUGIN_FAILED || !strstr(err.detail, rows[i].says))
            fail_msg("%s: %s", rows[i].hook, err.detail);
        tb_buffer_free(&out);
        close_place(&place);
    }
}

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
    ASSERT_AT(doc, "flags.0.code", "\"failed\"");
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

/* ---- isolation, reload, threads ---- */

static const char leaky[] =
    "local count, seen = 0, {}\n" HEAD "plugin.transforms = { status = function(bot)\n"
    "  count = count + 1 seen[#seen + 1] = bot.id\n"
    "  return { count = count, seen = #seen, id = bot.id }\n"
    "end }\n" TAIL;

static void test_nothing_leaks(void **state)
{
    (void)state;
    struct place place;
    open_place(&place, leaky);
    for (int i = 0; i < 3; i++) {
        struct tb_json_doc *doc = ask(&place, TB_PLUGIN_STATUS, "{\"bot\":{\"id\":7}}");
        ASSERT_AT(doc, "", "{\"count\":1,\"id\":7,\"seen\":1}");
        tb_json_free(doc);
    }
    close_place(&place);
}

/* What a hook changes in its arguments reaches neither the next hook nor the plan. */
static void test_hooks_get_copies(void **state)
{
    static const char greedy[] =
        HEAD "s.form = form.of { form.pair('pair', { default = 'BTC-USDT', connector = 'x' }),\n"
             "  form.list('l', { of = form.integer {}, default = { 1, 2 } }) }\n"
             "s.check = function(ctx, p, market)\n"
             "  p.l[1] = 99 p.pair = 'X-Y' ctx.account = 'other' market.rules('x', "
             "'BTC-USDT').min_value = nil\n"
             "end\n"
             "s.build = function(ctx, p, facts)\n"
             "  facts.mid.x['BTC-USDT'] = nil\n"
             "  return { controllers = { { type = 'a', name = 'b',\n"
             "    config = { l = p.l, pair = p.pair, account = ctx.account } } } }\n"
             "end\n" TAIL;
    (void)state;
    struct place place;
    open_place(&place, greedy);
    struct tb_json_doc *doc =
        ask(&place, TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"ctx\":{\"account\":\"a\"}}");
    ASSERT_AT(doc, "params.l", "[1,2]");
    ASSERT_AT(doc, "controllers.0.config.l", "[1,2]");
    ASSERT_AT(doc, "controllers.0.config.pair", "\"BTC-USDT\"");
    ASSERT_AT(doc, "controllers.0.config.account", "\"a\"");
    ASSERT_AT(doc, "facts.mid.x.BTC-USDT", "\"60052.133864\"");
    ASSERT_AT(doc, "facts.rules.x.BTC-USDT.min_value", "\"5.0\"");
    tb_json_free(doc);
    close_place(&place);
}

/* Folders that are no plugins, files that are no modules, modules in folders. */
static void test_folder(void **state)
{
    (void)state;
    struct place place;
    struct tb_buffer report = TB_BUFFER_INIT;
    struct tb_error err = {0};
    char names[8][64];
    char *big = calloc(1, 300000);
    assert_non_null(big);
    open_place(&place, NULL);
    write_file(place.dir, "sdk/plugin.lua", "return 1");
    write_file(place.dir, "types/plugin.lua", "return 1");
    write_file(place.dir, "Upper/plugin.lua", "return 1");
    write_file(place.dir, ".git/plugin.lua", "return 1");
    write_file(place.dir, "README.md", "text");
    write_file(place.dir, "empty/notes.txt", "text");
    write_file(place.dir, "demo/lib/levels.lua", "return { title = 'From a folder' }");
    write_file(place.dir, "demo/.#plugin.lua", "return (");
    write_file(place.dir, "demo/plugin.lua~", "return (");
    write_file(place.dir, "demo/plugin.lua",
               HEAD "plugin.title = require('lib.levels').title\n" TAIL);
    assert_true(tb_plugins_reload(place.host, &report, &err));
    assert_int_equal(tb_plugins_names(place.host, names, 8), 1);
    struct tb_json_doc *doc = ask(&place, TB_PLUGIN_DESCRIBE, "{}");
    ASSERT_AT(doc, "title", "\"From a folder\"");
    tb_json_free(doc);
    doc = tb_json_parse(report.data, report.len, TB_JSON_CLIENT, &err);
    ASSERT_AT(doc, "plugins.0.name", "\"Upper\"");
    ASSERT_AT(doc, "plugins.0.status", "\"failed\"");
    ASSERT_AT(doc, "plugins.2.name", "\"empty\"");
    ASSERT_AT(doc, "plugins.2.error.message", "\"empty/plugin.lua is missing\"");
    ASSERT_AT(doc, "plugins.3", "absent");
    tb_json_free(doc);
    memset(big, '-', 299999);
    write_file(place.dir, "demo/plugin.lua", big);
    tb_buffer_clear(&report);
    assert_true(tb_plugins_reload(place.host, &report, &err));
    assert_non_null(strstr(report.data, "over 256 KiB"));
    free(big);
    tb_buffer_free(&report);
    close_place(&place);
}

static void versioned(const struct place *place, int version)
{
    char text[1024];
    (void)snprintf(
        text, sizeof text,
        HEAD
        "plugin.version = '%d'\n"
        "s.check = function() require('bridge.hb').gateway.status {} end\n"
        "s.preview = function() return { { version = '%d' } } end\n"
        "s.build = function() return { controllers = { { type = 'a', name = 'b', config = {} } } } "
        "end\n" TAIL,
        version, version);
    write_file(place->dir, "demo/plugin.lua", text);
}

static void reload(struct place *place, const char *status)
{
    struct tb_buffer report = TB_BUFFER_INIT;
    struct tb_error err = {0};
    assert_true(tb_plugins_reload(place->host, &report, &err));
    struct tb_json_doc *doc = tb_json_parse(report.data, report.len, TB_JSON_CLIENT, &err);
    ASSERT_AT(doc, "plugins.0.status", status);
    tb_json_free(doc);
    tb_buffer_free(&report);
}

static void *plan_in_thread(void *arg)
{
    struct tb_json_doc *doc = ask(arg, TB_PLUGIN_PLAN, "{\"strategy\":\"s\"}");
    ASSERT_AT(doc, "preview.0.version", "\"1\"");
    tb_json_free(doc);
    return NULL;
}

static void test_reload(void **state)
{
    (void)state;
    struct place place;
    pthread_t thread;
    open_place(&place, NULL);
    versioned(&place, 1);
    reload(&place, "\"loaded\"");
    reload(&place, "\"unchanged\"");

    /* A plan is in the middle of its check when version 2 comes. */
    upstream.hold = true;
    assert_int_equal(pthread_create(&thread, NULL, plan_in_thread, &place), 0);
    pthread_mutex_lock(&upstream.lock);
    while (upstream.in == 0)
        pthread_cond_wait(&upstream.moved, &upstream.lock);
    pthread_mutex_unlock(&upstream.lock);
    versioned(&place, 2);
    reload(&place, "\"loaded\"");
    uint64_t generation = tb_plugins_generation(place.host);
    pthread_mutex_lock(&upstream.lock);
    upstream.hold = false;
    pthread_cond_broadcast(&upstream.moved);
    pthread_mutex_unlock(&upstream.lock);
    assert_int_equal(pthread_join(thread, NULL), 0);

    write_file(place.dir, "demo/plugin.lua", "return {\n");
    reload(&place, "\"kept\"");
    assert_int_equal(tb_plugins_generation(place.host), generation + 1);
    struct tb_json_doc *doc = ask(&place, TB_PLUGIN_PLAN, "{\"strategy\":\"s\"}");
    ASSERT_AT(doc, "preview.0.version", "\"2\"");
    tb_json_free(doc);
    versioned(&place, 3);
    reload(&place, "\"loaded\"");
    assert_int_equal(unlink(strcat(strcpy((char[128]){0}, place.dir), "/demo/plugin.lua")), 0);
    assert_int_equal(rmdir(strcat(strcpy((char[128]){0}, place.dir), "/demo")), 0);
    reload(&place, "\"removed\"");
    char names[1][64];
    assert_int_equal(tb_plugins_names(place.host, names, 1), 0);
    close_place(&place);
}

enum { THREADS = 8, CALLS = 40 };

struct worker {
    struct place *place;
    int number;
    pthread_t thread;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < CALLS; i++) {
        char input[64], expected[64];
        int id = w->number * 1000 + i;
        struct tb_plugin_fault fault;
        struct tb_error err = {0};
        struct tb_buffer out = TB_BUFFER_INIT;
        (void)snprintf(input, sizeof input, "{\"bot\":{\"id\":%d}}", id);
        (void)snprintf(expected, sizeof expected, "{\"count\":1,\"id\":%d,\"seen\":1}", id);
        if (!call(w->place, TB_PLUGIN_STATUS, input, &out, &fault, &err))
            fail_msg("%s", err.detail);
        assert_string_equal(out.data, expected);
        tb_buffer_free(&out);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct place place;
    struct worker workers[THREADS];
    open_place(&place, leaky);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.place = &place, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        char text[sizeof leaky + 32];
        (void)snprintf(text, sizeof text, "-- %d\n%s", i, leaky);
        write_file(place.dir, "demo/plugin.lua", text);
        reload(&place, "\"loaded\"");
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    close_place(&place);
}

static void test_deadline(void **state)
{
    (void)state;
    struct place place;
    struct tb_plugin_fault fault;
    struct tb_error err = {0};
    struct tb_buffer out = TB_BUFFER_INIT;
    open_place(&place, trivial);
    struct tb_plugin_call c = {.plugin = "demo",
                               .entry = TB_PLUGIN_DESCRIBE,
                               .input = "{}",
                               .input_len = 2,
                               .mono_deadline_ms = tb_mono_ms() - 1};
    assert_false(tb_plugins_call(place.host, &c, &out, &fault, &err));
    tb_buffer_free(&out);
    close_place(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_plugins),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_all_errors_at_once),
        cmocka_unit_test(test_many_unknown_fields),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_upstream_errors),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_translate),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_without_plugin),
        cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_language),
        cmocka_unit_test(test_nothing_leaks),
        cmocka_unit_test(test_hooks_get_copies),
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
