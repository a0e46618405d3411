/* The watchdogs: what reports, log lines and configs say, and what that makes of a bot, on given
 * times. Single thread; owns nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "bots/bots_private.h"

#define NOW    INT64_C(1790000000000)
#define MINUTE INT64_C(60000)

static struct tb_json_doc *json(const char *text)
{
    struct tb_error err = {0};
    struct tb_json_doc *doc = tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, &err);
    if (!doc)
        fail_msg("%s: %s", text, err.detail);
    return doc;
}

static void slice(struct bot *bot, const char *text, int64_t log_from, int64_t now)
{
    struct tb_json_doc *doc = json(text);
    watch_read_slice(&bot->notes, tb_json_root(doc), log_from, now);
    tb_json_free(doc);
}

static void configs(struct bot *bot, const char *text)
{
    struct tb_json_doc *doc = json(text);
    watch_read_wait(&bot->notes, tb_json_root(doc));
    tb_json_free(doc);
}

static struct bot *fresh(void)
{
    struct bot *bot = bot_new();
    bot->managed = true;
    bot->state = TB_BOT_RUNNING;
    return bot;
}

/* One look: observe() said `base` and `verdict`. What changed, as a word list; the bot follows. */
static uint32_t look(struct bot *bot, enum tb_bot_state base, const char *verdict, int64_t now)
{
    char reason[32];
    uint32_t changed;
    tb_copy(reason, sizeof reason, bot->reason);
    watch_before(bot, reason);
    if (verdict)
        tb_copy(reason, sizeof reason, verdict);
    changed = watch_after(bot, &base, reason, now);
    bot->state = base;
    tb_copy(bot->reason, sizeof bot->reason, reason);
    return changed;
}

#define RAISED(bot, name) ((bot)->watch[TB_WATCH_##name].since != 0)
#define BIT(name)         (1u << TB_WATCH_##name)

/* ---- trading or not ---- */

#define PMM                                                                                        \
    "[{\"controller_type\":\"market_making\",\"controller_name\":\"pmm_simple\","                  \
    "\"executor_refresh_time\":60,\"_config_name\":\"a\"}]"

static const char quiet[] = "{\"performance\":{\"a\":{\"performance\":{\"volume_traded\":10.0,"
                            "\"realized_pnl_quote\":1,\"unrealized_pnl_quote\":0.0,"
                            "\"close_type_counts\":{\"CloseType.FAILED\":%d,"
                            "\"CloseType.EARLY_STOP\":%d}},\"custom_info\":{}}}}";

static void quiet_slice(struct bot *bot, int failed, int refreshed, int64_t now)
{
    char text[512];
    snprintf(text, sizeof text, quiet, failed, refreshed);
    slice(bot, text, 0, now);
}

static void test_not_trading(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    quiet_slice(bot, 0, 0, NOW);
    /* Without its configs nobody knows how long it may be quiet. */
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW + 20 * MINUTE), 0);
    configs(bot, PMM);
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW + 14 * MINUTE), 0);
    /* Executors that only fail are no trading. */
    quiet_slice(bot, 40, 0, NOW + 14 * MINUTE);
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW + 15 * MINUTE), BIT(NOT_TRADING));
    assert_int_equal(bot->state, TB_BOT_DEGRADED);
    assert_string_equal(bot->reason, "running_but_not_trading");
    assert_int_equal(bot->watch[TB_WATCH_NOT_TRADING].since, NOW + 15 * MINUTE);
    /* Once: the next look brings no news, and the time stays. */
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW + 16 * MINUTE), 0);
    assert_int_equal(bot->watch[TB_WATCH_NOT_TRADING].since, NOW + 15 * MINUTE);
    /* A refresh ends it. */
    quiet_slice(bot, 40, 1, NOW + 17 * MINUTE);
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW + 17 * MINUTE), BIT(NOT_TRADING));
    assert_int_equal(bot->state, TB_BOT_RUNNING);
    assert_string_equal(bot->reason, "");
    bot_free(bot);
}

static const struct {
    const char *configs, *figures, *custom;
    int64_t quiet; /* not yet after this long ... */
    int64_t news;  /* ... but after this; 0: never */
} waits[] = {
    {PMM, "{}", "{}", 14, 15},
    /* a position is held: it waits for its exit */
    {PMM, "{\"unrealized_pnl_quote\":-0.5}", "{}", 9999, 0},
    {PMM, "{\"positions_summary\":[{\"amount\":1}]}", "{}", 9999, 0},
    /* three refreshes */
    {"[{\"controller_type\":\"market_making\",\"controller_name\":\"pmm_simple\","
     "\"executor_refresh_time\":3600}]",
     "{}", "{}", 179, 180},
    /* a grid with orders in the book trades; without any it does not; unknown is waited for long */
    {"[{\"controller_type\":\"generic\",\"controller_name\":\"grid_strike\"}]", "{}",
     "{\"levels_by_state\":{\"OPEN_ORDER_PLACED\":[1]}}", 9999, 0},
    {"[{\"controller_type\":\"generic\",\"controller_name\":\"grid_strike\"}]", "{}",
     "{\"levels_by_state\":{\"CLOSE_ORDER_PLACED\":2}}", 9999, 0},
    {"[{\"controller_type\":\"generic\",\"controller_name\":\"grid_strike\"}]", "{}",
     "{\"levels_by_state\":{\"NOT_ACTIVE\":[1,2]}}", 14, 15},
    {"[{\"controller_type\":\"generic\",\"controller_name\":\"grid_strike\"}]", "{}", "{}", 1439,
     1440},
    {"[{\"controller_type\":\"generic\",\"controller_name\":\"pmm_mister\"}]", "{}", "{}", 14, 15},
    /* waits for a signal */
    {"[{\"controller_type\":\"directional_trading\",\"controller_name\":\"supertrend_v1\"}]", "{}",
     "{}", 1439, 1440},
    /* the most patient of several decides */
    {"[{\"controller_type\":\"market_making\",\"controller_name\":\"pmm_simple\"},"
     "{\"controller_type\":\"generic\",\"controller_name\":\"arbitrage_controller\"}]",
     "{}", "{}", 1439, 1440},
};

static void test_waits(void **context)
{
    (void)context;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        struct bot *bot = fresh();
        char text[512];
        snprintf(text, sizeof text,
                 "{\"performance\":{\"a\":{\"performance\":%s,\"custom_info\":%s}}}",
                 waits[i].figures, waits[i].custom);
        slice(bot, text, 0, NOW);
        configs(bot, waits[i].configs);
        (void)look(bot, TB_BOT_RUNNING, "", NOW + waits[i].quiet * MINUTE);
        if (RAISED(bot, NOT_TRADING))
            fail_msg("row %zu: raised too early", i);
        if (waits[i].news)
            (void)look(bot, TB_BOT_RUNNING, "", NOW + waits[i].news * MINUTE);
        if (RAISED(bot, NOT_TRADING) != (waits[i].news != 0))
            fail_msg("row %zu: %s", i, waits[i].news ? "not raised" : "raised");
        bot_free(bot);
    }
}

/* ---- frozen ---- */

static void test_frozen(void **context)
{
    static const char held[] = "{\"performance\":{\"a\":{\"performance\":{\"unrealized_pnl_quote\":"
                               "1.5}}},\"general_logs\":[{\"msg\":\"%d\",\"timestamp\":1.0}]}";
    struct bot *bot = fresh();
    char text[256];
    (void)context;
    for (int i = 0; i <= 5; i++) { /* new log lines are no new report */
        snprintf(text, sizeof text, held, i);
        slice(bot, text, 0, NOW + i * MINUTE);
    }
    assert_false(watch_frozen(&bot->notes, NOW + 5 * MINUTE - 1));
    assert_true(watch_frozen(&bot->notes, NOW + 5 * MINUTE));
    slice(bot, "{\"performance\":{\"a\":{\"performance\":{\"unrealized_pnl_quote\":1.6}}}}", 0,
          NOW + 5 * MINUTE);
    assert_false(watch_frozen(&bot->notes, NOW + 6 * MINUTE));
    /* Who holds nothing may report the same for hours. */
    slice(bot, "{\"performance\":{\"a\":{\"performance\":{\"unrealized_pnl_quote\":0.0}}}}", 0,
          NOW + 6 * MINUTE);
    assert_false(watch_frozen(&bot->notes, NOW + 600 * MINUTE));
    bot_free(bot);
}

/* ---- limits ---- */

#define LINE(at, text) "{\"msg\":\"" text "\",\"timestamp\":" at "}"

static void logs(struct bot *bot, const char *lines, int64_t log_from)
{
    char text[1024];
    snprintf(text, sizeof text, "{\"general_logs\":[%s]}", lines);
    slice(bot, text, log_from, NOW);
}

static void test_limits(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    logs(bot, LINE("100.5", "Controller a-1 reached max drawdown. Stopping the controller."), 0);
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW), BIT(STOPPED_BY_LIMIT));
    assert_int_equal(bot->state, TB_BOT_DEGRADED);
    assert_non_null(strstr(bot->watch[TB_WATCH_STOPPED_BY_LIMIT].detail, "loss limit of a-1"));
    /* The whole bot: once it is empty it is stopped, for this reason, container or not. */
    logs(bot, LINE("101.5", "Global drawdown reached. Stopping the strategy."), 0);
    assert_int_equal(look(bot, TB_BOT_STOPPED, "stopped_by_itself", NOW), 0);
    assert_int_equal(bot->state, TB_BOT_STOPPED);
    assert_string_equal(bot->reason, "stopped_by_limit");
    assert_int_equal(look(bot, TB_BOT_STOPPED, NULL, NOW), 0);
    assert_string_equal(bot->reason, "stopped_by_limit");
    assert_false(RAISED(bot, STOPPED_BY_ITSELF));
    /* Somebody started it beside the bridge: it trades again, and the limit is over. */
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW), BIT(STOPPED_BY_LIMIT));
    assert_string_equal(bot->reason, "");
    /* The old lines are still listed, but read. */
    logs(bot, LINE("101.5", "Global drawdown reached. Stopping the strategy."), 0);
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW), 0);
    bot_free(bot);

    bot = fresh(); /* a kill switch is thrown and taken back */
    logs(bot, LINE("1.0", "Manual cash out for controller x-1."), 0);
    (void)look(bot, TB_BOT_RUNNING, "", NOW);
    assert_true(RAISED(bot, STOPPED_BY_LIMIT));
    assert_non_null(
        strstr(bot->watch[TB_WATCH_STOPPED_BY_LIMIT].detail, "manual kill switch of x-1"));
    logs(bot, LINE("2.0", "Restarting controller x-1."), 0);
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW), BIT(STOPPED_BY_LIMIT));
    assert_int_equal(bot->state, TB_BOT_RUNNING);
    bot_free(bot);

    bot = fresh(); /* a line from before this start; one without a controller's name */
    logs(bot, LINE("50.0", "Global drawdown reached."), 60000);
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW), 0);
    logs(bot, LINE("61.0", "Controller  reached max drawdown."), 60000);
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW), BIT(STOPPED_BY_LIMIT));
    /* Nobody wants it to run: nothing to say. */
    tb_copy(bot->intent, sizeof bot->intent, "stop");
    assert_int_equal(look(bot, TB_BOT_STOPPED, "", NOW), BIT(STOPPED_BY_LIMIT));
    bot_free(bot);
}

/* ---- errors ---- */

static void errors(struct bot *bot, int from, int to, int64_t now)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_buffer_puts(&text, "{\"error_logs\":[");
    for (int i = from; i < to; i++)
        tb_buffer_printf(&text, "%s{\"msg\":\"e\",\"timestamp\":%d.5}", i == from ? "" : ",", i);
    tb_buffer_puts(&text, "]}");
    slice(bot, text.data, 0, now);
    tb_buffer_free(&text);
}

static void test_errors(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    errors(bot, 1, 90, NOW); /* stood there when the bridge came */
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW), 0);
    errors(bot, 1, 93, NOW + MINUTE); /* three more */
    errors(bot, 1, 99, NOW + 2 * MINUTE);
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW + 2 * MINUTE), 0);
    errors(bot, 1, 100, NOW + 2 * MINUTE);
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW + 2 * MINUTE), BIT(ERRORS_RISING));
    assert_int_equal(bot->state, TB_BOT_DEGRADED);
    /* Three leave the five minutes; seven are still too many; then all have left. */
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW + 6 * MINUTE), 0);
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW + 7 * MINUTE), BIT(ERRORS_RISING));
    assert_int_equal(bot->state, TB_BOT_RUNNING);
    /* Times that are none, or far ahead, do no harm. */
    slice(bot,
          "{\"error_logs\":[{\"msg\":\"x\",\"timestamp\":\"soon\"},{\"msg\":\"y\",\"timestamp\":"
          "1e300},{\"timestamp\":-4},{},7]}",
          0, NOW + 6 * MINUTE);
    assert_int_equal(watch_errors_until(&bot->notes, NOW - 1000 * MINUTE), 0);
    bot_free(bot);
}

/* ---- the rest ---- */

static void test_drawdown(void **context)
{
    static const struct {
        int pct;
        bool raised;
    } steps[] = {{-1, false}, {79, false}, {80, true}, {71, true},
                 {69, false}, {79, false}, {300, true}};
    struct bot *bot = fresh();
    (void)context;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        bot->notes.drawdown_pct = steps[i].pct;
        (void)look(bot, TB_BOT_RUNNING, "", NOW);
        assert_int_equal(RAISED(bot, DRAWDOWN_NEAR_LIMIT), steps[i].raised);
        assert_int_equal(bot->state, steps[i].raised ? TB_BOT_DEGRADED : TB_BOT_RUNNING);
    }
    bot_free(bot);
}

static void drift(struct bot *bot, const char *differences)
{
    struct tb_json_doc *doc = json(differences);
    char before[WATCH_TEXT];
    tb_copy(before, sizeof before, bot->notes.drift);
    /* What only one look saw is no news yet; that there is none any more is believed at once. */
    if (watch_read_drift(&bot->notes, tb_json_root(doc))) {
        assert_string_equal(bot->notes.drift, before);
        assert_false(watch_read_drift(&bot->notes, tb_json_root(doc)));
    }
    tb_json_free(doc);
}

static void test_differences(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    drift(bot, "[{\"file\":\"f-1\",\"field\":\"leverage\",\"planned\":1,\"found\":20},{}]");
    assert_string_equal(bot->notes.drift, "leverage of f-1 is 20, the bridge wrote 1.");
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW), BIT(FILES_DRIFTED));
    assert_int_equal(bot->state, TB_BOT_RUNNING); /* it trades as before */
    assert_string_equal(bot->reason, "files_drifted");
    drift(bot, "[{\"file\":\"f-2\",\"planned\":{\"a\":1}}]");
    assert_string_equal(bot->notes.drift, "The config f-2 is missing.");
    drift(bot, "[{\"file\":\"f-3\",\"found\":{\"a\":1}}]");
    assert_string_equal(bot->notes.drift, "The config f-3 is none that the bridge wrote.");
    drift(bot, "[]");
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW), BIT(FILES_DRIFTED));
    tb_copy(bot->image, sizeof bot->image, "hummingbot/hummingbot:version-2.16.0");
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW), 0); /* not seen is not changed */
    tb_copy(bot->notes.image, sizeof bot->notes.image, "3c5f");
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW), BIT(IMAGE_CHANGED));
    tb_copy(bot->notes.image, sizeof bot->notes.image, bot->image);
    tb_copy(bot->notes.credentials, WATCH_TEXT, "gone");
    tb_copy(bot->notes.version, WATCH_TEXT, "other");
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW),
                     BIT(IMAGE_CHANGED) | BIT(CREDENTIALS_ROTATED) | BIT(VERSION_CHANGED));
    assert_string_equal(bot->reason, "credentials_rotated");
    /* Another start begins anew, but the container's image was seen. */
    watch_forget(&bot->notes, NOW);
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW),
                     BIT(CREDENTIALS_ROTATED) | BIT(VERSION_CHANGED));
    assert_string_equal(bot->notes.image, bot->image);
    bot_free(bot);
}

static void test_strongest(void **context)
{
    struct bot *bot = fresh();
    (void)context;
    tb_copy(bot->notes.drift, WATCH_TEXT, "differs");
    bot->notes.drawdown_pct = 90;
    assert_int_equal(look(bot, TB_BOT_RUNNING, "", NOW),
                     BIT(FILES_DRIFTED) | BIT(DRAWDOWN_NEAR_LIMIT));
    assert_string_equal(bot->reason, "drawdown_near_limit");
    assert_int_equal(look(bot, TB_BOT_STALE, "silent", NOW), BIT(SILENT));
    assert_string_equal(bot->reason, "silent");
    assert_int_equal(bot->state, TB_BOT_STALE);
    /* It ended: what needs a bot at work is over. */
    assert_int_equal(look(bot, TB_BOT_FAILED, "crashed", NOW),
                     BIT(SILENT) | BIT(CRASHED) | BIT(FILES_DRIFTED) | BIT(DRAWDOWN_NEAR_LIMIT));
    assert_string_equal(bot->reason, "crashed");
    assert_int_equal(look(bot, TB_BOT_FAILED, NULL, NOW), 0);
    assert_string_equal(bot->reason, "crashed");
    /* An operation's own reason stays its own. */
    tb_copy(bot->reason, sizeof bot->reason, "not_proven");
    bot->state = TB_BOT_UNKNOWN;
    assert_int_equal(look(bot, TB_BOT_UNKNOWN, NULL, NOW), BIT(CRASHED));
    assert_string_equal(bot->reason, "not_proven");
    bot_free(bot);
}

static void test_table(void **context)
{
    (void)context;
    for (int i = 0; i < TB_WATCH_COUNT; i++) {
        const struct tb_watch_row *row = tb_watch_row((enum tb_watch)i);
        enum tb_bot_state state;
        assert_true(strlen(row->code) < sizeof((struct bot *)NULL)->reason);
        assert_true(strlen(row->text) > 20);
        assert_true(!row->state[0] || bot_state_find(row->state, &state));
        assert_true(strcmp(row->level, "error") == 0 || strcmp(row->level, "warning") == 0 ||
                    strcmp(row->level, "info") == 0);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(row->code, tb_watch_row((enum tb_watch)j)->code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_trading), cmocka_unit_test(test_waits),
        cmocka_unit_test(test_frozen),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_errors),      cmocka_unit_test(test_drawdown),
        cmocka_unit_test(test_differences), cmocka_unit_test(test_strongest),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
