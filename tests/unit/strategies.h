/* For the tests of plugins/bitmart and plugins/jupiter: the real plugins in the real host, in front
 * of a stand-in upstream whose answers come from a world document (tests/lua/world.json and changes
 * to it), so that every balance, rule and price a check may meet can be made. One test, one world.
 */
#ifndef TB_TESTS_STRATEGIES_H
#define TB_TESTS_STRATEGIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/tcp.h>
#include <poll.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/embed.h"
#include "base/json.h"
#include "base/log.h"
#include "plugins/host.h"
#include "raw_server.h"

/* The world of the upstream that is up; set before a server starts, read by its threads. */
static const struct tb_json *world_base, *world_changes;
/* ctx.others of the next plans; NULL: there are none. */
static const struct tb_json *other_bots;

struct bench {
    struct raw_server upstream;
    struct tb_hb *hb;
    struct tb_plugins *host;
};

static inline const char *source_dir(void)
{
    const char *dir = getenv("TB_SOURCE_DIR");
    return dir ? dir : ".";
}

/* A whole file; NULL when it is not there. */
static inline char *read_text(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    struct tb_buffer text = TB_BUFFER_INIT;
    char piece[4096];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, file)) > 0)
        tb_buffer_append(&text, piece, n);
    fclose(file);
    return tb_buffer_steal(&text, len);
}

/* A JSON file of the source tree, which must be there. */
static inline struct tb_json_doc *read_json(const char *name)
{
    char path[1024];
    size_t len;
    struct tb_error err = {0};
    (void)snprintf(path, sizeof path, "%s/%s", source_dir(), name);
    char *text = read_text(path, &len);
    if (!text)
        fail_msg("%s is missing", path);
    struct tb_json_doc *doc = tb_json_parse(text, len, TB_JSON_CLIENT, &err);
    free(text);
    if (!doc)
        fail_msg("%s: %s", path, err.detail);
    return doc;
}

/* A JSON file of the recorded facts (TB_SHARED, or ../shared beside the tree); NULL when they are
 * not at hand. */
static inline struct tb_json_doc *read_fact(const char *name)
{
    char path[1024];
    size_t len;
    struct tb_error err = {0};
    const char *shared = getenv("TB_SHARED");
    if (shared)
        (void)snprintf(path, sizeof path, "%s/knowledge/hummingbot/%s", shared, name);
    else
        (void)snprintf(path, sizeof path, "%s/../shared/knowledge/hummingbot/%s", source_dir(),
                       name);
    char *text = read_text(path, &len);
    struct tb_json_doc *doc = text ? tb_json_parse(text, len, TB_JSON_UPSTREAM, &err) : NULL;
    free(text);
    return doc;
}

/* ---- the stand-in upstream ---- */

static inline const struct tb_json *world(const char *member)
{
    const struct tb_json *changed = tb_json_get(world_changes, member);
    return changed ? changed : tb_json_get(world_base, member);
}

static inline void answer_wrapped(struct tb_json_writer *w, const char *key,
                                  const struct tb_json *node)
{
    tb_jw_object(w);
    tb_jw_kv_node(w, key, node);
    tb_jw_end_object(w);
}

/* {account: {connector: [...]}} for the account that was asked for. */
static inline void answer_balances(struct tb_json_writer *w, const char *body)
{
    struct tb_error err = {0};
    struct tb_json_doc *doc = tb_json_parse(body, strlen(body), TB_JSON_CLIENT, &err);
    const struct tb_json *names = tb_json_get(tb_json_root(doc), "account_names");
    const char *account = tb_json_string(tb_json_at(names, 0));
    tb_jw_object(w);
    if (account)
        tb_jw_kv_node(w, account, world("balances"));
    tb_jw_end_object(w);
    tb_json_free(doc);
}

static inline void put_number(struct tb_json_writer *w, const char *key, double value)
{
    tb_jw_key(w, key);
    tb_jw_double(w, value);
}

/* `count` candles around the price of SOL, each `range` of it wide. An array: [status, body]. */
static inline int answer_candles(struct tb_json_writer *w, const char *body)
{
    const struct tb_json *candles = world("candles");
    struct tb_error err = {0};
    struct tb_json_doc *doc = tb_json_parse(body, strlen(body), TB_JSON_CLIENT, &err);
    int64_t count = 0, wanted = 0;
    double range = 0;
    (void)tb_json_int64(tb_json_get(candles, "count"), &count);
    (void)tb_json_double(tb_json_get(candles, "range"), &range);
    (void)tb_json_int64(tb_json_get(tb_json_root(doc), "max_records"), &wanted);
    tb_json_free(doc);
    const char *refusal = tb_json_get_string(candles, "refusal");
    if (refusal) {
        tb_jw_object(w);
        tb_jw_kv_string(w, "detail", refusal);
        tb_jw_end_object(w);
        return 400;
    }
    tb_jw_array(w);
    for (int64_t i = 0; i < count && i < wanted; i++) {
        tb_jw_object(w);
        tb_jw_kv_int(w, "timestamp", 1700000000 + i * 60);
        put_number(w, "open", 150);
        put_number(w, "high", 150 * (1 + range / 2));
        put_number(w, "low", 150 * (1 - range / 2));
        put_number(w, "close", 150);
        tb_jw_end_object(w);
    }
    tb_jw_end_array(w);
    return 200;
}

/* The middle price times the world's factor of the side; no factor is no route. W of a wrapped coin
 * does not count. */
static inline void answer_quote(struct tb_json_writer *w, const char *body)
{
    struct tb_error err = {0};
    struct tb_json_doc *doc = tb_json_parse(body, strlen(body), TB_JSON_CLIENT, &err);
    const char *pair = tb_json_get_string(tb_json_root(doc), "trading_pair");
    const char *side = tb_json_get_string(tb_json_root(doc), "side");
    char text[48] = "0", market[32];
    double factor = 0, mid = 0;
    bool wrapped = pair[0] == 'W' || pair[0] == 'U';
    (void)snprintf(market, sizeof market, "%.*s-USDT", (int)strcspn(pair + wrapped, "-"),
                   pair + wrapped);
    if (tb_json_double(tb_json_get(world("quotes"), side), &factor) &&
        tb_json_double(tb_json_get(world("mid"), market), &mid))
        (void)snprintf(text, sizeof text, "%.12g", mid * factor);
    tb_jw_object(w);
    tb_jw_kv_string(w, "price", text);
    tb_jw_kv_string(w, "amount", "1");
    tb_jw_end_object(w);
    tb_json_free(doc);
}

/* Members of the world that are an answer as they are. null: no answer. */
static const struct {
    const char *path, *member;
} world_answers[] = {
    {"/connectors/bitmart/trading-rules", "rules"},
    {"/connectors/bitmart_perpetual/trading-rules", "perpetual_rules"},
    {"/gateway/status", "gateway"},
    {"/accounts/gateway/wallets", "wallets"},
    {"/gateway/connectors/jupiter", "connector"},
    {"/gateway/clmm/pool-info", "pool"},
    {"/market-data/available-candle-connectors", "feeds"},
    {"/trading/master_account/bitmart_perpetual/position-mode", "position_mode"},
    {"/connectors/", "connectors"},
    {"/controllers/", "controllers"},
    {"/controllers/generic/my_own/config/template", "template"},
    {"/connectors/binance/trading-rules", "rules"},
    {"/connectors/kucoin/trading-rules", "rules"},
    {"/connectors/binance_perpetual/trading-rules", "rules"},
    {"/trading/master_account/binance_perpetual/position-mode", "position_mode"},
};

static inline const struct tb_json *find_answer(const char *path)
{
    for (size_t i = 0; i < sizeof world_answers / sizeof world_answers[0]; i++) {
        size_t len = strlen(world_answers[i].path);
        if (!strncmp(path, world_answers[i].path, len) && strchr("? ", path[len]))
            return world(world_answers[i].member);
    }
    return NULL;
}

static inline bool serve_world(struct raw_server *s, const struct raw_request *r, int fd)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_json_writer w;
    const char *path = strchr(r->head, ' ') + 1;
    int status = 200, now = 1;
    (void)s;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
    tb_jw_init(&w, &out);
    const struct tb_json *fixed = find_answer(path);
    if (fixed && !tb_json_is(fixed, TB_JSON_NULL)) {
        tb_jw_node(&w, fixed);
    } else if (!strncmp(path, "/market-data/prices", 19)) {
        answer_wrapped(&w, "prices", world("mid"));
    } else if (!strncmp(path, "/market-data/candles", 20) &&
               tb_json_get(world("candles"), "silent")) {
        struct pollfd gone = {.fd = fd, .events = POLLIN | POLLRDHUP};
        (void)poll(&gone, 1, 20000); /* until the caller gives up */
        return false;
    } else if (!strncmp(path, "/market-data/candles", 20)) {
        status = answer_candles(&w, r->body);
    } else if (!strncmp(path, "/portfolio/state", 16)) {
        answer_balances(&w, r->body);
    } else if (!strncmp(path, "/gateway/networks/solana-mainnet-beta/tokens", 44) &&
               !tb_json_is(world("tokens"), TB_JSON_NULL)) {
        answer_wrapped(&w, "tokens", world("tokens"));
    } else if (!strncmp(path, "/gateway/networks/solana-mainnet-beta ", 38)) {
        tb_jw_node(&w, world("network"));
    } else if (!strncmp(path, "/gateway/swap/quote", 19) &&
               !tb_json_is(world("quotes"), TB_JSON_NULL)) {
        answer_quote(&w, r->body);
    } else {
        status = 503;
        tb_buffer_puts(&out, "{\"detail\":\"Gateway service is not available\"}");
    }
    bool keep = raw_answer(fd, status, "", tb_buffer_text(&out));
    tb_buffer_free(&out);
    return keep;
}

/* Group setup and teardown of the world. */
static inline int load_world(void **state)
{
    struct tb_json_doc *doc = read_json("tests/lua/world.json");
    world_base = tb_json_root(doc);
    *state = doc;
    return 0;
}

static inline int free_world(void **state)
{
    tb_json_free(*state);
    return 0;
}

/* ---- the bench ---- */

/* dir: the plugins; NULL: those of the source tree. */
static inline void open_host_in(struct bench *b, const struct tb_hb_config *upstream,
                                const char *dir)
{
    char own[1024];
    struct tb_error err = {0};
    b->hb = tb_hb_open(upstream, &err);
    if (!b->hb)
        fail_msg("%s", err.detail);
    (void)snprintf(own, sizeof own, "%s/plugins", source_dir());
    dir = dir ? dir : own;
    struct tb_plugins_config config = {
        .dir = dir, .sdk = tb_sdk_files, .arenas = 2, .hb = b->hb, .ungated = true};
    b->host = tb_plugins_open(&config, &err);
    if (!b->host)
        fail_msg("%s", err.detail);
}

static inline void open_host(struct bench *b, const struct tb_hb_config *upstream)
{
    open_host_in(b, upstream, NULL);
}

static inline void close_host(struct bench *b)
{
    tb_plugins_close(b->host);
    tb_hb_close(b->hb);
}

static inline void open_bench(struct bench *b)
{
    raw_start(&b->upstream, serve_world);
    open_host(b, &(struct tb_hb_config){.url = b->upstream.url});
}

static inline void close_bench(struct bench *b)
{
    close_host(b);
    raw_stop(&b->upstream);
}

/* The answer of one entry as a document; a failing call fails the test. */
static inline struct tb_json_doc *call_entry(struct bench *b, const char *plugin,
                                             enum tb_plugin_entry entry, const char *input)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_plugin_fault fault = {0};
    struct tb_error err = {0};
    struct tb_plugin_call call = {.plugin = plugin,
                                  .entry = entry,
                                  .input = input,
                                  .input_len = strlen(input),
                                  .mono_deadline_ms = tb_mono_ms() + 60000};
    if (!tb_plugins_call(b->host, &call, &out, &fault, &err))
        fail_msg("%s %s: %s [%s:%d %s]", plugin, input, err.detail, fault.file, fault.line,
                 fault.excerpt);
    struct tb_json_doc *doc = tb_json_parse(tb_buffer_text(&out), out.len, TB_JSON_CLIENT, &err);
    if (!doc)
        fail_msg("%s answers no JSON: %s", plugin, err.detail);
    tb_buffer_free(&out);
    return doc;
}

/* {"strategy", "params", "risk"?, "ctx"} of a case; params and risk may be NULL, a version of ""
 * is none. */
static inline void plan_input(struct tb_buffer *out, const char *strategy, const char *version,
                              const struct tb_json *params, const struct tb_json *risk)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "strategy", strategy);
    if (params)
        tb_jw_kv_node(&w, "params", params);
    if (risk)
        tb_jw_kv_node(&w, "risk", risk);
    tb_jw_key(&w, "ctx");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "bot", "test");
    tb_jw_kv_string(&w, "account", "master_account");
    tb_jw_kv_string(&w, "image", "hummingbot/hummingbot:version-2.16.0");
    tb_jw_kv_string(&w, "hummingbot", version && *version ? version : NULL);
    tb_jw_kv_string(&w, "server", "default");
    tb_jw_kv_string(&w, "now", "2026-11-22T10:15:00.000Z");
    if (other_bots)
        tb_jw_kv_node(&w, "others", other_bots);
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
}

static inline struct tb_json_doc *call_plan(struct bench *b, const char *plugin,
                                            const char *strategy, const char *version,
                                            const struct tb_json *params,
                                            const struct tb_json *risk)
{
    struct tb_buffer input = TB_BUFFER_INIT;
    plan_input(&input, strategy, version ? version : "2.16.0", params, risk);
    struct tb_json_doc *doc = call_entry(b, plugin, TB_PLUGIN_PLAN, tb_buffer_text(&input));
    tb_buffer_free(&input);
    return doc;
}

/* Compares two values as canonical text. */
static inline void same_json(const char *what, const struct tb_json *is,
                             const struct tb_json *should)
{
    struct tb_buffer a = TB_BUFFER_INIT, b = TB_BUFFER_INIT;
    tb_json_canonical(is, &a);
    tb_json_canonical(should, &b);
    if (strcmp(tb_buffer_text(&a), tb_buffer_text(&b)))
        fail_msg("%s is\n%s\nand should be\n%s", what, tb_buffer_text(&a), tb_buffer_text(&b));
    tb_buffer_free(&a);
    tb_buffer_free(&b);
}

static const struct {
    const char *plugin, *strategy;
} strategies[] = {
    {"bitmart", "spot_grid"},
    {"bitmart", "spot_mm"},
    {"jupiter", "arbitrage"},
    {"bitmart", "spot_mm_dynamic"},
    {"bitmart", "spot_inventory_mm"},
    {"bitmart", "spot_classic_pmm"},
    {"bitmart", "perp_mm"},
    {"bitmart", "perp_grid"},
    {"bitmart", "perp_bollinger"},
    {"bitmart", "perp_macd_bb"},
    {"bitmart", "perp_supertrend"},
    {"bitmart", "perp_dca"},
    {"bitmart", "perp_hedge"},
    {"jupiter", "xemm"},
    {"jupiter", "lp"},
    {"jupiter", "hedged_wallet"},
    {"jupiter", "recurring_swap"},
};
#define STRATEGIES (sizeof strategies / sizeof strategies[0])

#endif
