/* Request bodies: what the head says about them, reading them under our own deadline, and getting
 * rid of what nobody read.
 *
 * Called on the civetweb worker thread that serves the request; http_watch.c ends a read that is
 * late. */
#include "base/http_private.h"

#include <civetweb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"

#define SLICE         16384
#define HEAD_SPARE    1024 /* keeps the look behind the last header inside civetweb's buffer */
#define LENGTH_DIGITS 15
#define LINGER_MS     2000
#define LINGER_BYTES  (4 << 20)

/* civetweb stops quietly at a header line it does not understand (a folded one, one beginning
 * with a colon) and after 64 of them; whatever follows is never seen, a Transfer-Encoding
 * included. It cuts its buffer in place, so the end of the last header shows whether the head
 * ended there: CR and LF became NULs and the empty line follows. Bare LF line ends fall out too. */
static bool head_seen_whole(const struct mg_request_info *ri)
{
    const char *end = ri->http_version + strlen(ri->http_version);
    for (int i = 0; i < ri->num_headers; i++) {
        const struct mg_header *h = &ri->http_headers[i];
        const char *colon = h->name + strlen(h->name);
        /* A blank before the colon became a NUL too. Proxies disagree about such a header. */
        if (h->name != end + 2 || (h->value > colon + 1 && colon[1] == '\0'))
            return false;
        end = ri->http_headers[i].value + strlen(ri->http_headers[i].value);
    }
    return end[1] == '\0' && (ri->num_headers ? end[2] == '\r' : end[2] == '\0');
}

static bool head_check(const struct mg_request_info *ri, struct tb_error *err)
{
    if (ri->num_headers > 0) {
        const struct mg_header *last = &ri->http_headers[ri->num_headers - 1];
        if (last->value + strlen(last->value) - ri->request_method > TB_HTTP_HEAD_MAX - HEAD_SPARE)
            return tb_fail(err, TB_HEADERS_TOO_LARGE,
                           "The request line and headers are larger than %d bytes.",
                           TB_HTTP_HEAD_MAX - HEAD_SPARE);
    }
    if (head_seen_whole(ri))
        return true;
    if (ri->num_headers >= MG_MAX_HEADERS)
        return tb_fail(err, TB_HEADERS_TOO_LARGE, "The request has more than %d headers.",
                       MG_MAX_HEADERS);
    return tb_fail(err, TB_BAD_REQUEST,
                   "The request has a malformed or folded header line, or a line that does not "
                   "end in CR LF.");
}

/* The one value of a header that must not be repeated; *value_out is NULL when it is absent. */
static bool single_header(const struct mg_request_info *ri, const char *name,
                          const char **value_out, struct tb_error *err)
{
    *value_out = NULL;
    for (int i = 0; i < ri->num_headers; i++) {
        if (strcasecmp(ri->http_headers[i].name, name) != 0)
            continue;
        if (*value_out)
            return tb_fail(err, TB_BAD_REQUEST, "The request has more than one %s header.", name);
        *value_out = ri->http_headers[i].value;
    }
    return true;
}

static size_t trimmed_length(const char *value)
{
    size_t len = strlen(value);
    while (len > 0 && value[len - 1] == ' ')
        len--;
    return len;
}

static bool parse_length(const char *value, struct tb_http_framing *framing_out,
                         struct tb_error *err)
{
    size_t len = trimmed_length(value);
    if (len == 0 || strspn(value, "0123456789") != len)
        return tb_fail(err, TB_BAD_REQUEST, "Content-Length is not a number.");
    if (len > LENGTH_DIGITS)
        framing_out->length_huge = true;
    else
        framing_out->length = (size_t)strtoull(value, NULL, 10);
    return true;
}

bool tb_http_framing_check(const struct mg_connection *conn, struct tb_http_framing *framing_out,
                           struct tb_error *err)
{
    const struct mg_request_info *ri = mg_get_request_info(conn);
    const char *host;
    const char *length;
    const char *coding;
    *framing_out = (struct tb_http_framing){0};
    if (!head_check(ri, err) || !single_header(ri, "Host", &host, err) ||
        !single_header(ri, "Content-Length", &length, err) ||
        !single_header(ri, "Transfer-Encoding", &coding, err))
        return false;
    if (length && coding)
        return tb_fail(err, TB_BAD_REQUEST,
                       "The request has both Content-Length and Transfer-Encoding.");
    if (length && !parse_length(length, framing_out, err))
        return false;
    if (coding) {
        if (strcasecmp(coding, "chunked") != 0)
            return tb_fail(err, TB_BAD_REQUEST, "The only transfer coding served is \"chunked\".");
        framing_out->chunked = true;
    }
    const char *expect = mg_get_header(conn, "Expect");
    framing_out->expects_continue = expect && strcasecmp(expect, "100-continue") == 0;
    return true;
}

/* A peer that only closed its sending side counts as gone: it is not told apart from one that
 * closed the socket, until something is written. */
bool tb_http_peer_alive(const struct tb_http_request *req)
{
    struct pollfd wait = {.fd = tb_http_peer_socket(&req->private_->peer), .events = POLLRDHUP};
    return wait.fd >= 0 && poll(&wait, 1, 0) >= 0 &&
           !(wait.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL));
}

void tb_http_linger(struct tb_http_private *p)
{
    struct tb_http_reading reading = {.peer = p->peer, .deadline_ms = tb_mono_ms() + LINGER_MS};
    int fd = tb_http_peer_socket(&p->peer);
    char sink[SLICE];
    size_t total = 0;
    if (fd < 0 || shutdown(fd, SHUT_WR) != 0)
        return;
    tb_http_watch_add(p->watch, &reading);
    for (int n; total < LINGER_BYTES && tb_mono_ms() < reading.deadline_ms; total += (size_t)n) {
        n = mg_read(p->conn, sink, sizeof sink);
        if (n <= 0)
            break;
    }
    (void)tb_http_watch_remove(p->watch, &reading);
}

static bool fail_too_large(size_t max, struct tb_error *err)
{
    return tb_fail(err, TB_TOO_LARGE, "The request body is larger than %zu bytes.", max);
}

static bool fail_timeout(struct tb_error *err)
{
    return tb_fail(err, TB_TIMEOUT, "The request body did not arrive in time.");
}

/* mg_read came back short without having been cut. */
static bool fail_short(struct tb_http_request *req, bool quiet, struct tb_error *err)
{
    if (!tb_http_peer_alive(req))
        return tb_fail(err, TB_BAD_REQUEST, "The client left before its request body was whole.");
    if (!quiet && req->private_->framing.chunked)
        return tb_fail(err, TB_BAD_REQUEST, "The chunked request body is malformed.");
    return fail_timeout(err);
}

/* Real time: civetweb's patience does not run faster under a scaled clock. */
static int64_t real_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads until the body is whole. A chunked one may be `max` long: one byte more proves it larger.
 */
static bool read_slices(struct tb_http_request *req, size_t max, int64_t deadline,
                        struct tb_error *err)
{
    struct tb_http_private *p = req->private_;
    struct tb_http_reading reading = {.peer = p->peer, .deadline_ms = deadline};
    bool chunked = p->framing.chunked;
    size_t left = chunked ? max + 1 : p->framing.length;
    bool whole = left == 0;
    bool stuck = false;
    bool quiet = false;
    char slice[SLICE];
    tb_http_watch_add(p->watch, &reading);
    while (!whole && !stuck && left > 0 && tb_mono_ms() < deadline) {
        size_t want = left < sizeof slice ? left : sizeof slice;
        int64_t before = real_ms();
        int n = mg_read(p->conn, slice, want);
        quiet = real_ms() - before >= TB_HTTP_QUIET_MS;
        stuck = n < 0 || (!chunked && (size_t)n < want);
        if (n > 0) {
            tb_buffer_append(&p->body, slice, (size_t)n);
            left -= (size_t)n;
        }
        whole = !stuck && (chunked ? n == 0 : left == 0);
    }
    bool cut = tb_http_watch_remove(p->watch, &reading);
    if (whole)
        return true;
    if (left == 0)
        return fail_too_large(max, err);
    return stuck && !cut ? fail_short(req, quiet, err) : fail_timeout(err);
}

bool tb_http_read_body(struct tb_http_request *req, size_t max, int64_t mono_deadline_ms,
                       struct tb_error *err)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct tb_http_private *p = req->private_;
    const struct tb_http_framing *framing = &p->framing;
    if (p->body_whole)
        return true;
    if (p->body_tried || p->head_broken)
        return tb_fail(err, TB_BAD_REQUEST, "The request body could not be read.");
    p->body_tried = true;
    if (framing->length_huge || framing->length > max)
        return fail_too_large(max, err);
    if (framing->expects_continue)
        (void)mg_write(p->conn, go_on, sizeof go_on - 1);
    if (!read_slices(req, max, mono_deadline_ms, err))
        return false;
    p->body_whole = true;
    req->body = tb_buffer_text(&p->body);
    req->body_len = p->body.len;
    return true;
}
