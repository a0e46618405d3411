/* observe(): what the newest sight of a bot without an open operation means, by table. Single
 * thread; owns nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "bots/bots_private.h"

#define NOW 10000000

enum seen { NO_REPORT, EMPTY, TRADING };

/* state, reason and intent before; container, report, its age in ms, heard on MQTT -> after */
static const struct {
    const char *state, *reason, *intent;
    enum tb_container container;
    enum seen seen;
    int64_t age;
    bool active;
    const char *state_after, *reason_after;
} rows[] = {
    /* as asked */
    {"running", "", "run", TB_CT_RUNNING, TRADING, 1000, true, "running", ""},
    {"stopped", "", "stop", TB_CT_RUNNING, EMPTY, 1000, true, "stopped", ""},
    {"stopped", "", "stop", TB_CT_EXITED, NO_REPORT, 1000, false, "stopped", ""},
    {"stopped", "", "stop", TB_CT_ABSENT, NO_REPORT, 900000, false, "stopped", ""},
    /* it ended although nobody asked: a crash is not a stop */
    {"running", "", "run", TB_CT_EXITED, TRADING, 1000, true, "failed", "crashed"},
    {"stale", "silent", "run", TB_CT_EXITED, NO_REPORT, 90000, false, "failed", "crashed"},
    {"unknown", "not_proven", "run", TB_CT_EXITED, NO_REPORT, 1000, false, "failed", "crashed"},
    {"failed", "crashed", "run", TB_CT_EXITED, NO_REPORT, 1000, false, "failed", "crashed"},
    {"running", "", "run", TB_CT_RUNNING, EMPTY, 1000, true, "stopped", "stopped_by_itself"},
    {"stopped", "stopped_by_itself", "run", TB_CT_EXITED, NO_REPORT, 1000, false, "stopped",
     "stopped_by_itself"},
    /* it trades although a person stopped it: said, never acted upon */
    {"stopped", "", "stop", TB_CT_RUNNING, TRADING, 1000, true, "running", "reappeared"},
    {"unknown", "stop_not_proven", "stop", TB_CT_RUNNING, TRADING, 1000, true, "running",
     "reappeared"},
    {"running", "reappeared", "stop", TB_CT_RUNNING, EMPTY, 1000, true, "stopped", ""},
    {"running", "reappeared", "stop", TB_CT_EXITED, NO_REPORT, 1000, false, "stopped", ""},
    /* silence */
    {"running", "", "run", TB_CT_RUNNING, TRADING, 61000, true, "stale", "silent"},
    {"degraded", "", "run", TB_CT_RUNNING, TRADING, 1000, true, "running", ""},
    {"stale", "report_frozen", "run", TB_CT_RUNNING, TRADING, 1000, true, "running", ""},
    {"running", "", "run", TB_CT_RUNNING, NO_REPORT, 59000, true, "running", ""},
    {"running", "", "run", TB_CT_RUNNING, NO_REPORT, 61000, true, "stale", "no_report"},
    {"running", "", "run", TB_CT_RUNNING, NO_REPORT, 61000, false, "stale", "silent"},
    {"stopped", "", "stop", TB_CT_RUNNING, NO_REPORT, 900000, true, "stopped", ""},
    {"unknown", "not_proven", "run", TB_CT_RUNNING, NO_REPORT, 900000, true, "unknown",
     "not_proven"},
    /* it is not there: unknown, never stopped */
    {"running", "", "run", TB_CT_ABSENT, TRADING, 30000, true, "running", ""},
    {"running", "", "run", TB_CT_ABSENT, TRADING, 61000, false, "unknown", "gone"},
    {"failed", "crashed", "run", TB_CT_ABSENT, NO_REPORT, 900000, false, "failed", "crashed"},
    {"unknown", "gone", "run", TB_CT_RUNNING, TRADING, 1000, true, "running", ""},
    {"unknown", "gone", "stop", TB_CT_EXITED, NO_REPORT, 1000, false, "stopped", ""},
    /* no look, no conclusion */
    {"running", "", "run", TB_CT_UNSEEN, NO_REPORT, 900000, false, "running", ""},
    {"unknown", "not_proven", "run", TB_CT_UNSEEN, TRADING, 0, true, "unknown", "not_proven"},
    /* a created container does not run */
    {"failed", "not_created", "run", TB_CT_CREATED, NO_REPORT, 0, false, "failed", "not_created"},
};

static void test_rows(void **context)
{
    (void)context;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sight sight = {.container = rows[i].container,
                              .reported = rows[i].seen != NO_REPORT,
                              .trading = rows[i].seen == TRADING,
                              .active = rows[i].active,
                              .at = NOW,
                              .report_at = NOW - rows[i].age};
        enum tb_bot_state state;
        char reason[32];
        bool same = strcmp(rows[i].state, rows[i].state_after) == 0 &&
                    strcmp(rows[i].reason, rows[i].reason_after) == 0;
        assert_true(bot_state_find(rows[i].state, &state));
        tb_copy(reason, sizeof reason, rows[i].reason);
        bool changed = observe(&state, reason, rows[i].intent, &sight, NOW);
        if (strcmp(bot_state_word(state), rows[i].state_after) != 0 ||
            strcmp(reason, rows[i].reason_after) != 0 || changed == same)
            fail_msg("row %zu: %s/%s became %s/%s (%s), not %s/%s", i, rows[i].state,
                     rows[i].reason, bot_state_word(state), reason, changed ? "changed" : "same",
                     rows[i].state_after, rows[i].reason_after);
        /* What was seen once is not news the second time. */
        assert_false(observe(&state, reason, rows[i].intent, &sight, NOW));
    }
}

/* It is heard, but what it says does not change although it must. */
static void test_frozen(void **context)
{
    struct sight sight = {.container = TB_CT_RUNNING,
                          .reported = true,
                          .trading = true,
                          .active = true,
                          .frozen = true,
                          .report_at = NOW};
    enum tb_bot_state state = TB_BOT_RUNNING;
    char reason[32] = "";
    (void)context;
    assert_true(observe(&state, reason, "run", &sight, NOW));
    assert_int_equal(state, TB_BOT_STALE);
    assert_string_equal(reason, "report_frozen");
    sight.frozen = false;
    assert_true(observe(&state, reason, "run", &sight, NOW));
    assert_int_equal(state, TB_BOT_RUNNING);
    assert_string_equal(reason, "");
    sight.frozen = true;
    assert_true(observe(&state, reason, "stop", &sight, NOW));
    assert_string_equal(reason, "reappeared"); /* the worse news */
}

/* Upstream answers 500 for this bot alone: that is not silence. */
static void test_unreadable(void **context)
{
    struct sight sight = {.container = TB_CT_RUNNING, .unreadable = true, .report_at = NOW - 61000};
    enum tb_bot_state state = TB_BOT_RUNNING;
    char reason[32] = "";
    (void)context;
    assert_true(observe(&state, reason, "run", &sight, NOW));
    assert_int_equal(state, TB_BOT_STALE);
    assert_string_equal(reason, "report_unreadable");
}

static void test_words(void **context)
{
    enum tb_bot_state found;
    (void)context;
    for (int s = 0; s < TB_BOT_STATE_COUNT; s++) {
        assert_true(bot_state_find(bot_state_word((enum tb_bot_state)s), &found));
        assert_int_equal(found, s);
        assert_non_null(bot_state_status((enum tb_bot_state)s));
    }
    assert_false(bot_state_find("", &found));
    assert_false(bot_state_find("Running", &found));
    assert_string_equal(bot_state_status(TB_BOT_UNKNOWN), "error");
    assert_string_equal(bot_state_status(TB_BOT_SETTLING), "starting");
    assert_string_equal(bot_state_status(TB_BOT_STALE), "running");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_frozen),
                                       cmocka_unit_test(test_unreadable),
                                       cmocka_unit_test(test_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
