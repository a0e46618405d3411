/* A Lua host over plugin folders made in a temporary directory, with an upstream that is faked at
 * the client's door, for the tests of core/plugins. */
#ifndef TB_TESTS_PLUGIN_PLACE_H
#define TB_TESTS_PLUGIN_PLACE_H

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
    int64_t takes_ms;   /* of virtual time */
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
    if (upstream.takes_ms)
        tb_clock_advance(upstream.takes_ms);
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

static inline void write_file(const char *dir, const char *name, const char *text)
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

static inline void open_place(struct place *place, const char *plugin_lua)
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

static inline void close_place(struct place *place)
{
    char command[128];
    tb_plugins_close(place->host);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", place->dir);
    assert_int_equal(system(command), 0);
}

static inline bool call(struct place *place, enum tb_plugin_entry entry, const char *input,
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

static inline void call_ok(struct place *place, enum tb_plugin_entry entry, const char *input,
                           struct tb_buffer *out)
{
    struct tb_plugin_fault fault;
    struct tb_error err = {0};
    if (!call(place, entry, input, out, &fault, &err))
        fail_msg("%s [%s]", err.detail, fault.excerpt);
}

/* The parsed answer of a call that must work; freed by the caller. */
static inline struct tb_json_doc *ask(struct place *place, enum tb_plugin_entry entry,
                                      const char *input)
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

/* A plugin of one strategy, to be changed between its beginning and its end. */
#define HEAD                                                                                       \
    "local form = require('bridge.form')\n"                                                        \
    "local s = { name = 's', revision = 1, title = 'S', summary = 'S', risk = 'low',\n"            \
    "  executors = { 'position' }, form = form.of {}, build = function() end,"                     \
    "  risk_defaults = { max_loss_quote = '20', max_controller_loss_quote = '20' } }\n"            \
    "local plugin = { api = 1, name = 'demo', title = 'D', version = '1',\n"                       \
    "  connectors = { 'x' }, strategies = { s } }\n"
#define TAIL "return plugin\n"

#endif
