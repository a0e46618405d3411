/* A real HTTP server on a free loopback port and a client with raw sockets, for the tests of
 * base/http. Handlers that must be caught in the act wait at a gate; every wait has an end far
 * beyond what a loaded machine needs. */
#ifndef TB_TESTS_HTTP_PEER_H
#define TB_TESTS_HTTP_PEER_H

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

static inline void count_handled(void)
{
    pthread_mutex_lock(&lock);
    seen.handled++;
    pthread_mutex_unlock(&lock);
}

static inline void handle_show(struct tb_http_request *req, struct tb_http_response *res,
                               void *user)
{
    (void)user;
    count_handled();
    tb_buffer_printf(&res->body, "%s %s", req->method, req->route->pattern);
    for (size_t i = 0; i < TB_HTTP_ARGS && req->arg[i]; i++)
        tb_buffer_printf(&res->body, " <%s>", req->arg[i]);
    for (size_t i = 0; i < req->queries; i++)
        tb_buffer_printf(&res->body, " %s=%s", req->query[i].name, req->query[i].value);
}

static inline void echo_until(struct tb_http_request *req, struct tb_http_response *res,
                              int64_t deadline)
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

static inline void handle_echo(struct tb_http_request *req, struct tb_http_response *res,
                               void *user)
{
    (void)user;
    echo_until(req, res, tb_mono_ms() + PATIENCE_MS);
}

static inline void handle_hurry(struct tb_http_request *req, struct tb_http_response *res,
                                void *user)
{
    (void)user;
    echo_until(req, res, tb_mono_ms() + DRIP_MS);
}

static inline void handle_drop(struct tb_http_request *req, struct tb_http_response *res,
                               void *user)
{
    (void)req;
    (void)user;
    tb_buffer_puts(&res->body, "never seen");
    res->drop = true;
}

static inline void handle_status(struct tb_http_request *req, struct tb_http_response *res,
                                 void *user)
{
    (void)user;
    res->status = atoi(req->arg[0]);
    tb_buffer_puts(&res->body, "text");
}

static inline void handle_headers(struct tb_http_request *req, struct tb_http_response *res,
                                  void *user)
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

static inline void handle_gate(struct tb_http_request *req, struct tb_http_response *res,
                               void *user)
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

static inline void handle_until_gone(struct tb_http_request *req, struct tb_http_response *res,
                                     void *user)
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
static inline void handle_stack(struct tb_http_request *req, struct tb_http_response *res,
                                void *user)
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

static inline bool before(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    (void)user;
    tb_http_header_add(res, "X-Before", req->route ? "route" : "none");
    if (!tb_http_header(req, "X-Stranger"))
        return true;
    tb_buffer_clear(&res->body);
    res->status = 401;
    return false;
}

static inline void refuse(struct tb_http_request *req, struct tb_http_response *res,
                          const struct tb_error *err, const char *allow, void *user)
{
    (void)user;
    (void)allow;
    bool known = strlen(req->id) == TB_ULID_TEXT - 1 && strcmp(req->remote, "127.0.0.1") == 0;
    tb_buffer_printf(&res->body, "%s: %s", known ? "refused" : "nobody", tb_code_word(err->code));
}

static inline void after(struct tb_http_request *req, const struct tb_http_response *res,
                         void *user)
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

static inline int start(void **state)
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

static inline int stop(void **state)
{
    (void)state;
    tb_http_stop(server);
    server = NULL;
    pthread_cond_destroy(&changed);
    return 0;
}

/* Waits until the counter is `value`. */
static inline void await(const unsigned *counter, unsigned value)
{
    int64_t deadline = tb_mono_ms() + PATIENCE_MS;
    pthread_mutex_lock(&lock);
    while (*counter != value && tb_cond_wait_until(&changed, &lock, deadline))
        ;
    bool reached = *counter == value;
    pthread_mutex_unlock(&lock);
    assert_true(reached);
}

static inline void open_gate(void)
{
    pthread_mutex_lock(&lock);
    seen.open = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static inline unsigned handled(void)
{
    pthread_mutex_lock(&lock);
    unsigned n = seen.handled;
    pthread_mutex_unlock(&lock);
    return n;
}

static inline enum tb_code body_code(void)
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

static inline struct client dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)tb_http_port(server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct client c = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                       .bytes = tb_xcalloc(1, 1)};
    assert_int_equal(connect(c.fd, (struct sockaddr *)&to, sizeof to), 0);
    return c;
}

static inline void hang_up(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->bytes);
    *c = (struct client){.fd = -1};
}

static inline bool send_bytes(struct client *c, const char *bytes, size_t len)
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

static inline bool send_text(struct client *c, const char *text)
{
    return send_bytes(c, text, strlen(text));
}

/* Takes what comes within ms; false when nothing did. */
static inline bool receive(struct client *c, int ms)
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
static inline struct answer read_answer(struct client *c, bool bodyless)
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

static inline void assert_closed(struct client *c)
{
    while (!c->eof)
        assert_true(receive(c, PATIENCE_MS));
    assert_int_equal(c->len, 0);
}

/* One request on its own connection: status and body. */
static inline int ask(const char *request, char body_out[512])
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

#define GET  "GET /show HTTP/1.1\r\nHost: t\r\n"
#define POST "POST /echo HTTP/1.1\r\nHost: t\r\n"

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

#endif
