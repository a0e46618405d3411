/* The upstream client against a raw server that counts deliveries: nothing that changes anything is
 * ever delivered twice, reads are tried again, shared and kept, lanes and drains hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sched.h>

#include <cmocka.h>

#include "base/clock.h"
#include "hummingbot/client_private.h"
#include "raw_server.h"

#define CREATED "{\"success\":true,\"unique_instance_name\":\"a-20261122-101500\"}"

static struct tb_hb *open_client(const char *url)
{
    struct tb_error err = {0};
    struct tb_hb_config config = {.url = url,
                                  .username = "admin",
                                  .password = "p:w d",
                                  .api_key = "key-123",
                                  .headers = "X-Extra: one"};
    struct tb_hb *hb = tb_hb_open(&config, &err);
    if (!hb)
        fail_msg("%s", err.detail);
    return hb;
}

struct job {
    struct tb_hb *hb;
    struct tb_hb_call call;
    struct tb_hb_answer answer;
    struct tb_error err;
    pthread_t thread;
};

static void *job_run(void *arg)
{
    struct job *job = arg;
    (void)!tb_hb_call(job->hb, &job->call, &job->answer, &job->err);
    return NULL;
}

static void job_start(struct job *job, struct tb_hb *hb, struct tb_hb_call call)
{
    *job = (struct job){.hb = hb, .call = call};
    pthread_create(&job->thread, NULL, job_run, job);
}

static enum tb_hb_outcome job_end(struct job *job)
{
    pthread_join(job->thread, NULL);
    enum tb_hb_outcome outcome = job->answer.outcome;
    tb_hb_answer_free(&job->answer);
    return outcome;
}

/* In this thread. */
static enum tb_hb_outcome do_call(struct tb_hb *hb, struct tb_hb_call call, struct tb_error *err)
{
    struct job job = {.hb = hb, .call = call};
    job_run(&job);
    if (err)
        *err = job.err;
    enum tb_hb_outcome outcome = job.answer.outcome;
    tb_hb_answer_free(&job.answer);
    return outcome;
}

static struct tb_hb_call simple(enum tb_hb_endpoint endpoint)
{
    return (struct tb_hb_call){.endpoint = endpoint};
}

static struct tb_hb_call deploy_call(void)
{
    return (struct tb_hb_call){
        .endpoint = TB_HB_BOTS_DEPLOY_SCRIPT, .body = "{\"a\":1}", .body_len = 7};
}

static struct tb_hb_call named(enum tb_hb_endpoint endpoint, const char *name)
{
    return (struct tb_hb_call){.endpoint = endpoint, .arg = {name}};
}

static bool asks(const struct raw_request *r, const char *part)
{
    const char *end = strstr(r->head, "\r\n");
    const char *at = strstr(r->head, part);
    return at && at < end;
}

/* ---- what is sent ---- */

static bool say_running(struct raw_server *s, const struct raw_request *r, int fd)
{
    (void)s;
    if (asks(r, "deploy"))
        return raw_answer(fd, 200, "Date: Sun, 22 Nov 2037 10:15:00 GMT\r\n", CREATED);
    return raw_answer(fd, 200, "", "{\"status\":\"success\",\"data\":{}}");
}

static void requests_carry_everything(void **state)
{
    (void)state;
    struct raw_server s;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    raw_start(&s, say_running);
    struct tb_hb *hb = open_client(s.url);
    assert_int_equal(do_call(hb, simple(TB_HB_BOTS_STATUS), NULL), TB_HB_DONE);
    assert_non_null(strstr(raw_last(&s)->head, "GET /bot-orchestration/status HTTP/1.1\r\n"));
    assert_non_null(strstr(raw_last(&s)->head, "Authorization: Basic YWRtaW46cDp3IGQ=\r\n"));
    assert_non_null(strstr(raw_last(&s)->head, "X-API-KEY: key-123\r\n"));
    assert_non_null(strstr(raw_last(&s)->head, "X-Extra: one\r\n"));
    assert_non_null(strstr(raw_last(&s)->head, "User-Agent: trading-bridge/"));

    struct tb_hb_answer answer;
    struct tb_hb_call call = deploy_call();
    struct tb_error err;
    assert_true(tb_hb_call(hb, &call, &answer, &err));
    assert_non_null(strstr(raw_last(&s)->head, "Content-Type: application/json\r\n"));
    assert_null(strstr(raw_last(&s)->head, "Expect"));
    assert_string_equal(raw_last(&s)->body, "{\"a\":1}");
    assert_string_equal(tb_buffer_text(&answer.body), CREATED);
    assert_int_equal(answer.upstream_wall_ms / 1000, 2142497700);
    assert_in_range(answer.sent_wall_ms, tb_wall_ms() - 60000, tb_wall_ms());
    tb_hb_answer_free(&answer);
    struct tb_hb_status status;
    tb_hb_status(hb, &status);
    assert_int_equal(status.health, TB_HB_UP);
    assert_in_range(status.clock_offset_ms, 2142497700000 - tb_wall_ms() - 60000,
                    2142497700000 - tb_wall_ms() + 60000);

    /* What upstream demands a body for gets one. */
    assert_int_equal(do_call(hb, simple(TB_HB_PORTFOLIO_STATE), NULL), TB_HB_DONE);
    assert_string_equal(raw_last(&s)->body, "{}");
    tb_hb_close(hb);
    raw_stop(&s);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

/* ---- nothing twice ---- */

static bool (*break_off)(int fd);

static bool by_fin(int fd)
{
    (void)fd;
    return false;
}
static bool by_rst(int fd)
{
    raw_reset(fd);
    return false;
}
static bool by_half_a_status(int fd)
{
    raw_send(fd, "HTTP/1.1 2", 10);
    return false;
}
static bool by_half_a_body(int fd)
{
    static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"success\":true";
    raw_send(fd, half, sizeof half - 1);
    return false;
}

static bool break_posts(struct raw_server *s, const struct raw_request *r, int fd)
{
    (void)s;
    return strncmp(r->head, "GET", 3) == 0 ? raw_answer(fd, 200, "", "{}") : break_off(fd);
}

static void broken_post_is_delivered_once(void **state)
{
    (void)state;
    static bool (*const ways[])(int) = {by_fin, by_rst, by_half_a_status, by_half_a_body};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct raw_server s;
        struct tb_error err;
        break_off = ways[i];
        raw_start(&s, break_posts);
        struct tb_hb *hb = open_client(s.url);
        /* A warm connection, which curl would reuse and then send the request again. */
        assert_int_equal(do_call(hb, simple(TB_HB_DOCKER_RUNNING), NULL), TB_HB_DONE);
        assert_int_equal(do_call(hb, deploy_call(), &err), TB_HB_UNKNOWN);
        assert_int_equal(err.code, TB_UPSTREAM_UNKNOWN);
        assert_int_equal(raw_count(&s, &s.posts), 1);
        tb_hb_close(hb);
        raw_stop(&s);
    }
}

static bool hold_posts(struct raw_server *s, const struct raw_request *r, int fd)
{
    if (strncmp(r->head, "GET", 3) != 0)
        raw_wait_gate(s);
    return asks(r, "stop-bot")      ? raw_answer(fd, 200, "", "{\"response\":{\"success\":true}}")
           : asks(r, "docker/stop") ? raw_answer(fd, 200, "", "null")
                                    : raw_answer(fd, 200, "", CREATED);
}

static void silent_post_is_delivered_once(void **state)
{
    (void)state;
    struct raw_server s;
    struct tb_error err;
    raw_start(&s, hold_posts);
    struct tb_hb *hb = open_client(s.url);
    struct tb_hb_call call = deploy_call();
    assert_int_equal(do_call(hb, simple(TB_HB_DOCKER_RUNNING), NULL), TB_HB_DONE);
    call.timeout_ms = 300;
    assert_int_equal(do_call(hb, call, &err), TB_HB_UNKNOWN);
    assert_int_equal(err.code, TB_UPSTREAM_UNKNOWN);
    assert_int_equal(raw_count(&s, &s.posts), 1);
    tb_hb_close(hb);
    raw_stop(&s);
}

static void refused_connection_sends_nothing(void **state)
{
    (void)state;
    struct raw_server s;
    struct tb_error err;
    raw_start(&s, say_running);
    raw_stop(&s);
    struct tb_hb *hb = open_client(s.url);
    assert_int_equal(do_call(hb, deploy_call(), &err), TB_HB_UNSENT);
    assert_int_equal(err.code, TB_UPSTREAM_UNREACHABLE);
    assert_non_null(strstr(err.detail, "connection refused"));
    struct tb_hb_status status;
    tb_hb_status(hb, &status);
    assert_int_equal(status.health, TB_HB_DOWN);
    assert_non_null(strstr(status.last_error, "connection refused"));
    tb_hb_close(hb);
}

/* ---- reads again ---- */

static bool close_when_idle(struct raw_server *s, const struct raw_request *r, int fd)
{
    (void)s;
    (void)r;
    (void)raw_answer(fd, 200, "", "{}");
    return false;
}

static bool break_first(struct raw_server *s, const struct raw_request *r, int fd)
{
    (void)s;
    return r->number == 1 ? false : raw_answer(fd, 200, "", "{}");
}

static bool break_all(struct raw_server *s, const struct raw_request *r, int fd)
{
    (void)s;
    (void)r;
    (void)fd;
    return false;
}

static bool weak_proxy(struct raw_server *s, const struct raw_request *r, int fd)
{
    (void)s;
    return r->number == 1 ? raw_answer(fd, 502, "", "<html>bad gateway</html>")
                          : raw_answer(fd, 200, "", "{}");
}

static void reads_are_tried_once_more(void **state)
{
    (void)state;
    static const struct {
        raw_handler *handler;
        int calls;
        enum tb_hb_outcome outcome;
        int delivered;
    } rows[] = {
        {close_when_idle, 3, TB_HB_DONE, 3},
        {break_first, 1, TB_HB_DONE, 2},
        {break_all, 1, TB_HB_UNKNOWN, 2},
        {weak_proxy, 1, TB_HB_DONE, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct raw_server s;
        raw_start(&s, rows[i].handler);
        struct tb_hb *hb = open_client(s.url);
        for (int n = 0; n < rows[i].calls; n++)
            assert_int_equal(do_call(hb, simple(TB_HB_DOCKER_RUNNING), NULL), rows[i].outcome);
        assert_int_equal(raw_count(&s, &s.delivered), rows[i].delivered);
        tb_hb_close(hb);
        raw_stop(&s);
    }
}

static bool redirect(struct raw_server *s, const struct raw_request *r, int fd)
{
    char location[128];
    (void)r;
    snprintf(location, sizeof location, "Location: %s/elsewhere\r\n", s->url);
    return raw_answer(fd, 307, location, "");
}

static bool too_much(struct raw_server *s, const struct raw_request *r, int fd)
{
    (void)s;
    (void)r;
    char chunk[4096];
    memset(chunk, ' ', sizeof chunk);
    raw_send(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", 38);
    for (int i = 0; i < 512; i++)
        raw_send(fd, chunk, sizeof chunk);
    return false;
}

static void redirects_and_floods_end_the_call(void **state)
{
    (void)state;
    struct raw_server s;
    struct tb_error err;
    raw_start(&s, redirect);
    struct tb_hb *hb = open_client(s.url);
    assert_int_equal(do_call(hb, simple(TB_HB_DOCKER_RUNNING), &err), TB_HB_UNKNOWN);
    assert_non_null(strstr(err.detail, "/elsewhere"));
    assert_int_equal(raw_count(&s, &s.delivered), 1);
    tb_hb_close(hb);
    raw_stop(&s);

    raw_start(&s, too_much);
    hb = open_client(s.url);
    assert_int_equal(do_call(hb, simple(TB_HB_DOCKER_RUNNING), &err), TB_HB_UNKNOWN);
    assert_non_null(strstr(err.detail, "larger than 1 MiB"));
    assert_int_equal(raw_count(&s, &s.delivered), 1);
    tb_hb_close(hb);
    raw_stop(&s);
}

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
        cmocka_unit_test(requests_carry_everything),
        cmocka_unit_test(broken_post_is_delivered_once),
        cmocka_unit_test(silent_post_is_delivered_once),
        cmocka_unit_test(refused_connection_sends_nothing),
        cmocka_unit_test(reads_are_tried_once_more),
        cmocka_unit_test(redirects_and_floods_end_the_call),
        cmocka_unit_test(identical_reads_share_one_call),
        cmocka_unit_test(reads_are_not_shared_across_our_writes),
        cmocka_unit_test(hurried_leader_gives_no_verdict),
        cmocka_unit_test(some_answers_are_kept_for_a_moment),
        cmocka_unit_test(stop_passes_a_hanging_deploy),
        cmocka_unit_test(lanes_bound_what_is_in_flight),
        cmocka_unit_test(silence_during_our_docker_call_is_busy),
        cmocka_unit_test(drain_cuts_reads_and_finishes_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
