/* One profit over the instances of a bot: sums per quote, what is unknown, how proven it is, the
 * fall from the highest point, and what is kept of instances that ended. Single thread; owns
 * nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bots/instances.h"
#include "bots/profit.h"

#define NOW INT64_C(1790000000000)

static struct tb_json_doc *json(const char *text)
{
    struct tb_error err = {0};
    struct tb_json_doc *doc = tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, &err);
    if (!doc)
        fail_msg("%s: %s", text, err.detail);
    return doc;
}

/* {pnl, instance_pnl} as the wire shows them. */
static struct tb_json_doc *shown(const struct bot *bot, bool client)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_doc *facts = json(bot->facts), *doc;
    struct tb_json_writer w;
    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    profit_write(bot, tb_json_root(facts), client, &w);
    tb_jw_end_object(&w);
    doc = json(text.data);
    tb_buffer_free(&text);
    tb_json_free(facts);
    return doc;
}

static void is(const struct bot *bot, const char *list, size_t row, const char *key,
               const char *expected)
{
    struct tb_json_doc *doc = shown(bot, false);
    const struct tb_json *r = tb_json_at(tb_json_get(tb_json_root(doc), list), row);
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_json_canonical(tb_json_get(r, key), &text);
    if (strcmp(tb_buffer_text(&text), expected) != 0)
        fail_msg("%s[%zu].%s is %s, not %s", list, row, key, tb_buffer_text(&text), expected);
    tb_buffer_free(&text);
    tb_json_free(doc);
}

static size_t rows(const struct bot *bot, const char *list)
{
    struct tb_json_doc *doc = shown(bot, false);
    size_t n = tb_json_get(tb_json_root(doc), list)->len;
    tb_json_free(doc);
    return n;
}

static struct bot *fresh(void)
{
    struct bot *bot = bot_new();
    bot->managed = true;
    bot->state = TB_BOT_RUNNING;
    bot->facts = tb_xstrdup("{\"budget_quote\":\"200\"}");
    tb_copy(bot->life.base, sizeof bot->life.base, "hummingbot-a-00000000");
    tb_copy(bot->life.instance, sizeof bot->life.instance, "hummingbot-a-00000000-1");
    return bot;
}

#define ROW(quote, realised, unrealised, net)                                                      \
    "{\"quote\":" quote ",\"realised\":" realised ",\"unrealised\":" unrealised                    \
    ",\"fees\":\"0.1\",\"net\":" net ",\"return_pct\":\"9\",\"volume\":\"100\","                   \
    "\"drawdown\":null}"

static void report(struct bot *bot, const char *list, const char *peak)
{
    struct tb_json_doc *doc = json(list);
    profit_take(bot, tb_json_root(doc), NOW);
    free(bot->figures);
    bot->figures = tb_xstrdup("{}");
    tb_copy(bot->peak, sizeof bot->peak, peak);
    tb_json_free(doc);
}

/* Its instance ends and another one is deployed. rests: a stop of it was proven before. */
static void renew(struct bot *bot, bool rests)
{
    struct bot copy = *bot;
    struct tb_life next = bot->life;
    static int number;

    bot->life.rests = rests;
    snprintf(next.base, sizeof next.base, "hummingbot-a-%08d", ++number);
    next.instance[0] = '\0';
    next.rests = false;
    instances_show(&copy, &bot->life, &next, NOW + number);
    instances_take(bot, &copy);
    bot->life = next;
    snprintf(bot->life.instance, sizeof bot->life.instance, "%s-1", next.base);
    bot->peak[0] = bot->proof[0] = '\0';
}

static void test_one_instance_is_as_it_reports(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    assert_int_equal(rows(bot, "pnl"), 0);
    report(bot, "[" ROW("\"USDT\"", "\"6\"", "\"-1\"", "\"4.9\"") "]", "7");
    is(bot, "pnl", 0, "net", "\"4.9\"");
    is(bot, "pnl", 0, "return_pct", "\"9\"");
    is(bot, "pnl", 0, "drawdown", "\"2.1\"");
    is(bot, "pnl", 0, "stale", "false");
    is(bot, "instance_pnl", 0, "drawdown", "\"2.1\"");
    bot_free(bot);
}

static void test_profit_goes_on(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    report(bot, "[" ROW("\"USDT\"", "\"12.5\"", "\"-2.5\"", "\"9.9\"") "]", "15");
    renew(bot, false);
    /* Nothing of the new one yet: what was earned is not gone, and that it is not all is said. */
    is(bot, "pnl", 0, "net", "\"9.9\"");
    is(bot, "pnl", 0, "stale", "true");
    is(bot, "pnl", 0, "not_reported", "1");
    assert_int_equal(rows(bot, "instance_pnl"), 0);
    report(bot, "[" ROW("\"USDT\"", "\"-3\"", "\"1\"", "\"-2.1\"") "]", "0.5");
    is(bot, "pnl", 0, "realised", "\"9.5\"");
    is(bot, "pnl", 0, "unrealised", "\"-1.5\"");
    is(bot, "pnl", 0, "fees", "\"0.2\"");
    is(bot, "pnl", 0, "net", "\"7.8\"");
    is(bot, "pnl", 0, "volume", "\"200\"");
    is(bot, "pnl", 0, "return_pct", "\"3.9\"");
    is(bot, "pnl", 0, "drawdown", "\"7.2\""); /* from 15, before the first one ended */
    is(bot, "pnl", 0, "stale", "false");
    is(bot, "pnl", 0, "not_reported", "0");
    is(bot, "pnl", 0, "instances", "2");
    is(bot, "pnl", 0, "unproven", "1");
    is(bot, "instance_pnl", 0, "net", "\"-2.1\"");
    is(bot, "instance_pnl", 0, "drawdown", "\"2.6\"");
    renew(bot, false);
    report(bot, "[" ROW("\"USDT\"", "\"20\"", "\"0\"", "\"20\"") "]", "21");
    is(bot, "pnl", 0, "net", "\"27.8\"");
    is(bot, "pnl", 0, "drawdown", "\"1\""); /* 7.8 + 21 is the highest now */
    bot_free(bot);
}

static void test_quotes_are_not_added(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    report(bot, "[" ROW("\"USDT\"", "\"5\"", "\"0\"", "\"5\"") "]", "5");
    renew(bot, false);
    report(bot, "[" ROW("\"USDC\"", "\"3\"", "\"0\"", "\"3\"") "]", "4");
    assert_int_equal(rows(bot, "pnl"), 2);
    is(bot, "pnl", 0, "quote", "\"USDC\""); /* what it counts in now comes first */
    is(bot, "pnl", 0, "net", "\"3\"");
    is(bot, "pnl", 0, "drawdown", "null");
    is(bot, "pnl", 0, "return_pct", "null");
    is(bot, "pnl", 1, "quote", "\"USDT\"");
    is(bot, "pnl", 1, "net", "\"5\"");
    is(bot, "pnl", 1, "stale", "false");
    is(bot, "instance_pnl", 0, "drawdown", "\"1\"");
    renew(bot, false);
    report(bot,
           "[" ROW("\"USDT\"", "\"1\"", "\"0\"", "\"1\"") "," ROW("\"USDC\"", "\"2\"", "\"0\"",
                                                                  "\"2\"") "]",
           "");
    is(bot, "pnl", 0, "net", "\"6\"");
    is(bot, "pnl", 1, "net", "\"5\"");
    bot_free(bot);
}

/* A foreign bot's first report may name no currency; what it lost would be unknown, not nothing. */
static void test_nothing_has_no_currency(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    report(bot, "[" ROW("null", "\"0\"", "null", "\"0\"") "]", "0");
    is(bot, "pnl", 0, "net", "\"0\"");
    renew(bot, true);
    report(bot, "[" ROW("\"USDT\"", "\"2\"", "\"0\"", "\"2\"") "]", "2");
    assert_int_equal(rows(bot, "pnl"), 2); /* its fees were not nothing */
    bot_free(bot);

    bot = fresh();
    report(bot, "[{\"quote\":null,\"realised\":\"0\",\"net\":\"0.0\",\"fees\":null}]", "0");
    renew(bot, true);
    report(bot, "[" ROW("\"USDT\"", "\"2\"", "\"0\"", "\"2\"") "]", "2");
    assert_int_equal(rows(bot, "pnl"), 1);
    is(bot, "pnl", 0, "net", "\"2\"");
    bot_free(bot);

    bot = fresh();
    report(bot, "[{\"quote\":null,\"realised\":\"0\",\"net\":null}]", "");
    renew(bot, true);
    report(bot, "[" ROW("\"USDT\"", "\"2\"", "\"0\"", "\"2\"") "]", "2");
    assert_int_equal(rows(bot, "pnl"), 2);
    bot_free(bot);
}

static void test_unknown_is_unknown(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    report(bot, "[" ROW("\"USDT\"", "\"5\"", "null", "null") "]", "");
    renew(bot, false);
    report(bot, "[" ROW("\"USDT\"", "\"3\"", "\"0\"", "\"3\"") "]", "3");
    is(bot, "pnl", 0, "realised", "\"8\"");
    is(bot, "pnl", 0, "unrealised", "null");
    is(bot, "pnl", 0, "net", "null");
    is(bot, "pnl", 0, "drawdown", "null");
    is(bot, "pnl", 0, "return_pct", "null");
    bot_free(bot);

    /* Currencies that nobody knows may be two. */
    bot = fresh();
    report(bot, "[" ROW("null", "\"5\"", "\"0\"", "\"5\"") "]", "5");
    renew(bot, false);
    is(bot, "pnl", 0, "net", "\"5\"");
    report(bot, "[" ROW("null", "\"3\"", "\"0\"", "\"3\"") "]", "3");
    assert_int_equal(rows(bot, "pnl"), 1);
    is(bot, "pnl", 0, "net", "null");
    is(bot, "pnl", 0, "instances", "2");
    renew(bot, false);
    report(bot, "[" ROW("\"USDT\"", "\"3\"", "\"0\"", "\"3\"") "]", "3");
    assert_int_equal(rows(bot, "pnl"), 2);
    is(bot, "pnl", 0, "net", "\"3\"");
    bot_free(bot);

    /* More than a decimal holds. */
    bot = fresh();
    report(bot, "[" ROW("\"USDT\"", "\"1\"", "\"0\"", "\"9e75\"") "]", "9e75");
    renew(bot, false);
    report(bot, "[" ROW("\"USDT\"", "\"1\"", "\"0\"", "\"9e75\"") "]", "9e75");
    is(bot, "pnl", 0, "net", "null");
    is(bot, "pnl", 0, "realised", "\"2\"");
    bot_free(bot);
}

static void test_what_never_reported_is_left_out_and_said(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    report(bot, "[" ROW("\"USDT\"", "\"5\"", "\"0\"", "\"5\"") "]", "5");
    renew(bot, false);
    renew(bot, false); /* one that died at its start */
    report(bot, "[" ROW("\"USDT\"", "\"1\"", "\"0\"", "\"1\"") "]", "1");
    is(bot, "pnl", 0, "net", "\"6\"");
    is(bot, "pnl", 0, "instances", "2");
    is(bot, "pnl", 0, "not_reported", "1");
    is(bot, "pnl", 0, "final", "false");
    bot_free(bot);
}

static void test_a_sum_is_as_proven_as_its_least_part(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    report(bot, "[" ROW("\"USDT\"", "\"5\"", "\"0\"", "\"5\"") "]", "5");
    tb_copy(bot->proof, sizeof bot->proof, "settled");
    renew(bot, true);
    bot->state = TB_BOT_STOPPED;
    report(bot, "[" ROW("\"USDT\"", "\"1\"", "\"0\"", "\"1\"") "]", "1");
    is(bot, "pnl", 0, "proof", "\"reported\"");
    is(bot, "pnl", 0, "final", "false");
    is(bot, "pnl", 0, "unproven", "0");
    tb_copy(bot->proof, sizeof bot->proof, "fills");
    is(bot, "pnl", 0, "proof", "\"fills\"");
    is(bot, "pnl", 0, "final", "false");
    tb_copy(bot->proof, sizeof bot->proof, "settled");
    is(bot, "pnl", 0, "proof", "\"settled\"");
    is(bot, "pnl", 0, "final", "true");
    /* What was open in the last report was closed at a price that no report tells. */
    report(bot, "[" ROW("\"USDT\"", "\"1\"", "\"0.5\"", "\"1.5\"") "]", "1");
    is(bot, "pnl", 0, "proof", "\"reported\"");
    is(bot, "pnl", 0, "final", "false");
    /* Nor is it proven when something was started since. */
    report(bot, "[" ROW("\"USDT\"", "\"1\"", "\"0\"", "\"1\"") "]", "1");
    renew(bot, false);
    is(bot, "pnl", 0, "unproven", "1");
    bot_free(bot);
}

static void test_return_needs_one_budget(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    report(bot, "[" ROW("\"USDT\"", "\"5\"", "\"0\"", "\"5\"") "]", "5");
    renew(bot, false);
    report(bot, "[" ROW("\"USDT\"", "\"1\"", "\"0\"", "\"1\"") "]", "1");
    is(bot, "pnl", 0, "return_pct", "\"3\"");
    free(bot->facts);
    bot->facts = tb_xstrdup("{\"budget_quote\":\"400\"}");
    is(bot, "pnl", 0, "return_pct", "null");
    free(bot->facts);
    bot->facts = tb_xstrdup("{}");
    is(bot, "pnl", 0, "return_pct", "null");
    bot_free(bot);
}

static void test_adopted(void **context)
{
    struct bot *bot = fresh();
    struct tb_json_doc *doc;
    (void)context;
    free(bot->facts);
    bot->facts = tb_xstrdup(
        "{\"budget_quote\":\"200\",\"adoption\":{\"at\":\"2026-01-01T00:00:00.000Z\",\"instance\":"
        "\"hummingbot-a-00000000-1\",\"opening\":[{\"quote\":\"USDT\",\"realised\":\"100\","
        "\"unrealised\":\"0\",\"fees\":\"0\",\"net\":\"100\",\"volume\":\"50\"}]}}");
    bot->started_at = NOW; /* a later start of the same container changes nothing of it */
    report(bot, "[" ROW("\"USDT\"", "\"104\"", "\"0\"", "\"104\"") "]", "108");
    is(bot, "pnl", 0, "net", "\"4\"");
    is(bot, "pnl", 0, "drawdown", "\"4\"");
    doc = shown(bot, true);
    assert_null(tb_json_get(tb_json_get(tb_json_root(doc), "pnl")->child, "opening"));
    assert_null(tb_json_get(tb_json_root(doc), "instance_pnl"));
    tb_json_free(doc);
    renew(bot, false);
    assert_non_null(strstr(bot->past, "\"opening\""));
    report(bot, "[" ROW("\"USDT\"", "\"1\"", "\"0\"", "\"1\"") "]", "2");
    is(bot, "pnl", 0, "net", "\"5\"");
    is(bot, "pnl", 0, "volume", "\"150\"");
    is(bot, "pnl", 0, "drawdown", "\"3\""); /* from 8 */
    is(bot, "instance_pnl", 0, "net", "\"1\"");
    bot_free(bot);
}

/* However many there were, the sum is the same and what is kept is bounded. */
static void test_many_instances(void **context)
{
    struct bot *bot = fresh();
    struct tb_json_doc *doc;
    size_t length = 0;
    (void)context;
    for (int i = 1; i <= 200; i++) {
        if (i % 10 == 0)
            bot->proof[0] = '\0';
        else
            report(bot,
                   i % 2 ? "[" ROW("\"USDT\"", "\"2\"", "\"-1\"", "\"0.9\"") "]"
                         : "[" ROW("\"USDT\"", "\"-1\"", "\"0\"", "\"-1.1\"") "]",
                   i % 2 ? "1.5" : "0.25");
        renew(bot, false);
        if (i == 50)
            length = strlen(bot->past);
    }
    assert_true(strlen(bot->past) < length + 100);
    report(bot, "[" ROW("\"USDT\"", "\"0\"", "\"0\"", "\"0\"") "]", "0");
    /* 100 times 0.9, 80 times -1.1, 20 never reported, and the living one. */
    is(bot, "pnl", 0, "net", "\"2\"");
    is(bot, "pnl", 0, "realised", "\"120\"");
    is(bot, "pnl", 0, "instances", "181");
    is(bot, "pnl", 0, "unproven", "180");
    is(bot, "pnl", 0, "not_reported", "20");
    is(bot, "pnl", 0, "return_pct", "\"1\"");
    is(bot, "pnl", 0, "drawdown", "\"1.4\""); /* from 1.9 and 1.5, ten instances ago */
    doc = json(bot->past);
    assert_int_equal(tb_json_root(doc)->len, 21);
    tb_json_free(doc);
    bot_free(bot);
}

static void test_rows_too_long_to_keep_are_unknown(void **context)
{
    struct bot *bot = fresh();
    struct tb_buffer text = TB_BUFFER_INIT;
    (void)context;
    tb_buffer_puts(&text, "[" ROW("\"USDT\"", "\"5\"", "\"0\"", "\"5\""));
    for (int i = 0; i < 60; i++)
        tb_buffer_printf(&text, "," ROW("\"Q%d\"", "\"5\"", "\"0\"", "\"5\""), i);
    tb_buffer_puts(&text, "]");
    report(bot, "[" ROW("\"USDT\"", "\"5\"", "\"0\"", "\"5\"") "]", "5");
    report(bot, text.data, "");
    assert_int_equal(rows(bot, "pnl"), 0);
    assert_int_equal(bot->figures_at, 0);
    /* What a plugin adds to a row is left out first. */
    tb_buffer_clear(&text);
    tb_buffer_puts(&text, "[{\"quote\":\"USDT\",\"net\":\"5\",\"own\":\"");
    for (int i = 0; i < 500; i++)
        tb_buffer_puts(&text, "0123456789");
    tb_buffer_puts(&text, "\"}]");
    report(bot, text.data, "");
    is(bot, "pnl", 0, "net", "\"5\"");
    is(bot, "pnl", 0, "own", "null");
    tb_buffer_free(&text);
    bot_free(bot);
}

/* A transform that says more of its row than figures is not believed. */
static void test_a_plugin_does_not_prove_itself(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    report(bot,
           "[{\"quote\":\"USDT\",\"net\":\"5\",\"realised\":\"5\",\"unrealised\":\"0\",\"proof\":"
           "\"settled\",\"final\":true,\"stale\":true,\"as_of\":\"1990-01-01T00:00:00Z\","
           "\"instances\":7,\"unproven\":-3,\"own\":\"word\"}]",
           "5");
    is(bot, "pnl", 0, "proof", "\"reported\"");
    is(bot, "pnl", 0, "final", "false");
    is(bot, "pnl", 0, "stale", "false");
    is(bot, "pnl", 0, "own", "\"word\"");
    renew(bot, false);
    report(bot, "[" ROW("\"USDT\"", "\"1\"", "\"0\"", "\"1\"") "]", "1");
    is(bot, "pnl", 0, "instances", "2");
    is(bot, "pnl", 0, "unproven", "1");
    is(bot, "pnl", 0, "fees", "null");
    bot_free(bot);
}

/* What an earlier version of the bridge kept has none of the later members. */
static void test_kept_by_an_earlier_version(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    bot->past = tb_xstrdup("[{\"instance\":\"x\",\"pnl\":[" ROW("\"USDT\"", "\"5\"", "\"0\"",
                                                                "\"5\"") "]},{\"pnl\":null}]");
    report(bot, "[" ROW("\"USDT\"", "\"1\"", "\"0\"", "\"1\"") "]", "1");
    is(bot, "pnl", 0, "net", "\"6\"");
    is(bot, "pnl", 0, "drawdown", "null");
    is(bot, "pnl", 0, "return_pct", "null");
    is(bot, "pnl", 0, "not_reported", "1");
    is(bot, "pnl", 0, "unproven", "1");
    bot_free(bot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_instance_is_as_it_reports),
        cmocka_unit_test(test_profit_goes_on),
        cmocka_unit_test(test_quotes_are_not_added),
        cmocka_unit_test(test_nothing_has_no_currency),
        cmocka_unit_test(test_unknown_is_unknown),
        cmocka_unit_test(test_what_never_reported_is_left_out_and_said),
        cmocka_unit_test(test_a_sum_is_as_proven_as_its_least_part),
        cmocka_unit_test(test_return_needs_one_budget),
        cmocka_unit_test(test_adopted),
        cmocka_unit_test(test_many_instances),
        cmocka_unit_test(test_rows_too_long_to_keep_are_unknown),
        cmocka_unit_test(test_a_plugin_does_not_prove_itself),
        cmocka_unit_test(test_kept_by_an_earlier_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
