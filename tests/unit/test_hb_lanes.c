/* Calls beside each other: shared and kept reads, lanes, busy and down, drain. */
#include <sched.h>

#include "hb_jobs.h"

/* ---- shared and kept reads ---- */

static bool gated_list(struct raw_server *s, const struct raw_request *r, int fd)
{
    if (strncmp(r->head, "GET", 3) == 0)
        raw_wait_gate(s);
    return asks(r, "stop-bot") ? raw_answer(fd, 200, "", "{\"response\":{\"success\":true}}")
           : asks(r, "prices") || asks(r, "portfolio") || asks(r, "history")
               ? raw_answer(fd, 200, "",
                            "{\"prices\":{},\"response\":{\"success\":true,\"data\":{\"data\":"
                            "{\"status\":200}}}}")
               : raw_answer(fd, 200, "", "[\"x\"]");
}

static unsigned followers(struct tb_hb *hb)
{
    pthread_mutex_lock(&hb->mutex);
    unsigned n = tb_hb_share_followers(hb);
    pthread_mutex_unlock(&hb->mutex);
    return n;
}

static void identical_reads_share_one_call(void **state)
{
    (void)state;
    enum { READERS = 8 };
    struct raw_server s;
    struct job jobs[READERS];
    raw_start(&s, gated_list);
    struct tb_hb *hb = open_client(s.url);
    for (int i = 0; i < READERS; i++)
        job_start(&jobs[i], hb, simple(TB_HB_DOCKER_ACTIVE));
    while (followers(hb) < READERS - 1)
        sched_yield();
    raw_open_gate(&s);
    for (int i = 0; i < READERS; i++) {
        pthread_join(jobs[i].thread, NULL);
        assert_int_equal(jobs[i].answer.outcome, TB_HB_DONE);
        assert_string_equal(tb_buffer_text(&jobs[i].answer.body), "[\"x\"]");
        tb_hb_answer_free(&jobs[i].answer);
    }
    assert_int_equal(raw_count(&s, &s.delivered), 1);
    tb_hb_close(hb);
    raw_stop(&s);
}

/* Who has just written must not be answered with what was read before. */
static void reads_are_not_shared_across_our_writes(void **state)
{
    (void)state;
    struct raw_server s;
    struct job before, after, fresh;
    raw_start(&s, gated_list);
    struct tb_hb *hb = open_client(s.url);
    job_start(&before, hb, simple(TB_HB_DOCKER_ACTIVE));
    raw_wait_delivered(&s, 1);
    assert_int_equal(do_call(hb, simple(TB_HB_BOTS_STOP), NULL), TB_HB_DONE);
    job_start(&after, hb, simple(TB_HB_DOCKER_ACTIVE));
    raw_wait_delivered(&s, 3);
    struct tb_hb_call call = simple(TB_HB_DOCKER_ACTIVE);
    call.fresh = true;
    job_start(&fresh, hb, call);
    raw_wait_delivered(&s, 4);
    raw_open_gate(&s);
    assert_int_equal(job_end(&before), TB_HB_DONE);
    assert_int_equal(job_end(&after), TB_HB_DONE);
    assert_int_equal(job_end(&fresh), TB_HB_DONE);
    tb_hb_close(hb);
    raw_stop(&s);
}

/* A reader in a hurry that leads the flight does not decide for those who have time. */
static void hurried_leader_gives_no_verdict(void **state)
{
    (void)state;
    struct raw_server s;
    struct job leader, patient;
    raw_start(&s, gated_list);
    struct tb_hb *hb = open_client(s.url);
    struct tb_hb_call call = simple(TB_HB_DOCKER_ACTIVE);
    call.mono_deadline_ms = tb_mono_ms() + 2000;
    job_start(&leader, hb, call);
    raw_wait_delivered(&s, 1);
    job_start(&patient, hb, simple(TB_HB_DOCKER_ACTIVE));
    assert_int_equal(job_end(&leader), TB_HB_UNKNOWN);
    raw_open_gate(&s);
    assert_int_equal(job_end(&patient), TB_HB_DONE);
    tb_hb_close(hb);
    raw_stop(&s);
}

static void some_answers_are_kept_for_a_moment(void **state)
{
    (void)state;
    struct raw_server s;
    raw_start(&s, gated_list);
    raw_open_gate(&s);
    tb_clock_use_virtual(1000000, 1000000);
    struct tb_hb *hb = open_client(s.url);
    struct tb_hb_call prices = {
        .endpoint = TB_HB_MARKET_PRICES, .body = "{\"a\":1}", .body_len = 7};
    struct tb_hb_call state_call = simple(TB_HB_PORTFOLIO_STATE);
    struct tb_hb_call accounts = simple(TB_HB_ACCOUNTS_LIST);
    static const struct {
        char what; /* p prices, o other prices, f fresh prices, s state, a accounts, w write */
        int advance;
        int delivered;
    } steps[] = {
        {'p', 0, 1},   {'p', 1900, 1}, {'o', 0, 2},  {'f', 0, 3},     {'p', 1999, 3}, {'p', 100, 4},
        {'s', 0, 5},   {'s', 4900, 5}, {'a', 0, 6},  {'a', 10, 6},    {'p', 0, 7},    {'w', 0, 8},
        {'p', 100, 8}, {'s', 0, 9},    {'a', 0, 10}, {'a', 5100, 11},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct tb_hb_call call = steps[i].what == 's'   ? state_call
                                 : steps[i].what == 'a' ? accounts
                                 : steps[i].what == 'w' ? simple(TB_HB_BOTS_STOP)
                                                        : prices;
        if (steps[i].what == 'o')
            call.body = "{\"b\":1}";
        call.fresh = steps[i].what == 'f';
        tb_clock_advance(steps[i].advance);
        assert_int_equal(do_call(hb, call, NULL), TB_HB_DONE);
        if (raw_count(&s, &s.delivered) != steps[i].delivered)
            fail_msg("step %zu (%c): %d delivered", i, steps[i].what, raw_count(&s, &s.delivered));
    }
    tb_hb_close(hb);
    tb_clock_use_real();
    raw_stop(&s);
}

/* ---- lanes ---- */

static bool hold_deploys(struct raw_server *s, const struct raw_request *r, int fd)
{
    if (asks(r, "deploy") || asks(r, "docker/stop") || asks(r, "pull-status"))
        raw_wait_gate(s);
    return asks(r, "stop-bot")      ? raw_answer(fd, 200, "", "{\"response\":{\"success\":true}}")
           : asks(r, "docker/stop") ? raw_answer(fd, 200, "", "null")
                                    : raw_answer(fd, 200, "", CREATED);
}

static void stop_passes_a_hanging_deploy(void **state)
{
    (void)state;
    struct raw_server s;
    struct job deploy;
    struct tb_error err;
    raw_start(&s, hold_deploys);
    struct tb_hb *hb = open_client(s.url);
    job_start(&deploy, hb, deploy_call());
    raw_wait_delivered(&s, 1);
    struct tb_hb_call stop = simple(TB_HB_BOTS_STOP);
    stop.mono_deadline_ms = tb_mono_ms() + 200;
    assert_int_equal(do_call(hb, stop, &err), TB_HB_UNSENT); /* the ordinary lane is taken */
    assert_int_equal(err.code, TB_BUSY);
    stop.mono_deadline_ms = tb_mono_ms() + 20000;
    stop.lane = TB_HB_LANE_STOP;
    assert_int_equal(do_call(hb, stop, NULL), TB_HB_DONE);
    assert_int_equal(do_call(hb, simple(TB_HB_DOCKER_RUNNING), NULL), TB_HB_DONE);
    raw_open_gate(&s);
    assert_int_equal(job_end(&deploy), TB_HB_DONE);
    assert_int_equal(raw_count(&s, &s.posts), 2);
    tb_hb_close(hb);
    raw_stop(&s);
}

/* Both slots of writes serve stops: one for them alone, and the ordinary one when it is free. */
static void two_stops_run_beside_each_other(void **state)
{
    (void)state;
    struct raw_server s;
    struct job jobs[2];
    raw_start(&s, hold_deploys);
    struct tb_hb *hb = open_client(s.url);
    for (int i = 0; i < 2; i++) {
        struct tb_hb_call call = named(TB_HB_DOCKER_STOP, i ? "a" : "b");
        call.lane = TB_HB_LANE_STOP;
        job_start(&jobs[i], hb, call);
    }
    raw_wait_delivered(&s, 2);
    raw_open_gate(&s);
    for (int i = 0; i < 2; i++)
        assert_int_equal(job_end(&jobs[i]), TB_HB_DONE);
    tb_hb_close(hb);
    raw_stop(&s);
}

static void lanes_bound_what_is_in_flight(void **state)
{
    (void)state;
    static const struct {
        enum tb_hb_endpoint endpoint;
        int most;
    } rows[] = {{TB_HB_CONTROLLERS_BOT_CONFIGS, 4}, {TB_HB_BOTS_HISTORY, 1}};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct raw_server s;
        struct job jobs[7];
        raw_start(&s, gated_list);
        struct tb_hb *hb = open_client(s.url);
        for (size_t n = 0; n < 7; n++)
            job_start(&jobs[n], hb, named(rows[i].endpoint, names[n]));
        raw_wait_delivered(&s, rows[i].most);
        raw_open_gate(&s);
        for (size_t n = 0; n < 7; n++)
            assert_int_equal(job_end(&jobs[n]), TB_HB_DONE);
        assert_int_equal(raw_count(&s, &s.delivered), 7);
        assert_int_equal(raw_count(&s, &s.most_inside), rows[i].most);
        tb_hb_close(hb);
        raw_stop(&s);
    }
}

static void silence_during_our_docker_call_is_busy(void **state)
{
    (void)state;
    struct raw_server s;
    struct job stop;
    struct tb_error err;
    struct tb_hb_status status;
    raw_start(&s, hold_deploys);
    struct tb_hb *hb = open_client(s.url);
    assert_int_equal(do_call(hb, simple(TB_HB_DOCKER_RUNNING), NULL), TB_HB_DONE);
    job_start(&stop, hb, named(TB_HB_DOCKER_STOP, "x"));
    raw_wait_delivered(&s, 2);
    struct tb_hb_call read = simple(TB_HB_DOCKER_PULL_STATUS);
    read.timeout_ms = 200;
    assert_int_equal(do_call(hb, read, &err), TB_HB_UNKNOWN);
    assert_int_equal(err.code, TB_UPSTREAM_BUSY);
    tb_hb_status(hb, &status);
    assert_int_equal(status.health, TB_HB_BUSY_NOW);
    assert_int_equal(status.writes_in_flight, 1);
    int64_t up_since = status.up_since_mono_ms;
    raw_open_gate(&s);
    assert_int_equal(job_end(&stop), TB_HB_DONE);
    tb_hb_status(hb, &status);
    assert_int_equal(status.health, TB_HB_UP);
    assert_int_equal(status.up_since_mono_ms, up_since); /* it was never away */
    tb_hb_close(hb);
    raw_stop(&s);
}

static bool break_second(struct raw_server *s, const struct raw_request *r, int fd)
{
    (void)s;
    if (r->number != 2)
        (void)raw_answer(fd, 200, "Connection: close\r\n", "{}");
    return false;
}

/* After a broken connection the API may have restarted: its first answers are not to be believed,
 * so the time it is up counts anew. */
static void api_that_came_back_is_young(void **state)
{
    (void)state;
    struct raw_server s;
    struct tb_hb_status status;
    raw_start(&s, break_second);
    tb_clock_use_virtual(1000000, 1000000);
    struct tb_hb *hb = open_client(s.url);
    tb_hb_status(hb, &status);
    assert_int_equal(status.health, TB_HB_NEVER_SEEN);
    assert_int_equal(do_call(hb, simple(TB_HB_DOCKER_RUNNING), NULL), TB_HB_DONE);
    tb_hb_status(hb, &status);
    assert_int_equal(status.up_since_mono_ms, 1000000);
    assert_int_equal(status.last_ok_wall_ms, 1000000);
    tb_clock_advance(5000);
    assert_int_equal(do_call(hb, simple(TB_HB_DOCKER_RUNNING), NULL), TB_HB_DONE);
    tb_hb_status(hb, &status);
    assert_int_equal(status.health, TB_HB_UP);
    assert_in_range(status.up_since_mono_ms, 1005001, 1006000);
    tb_hb_close(hb);
    tb_clock_use_real();
    raw_stop(&s);
}

static void drain_cuts_reads_and_finishes_writes(void **state)
{
    (void)state;
    struct raw_server s;
    struct job read, deploy, waiting;
    struct tb_error err;
    raw_start(&s, hold_deploys);
    struct tb_hb *hb = open_client(s.url);
    job_start(&deploy, hb, deploy_call());
    raw_wait_delivered(&s, 1);
    job_start(&read, hb, simple(TB_HB_DOCKER_PULL_STATUS));
    raw_wait_delivered(&s, 2);
    job_start(&waiting, hb, named(TB_HB_DOCKER_START, "x"));
    tb_hb_drain(hb);
    pthread_join(read.thread, NULL);
    assert_int_equal(read.err.code, TB_DRAINING);
    tb_hb_answer_free(&read.answer);
    assert_int_equal(job_end(&waiting), TB_HB_UNSENT);
    assert_int_equal(do_call(hb, simple(TB_HB_DOCKER_RUNNING), &err), TB_HB_UNSENT);
    assert_int_equal(err.code, TB_DRAINING);
    raw_open_gate(&s);
    assert_int_equal(job_end(&deploy), TB_HB_DONE);
    assert_int_equal(raw_count(&s, &s.delivered), 2);
    tb_hb_close(hb);
    raw_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identical_reads_share_one_call),
        cmocka_unit_test(reads_are_not_shared_across_our_writes),
        cmocka_unit_test(hurried_leader_gives_no_verdict),
        cmocka_unit_test(some_answers_are_kept_for_a_moment),
        cmocka_unit_test(stop_passes_a_hanging_deploy),
        cmocka_unit_test(two_stops_run_beside_each_other),
        cmocka_unit_test(lanes_bound_what_is_in_flight),
        cmocka_unit_test(silence_during_our_docker_call_is_busy),
        cmocka_unit_test(api_that_came_back_is_young),
        cmocka_unit_test(drain_cuts_reads_and_finishes_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
