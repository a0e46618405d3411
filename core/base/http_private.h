/* Shared by the http*.c siblings only: the state behind one request and the pure parts (route.c)
 * that tests and the fuzz target drive without a socket. */
#ifndef TB_BASE_HTTP_PRIVATE_H
#define TB_BASE_HTTP_PRIVATE_H

#include <netinet/in.h>
#include <pthread.h>

#include "base/http.h"

#define TB_HTTP_SEGMENTS 48                /* path segments; more are refused with 400 */
#define TB_HTTP_STACK    ((size_t)4 << 20) /* of each thread that runs handlers */
#define TB_HTTP_HEAD_MAX 16384             /* bytes of request line and headers civetweb takes */
#define TB_HTTP_QUIET_MS 2000 /* civetweb gives up on a peer that is silent this long */

struct mg_connection;

/* What a request says about its body, decided before any handler runs. */
struct tb_http_framing {
    bool chunked;
    bool expects_continue;
    bool length_huge; /* more digits than we count: too large for any limit */
    size_t length;    /* of Content-Length; 0 when chunked */
};

/* --- http_watch.c --- */

struct tb_http_peer {
    in_addr_t remote_address;
    int remote_port;
    int local_port;
};

/* The connection's socket, or -1 (it is dead already). */
int tb_http_peer_socket(const struct tb_http_peer *peer);

/* A worker that reads a body; lives on its stack while it is in the list. */
struct tb_http_reading {
    struct tb_http_peer peer;
    int64_t deadline_ms;
    bool cut;
    struct tb_http_reading *next, *previous;
};

enum tb_http_watch_state { TB_HTTP_WATCH_READING, TB_HTTP_WATCH_KNOCKING, TB_HTTP_WATCH_ENDED };

struct tb_http_watch {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct tb_http_reading *first;
    int64_t wakes_ms; /* when the thread looks again by itself */
    enum tb_http_watch_state state;
    struct sockaddr_in address; /* written before the state says knocking */
};

TB_MUST_CHECK
bool tb_http_watch_start(struct tb_http_watch *watch, struct tb_error *err);
void tb_http_watch_add(struct tb_http_watch *watch, struct tb_http_reading *reading);
/* Was the connection cut because the deadline had passed? */
bool tb_http_watch_remove(struct tb_http_watch *watch, struct tb_http_reading *reading);
void tb_http_watch_knock(struct tb_http_watch *watch, const char *bind_address, int port);
void tb_http_watch_end(struct tb_http_watch *watch);

struct tb_http_private {
    struct tb_http_watch *watch;
    struct mg_connection *conn;
    struct tb_http_peer peer;
    struct tb_http_framing framing;
    struct tb_buffer body;
    char *text;       /* decoded path and query */
    bool head_broken; /* not parsed: civetweb's headers and mg_read are out of bounds */
    bool body_tried;
    bool body_whole; /* nothing of this request is left on the connection */
    bool keep_alive; /* the client and civetweb would go on */
};

/* --- http_route.c --- */

/* A path in decoded segments, lying one behind the other, each with its NUL. "/" is one empty
 * segment, a trailing slash is an empty last one. */
struct tb_http_path {
    size_t count;
    char *segment[TB_HTTP_SEGMENTS];
};

/* Splits and decodes. storage: strlen(raw) + 1 bytes, which the results point into. */
TB_MUST_CHECK
bool tb_http_path_split(const char *raw, char *storage, struct tb_http_path *path_out,
                        struct tb_error *err);
TB_MUST_CHECK
bool tb_http_query_split(const char *raw, char *storage,
                         struct tb_http_param query_out[TB_HTTP_QUERIES], size_t *queries_out,
                         struct tb_error *err);

struct tb_http_routes;
TB_MUST_CHECK
struct tb_http_routes *tb_http_routes_compile(const struct tb_http_route *rows, bool serve_head,
                                              struct tb_error *err);
void tb_http_routes_free(struct tb_http_routes *routes);
/* The route, its arguments in arg_out (a "{path...}" joins its segments in place). NULL: no route;
 * then allow_out holds the methods the path does have, empty for 404. */
const struct tb_http_route *tb_http_routes_match(const struct tb_http_routes *routes,
                                                 const char *method, struct tb_http_path *path,
                                                 const char *arg_out[TB_HTTP_ARGS],
                                                 struct tb_buffer *allow_out);

/* --- http_body.c --- */

/* Refuses what could be understood differently by a proxy in front of us. */
TB_MUST_CHECK
bool tb_http_framing_check(const struct mg_connection *conn, struct tb_http_framing *framing_out,
                           struct tb_error *err);
/* Says "no more", then reads and forgets for a moment what the client still sends of its body:
 * closing on unread bytes would reset the connection under the answer. Not after a broken head. */
void tb_http_linger(struct tb_http_private *p);

/* --- http_file.c --- */

/* Sends the answer's file; false when the client has left or the file is shorter than said. */
TB_MUST_CHECK
bool tb_http_send_file(struct mg_connection *conn, const struct tb_http_response *res);

#endif
