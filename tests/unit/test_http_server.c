/* The HTTP server from outside: what reaches a handler, what is refused before it, and what becomes
 * of connections. Bodies have their own file. */
#include "http_peer.h"

static void answers_carry_their_headers(void **state)
{
    (void)state;
    struct client c = dial();
    send_text(&c, "GET /show/a%20b/c?x=1+2&y HTTP/1.1\r\nHost: t\r\nX-Request-Id: mine\r\n\r\n");
    struct answer a = read_answer(&c, false);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "GET /show/{a}/{b} <a b> <c> x=1 2 y=");
    assert_string_equal(header(&a, "Content-Type"), "application/json");
    assert_string_equal(header(&a, "Cache-Control"), "no-store");
    assert_string_equal(header(&a, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(header(&a, "Connection"), "keep-alive");
    assert_string_equal(header(&a, "Server"), "test");
    assert_string_equal(header(&a, "X-Before"), "route");
    assert_int_equal(strlen(header(&a, "X-Request-Id")), TB_ULID_TEXT - 1);
    struct tm date = {0};
    assert_non_null(strptime(header(&a, "Date"), "%a, %d %b %Y %H:%M:%S GMT", &date));
    int64_t age_ms = tb_wall_ms() - (int64_t)timegm(&date) * 1000;
    assert_true(age_ms >= 0 && age_ms < PATIENCE_MS);
    free(a.body);
    hang_up(&c);
}

static void keeps_connections(void **state)
{
    (void)state;
    static const char two[] = "GET /show HTTP/1.1\r\nHost: t\r\n\r\n"
                              "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc";
    struct client c = dial();
    char id[TB_ULID_TEXT] = "";
    for (int round = 0; round < 3; round++) {
        send_text(&c, two);
        struct answer first = read_answer(&c, false);
        assert_string_equal(first.body, "GET /show");
        assert_true(strcmp(id, header(&first, "X-Request-Id")) < 0);
        tb_copy(id, sizeof id, header(&first, "X-Request-Id"));
        struct answer second = read_answer(&c, false);
        assert_string_equal(second.body, "abc");
        free(first.body);
        free(second.body);
    }
    send_text(&c, "GET /show HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    struct answer last = read_answer(&c, false);
    assert_string_equal(header(&last, "Connection"), "close");
    assert_closed(&c);
    free(last.body);
    hang_up(&c);
}

static void old_clients_are_closed(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /show HTTP/1.0\r\n\r\n",
        "GET /show HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET /show HTTP/1.1\r\nHost: t\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n\r\n"};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct client c = dial();
        send_text(&c, requests[i]);
        struct answer a = read_answer(&c, false);
        assert_int_equal(a.status, 200);
        assert_string_equal(header(&a, "Connection"), "close");
        assert_closed(&c);
        free(a.body);
        hang_up(&c);
    }
}

static void head_and_bodyless_answers(void **state)
{
    (void)state;
    static const char *const requests[] = {"HEAD /show HTTP/1.1\r\nHost: t\r\n\r\n",
                                           "GET /status/204 HTTP/1.1\r\nHost: t\r\n\r\n",
                                           "GET /status/304 HTTP/1.1\r\nHost: t\r\n\r\n"};
    struct client c = dial();
    for (size_t i = 0; i < 3; i++) {
        send_text(&c, requests[i]);
        struct answer a = read_answer(&c, true);
        const char *length = header(&a, "Content-Length");
        if (i == 0)
            assert_string_equal(length, "10"); /* "HEAD /show" */
        else
            assert_null(length);
        free(a.body);
    }
    /* Nothing of a body came: the next answer begins at once. */
    send_text(&c, "GET /show HTTP/1.1\r\nHost: t\r\n\r\n");
    struct answer a = read_answer(&c, false);
    assert_string_equal(a.body, "GET /show");
    free(a.body);
    hang_up(&c);
}

static void missing_routes(void **state)
{
    (void)state;
    struct client c = dial();
    send_text(&c, "GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n");
    struct answer a = read_answer(&c, false);
    assert_int_equal(a.status, 404);
    assert_string_equal(a.body, "refused: not_found");
    assert_string_equal(header(&a, "X-Before"), "none");
    assert_null(header(&a, "Allow"));
    free(a.body);
    send_text(&c, "PATCH /show HTTP/1.1\r\nHost: t\r\n\r\n");
    a = read_answer(&c, false);
    assert_int_equal(a.status, 405);
    assert_string_equal(a.body, "refused: method_not_allowed");
    assert_string_equal(header(&a, "Allow"), "DELETE, HEAD, GET");
    free(a.body);
    send_text(&c, "GET /nothing HTTP/1.1\r\nHost: t\r\nX-Stranger: 1\r\n\r\n");
    a = read_answer(&c, false);
    assert_int_equal(a.status, 401);
    assert_int_equal(a.body_len, 0);
    free(a.body);
    hang_up(&c);
    assert_int_equal(handled(), 0);
}

#define H8 "A: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\nA: 6\r\nA: 7\r\nA: 8\r\n"

static void refuses_before_any_handler(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
        {POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
        {POST "Content-Length: 3\r\ncontent-length: 4\r\n\r\nabc", 400},
        {POST "Content-Length: 3, 3\r\n\r\nabc", 400},
        {POST "Content-Length: +3\r\n\r\nabc", 400},
        {POST "Content-Length: 3x\r\n\r\nabc", 400},
        {POST "Content-Length: 0x3\r\n\r\nabc", 400},
        {POST "Content-Length: -3\r\n\r\nabc", 400},
        {POST "Content-Length:\r\n\r\nabc", 400},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: identity\r\n\r\n", 400},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding : chunked\r\nContent-Length: 3\r\n\r\nabc", 400},
        {GET "Host: t\r\n\r\n", 400},
        {GET "host: u\r\n\r\n", 400},
        {GET "A: 1\r\n folded\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {GET ": 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {GET "no colon\r\n\r\n", 400},
        {GET "A: \001\r\n\r\n", 400},
        {"GET /show HTTP/1.1\nHost: t\n\n", 400},
        {"GET /show HTTP/1.1\r\nHost: t\nA: 1\r\n\r\n", 400},
        {"GET /show HTTP/1.1\r\n Host: t\r\n\r\n", 400},
        {"GET /show%2Fa HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        {"GET /show/a/../b HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        {"GET /files/%2e%2e/x HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        {"GET /show/%00/b HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        {"GET /show/%zz/b HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        {"GET /show?a=%zz HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        {"GET show HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        {"GET /show HTTP/2.0\r\nHost: t\r\n\r\n", 400},
        {"NONSENSE /show HTTP/1.1\r\nHost: t\r\n\r\n", 400},
        {"\r\n\001\002 garbage\r\n\r\n", 400},
        {GET H8 H8 H8 H8 H8 H8 H8 H8 "\r\n", 431},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[512];
        int status = ask(rows[i].request, body);
        if (status != rows[i].status || strncmp(body, "refused: ", 9) != 0)
            fail_msg("%s: got %d '%s'", rows[i].request, status, body);
    }
    assert_int_equal(handled(), 0);
    assert_int_equal(ask(GET H8 H8 H8 H8 H8 H8 H8 "\r\n", NULL), 200);
}

static void bounds_the_head(void **state)
{
    (void)state;
    char *request = tb_xmalloc(40000);
    size_t n = (size_t)sprintf(request, GET "A: ");
    memset(request + n, 'x', 15800);
    strcpy(request + n + 15800, "\r\n\r\n");
    assert_int_equal(ask(request, NULL), 431);
    memset(request + n, 'x', 30000);
    strcpy(request + n + 30000, "\r\n\r\n");
    assert_int_equal(ask(request, NULL), 400);
    memset(request + n, 'x', 12000);
    strcpy(request + n + 12000, "\r\n\r\n");
    assert_int_equal(ask(request, NULL), 200);
    free(request);
}

static void busy_above_the_workers(void **state)
{
    (void)state;
    struct client held[3];
    for (unsigned i = 0; i < 3; i++) {
        held[i] = dial();
        send_text(&held[i], "GET /gate HTTP/1.1\r\nHost: t\r\n\r\n");
        await(&seen.waiting, i + 1);
    }
    assert_int_equal(tb_http_active(server), 3);
    struct client c = dial();
    send_text(&c, GET "\r\n");
    struct answer a = read_answer(&c, false);
    assert_int_equal(a.status, 503);
    assert_string_equal(a.body, "refused: busy");
    assert_string_equal(header(&a, "Retry-After"), "1");
    free(a.body);
    open_gate();
    for (unsigned i = 0; i < 3; i++) {
        a = read_answer(&held[i], false);
        assert_string_equal(a.body, "through");
        free(a.body);
        hang_up(&held[i]);
    }
    assert_true(tb_http_wait_idle(server, tb_mono_ms() + PATIENCE_MS));
    send_text(&c, GET "\r\n");
    a = read_answer(&c, false);
    assert_int_equal(a.status, 200);
    free(a.body);
    hang_up(&c);
}

static bool is_health(const struct tb_http_route *route)
{
    return route->row != NULL;
}

static void drains(void **state)
{
    (void)state;
    struct client held = dial();
    send_text(&held, "GET /gate HTTP/1.1\r\nHost: t\r\n\r\n");
    await(&seen.waiting, 1);
    tb_http_drain(server, is_health);
    char body[512];
    assert_int_equal(ask(GET "\r\n", body), 503);
    assert_string_equal(body, "refused: draining");
    assert_int_equal(ask("GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n", NULL), 503);
    struct client c = dial();
    send_text(&c, "GET /health HTTP/1.1\r\nHost: t\r\n\r\n");
    struct answer a = read_answer(&c, false);
    assert_int_equal(a.status, 200);
    assert_string_equal(header(&a, "Connection"), "close");
    free(a.body);
    hang_up(&c);
    assert_false(tb_http_wait_idle(server, tb_mono_ms() + 20));
    open_gate();
    int64_t began = tb_mono_ms();
    assert_true(tb_http_wait_idle(server, began + PATIENCE_MS));
    assert_true(tb_mono_ms() - began < PATIENCE_MS / 2); /* woken, not timed out */
    a = read_answer(&held, false); /* the request in flight got its whole answer */
    assert_string_equal(a.body, "through");
    free(a.body);
    hang_up(&held);
}

static void refuses_injected_headers(void **state)
{
    (void)state;
    struct client c = dial();
    send_text(&c,
              "GET /headers?v=a%0D%0AX-Injected:1&type=text/plain%0D%0AX-Injected:1 HTTP/1.1\r\n"
              "Host: t\r\n\r\n");
    struct answer a = read_answer(&c, false);
    assert_int_equal(a.status, 200);
    assert_string_equal(header(&a, "ETag"), "\"1\"");
    assert_string_equal(header(&a, "Cache-Control"), "max-age=1");
    assert_string_equal(header(&a, "Content-Length"), "0");
    assert_string_equal(header(&a, "Content-Type"), "application/octet-stream");
    assert_null(header(&a, "X-Injected"));
    assert_null(header(&a, "X-Evil"));
    assert_null(header(&a, "X-Escape"));
    assert_null(header(&a, "X-Given"));
    assert_null(header(&a, "Transfer-Encoding"));
    assert_null(strstr(a.head, "Injected"));
    free(a.body);
    send_text(&c, "GET /headers?v=plain&type=text/plain HTTP/1.1\r\nHost: t\r\n\r\n");
    a = read_answer(&c, false);
    assert_string_equal(header(&a, "X-Given"), "plain");
    assert_string_equal(header(&a, "Content-Type"), "text/plain");
    free(a.body);
    hang_up(&c);
}

static void knows_that_the_peer_left(void **state)
{
    (void)state;
    struct client c = dial();
    send_text(&c, "GET /until-gone HTTP/1.1\r\nHost: t\r\n\r\n");
    await(&seen.waiting, 1);
    hang_up(&c);
    await(&seen.ended, 1);
    assert_int_equal(body_code(), TB_OK);
}

static void says_why_it_cannot_start(void **state)
{
    (void)state;
    struct tb_error err = {0};
    struct tb_http_config config = usual;
    char port[16];
    config.port = tb_http_port(server);
    snprintf(port, sizeof port, "%d", config.port);
    assert_null(tb_http_start(&config, &err));
    assert_non_null(strstr(err.detail, port));
    if (!strstr(err.detail, strerror(EADDRINUSE)))
        fail_msg("%s", err.detail);
    config.port = 0;
    config.workers = 0;
    assert_null(tb_http_start(&config, &err));
}

/* Lua may nest 200 C calls; civetweb's own 100 KiB would end the process. */
static void handlers_have_stack(void **state)
{
    (void)state;
    struct client c = dial();
    send_text(&c, "GET /stack HTTP/1.1\r\nHost: t\r\n\r\n");
    struct answer a = read_answer(&c, false);
    assert_int_equal(a.status, 200);
    assert_true(strtoul(a.body, NULL, 10) >= (1u << 20));
    free(a.body);
    hang_up(&c);
}

/* civetweb alone looks at its stop flag every 2 s. */
static void stops_at_once(void **state)
{
    assert_int_equal(ask(GET "Connection: close\r\n\r\n", NULL), 200);
    int64_t began = tb_mono_ms();
    assert_int_equal(stop(state), 0);
    assert_true(tb_mono_ms() - began < 1500);
    assert_int_equal(start(state), 0);
}

/* Many clients at once, so that the thread sanitizer has something to look at. */
static void *keep_asking(void *arg)
{
    unsigned *served = arg;
    struct client c = dial();
    for (int i = 0; i < 50; i++) {
        send_text(&c, i % 2 ? GET "\r\n" : POST "Content-Length: 3\r\n\r\nabc");
        struct answer a = read_answer(&c, false);
        *served += a.status == 200 || a.status == 503;
        free(a.body);
        if (strcmp(header(&a, "Connection"), "close") == 0) {
            hang_up(&c);
            c = dial();
        }
    }
    hang_up(&c);
    return NULL;
}

static void serves_many_at_once(void **state)
{
    (void)state;
    pthread_t threads[6];
    unsigned served[6] = {0};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_asking, &served[i]), 0);
    for (size_t i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(served[i], 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_carry_their_headers),
        TEST(keeps_connections),
        TEST(old_clients_are_closed),
        TEST(head_and_bodyless_answers),
        TEST(missing_routes),
        TEST(refuses_before_any_handler),
        TEST(bounds_the_head),
        TEST(busy_above_the_workers),
        TEST(drains),
        TEST(refuses_injected_headers),
        TEST(knows_that_the_peer_left),
        TEST(says_why_it_cannot_start),
        TEST(handlers_have_stack),
        TEST(stops_at_once),
        TEST(serves_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
