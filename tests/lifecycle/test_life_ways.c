/* tb_life_step over several steps: what begins where, restarts and stops that overtake each other,
 * what is in doubt, and the guards that random walks cannot reach. Single thread; owns nothing. */
#include "life_answers.h"

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
