/* tb_life_step by table: every phase with every outcome of its call, and a take-over at every
 * phase. Single thread; owns nothing. */
#include "life_answers.h"

/* phase, outcome, what it holds -> the phase after it; "=" is the same phase, to try again later */
struct row {
    enum tb_op_kind kind;
    enum tb_phase phase;
    enum tb_result result;
    enum holds holds;
    const char *after;
    enum tb_op_state state;
};

#define ROW(kind, phase, result, holds, after)                                                     \
    {                                                                                              \
        kind, TB_PH_##phase, result, holds, after, TB_OPS_RUNNING                                  \
    }
#define END(kind, phase, result, holds, state)                                                     \
    {                                                                                              \
        kind, TB_PH_##phase, result, holds, "end", TB_OPS_##state                                  \
    }
#define SETTLES(kind, phase, result, holds, after)                                                 \
    {                                                                                              \
        kind, TB_PH_##phase, result, holds, after, TB_OPS_SETTLING                                 \
    }
#define NOT_DONE(kind, phase, after)                                                               \
    ROW(kind, phase, REFU, NOTHING, after), ROW(kind, phase, FAIL, NOTHING, after),                \
        ROW(kind, phase, UNSENT, NOTHING, after), ROW(kind, phase, UNKN, NOTHING, after)

static const struct row rows[] = {
    ROW(CREATE, IMAGE, DONE, YES, "controllers"),
    ROW(CREATE, IMAGE, DONE, NOTHING, "pull"),
    NOT_DONE(CREATE, IMAGE, "="),
    ROW(CREATE, PULL, DONE, NOTHING, "pull_wait"),
    ROW(CREATE, PULL, UNKN, NOTHING, "pull_wait"),
    ROW(CREATE, PULL, REFU, NOTHING, "burn_script"),
    ROW(CREATE, PULL, FAIL, NOTHING, "burn_script"),
    ROW(CREATE, PULL, UNSENT, NOTHING, "="),
    ROW(CREATE, PULL_WAIT, DONE, YES, "image"),
    ROW(CREATE, PULL_WAIT, DONE, NOTHING, "="),
    ROW(CREATE, PULL_WAIT, FAIL, NOTHING, "burn_script"),
    ROW(CREATE, PULL_WAIT, UNKN, NOTHING, "="),
    ROW(CREATE, CONTROLLERS, DONE, NOTHING, "script"),
    ROW(CREATE, CONTROLLERS, REFU, NOTHING, "burn_script"),
    ROW(CREATE, CONTROLLERS, FAIL, NOTHING, "="),
    ROW(CREATE, CONTROLLERS, UNSENT, NOTHING, "="),
    ROW(CREATE, CONTROLLERS, UNKN, NOTHING, "="),
    ROW(CREATE, SCRIPT, DONE, NOTHING, "verify"),
    ROW(CREATE, SCRIPT, REFU, NOTHING, "burn_script"),
    ROW(CREATE, SCRIPT, FAIL, NOTHING, "="),
    ROW(CREATE, SCRIPT, UNSENT, NOTHING, "="),
    ROW(CREATE, SCRIPT, UNKN, NOTHING, "="),
    ROW(CREATE, VERIFY, DONE, YES, "deploy"),
    ROW(CREATE, VERIFY, DONE, NOTHING, "="),
    NOT_DONE(CREATE, VERIFY, "="),
    ROW(CREATE, DEPLOY, DONE, NAMED, "container"),
    ROW(CREATE, DEPLOY, DONE, NOTHING, "look"),
    ROW(CREATE, DEPLOY, DONE, OTHERS, "look"),
    ROW(CREATE, DEPLOY, REFU, NOTHING, "burn_script"),
    ROW(CREATE, DEPLOY, FAIL, NOTHING, "look"),
    ROW(CREATE, DEPLOY, UNSENT, NOTHING, "="),
    ROW(CREATE, DEPLOY, UNKN, NOTHING, "look"),
    ROW(CREATE, LOOK, DONE, SEES_ONE, "container"),
    ROW(STOP, LOOK, DONE, SEES_ONE, "stop"),
    ROW(CREATE, LOOK, DONE, SEES_CREATED, "remove"),
    ROW(CREATE, LOOK, DONE, SEES_EXITED, "container"),
    END(CREATE, LOOK, DONE, SEES_TWO, CONFLICT),
    ROW(CREATE, LOOK, DONE, CLEAN_LOOK, "="),
    NOT_DONE(CREATE, LOOK, "="),
    ROW(CREATE, REMOVE, DONE, NOTHING, "burn_script"),
    NOT_DONE(CREATE, REMOVE, "burn_script"),
    ROW(CREATE, BURN_SCRIPT, DONE, NOTHING, "burn_controllers"),
    NOT_DONE(CREATE, BURN_SCRIPT, "="),
    ROW(CREATE, BURN_CONTROLLERS, DONE, NOTHING, "burn_check"),
    NOT_DONE(CREATE, BURN_CONTROLLERS, "="),
    SETTLES(CREATE, BURN_CHECK, DONE, YES, "settle_begin"),
    ROW(CREATE, BURN_CHECK, DONE, NOTHING, "burn_script"),
    NOT_DONE(CREATE, BURN_CHECK, "="),
    ROW(CREATE, SETTLE_BEGIN, DONE, PROMPT, "settle_end"),
    ROW(CREATE, SETTLE_BEGIN, DONE, NOTHING, "="),
    NOT_DONE(CREATE, SETTLE_BEGIN, "="),
    ROW(CREATE, SETTLE_END, DONE, PROMPT, "clean"),
    ROW(CREATE, SETTLE_END, DONE, NOTHING, "settle_begin"),
    NOT_DONE(CREATE, SETTLE_END, "settle_begin"),
    ROW(CREATE, CLEAN, DONE, CLEAN_LOOK, "="),
    ROW(CREATE, CLEAN, DONE, SEES_EXITED, "="),
    ROW(CREATE, CLEAN, DONE, SEES_ONE, "container"),
    ROW(CREATE, CLEAN, DONE, SEES_CREATED, "remove"),
    END(CREATE, CLEAN, DONE, SEES_TWO, CONFLICT),
    ROW(CREATE, CLEAN, DONE, NOTHING, "="),
    NOT_DONE(CREATE, CLEAN, "="),
    ROW(CREATE, STILL_GONE, DONE, YES, "controllers"),
    ROW(CREATE, STILL_GONE, DONE, NOTHING, "burn_script"),
    NOT_DONE(CREATE, STILL_GONE, "="),
    ROW(CREATE, CONTAINER, DONE, SILENT, "proof"),
    ROW(CREATE, CONTAINER, DONE, GONE, "="),
    END(CREATE, CONTAINER, DONE, EXITS, FAILED),
    NOT_DONE(CREATE, CONTAINER, "="),
    END(CREATE, PROOF, DONE, TRADES, SUCCEEDED),
    END(CREATE, PROOF, DONE, EXITS, FAILED),
    ROW(CREATE, PROOF, DONE, EMPTIES, "="),
    ROW(CREATE, PROOF, DONE, SILENT, "="),
    NOT_DONE(CREATE, PROOF, "="),
    END(STOP, INSPECT, DONE, EMPTIES, SUCCEEDED),
    END(STOP, INSPECT, DONE, EXITS, SUCCEEDED),
    END(STOP, INSPECT, DONE, EXITS_STALE, SUCCEEDED),
    END(STOP, INSPECT, DONE, GONE, SUCCEEDED),
    ROW(STOP, INSPECT, DONE, TRADES, "stop"),
    ROW(STOP, INSPECT, DONE, SILENT, "stop"),
    ROW(STOP, INSPECT, DONE, UNHEARD, "stop"),
    NOT_DONE(STOP, INSPECT, "stop"),
    END(START, INSPECT, DONE, TRADES, FAILED),
    ROW(START, INSPECT, DONE, EMPTIES, "halt"),
    ROW(START, INSPECT, DONE, SILENT, "="),
    ROW(START, INSPECT, DONE, UNHEARD, "="),
    ROW(START, INSPECT, DONE, EXITS, "boot"),
    ROW(START, INSPECT, DONE, EXITS_STALE, "="),
    ROW(START, INSPECT, DONE, GONE, "image"),
    NOT_DONE(START, INSPECT, "="),
    ROW(STOP, STOP, DONE, NOTHING, "stop_proof"),
    ROW(STOP, STOP, REFU, NOTHING, "stop_proof"),
    ROW(STOP, STOP, FAIL, NOTHING, "stop_proof"),
    ROW(STOP, STOP, UNSENT, NOTHING, "="),
    ROW(STOP, STOP, UNKN, NOTHING, "stop_proof"),
    END(STOP, STOP_PROOF, DONE, EMPTIES, SUCCEEDED),
    END(STOP, STOP_PROOF, DONE, EXITS, SUCCEEDED),
    END(STOP, STOP_PROOF, DONE, GONE, SUCCEEDED),
    ROW(STOP, STOP_PROOF, DONE, TRADES, "="),
    ROW(STOP, STOP_PROOF, DONE, SILENT, "="),
    ROW(STOP, STOP_PROOF, DONE, UNHEARD, "="),
    NOT_DONE(STOP, STOP_PROOF, "="),
    ROW(STOP, HALT, DONE, NOTHING, "halt_proof"),
    ROW(STOP, HALT, REFU, NOTHING, "="),
    ROW(STOP, HALT, FAIL, NOTHING, "halt_proof"),
    ROW(STOP, HALT, UNSENT, NOTHING, "="),
    ROW(STOP, HALT, UNKN, NOTHING, "halt_proof"),
    END(STOP, HALT_PROOF, DONE, EXITS, SUCCEEDED),
    END(STOP, HALT_PROOF, DONE, GONE, SUCCEEDED),
    ROW(START, HALT_PROOF, DONE, EXITS, "inspect"),
    ROW(STOP, HALT_PROOF, DONE, TRADES, "="),
    NOT_DONE(STOP, HALT_PROOF, "="),
    ROW(START, BOOT, DONE, NOTHING, "container"),
    END(START, BOOT, REFU, NOTHING, FAILED),
    ROW(START, BOOT, FAIL, NOTHING, "container"),
    ROW(START, BOOT, UNSENT, NOTHING, "="),
    ROW(START, BOOT, UNKN, NOTHING, "container"),
    ROW(RESTART, INSPECT, DONE, TRADES, "stop"),
    ROW(RESTART, INSPECT, DONE, EMPTIES, "inspect"),
    ROW(RESTART, INSPECT, DONE, EXITS, "inspect"),
    NOT_DONE(RESTART, INSPECT, "stop"),
    ROW(RESTART, STOP, DONE, NOTHING, "stop_proof"),
    ROW(RESTART, STOP_PROOF, DONE, EMPTIES, "inspect"),
    ROW(RESTART, STOP_PROOF, DONE, GONE, "inspect"),
    ROW(RESTART, STOP_PROOF, DONE, TRADES, "="),
    NOT_DONE(RESTART, STOP_PROOF, "="),
    ROW(ARCHIVE, INSPECT, DONE, TRADES, "stop"),
    ROW(ARCHIVE, INSPECT, DONE, EMPTIES, "archive_look"),
    ROW(ARCHIVE, STOP_PROOF, DONE, EMPTIES, "archive_look"),
    ROW(ARCHIVE, STOP_PROOF, DONE, TRADES, "="),
    ROW(ARCHIVE, ARCHIVE_LOOK, DONE, EMPTIES, "archive"),
    ROW(ARCHIVE, ARCHIVE_LOOK, DONE, SILENT, "archive"),
    ROW(ARCHIVE, ARCHIVE_LOOK, DONE, EXITS, "discard"),
    END(ARCHIVE, ARCHIVE_LOOK, DONE, GONE, SUCCEEDED),
    END(ARCHIVE, ARCHIVE_LOOK, DONE, TRADES, UNKNOWN),
    NOT_DONE(ARCHIVE, ARCHIVE_LOOK, "="),
    ROW(ARCHIVE, ARCHIVE, DONE, NOTHING, "archive_proof"),
    END(ARCHIVE, ARCHIVE, REFU, NOTHING, FAILED),
    ROW(ARCHIVE, ARCHIVE, FAIL, NOTHING, "archive_proof"),
    ROW(ARCHIVE, ARCHIVE, UNSENT, NOTHING, "="),
    ROW(ARCHIVE, ARCHIVE, UNKN, NOTHING, "archive_proof"),
    ROW(ARCHIVE, ARCHIVE_PROOF, DONE, EMPTIES, "archive"), /* its time is over */
    ROW(ARCHIVE, ARCHIVE_PROOF, DONE, EXITS, "discard"),
    END(ARCHIVE, ARCHIVE_PROOF, DONE, GONE, NOT_PROVEN),
    END(ARCHIVE, ARCHIVE_PROOF, DONE, TRADES, UNKNOWN),
    NOT_DONE(ARCHIVE, ARCHIVE_PROOF, "="),
    ROW(ARCHIVE, DISCARD, DONE, NOTHING, "discard_proof"),
    END(ARCHIVE, DISCARD, REFU, NOTHING, FAILED),
    ROW(ARCHIVE, DISCARD, FAIL, NOTHING, "discard_proof"),
    ROW(ARCHIVE, DISCARD, UNSENT, NOTHING, "="),
    ROW(ARCHIVE, DISCARD, UNKN, NOTHING, "discard_proof"),
    END(ARCHIVE, DISCARD_PROOF, DONE, GONE, SUCCEEDED),
    ROW(ARCHIVE, DISCARD_PROOF, DONE, EXITS, "="),
    NOT_DONE(ARCHIVE, DISCARD_PROOF, "="),
    ROW(REDEPLOY, IMAGE, DONE, YES, "burn_script"), /* nothing had been sent: no stop is needed */
    ROW(REDEPLOY, IMAGE, DONE, NOTHING, "pull"),
    NOT_DONE(REDEPLOY, IMAGE, "="),
    END(REDEPLOY, PULL, REFU, NOTHING, FAILED), /* and no file of what runs is deleted */
    END(REDEPLOY, PULL, FAIL, NOTHING, FAILED),
    END(REDEPLOY, PULL_WAIT, FAIL, NOTHING, FAILED),
    ROW(REDEPLOY, INSPECT, DONE, TRADES, "stop"),
    ROW(REDEPLOY, INSPECT, DONE, EMPTIES, "halt"),
    ROW(REDEPLOY, INSPECT, DONE, EXITS, "controllers"),
    NOT_DONE(REDEPLOY, INSPECT, "stop"),
    ROW(REDEPLOY, STOP_PROOF, DONE, EMPTIES, "halt"),
    ROW(REDEPLOY, STOP_PROOF, DONE, GONE, "controllers"),
    ROW(REDEPLOY, STOP_PROOF, DONE, TRADES, "="),
    NOT_DONE(REDEPLOY, STOP_PROOF, "="),
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        struct tb_life s = amid(r->kind, r->phase), next;
        struct tb_observation o = answer(r->result, r->holds);
        struct tb_intent intent;
        const char *after = strcmp(r->after, "=") == 0 ? tb_phase_word(r->phase) : r->after;
        o.hold = true; /* only where it leads; nothing may be asked for */
        tb_life_step(&s, &o, NOW, &next, &intent);
        if (strcmp(tb_phase_word(next.phase), after) != 0 || next.state != r->state)
            fail_msg("row %zu: %s %s, result %d, holds %d: %s %s instead of %s %s (%s)", i,
                     tb_op_kind_word(r->kind), tb_phase_word(r->phase), (int)r->result,
                     (int)r->holds, tb_op_state_word(next.state), tb_phase_word(next.phase),
                     tb_op_state_word(r->state), after, next.reason);
        assert_int_equal(intent.act, TB_ACT_NONE);
        assert_false(next.inflight);
        /* The same phase again is never at once: no answer makes a busy loop. */
        if (strcmp(r->after, "=") == 0)
            assert_true(next.next_at > NOW);
        if (tb_op_state_final(next.state) && next.state != TB_OPS_SUCCEEDED)
            assert_true(next.reason[0] && next.detail[0]);
    }
}

/* After a crash: a write under way counts as unknown, a read is repeated, a wait begins anew. */
static void test_taken_over(void **state)
{
    static const char *const after[TB_PHASE_COUNT] = {
        [TB_PH_PULL] = "pull_wait",          [TB_PH_DEPLOY] = "look",
        [TB_PH_REMOVE] = "burn_script",      [TB_PH_SETTLE_END] = "settle_begin",
        [TB_PH_CLEAN] = "settle_begin",      [TB_PH_STOP] = "stop_proof",
        [TB_PH_HALT] = "halt_proof",         [TB_PH_BOOT] = "container",
        [TB_PH_STILL_GONE] = "settle_begin", [TB_PH_ARCHIVE] = "archive_proof",
        [TB_PH_DISCARD] = "discard_proof",
    };
    (void)state;
    for (int p = 0; p < TB_PH_END; p++) {
        for (int lost = 0; lost < 2; lost++) {
            bool runs = p >= TB_PH_STOP && p <= TB_PH_HALT_PROOF;
            struct tb_life s = amid(p == TB_PH_BOOT  ? START
                                    : runs           ? STOP
                                    : p > TB_PH_BOOT ? ARCHIVE
                                                     : CREATE,
                                    (enum tb_phase)p);
            struct tb_observation o = {.kind = TB_OBS_TAKEN_OVER, .fresh_nonce = FRESH};
            struct tb_life next;
            struct tb_intent intent;
            bool waits = p == TB_PH_SETTLE_END || p == TB_PH_CLEAN || p == TB_PH_STILL_GONE;
            const char *word =
                (lost || waits) && after[p] ? after[p] : tb_phase_word((enum tb_phase)p);
            s.inflight = lost;
            s.phase_at = s.next_at = NOW - 86400000; /* a day without a bridge */
            o.hold = true;
            tb_life_step(&s, &o, NOW, &next, &intent);
            assert_string_equal(tb_phase_word(next.phase), word);
            assert_false(tb_op_state_final(next.state));
            assert_int_equal(next.phase_at, NOW);
            if (p == TB_PH_BOOT && lost)
                assert_true(next.doubt_until > NOW + 120000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
