/* Our HTTP server: civetweb wrapped once, for the bridge and for the simulator.
 *
 * One civetweb handler on "/", none of its files, forms, CGI or automatic CORS. We split the
 * request target ourselves: each segment is percent-decoded once; %2F, %00, dot segments and
 * malformed escapes are refused. Early refusals, before any handler: Content-Length together with
 * Transfer-Encoding, repeated Content-Length or Host, a transfer coding other than chunked, more
 * than 64 headers, folded headers. Bodies are read under our own deadline (a helper thread cuts a
 * client that drips bytes), `Expect: 100-continue` is answered just before. Every answer is one
 * mg_write; after an unread or a chunked body the connection is closed. When more than `workers`
 * requests are active the next is answered 503 at once.
 *
 * The owner gives a route table and three hooks; hooks and handlers run on civetweb worker threads.
 * Never called with locks held. */
#ifndef TB_BASE_HTTP_H
#define TB_BASE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/id.h"

#define TB_HTTP_ARGS    6  /* {…} segments in a pattern */
#define TB_HTTP_QUERIES 24 /* query parameters kept; more are refused with 400 */

struct tb_http_param {
    const char *name; /* decoded ('+' is a space) */
    const char *value;
};

struct tb_http_request;
struct tb_http_response;
typedef void tb_http_handler_fn(struct tb_http_request *req, struct tb_http_response *res,
                                void *user);

/* pattern: "/bots/{id}/start"; "{id}" matches one non-empty segment, "{path...}" at the end matches
 * the rest (with its slashes). Literal segments win over "{…}". A trailing slash is part of the
 * path. `row` is the owner's own data. Tables end with method == NULL. HEAD is served as GET
 * without a body when `serve_head` is set. */
struct tb_http_route {
    const char *method;
    const char *pattern;
    tb_http_handler_fn *handler;
    const void *row;
};

struct tb_http_request {
    const char *method;
    const char *target;       /* path as sent, without the query; for messages escape it first */
    const char *query_string; /* as sent, "" when none */
    const struct tb_http_route *route; /* NULL for 404 and 405 */
    const char *arg[TB_HTTP_ARGS];     /* decoded values of the pattern's {…}, in order */
    struct tb_http_param query[TB_HTTP_QUERIES];
    size_t queries;
    const char *remote;    /* peer address */
    char id[TB_ULID_TEXT]; /* request id */
    const char *body;      /* after tb_http_read_body; NUL-terminated, "" when empty */
    size_t body_len;
    int64_t started_ms; /* tb_mono_ms */
    void *user;         /* owner's per-request data, e.g. the caller's identity */
    struct tb_http_private *private_;
};

struct tb_http_response {
    int status;               /* 200 to begin with */
    const char *content_type; /* "application/json" to begin with */
    struct tb_buffer body;
    struct tb_buffer headers; /* complete extra lines, by tb_http_header_add */
    /* With file_bytes > 0 the answer is `body` and then that many bytes of this descriptor, which
     * the server closes: for what is too large for memory. */
    int file;
    int64_t file_bytes;
    bool drop; /* close the connection without a byte of answer (simulator's faults) */
    bool close;
};

struct tb_http_config {
    const char *bind; /* an IPv4 address; "127.0.0.1" by default */
    int port;         /* 0: any free one */
    unsigned workers; /* requests served at once */
    unsigned reserve; /* further threads, for answering 503 and streams */
    bool keep_alive;
    bool serve_head;
    const char *server_header; /* value of Server:, NULL for none */
    const struct tb_http_route *routes;
    void *user;
    /* Before the handler; also for 404/405, with route == NULL and res already filled by `refuse`.
     * false: the answer in res is final (401, 413 …). May be NULL. */
    bool (*before)(struct tb_http_request *req, struct tb_http_response *res, void *user);
    /* Fills res with an error in the owner's dialect. allow: value of Allow for 405, else NULL. */
    void (*refuse)(struct tb_http_request *req, struct tb_http_response *res,
                   const struct tb_error *err, const char *allow, void *user);
    /* After the answer was written (or dropped): access log, counters, freeing req->user. */
    void (*after)(struct tb_http_request *req, const struct tb_http_response *res, void *user);
};

struct tb_http_server;

TB_MUST_CHECK
struct tb_http_server *tb_http_start(const struct tb_http_config *config, struct tb_error *err);
int tb_http_port(const struct tb_http_server *server);        /* the port really bound */
unsigned tb_http_active(const struct tb_http_server *server); /* requests inside handlers */
/* From now on answer every new request by `refuse` with TB_DRAINING, except those whose route row
 * the predicate accepts (health). */
void tb_http_drain(struct tb_http_server *server, bool (*still)(const struct tb_http_route *route));
/* Waits until no request is active or the deadline passes. */
bool tb_http_wait_idle(struct tb_http_server *server, int64_t mono_deadline_ms);
void tb_http_stop(struct tb_http_server *server); /* joins all threads; frees */

const char *tb_http_header(const struct tb_http_request *req,
                           const char *name); /* NULL if absent */
const char *tb_http_query(const struct tb_http_request *req, const char *name);
/* Reads the body: TB_TOO_LARGE above max, TB_TIMEOUT when it is not whole by the deadline,
 * TB_BAD_REQUEST when the client left early. An absent body is "" and fine. */
TB_MUST_CHECK
bool tb_http_read_body(struct tb_http_request *req, size_t max, int64_t mono_deadline_ms,
                       struct tb_error *err);
/* Adds one header line; a value with CR, LF or other control characters is refused (not sent). */
void tb_http_header_add(struct tb_http_response *res, const char *name, const char *value);
/* Is the peer still connected? For handlers that wait. */
bool tb_http_peer_alive(const struct tb_http_request *req);

#endif
