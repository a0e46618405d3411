/* Request bodies at the HTTP server: whole, chunked, too large, dripped, cut off. */
#include "http_peer.h"

static void refuses_large_bodies_unread(void **state)
{
    (void)state;
    static const char *const requests[] = {
        POST "Content-Length: 100001\r\n\r\n",
        POST "Content-Length: 100001\r\nExpect: 100-continue\r\n\r\n",
        POST "Content-Length: 99999999999999999999999999\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct client c = dial();
        send_text(&c, requests[i]);
        struct answer a = read_answer(&c, false); /* the first thing to come: no 100 */
        assert_int_equal(a.status, 413);
        assert_string_equal(header(&a, "Connection"), "close");
        int64_t answered = tb_mono_ms();
        assert_closed(&c);
        assert_true(tb_mono_ms() - answered < 1500); /* the server is still waiting for the body */
        free(a.body);
        hang_up(&c);
    }
}

/* A client that first sends all and then reads still gets the answer, not a reset; its small send
 * buffer makes it wait for the server to take the bytes. */
static void unread_bodies_do_not_reset_the_answer(void **state)
{
    (void)state;
    static char body[2000000];
    static const int small = 8192;
    static const char *const requests[] = {
        POST "Content-Length: 2000000\r\n\r\n",
        "POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 2000000\r\n\r\n",
        POST "Content-Length: 2000000\r\nContent-Length: 2000000\r\n\r\n",
    };
    static const int statuses[] = {413, 404, 400};
    for (size_t i = 0; i < 3; i++) {
        struct client c = dial();
        assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
        assert_true(send_text(&c, requests[i]));
        assert_true(send_bytes(&c, body, sizeof body));
        struct answer a = read_answer(&c, false);
        assert_int_equal(a.status, statuses[i]);
        assert_closed(&c);
        free(a.body);
        hang_up(&c);
    }
}

static void reads_whole_bodies(void **state)
{
    (void)state;
    static char body[BODY_MAX];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)(i * 7);
    struct client c = dial();
    for (size_t len = 1; len <= sizeof body; len = len * 10) {
        char head[128];
        snprintf(head, sizeof head, POST "Content-Length: %zu\r\n\r\n", len);
        send_text(&c, head);
        send_bytes(&c, body, len);
        struct answer a = read_answer(&c, false);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.body_len, len);
        assert_memory_equal(a.body, body, len);
        free(a.body);
    }
    send_text(&c, POST "\r\n");
    struct answer a = read_answer(&c, false);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body_len, 0);
    free(a.body);
    hang_up(&c);
}

static void reads_chunked_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *answer;
    } rows[] = {
        {"3\r\nabc\r\n1\r\n-\r\nA\r\n0123456789\r\n0\r\n\r\n", 200, "abc-0123456789"},
        {"0\r\n\r\n", 200, ""},
        {"3\r\nabcX\r\n0\r\n\r\n", 400, NULL},
        {"x\r\nabc\r\n0\r\n\r\n", 400, NULL},
        {"-3\r\nabc\r\n0\r\n\r\n", 400, NULL},
        {"30D40\r\n", 413, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct client c = dial();
        send_text(&c, POST "Transfer-Encoding: chunked\r\n\r\n");
        send_text(&c, rows[i].body);
        static char much[BODY_MAX + 1];
        if (rows[i].status == 413)
            send_bytes(&c, much, sizeof much);
        struct answer a = read_answer(&c, false);
        assert_int_equal(a.status, rows[i].status);
        if (rows[i].answer)
            assert_string_equal(a.body, rows[i].answer);
        assert_string_equal(header(&a, "Connection"), "close");
        free(a.body);
        hang_up(&c);
    }
}

static void chunked_bodies_may_be_as_long_as_others(void **state)
{
    (void)state;
    static char body[BODY_MAX];
    struct client c = dial();
    memset(body, 'x', sizeof body);
    send_text(&c, POST "Transfer-Encoding: chunked\r\n\r\n186A0\r\n"); /* BODY_MAX in hex */
    send_bytes(&c, body, sizeof body);
    send_text(&c, "\r\n0\r\n\r\n");
    struct answer a = read_answer(&c, false);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body_len, sizeof body);
    free(a.body);
    hang_up(&c);
}

static void says_continue(void **state)
{
    (void)state;
    struct client c = dial();
    send_text(&c, POST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    struct answer a = read_answer(&c, true);
    assert_int_equal(a.status, 100);
    free(a.body);
    send_text(&c, "abc");
    a = read_answer(&c, false);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "abc");
    assert_string_equal(header(&a, "Connection"), "keep-alive");
    free(a.body);
    hang_up(&c);
}

/* Sends one byte whenever nothing came for a moment; the answer must come at the deadline. */
static void drip(const char *head, const char *byte)
{
    struct client c = dial();
    int64_t began = tb_mono_ms();
    send_text(&c, head);
    while (!receive(&c, 20)) {
        assert_true(tb_mono_ms() - began < PATIENCE_MS);
        send_text(&c, byte);
    }
    int64_t took = tb_mono_ms() - began;
    struct answer a = read_answer(&c, false);
    assert_int_equal(a.status, 408);
    assert_string_equal(header(&a, "Connection"), "close");
    assert_true(took >= DRIP_MS - 1);
    assert_true(took < DRIP_MS + 1500); /* below civetweb's own 2 s of patience */
    free(a.body);
    hang_up(&c);
}

#define HURRY "POST /hurry HTTP/1.1\r\nHost: t\r\n"

static void dripped_bodies_hit_the_deadline(void **state)
{
    (void)state;
    drip(HURRY "Content-Length: 50000\r\n\r\n", "x");
    drip(HURRY "Transfer-Encoding: chunked\r\n\r\n", "0");
    drip(HURRY "Transfer-Encoding: chunked\r\n\r\nFFFF\r\n", "x");
    drip(HURRY "Content-Length: 5\r\n\r\n", "");
}

static void notices_an_early_close(void **state)
{
    (void)state;
    static const char *const requests[] = {POST "Content-Length: 50\r\n\r\nabc",
                                           POST "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"};
    for (unsigned i = 0; i < 2; i++) {
        struct client c = dial();
        send_text(&c, requests[i]);
        hang_up(&c);
        await(&seen.ended, i + 1);
        assert_int_equal(body_code(), TB_BAD_REQUEST);
    }
    assert_int_equal(ask(GET "\r\n", NULL), 200);
}

static void drops_without_a_byte(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /drop HTTP/1.1\r\nHost: t\r\n\r\n",
        "POST /drop HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc"};
    for (size_t i = 0; i < 2; i++) {
        struct client c = dial();
        send_text(&c, requests[i]);
        assert_closed(&c);
        assert_false(c.reset);
        hang_up(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_large_bodies_unread),
        TEST(unread_bodies_do_not_reset_the_answer),
        TEST(reads_whole_bodies),
        TEST(reads_chunked_bodies),
        TEST(chunked_bodies_may_be_as_long_as_others),
        TEST(says_continue),
        TEST(dripped_bodies_hit_the_deadline),
        TEST(notices_an_early_close),
        TEST(drops_without_a_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
