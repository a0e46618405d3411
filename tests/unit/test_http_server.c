/* A real server on a free loopback port, talked to with raw sockets: what reaches a handler, what
 * is refused before it, and what becomes of connections. Handlers that must be caught in the act
 * wait at a gate; every wait has an end far beyond what a loaded machine needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/memory.h"

#define PATIENCE_MS 20000
#define BODY_MAX    100000
#define DRIP_MS     300

/* --- the server's side --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static struct {
    unsigned waiting; /* handlers at the gate */
    bool open;
    unsigned ended; /* requests whose `after` ran */
    enum tb_code body_code;
    unsigned handled; /* calls of any handler */
} seen;

static struct tb_http_server *server;

static void count_handled(void)
{
    pthread_mutex_lock(&lock);
    seen.handled++;
    pthread_mutex_unlock(&lock);
}

static void handle_show(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    (void)user;
    count_handled();
    tb_buffer_printf(&res->body, "%s %s", req->method, req->route->pattern);
    for (size_t i = 0; i < TB_HTTP_ARGS && req->arg[i]; i++)
        tb_buffer_printf(&res->body, " <%s>", req->arg[i]);
    for (size_t i = 0; i < req->queries; i++)
        tb_buffer_printf(&res->body, " %s=%s", req->query[i].name, req->query[i].value);
}

static void echo_until(struct tb_http_request *req, struct tb_http_response *res, int64_t deadline)
{
    struct tb_error err = {0};
    count_handled();
    bool ok = tb_http_read_body(req, BODY_MAX, deadline, &err);
    pthread_mutex_lock(&lock);
    seen.body_code = err.code;
    pthread_mutex_unlock(&lock);
    if (ok) {
        tb_buffer_append(&res->body, req->body, req->body_len);
    } else {
        res->status = tb_code_http_status(err.code);
        tb_buffer_puts(&res->body, err.detail);
    }
}

static void handle_echo(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    (void)user;
    echo_until(req, res, tb_mono_ms() + PATIENCE_MS);
}

static void handle_hurry(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    (void)user;
    echo_until(req, res, tb_mono_ms() + DRIP_MS);
}

static void handle_drop(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    (void)req;
    (void)user;
    tb_buffer_puts(&res->body, "never seen");
    res->drop = true;
}

static void handle_status(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    (void)user;
    res->status = atoi(req->arg[0]);
    tb_buffer_puts(&res->body, "text");
}

static void handle_headers(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    (void)user;
    tb_http_header_add(res, "ETag", "\"1\"");
    tb_http_header_add(res, "Cache-Control", "max-age=1");
    tb_http_header_add(res, "X-Evil", "a\r\nX-Injected: 1");
    tb_http_header_add(res, "X-Evil\r\nX-Injected", "1");
    tb_http_header_add(res, "X Evil", "1");
    tb_http_header_add(res, "", "X-Injected");
    tb_http_header_add(res, "X-Escape", "a\033[2J");
    tb_http_header_add(res, "Content-Length", "7");
    tb_http_header_add(res, "transfer-encoding", "chunked");
    if (tb_http_query(req, "v"))
        tb_http_header_add(res, "X-Given", tb_http_query(req, "v"));
    res->content_type = tb_http_query(req, "type");
}

static void handle_gate(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    (void)req;
    (void)user;
    int64_t deadline = tb_mono_ms() + PATIENCE_MS;
    pthread_mutex_lock(&lock);
    seen.waiting++;
    pthread_cond_broadcast(&changed);
    while (!seen.open && tb_cond_wait_until(&changed, &lock, deadline))
        ;
    seen.waiting--;
    pthread_mutex_unlock(&lock);
    tb_buffer_puts(&res->body, "through");
}

static void handle_until_gone(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    (void)user;
    int64_t deadline = tb_mono_ms() + PATIENCE_MS;
    bool alive_at_first = tb_http_peer_alive(req);
    pthread_mutex_lock(&lock);
    seen.waiting++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    while (tb_http_peer_alive(req) && tb_mono_ms() < deadline)
        tb_sleep_ms(1);
    pthread_mutex_lock(&lock);
    seen.waiting--;
    seen.body_code = alive_at_first && tb_mono_ms() < deadline ? TB_OK : TB_INTERNAL;
    pthread_mutex_unlock(&lock);
    res->status = 204;
}

/* The bytes of stack this thread has. */
static void handle_stack(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    pthread_attr_t attr;
    size_t size = 0;
    (void)req;
    (void)user;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        (void)pthread_attr_getstacksize(&attr, &size);
        pthread_attr_destroy(&attr);
    }
    tb_buffer_printf(&res->body, "%zu", size);
}

static bool before(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    (void)user;
    tb_http_header_add(res, "X-Before", req->route ? "route" : "none");
    if (!tb_http_header(req, "X-Stranger"))
        return true;
    tb_buffer_clear(&res->body);
    res->status = 401;
    return false;
}

static void refuse(struct tb_http_request *req, struct tb_http_response *res,
                   const struct tb_error *err, const char *allow, void *user)
{
    (void)user;
    (void)allow;
    bool known = strlen(req->id) == TB_ULID_TEXT - 1 && strcmp(req->remote, "127.0.0.1") == 0;
    tb_buffer_printf(&res->body, "%s: %s", known ? "refused" : "nobody", tb_code_word(err->code));
}

static void after(struct tb_http_request *req, const struct tb_http_response *res, void *user)
{
    (void)req;
    (void)res;
    (void)user;
    pthread_mutex_lock(&lock);
    seen.ended++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static const struct tb_http_route routes[] = {
    {"GET", "/show/{a}/{b}", handle_show, NULL},
    {"GET", "/show", handle_show, NULL},
    {"DELETE", "/show", handle_show, NULL},
    {"GET", "/files/{path...}", handle_show, NULL},
    {"POST", "/echo", handle_echo, NULL},
    {"POST", "/hurry", handle_hurry, NULL},
    {"GET", "/drop", handle_drop, NULL},
    {"POST", "/drop", handle_drop, NULL},
    {"GET", "/status/{code}", handle_status, NULL},
    {"GET", "/headers", handle_headers, NULL},
    {"GET", "/gate", handle_gate, NULL},
    {"GET", "/health", handle_show, "still"},
    {"GET", "/until-gone", handle_until_gone, NULL},
    {"GET", "/stack", handle_stack, NULL},
    {0},
};

static const struct tb_http_config usual = {
    .bind = "127.0.0.1",
    .workers = 3,
    .reserve = 5,
    .keep_alive = true,
    .serve_head = true,
    .server_header = "test",
    .routes = routes,
    .before = before,
    .refuse = refuse,
    .after = after,
};

static int start(void **state)
{
    (void)state;
    struct tb_error err = {0};
    memset(&seen, 0, sizeof seen);
    tb_cond_init(&changed);
    server = tb_http_start(&usual, &err);
    if (!server)
        fprintf(stderr, "%s\n", err.detail);
    return server && tb_http_port(server) > 0 ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    tb_http_stop(server);
    server = NULL;
    pthread_cond_destroy(&changed);
    return 0;
}

/* Waits until the counter is `value`. */
static void await(const unsigned *counter, unsigned value)
{
    int64_t deadline = tb_mono_ms() + PATIENCE_MS;
    pthread_mutex_lock(&lock);
    while (*counter != value && tb_cond_wait_until(&changed, &lock, deadline))
        ;
    bool reached = *counter == value;
    pthread_mutex_unlock(&lock);
    assert_true(reached);
}

static void open_gate(void)
{
    pthread_mutex_lock(&lock);
    seen.open = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static unsigned handled(void)
{
    pthread_mutex_lock(&lock);
    unsigned n = seen.handled;
    pthread_mutex_unlock(&lock);
    return n;
}

static enum tb_code body_code(void)
{
    pthread_mutex_lock(&lock);
    enum tb_code code = seen.body_code;
    pthread_mutex_unlock(&lock);
    return code;
}

/* --- the client's side --- */

struct client {
    int fd;
    char *bytes; /* received, not yet taken */
    size_t len;
    bool eof;
    bool reset;
};

static struct client dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)tb_http_port(server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct client c = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                       .bytes = tb_xcalloc(1, 1)};
    assert_int_equal(connect(c.fd, (struct sockaddr *)&to, sizeof to), 0);
    return c;
}

static void hang_up(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->bytes);
    *c = (struct client){.fd = -1};
}

static bool send_bytes(struct client *c, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static bool send_text(struct client *c, const char *text)
{
    return send_bytes(c, text, strlen(text));
}

/* Takes what comes within ms; false when nothing did. */
static bool receive(struct client *c, int ms)
{
    char bytes[65536];
    struct pollfd wait = {.fd = c->fd, .events = POLLIN};
    if (poll(&wait, 1, ms) <= 0)
        return false;
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
    if (n <= 0) {
        c->eof = true;
        c->reset = n < 0;
        return true;
    }
    c->bytes = tb_xrealloc(c->bytes, c->len + (size_t)n + 1);
    memcpy(c->bytes + c->len, bytes, (size_t)n);
    c->len += (size_t)n;
    c->bytes[c->len] = '\0';
    return true;
}

struct answer {
    int status;
    char head[4096];
    char *body;
    size_t body_len;
};

static const char *header(const struct answer *a, const char *name)
{
    static _Thread_local char value[512];
    size_t len = strlen(name);
    for (const char *line = strstr(a->head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            const char *from = line + 2 + len + 1 + strspn(line + 2 + len + 1, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(from, "\r"), from);
            return value;
        }
    }
    return NULL;
}

/* Reads one answer, without a body when `bodyless`. */
static struct answer read_answer(struct client *c, bool bodyless)
{
    struct answer a = {0};
    char *end;
    while (!(end = strstr(c->bytes, "\r\n\r\n"))) {
        if (c->eof || !receive(c, PATIENCE_MS))
            fail_msg("no answer; got '%s'%s", c->bytes, c->eof ? " and then the end" : "");
    }
    size_t head_len = (size_t)(end - c->bytes) + 4;
    assert_true(head_len < sizeof a.head);
    memcpy(a.head, c->bytes, head_len);
    a.status = atoi(a.head + strlen("HTTP/1.1 "));
    const char *length = header(&a, "Content-Length");
    a.body_len = bodyless || !length ? 0 : (size_t)strtoul(length, NULL, 10);
    while (c->len < head_len + a.body_len)
        assert_true(receive(c, PATIENCE_MS) && !c->eof);
    a.body = tb_xstrndup(c->bytes + head_len, 0);
    a.body = tb_xrealloc(a.body, a.body_len + 1);
    memcpy(a.body, c->bytes + head_len, a.body_len);
    a.body[a.body_len] = '\0';
    c->len -= head_len + a.body_len;
    memmove(c->bytes, c->bytes + head_len + a.body_len, c->len + 1);
    return a;
}

static void assert_closed(struct client *c)
{
    while (!c->eof)
        assert_true(receive(c, PATIENCE_MS));
    assert_int_equal(c->len, 0);
}

/* One request on its own connection: status and body. */
static int ask(const char *request, char body_out[512])
{
    struct client c = dial();
    assert_true(send_text(&c, request));
    struct answer a = read_answer(&c, strncmp(request, "HEAD", 4) == 0);
    if (body_out)
        snprintf(body_out, 512, "%s", a.body);
    free(a.body);
    hang_up(&c);
    return a.status;
}

/* --- tests --- */

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

#define GET  "GET /show HTTP/1.1\r\nHost: t\r\n"
#define POST "POST /echo HTTP/1.1\r\nHost: t\r\n"
#define H8   "A: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\nA: 6\r\nA: 7\r\nA: 8\r\n"

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

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

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
        TEST(refuses_large_bodies_unread),
        TEST(unread_bodies_do_not_reset_the_answer),
        TEST(reads_whole_bodies),
        TEST(reads_chunked_bodies),
        TEST(chunked_bodies_may_be_as_long_as_others),
        TEST(says_continue),
        TEST(dripped_bodies_hit_the_deadline),
        TEST(notices_an_early_close),
        TEST(drops_without_a_byte),
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
