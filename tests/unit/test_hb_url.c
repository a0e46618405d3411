/* Addresses of upstream calls: what is put into a path, what is refused, how queries are encoded,
 * which configured addresses and headers are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hummingbot/client_private.h"

#define BASE "http://h:8000"

static void expect_url(const struct tb_hb_call *call, const char *url)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_error err = {0};
    assert_true(tb_hb_url(BASE, call, &out, &err));
    assert_string_equal(tb_buffer_text(&out), url);
    tb_buffer_free(&out);
}

static void expect_refusal(const struct tb_hb_call *call, const char *words)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_error err = {0};
    assert_false(tb_hb_url(BASE, call, &out, &err));
    assert_int_equal(err.code, TB_INVALID);
    if (!strstr(err.detail, words))
        fail_msg("`%s` lacks `%s`", err.detail, words);
    tb_buffer_free(&out);
}

static struct tb_hb_call one(enum tb_hb_endpoint endpoint, const char *arg)
{
    return (struct tb_hb_call){.endpoint = endpoint, .arg = {arg}};
}

static void paths_take_their_arguments_in_order(void **state)
{
    (void)state;
    struct tb_hb_call call = {.endpoint = TB_HB_CONTROLLERS_BOT_CONFIG_UPDATE,
                              .arg = {"hummingbot-a-20261122-101500", "tb_1"}};
    expect_url(&call, BASE "/controllers/bots/hummingbot-a-20261122-101500/tb_1/config");
    call = one(TB_HB_DOCKER_ACTIVE, NULL);
    expect_url(&call, BASE "/docker/active-containers");
    call = one(TB_HB_SCRIPTS_CONFIG_LIST, NULL);
    expect_url(&call, BASE "/scripts/configs/");
}

static void names_outside_the_alphabet_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    ".",   "..",      "a/b",      "a%2fb", "a.b",
                                      "a b", "a?b", "a#b",     "\xc3\xa4", "a\n",   "..%2f",
                                      "a\\", "a;b", "../../x", "a&b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tb_hb_call call = one(TB_HB_DOCKER_STOP, bad[i]);
        expect_refusal(&call, "container_name");
    }
    char longest[130];
    memset(longest, 'a', sizeof longest);
    longest[128] = '\0';
    struct tb_hb_call call = one(TB_HB_SCRIPTS_CONFIG_GET, longest);
    struct tb_buffer out = TB_BUFFER_INIT;
    assert_true(tb_hb_url(BASE, &call, &out, NULL));
    tb_buffer_free(&out);
    longest[128] = 'a';
    longest[129] = '\0';
    expect_refusal(&call, "1 to 128");
}

static void missing_and_surplus_arguments_are_refused(void **state)
{
    (void)state;
    struct tb_hb_call call = one(TB_HB_DOCKER_STOP, NULL);
    expect_refusal(&call, "needs a value for container_name");
    call = one(TB_HB_DOCKER_ACTIVE, "x");
    expect_refusal(&call, "more were given");
}

static void archive_paths_and_addresses_have_their_own_alphabets(void **state)
{
    (void)state;
    struct tb_hb_call call = one(TB_HB_ARCHIVED_STATUS, "bots/archived/b-1/data/b-1.sqlite");
    expect_url(&call, BASE "/archived-bots/bots/archived/b-1/data/b-1.sqlite/status");
    static const char *const bad[] = {"bots/../x", "/etc/passwd", "bots//x", "a/",
                                      ".",         "a/./b",       "..",      "bots/%2e%2e/x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        call = one(TB_HB_ARCHIVED_STATUS, bad[i]);
        expect_refusal(&call, "db_path");
    }
    call = one(TB_HB_RATES_RATE, "$WIF-USDC");
    expect_url(&call, BASE "/rate-oracle/rate/%24WIF-USDC");
    call = one(TB_HB_RATES_RATE, "BTC/USDT");
    expect_refusal(&call, "trading_pair");
    call = (struct tb_hb_call){.endpoint = TB_HB_GATEWAY_TOKEN_DELETE,
                               .arg = {"solana-mainnet-beta", "0x1::coin.T"}};
    expect_url(&call, BASE "/gateway/networks/solana-mainnet-beta/tokens/0x1%3A%3Acoin.T");
    call.arg[1] = "..";
    expect_refusal(&call, "token_address");
}

static void queries_are_encoded_and_known(void **state)
{
    (void)state;
    struct tb_hb_call call = {.endpoint = TB_HB_BOTS_PERFORMANCE_HISTORY,
                              .query = {{"start_time", "2026-11-22T10:00:00+00:00"},
                                        {"limit", NULL},
                                        {"bot_name", "a&b=c d"}},
                              .queries = 3};
    expect_url(&call, BASE "/bot-orchestration/controller-performance-history"
                           "?start_time=2026-11-22T10%3A00%3A00%2B00%3A00&bot_name=a%26b%3Dc%20d");
    call = (struct tb_hb_call){.endpoint = TB_HB_CONNECTORS_TRADING_RULES,
                               .arg = {"bitmart"},
                               .query = {{"trading_pairs", "A-B"}, {"trading_pairs", "C-D"}},
                               .queries = 2};
    expect_url(&call, BASE "/connectors/bitmart/trading-rules?trading_pairs=A-B&trading_pairs=C-D");
    call.query[0].name = "trading_pair"; /* a part of a known word is not a known word */
    expect_refusal(&call, "trading_pairs");
    call =
        (struct tb_hb_call){.endpoint = TB_HB_DOCKER_RUNNING, .query = {{"a", "b"}}, .queries = 1};
    expect_refusal(&call, "none");
    call = (struct tb_hb_call){.endpoint = TB_HB_DOCKER_ACTIVE, .query = {{"", "b"}}, .queries = 1};
    expect_refusal(&call, "name_filter");
}

static void configured_addresses_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *base; /* NULL: refused */
    } rows[] = {
        {"http://localhost:8000", "http://localhost:8000"},
        {"https://x.example/hb/", "https://x.example/hb"},
        {"HTTP://h//", "HTTP://h"},
        {"http://[fd00::1]:8000", "http://[fd00::1]:8000"},
        {"", NULL},
        {"localhost:8000", NULL},
        {"ftp://h", NULL},
        {"http://admin:secret@h:8000", NULL},
        {"http://h:8000?x=1", NULL},
        {"http://h:8000/#a", NULL},
        {" http://h", NULL},
        {"http://h ", NULL},
        {"http://", NULL},
        {"http://h:99999", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tb_error err = {0};
        char *base = tb_hb_base_url(rows[i].url, &err);
        if (rows[i].base) {
            assert_non_null(base);
            assert_string_equal(base, rows[i].base);
        } else {
            assert_null(base);
            assert_int_equal(err.code, TB_INVALID);
            assert_null(strstr(err.detail, "secret"));
        }
        free(base);
    }
}

static void extra_headers_are_checked(void **state)
{
    (void)state;
    struct tb_hb_config config = {.username = "u",
                                  .api_key = "k-123456",
                                  .headers =
                                      "ngrok-skip-browser-warning: true;; X-A: b;c \n\n X-E:\n"};
    struct tb_error err = {0};
    char **lines = tb_hb_headers_parse(&config, &err);
    assert_non_null(lines);
    assert_string_equal(lines[0], "ngrok-skip-browser-warning: true");
    assert_string_equal(lines[1], "X-A: b;c");
    assert_string_equal(lines[2], "X-E:");
    assert_string_equal(lines[3], "X-API-KEY: k-123456");
    assert_null(lines[4]);
    tb_hb_headers_free(lines);
    static const char *const bad[] = {"no colon",
                                      ": v",
                                      "a b: c",
                                      "Content-Length: 3",
                                      "expect: 100",
                                      "X-A: a\x01z",
                                      "authorization: Bearer x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        config.headers = bad[i];
        assert_null(tb_hb_headers_parse(&config, &err));
        assert_non_null(strstr(err.detail, "HUMMINGBOT_API_HEADERS"));
    }
    /* Without a user, an Authorization header for something in front is the deployer's own choice.
     */
    config = (struct tb_hb_config){.headers = "Authorization: Bearer x"};
    lines = tb_hb_headers_parse(&config, &err);
    assert_non_null(lines);
    tb_hb_headers_free(lines);
    config = (struct tb_hb_config){.api_key = "a b"};
    assert_null(tb_hb_headers_parse(&config, &err));
}

static void harmful_bodies_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum tb_hb_endpoint endpoint;
        const char *body;
        bool ok;
    } rows[] = {
        {TB_HB_PORTFOLIO_STATE, "{}", true},
        {TB_HB_PORTFOLIO_STATE, "{\"connector_names\":[\"bitmart\"]}", false},
        {TB_HB_PORTFOLIO_STATE, "{\"connector_names\":[\"bitmart\"],\"account_names\":[]}", false},
        {TB_HB_PORTFOLIO_STATE, "{\"connector_names\":[\"bitmart\"],\"account_names\":[\"a\"]}",
         true},
        {TB_HB_PORTFOLIO_STATE, "{", false},
        {TB_HB_PORTFOLIO_DISTRIBUTION, "{\"account_names\":[\"a\"]}", true},
        {TB_HB_PORTFOLIO_DISTRIBUTION, "{\"account_names\":[\"a\",\"b\"]}", false},
        {TB_HB_CONTROLLERS_BOT_CONFIG_UPDATE, "{\"manual_kill_switch\":true}", true},
        {TB_HB_CONTROLLERS_BOT_CONFIG_UPDATE, "{\"_config_name\":\"x\"}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tb_error err = {0};
        struct tb_hb_call call = {
            .endpoint = rows[i].endpoint, .body = rows[i].body, .body_len = strlen(rows[i].body)};
        assert_int_equal(tb_hb_guard(&call, &err), rows[i].ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_take_their_arguments_in_order),
        cmocka_unit_test(names_outside_the_alphabet_are_refused),
        cmocka_unit_test(missing_and_surplus_arguments_are_refused),
        cmocka_unit_test(archive_paths_and_addresses_have_their_own_alphabets),
        cmocka_unit_test(queries_are_encoded_and_known),
        cmocka_unit_test(configured_addresses_are_checked),
        cmocka_unit_test(extra_headers_are_checked),
        cmocka_unit_test(harmful_bodies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
