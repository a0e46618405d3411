/* The upstream client against a raw server that counts deliveries: what it sends, that nothing that
 * changes anything is ever delivered twice, and that reads are tried again. */
#include "hb_jobs.h"

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

/* The configured proxy, and nobody else, resolves the name and carries the call. */
static void configured_proxy_carries_the_call(void **state)
{
    (void)state;
    struct raw_server s;
    struct tb_error err = {0};
    raw_start(&s, say_running);
    struct tb_hb_config config = {.url = "http://api.invalid:8000", .proxy = s.url};
    struct tb_hb *hb = tb_hb_open(&config, &err);
    assert_non_null(hb);
    assert_int_equal(do_call(hb, simple(TB_HB_BOTS_STATUS), &err), TB_HB_DONE);
    assert_non_null(strstr(raw_last(&s)->head,
                           "GET http://api.invalid:8000/bot-orchestration/status HTTP/1.1"));
    assert_null(strstr(raw_last(&s)->head, "Authorization"));
    tb_hb_close(hb);
    raw_stop(&s);
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

static void settings_that_cannot_work_are_refused(void **state)
{
    (void)state;
    static const struct tb_hb_config bad[] = {
        {.url = "http://h", .username = "a:b"},
        {.url = "http://h", .username = "a", .password = "b\n"},
        {.url = "http://h", .proxy = "localhost:1055"},
        {.url = "http://h", .headers = "nonsense"},
        {.url = "h"},
        {.url = NULL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tb_error err = {0};
        assert_null(tb_hb_open(&bad[i], &err));
        assert_int_equal(err.code, TB_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_carry_everything),
        cmocka_unit_test(configured_proxy_carries_the_call),
        cmocka_unit_test(broken_post_is_delivered_once),
        cmocka_unit_test(silent_post_is_delivered_once),
        cmocka_unit_test(refused_connection_sends_nothing),
        cmocka_unit_test(reads_are_tried_once_more),
        cmocka_unit_test(redirects_and_floods_end_the_call),
        cmocka_unit_test(settings_that_cannot_work_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
