/* tb_life_step by table: every phase with every outcome of its call, a take-over at every phase,
 * what begins where, and the guards that random walks cannot reach. Single thread; owns nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "bots/life.h"

#define NOW      1000000
#define BASE     "hummingbot-x-0a0a0a0a"
#define INSTANCE BASE "-20260101-000000"
#define FRESH    "0b0b0b0b"

/* What the answer holds, beside its outcome. */
enum holds {
    NOTHING,
    YES,
    PROMPT,
    NAMED,
    OTHERS, /* an instance that is not ours */
    TRADES,
    EMPTIES,
    SILENT,
    EXITS,
    EXITS_STALE,
    GONE,
    UNHEARD, /* the container runs, its status could not be read */
    SEES_ONE,
    SEES_TWO,
    SEES_CREATED,
    SEES_EXITED,
    CLEAN_LOOK,
};

static struct tb_observation answer(enum tb_result result, enum holds holds)
{
    struct tb_observation o = {.kind = TB_OBS_RESULT,
                               .result = result,
                               .code = TB_UPSTREAM_UNKNOWN,
                               .fresh_nonce = FRESH,
                               .detail = "as it went"};
    static const struct {
        enum tb_container container;
        bool heard, reported, trading, active;
    } views[] = {
        [TRADES] = {TB_CT_RUNNING, true, true, true, true},
        [EMPTIES] = {TB_CT_RUNNING, true, true, false, true},
        [SILENT] = {TB_CT_RUNNING, true, false, false, false},
        [EXITS] = {TB_CT_EXITED, true, false, false, false},
        [EXITS_STALE] = {TB_CT_EXITED, true, true, true, true},
        [GONE] = {TB_CT_ABSENT, true, false, false, false},
        [UNHEARD] = {TB_CT_RUNNING, false, false, false, false},
    };
    if (holds >= TRADES && holds <= UNHEARD) {
        o.container = views[holds].container;
        o.heard = views[holds].heard;
        o.reported = views[holds].reported;
        o.trading = views[holds].trading;
        o.active = views[holds].active;
    }
    o.yes = holds == YES;
    o.prompt = o.lists = holds == PROMPT || holds == CLEAN_LOOK || holds >= SEES_ONE;
    if (holds == NAMED || holds == OTHERS)
        tb_copy(o.instance, sizeof o.instance,
                holds == NAMED ? INSTANCE : BASE "b-20260101-000000");
    if (holds >= SEES_ONE && holds <= SEES_EXITED) {
        o.hits = holds == SEES_TWO ? 2 : 1;
        for (int i = 0; i < o.hits; i++) {
            snprintf(o.hit[i].instance, sizeof o.hit[i].instance, "%s-20260101-00000%d", BASE, i);
            o.hit[i].container = holds == SEES_CREATED  ? TB_CT_CREATED
                                 : holds == SEES_EXITED ? TB_CT_EXITED
                                                        : TB_CT_RUNNING;
        }
    }
    return o;
}

/* A life in the middle of `phase`, its call under way. */
static struct tb_life amid(enum tb_op_kind kind, enum tb_phase phase)
{
    struct tb_life s = {.kind = kind,
                        .state = TB_OPS_RUNNING,
                        .phase = phase,
                        .inflight = true,
                        .nonce = "0a0a0a0a",
                        .base = BASE,
                        .stem = "hummingbot-x-",
                        .attempts = 1,
                        .controllers = 1,
                        .keep_container = true,
                        .reports = true,
                        .may_pull = true,
                        .began_at = NOW - 1000,
                        .phase_at = NOW - 1000,
                        .sent_at = NOW - 1000};
    s.sent = phase >= TB_PH_DEPLOY;
    s.stopped = phase >= TB_PH_ARCHIVE_LOOK;
    s.burnt = phase >= TB_PH_BURN_CONTROLLERS && phase <= TB_PH_STILL_GONE;
    if (phase == TB_PH_REMOVE || phase >= TB_PH_CONTAINER)
        tb_copy(s.instance, sizeof s.instance, INSTANCE);
    return s;
}

#define CREATE   TB_OP_CREATE
#define START    TB_OP_START
#define STOP     TB_OP_STOP
#define RESTART  TB_OP_RESTART
#define ARCHIVE  TB_OP_ARCHIVE
#define REDEPLOY TB_OP_REDEPLOY
#define DONE     TB_RES_DONE
#define REFU     TB_RES_REFUSED
#define FAIL     TB_RES_FAILED
#define UNSENT   TB_RES_UNSENT
#define UNKN     TB_RES_UNKNOWN

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

/* The process ended, the wall's clock was put back by two hours, and the bridge started again. What
 * may execute late is waited for as long as ever, not two hours more. */
static void test_clock_put_back(void **state)
{
    const int64_t back = NOW - 7200000;
    struct tb_observation ended = answer(DONE, EXITS), over = {.kind = TB_OBS_TAKEN_OVER};
    struct tb_intent intent;
    struct tb_life s = amid(START, TB_PH_CONTAINER), next;
    (void)state;
    s.phase_at = NOW;
    s.doubt_until = NOW + 170000;
    s.taken_until = NOW + 60000;
    tb_life_step(&s, &over, back, &s, &intent);
    assert_int_equal(s.doubt_until, back + 170000);
    assert_int_equal(s.taken_until, back + 60000);
    assert_int_equal(s.sent_at, back - 1000);
    assert_int_equal(s.settle_at, 0);
    tb_life_step(&s, &ended, back + 169000, &next, &intent);
    assert_int_equal(next.phase, TB_PH_CONTAINER);
    tb_life_step(&s, &ended, back + 170000, &next, &intent);
    assert_int_equal(next.state, TB_OPS_FAILED);
    /* A bot whose operation had ended before is commanded after it. */
    s = amid(START, TB_PH_END);
    s.state = TB_OPS_UNKNOWN;
    s.phase_at = NOW;
    s.doubt_until = NOW + 170000;
    tb_life_begin(&next, STOP, &s, false, FRESH, back);
    assert_int_equal(next.doubt_until, back + 170000);
    assert_int_equal(next.began_at, back);
}

static struct tb_intent tick(struct tb_life *s, int64_t now)
{
    struct tb_observation o = {.kind = TB_OBS_TICK, .fresh_nonce = FRESH};
    struct tb_intent intent;
    tb_life_step(s, &o, now, s, &intent);
    return intent;
}

static void test_guards(void **state)
{
    struct tb_life s;
    (void)state;
    /* a nonce that was sent, or is burnt, is never deployed (again) */
    for (int i = 0; i < 2; i++) {
        s = amid(CREATE, TB_PH_DEPLOY);
        s.inflight = false;
        s.sent = i == 0;
        s.burnt = i == 1;
        assert_int_equal(tick(&s, NOW).act, TB_ACT_LOOK);
        assert_int_equal(s.phase, TB_PH_LOOK);
    }
    /* the mark is in the state before the call is made */
    s = amid(CREATE, TB_PH_DEPLOY);
    s.inflight = s.sent = false;
    assert_int_equal(tick(&s, NOW).act, TB_ACT_DEPLOY);
    assert_true(s.sent && s.inflight);
    s = amid(CREATE, TB_PH_BURN_SCRIPT);
    s.inflight = false;
    assert_int_equal(tick(&s, NOW).act, TB_ACT_DELETE_SCRIPT);
    assert_true(s.burnt);
    /* a burnt or nameless container is never started; a start of one makes a new attempt */
    s = amid(START, TB_PH_BOOT);
    s.inflight = false;
    s.burnt = true;
    assert_int_equal(tick(&s, NOW).act, TB_ACT_NONE);
    assert_int_equal(s.state, TB_OPS_FAILED);
    s = amid(START, TB_PH_INSPECT);
    s.burnt = true;
    struct tb_observation o = answer(DONE, EXITS);
    struct tb_intent intent;
    tb_life_step(&s, &o, NOW, &s, &intent);
    assert_int_equal(s.phase, TB_PH_IMAGE);
    assert_string_equal(s.nonce, FRESH);
    assert_false(s.burnt || s.sent);
    /* without stored files (an adopted bot) one that is gone is not deployed under any name */
    s = amid(START, TB_PH_INSPECT);
    s.stem[0] = s.base[0] = s.nonce[0] = '\0';
    o = answer(DONE, GONE);
    tb_life_step(&s, &o, NOW, &s, &intent);
    assert_int_equal(s.state, TB_OPS_FAILED);
    assert_string_equal(s.reason, "nothing_to_deploy");
    assert_int_equal(intent.act, TB_ACT_NONE);
    assert_string_equal(s.base, "");
    /* one call at a time; nothing before its time; nothing while shutting down */
    s = amid(CREATE, TB_PH_LOOK);
    assert_int_equal(tick(&s, NOW).act, TB_ACT_NONE);
    s.inflight = false;
    s.next_at = NOW + 1;
    assert_int_equal(tick(&s, NOW).act, TB_ACT_NONE);
    assert_int_equal(tick(&s, NOW + 1).act, TB_ACT_LOOK);
    /* an ended operation hears nothing */
    s = amid(CREATE, TB_PH_PROOF);
    s.state = TB_OPS_SUPERSEDED;
    struct tb_life before = s;
    o = answer(DONE, TRADES);
    tb_life_step(&s, &o, NOW, &s, &intent);
    assert_memory_equal(&before, &s, sizeof s);
    assert_int_equal(intent.act, TB_ACT_NONE);
}

/* Two clean looks, ten seconds apart, and then one more nonce, and no third. */
static void test_clean_looks(void **state)
{
    struct tb_life s = amid(CREATE, TB_PH_CLEAN);
    struct tb_observation o = answer(DONE, CLEAN_LOOK), bad = answer(DONE, NOTHING);
    struct tb_intent intent;
    (void)state;
    tb_life_step(&s, &o, NOW, &s, &intent);
    assert_int_equal(s.phase, TB_PH_CLEAN);
    tb_life_step(&s, &bad, NOW + 5000, &s, &intent);
    tb_life_step(&s, &o, NOW + 11000, &s, &intent);
    assert_int_equal(s.phase, TB_PH_CLEAN); /* the bad one began the count anew */
    tb_life_step(&s, &o, NOW + 20900, &s, &intent);
    assert_int_equal(s.phase, TB_PH_CLEAN);
    tb_life_step(&s, &o, NOW + 21000, &s, &intent);
    assert_int_equal(intent.act, TB_ACT_FILES_GONE);
    struct tb_life last = s;
    o = answer(DONE, YES);
    tb_life_step(&s, &o, NOW + 21000, &s, &intent);
    assert_int_equal(s.phase, TB_PH_CONTROLLERS);
    assert_string_equal(s.nonce, FRESH);
    last.attempts = 2;
    tb_life_step(&last, &o, NOW + 21000, &last, &intent);
    assert_int_equal(last.state, TB_OPS_FAILED);
    assert_string_equal(last.reason, "not_created");
}

/* Reports from before a container start prove neither its end nor its life. */
static void test_old_reports(void **state)
{
    struct tb_life s = amid(START, TB_PH_BOOT), stop;
    struct tb_observation o;
    struct tb_intent intent;
    (void)state;
    s.inflight = false;
    assert_int_equal(tick(&s, NOW).act, TB_ACT_START_CONTAINER);
    tb_life_begin(&stop, TB_OP_STOP, &s, false, FRESH, NOW + 100);
    assert_int_equal(tick(&stop, NOW + 100).act, TB_ACT_VIEW);
    o = answer(DONE, EMPTIES);
    tb_life_step(&stop, &o, NOW + 200, &stop, &intent);
    assert_int_equal(intent.act, TB_ACT_STOP_BOT);
    o = answer(UNKN, NOTHING);
    tb_life_step(&stop, &o, NOW + 300, &stop, &intent);
    assert_int_equal(intent.act, TB_ACT_VIEW);
    o = answer(DONE, EMPTIES);
    tb_life_step(&stop, &o, NOW + 400, &stop, &intent);
    assert_int_equal(stop.state, TB_OPS_RUNNING);
    o = answer(DONE, EXITS); /* the start's own answer was never seen: it may still execute */
    tb_life_step(&stop, &o, NOW + 500, &stop, &intent);
    assert_int_equal(stop.state, TB_OPS_RUNNING);
    tb_life_step(&stop, &o, NOW + 180000, &stop, &intent);
    assert_int_equal(stop.state, TB_OPS_SUCCEEDED);
}

/* A start whose answer was lost is not sent again, and nobody says that it crashed. */
static void test_start_in_doubt(void **state)
{
    static const struct {
        enum tb_result boot;
        const char *reason;
    } cases[] = {{UNKN, "start_not_seen"}, {DONE, "crashed_at_start"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tb_life s = amid(START, TB_PH_BOOT);
        struct tb_observation o = answer(cases[i].boot, NOTHING);
        struct tb_intent intent;
        tb_life_step(&s, &o, NOW, &s, &intent);
        o = answer(DONE, EXITS);
        tb_life_step(&s, &o, NOW + 200000, &s, &intent);
        assert_int_equal(s.state, TB_OPS_FAILED);
        assert_string_equal(s.reason, cases[i].reason);
        assert_int_equal(intent.act, TB_ACT_NONE);
    }
}

/* What of a changed bot is gone is deployed from the plan that is wanted, whose controllers count.
 */
static void test_renewal(void **state)
{
    struct tb_life s;
    struct tb_observation o = answer(DONE, GONE);
    struct tb_intent intent;
    (void)state;
    for (int renews = 0; renews < 2; renews++) {
        struct tb_life known = amid(START, TB_PH_INSPECT);
        known.renews = true; /* of an earlier start */
        tb_life_begin(&s, START, &known, false, FRESH, NOW);
        s.renews = renews;
        s.next_controllers = 7;
        s.next_reports = false;
        assert_int_equal(tick(&s, NOW).act, TB_ACT_VIEW);
        tb_life_step(&s, &o, NOW, &s, &intent);
        assert_int_equal(intent.act, TB_ACT_IMAGES);
        assert_int_equal(s.controllers, renews ? 7 : known.controllers);
        assert_int_equal(s.reports, renews ? false : known.reports);
    }
    struct tb_life known = amid(START, TB_PH_INSPECT);
    known.renews = true;
    tb_life_begin(&s, START, &known, false, FRESH, NOW);
    assert_false(s.renews);
}

/* A restart goes on only from a proven stop, and then as a start does. */
static void test_restart(void **state)
{
    struct tb_life known = amid(CREATE, TB_PH_END), s;
    struct tb_observation o;
    struct tb_intent intent;
    static const struct {
        enum holds holds;
        enum tb_act then;
    } way[] = {
        {TRADES, TB_ACT_STOP_BOT},       {NOTHING, TB_ACT_VIEW},
        {EMPTIES, TB_ACT_VIEW},          {EMPTIES, TB_ACT_STOP_CONTAINER},
        {NOTHING, TB_ACT_VIEW},          {EXITS, TB_ACT_VIEW},
        {EXITS, TB_ACT_START_CONTAINER}, {NOTHING, TB_ACT_VIEW},
        {SILENT, TB_ACT_VIEW},           {TRADES, TB_ACT_NONE},
    };
    (void)state;
    tb_life_begin(&s, RESTART, &known, false, FRESH, NOW);
    assert_int_equal(tick(&s, NOW).act, TB_ACT_VIEW);
    for (size_t i = 0; i < sizeof way / sizeof *way; i++) {
        assert_int_equal(tb_life_stopping(&s), i < 3);
        o = answer(DONE, way[i].holds);
        tb_life_step(&s, &o, NOW + 1000 * (int64_t)i, &s, &intent);
        assert_int_equal(intent.act, way[i].then);
    }
    assert_int_equal(s.state, TB_OPS_SUCCEEDED);

    /* Without the proof nothing follows. */
    tb_life_begin(&s, RESTART, &known, false, FRESH, NOW);
    assert_int_equal(tick(&s, NOW).act, TB_ACT_VIEW);
    o = answer(DONE, TRADES);
    tb_life_step(&s, &o, NOW, &s, &intent);
    o = answer(DONE, NOTHING);
    tb_life_step(&s, &o, NOW, &s, &intent);
    o = answer(DONE, SILENT);
    tb_life_step(&s, &o, NOW + 200000, &s, &intent);
    assert_int_equal(s.state, TB_OPS_NOT_PROVEN);
    assert_int_equal(intent.act, TB_ACT_NONE);
}

static void test_begin(void **state)
{
    static const struct {
        enum tb_op_kind kind;
        bool instance, sent, abandon;
        enum tb_phase phase;
    } begins[] = {
        {CREATE, false, false, false, TB_PH_IMAGE},     {START, true, true, false, TB_PH_INSPECT},
        {START, false, true, false, TB_PH_IMAGE},       {STOP, true, true, false, TB_PH_INSPECT},
        {STOP, true, true, true, TB_PH_HALT},           {STOP, false, true, false, TB_PH_LOOK},
        {STOP, false, false, false, TB_PH_BURN_SCRIPT}, {RESTART, true, true, false, TB_PH_INSPECT},
        {RESTART, false, true, false, TB_PH_LOOK},      {REDEPLOY, true, true, false, TB_PH_IMAGE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        struct tb_life known = amid(CREATE, TB_PH_END), s;
        known.sent = begins[i].sent;
        if (!begins[i].instance)
            known.instance[0] = '\0';
        tb_life_begin(&s, begins[i].kind, &known, begins[i].abandon, FRESH, NOW);
        assert_int_equal(s.phase, begins[i].phase);
        assert_int_equal(s.state, TB_OPS_PENDING);
        bool fresh = begins[i].phase == TB_PH_IMAGE && begins[i].kind != REDEPLOY;
        assert_string_equal(s.nonce, fresh ? FRESH : "0a0a0a0a");
        assert_string_equal(s.base, fresh ? "hummingbot-x-" FRESH : BASE);
    }
}

/* A stop may supersede a restart, an archive or a redeploy whose own stop-bot is under way. */
static void test_stop_supersedes_a_stop(void **state)
{
    static const struct {
        enum tb_op_kind kind;
        enum tb_phase phase;
        bool inflight, abandon;
        enum tb_phase then;
    } ways[] = {
        {RESTART, TB_PH_STOP_PROOF, false, false, TB_PH_STOP_PROOF},
        {RESTART, TB_PH_STOP_PROOF, true, false, TB_PH_STOP_PROOF},
        {REDEPLOY, TB_PH_STOP, true, false, TB_PH_STOP_PROOF},
        {REDEPLOY, TB_PH_STOP, false, false, TB_PH_INSPECT}, /* it was not sent */
        {RESTART, TB_PH_INSPECT, true, false, TB_PH_INSPECT},
        {RESTART, TB_PH_STOP_PROOF, false, true, TB_PH_HALT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct tb_life known = amid(ways[i].kind, ways[i].phase), s;
        struct tb_observation o = answer(DONE, TRADES);
        struct tb_intent intent;
        known.inflight = ways[i].inflight;
        known.sent_at = NOW;
        tb_life_begin(&s, STOP, &known, ways[i].abandon, FRESH, NOW + 500);
        assert_int_equal(s.phase, ways[i].then);
        if (ways[i].then != TB_PH_STOP_PROOF)
            continue;
        /* Half a second after the first stop-bot the report may still be full. */
        struct tb_observation tick = {.kind = TB_OBS_TICK};
        tb_life_step(&s, &tick, NOW + 500, &s, &intent);
        assert_int_equal(intent.act, TB_ACT_VIEW);
        tb_life_step(&s, &o, NOW + 600, &s, &intent);
        assert_int_not_equal(intent.act, TB_ACT_STOP_BOT);
        assert_int_equal(s.phase, TB_PH_STOP_PROOF);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_taken_over),
        cmocka_unit_test(test_guards),
        cmocka_unit_test(test_clean_looks),
        cmocka_unit_test(test_old_reports),
        cmocka_unit_test(test_start_in_doubt),
        cmocka_unit_test(test_begin),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_stop_supersedes_a_stop),
        cmocka_unit_test(test_renewal),
        cmocka_unit_test(test_clock_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
