/* The server: civetweb started with everything of its own switched off, and the way of one request
 * from its head to its one written answer.
 *
 * Everything runs in civetweb's begin_request callback, before any of civetweb's own handling
 * (files, CORS, authorization files) and without its per-request locks. Any number of worker
 * threads; the lock guards the count of active requests and the drain state, and is never held
 * while a hook or handler runs. */
#include "base/http_private.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

struct tb_http_server {
    struct tb_http_config config;
    struct tb_http_routes *routes;
    struct mg_context *context;
    struct tb_http_watch watch;
    int port;
    pthread_mutex_t lock;
    pthread_cond_t idle; /* active became 0 */
    unsigned active;
    bool draining;
    bool (*still)(const struct tb_http_route *route);
};

/* civetweb tells why it could not start only in its log; the starting thread keeps the first line
 */
static _Thread_local char start_message[256];

static const struct reason {
    int status;
    const char *phrase;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *reason_phrase(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status)
            return reasons[i].phrase;
    }
    return "Status";
}

/* --- the answer --- */

static bool plain_value(const char *value)
{
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if ((*c < 0x20 && *c != '\t') || *c == 0x7f)
            return false;
    }
    return true;
}

/* A header name we leave to its owner: a token, and none of those that frame the answer. */
static bool free_name(const char *name)
{
    static const char *const ours[] = {"Connection", "Content-Length",    "Content-Type",
                                       "Date",       "Transfer-Encoding", "X-Request-Id"};
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if (!*name || name[strspn(name, token)] != '\0')
        return false;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (strcasecmp(name, ours[i]) == 0)
            return false;
    }
    return true;
}

void tb_http_header_add(struct tb_http_response *res, const char *name, const char *value)
{
    if (free_name(name) && plain_value(value))
        tb_buffer_printf(&res->headers, "%s: %s\r\n", name, value);
    else
        tb_log(TB_WARN, "http.header_refused", "An answer header is malformed and was left out.");
}

static bool has_header(const struct tb_http_response *res, const char *name)
{
    size_t len = strlen(name);
    const char *line = tb_buffer_text(&res->headers);
    while (*line) {
        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return true;
        const char *end = strstr(line, "\r\n");
        if (!end)
            return false;
        line = end + 2;
    }
    return false;
}

/* Not by strftime, which looks at /etc/localtime every time. */
static void add_date(struct tb_buffer *out)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = (time_t)(tb_wall_ms() / 1000);
    struct tm utc;
    gmtime_r(&now, &utc);
    tb_buffer_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[utc.tm_wday],
                     utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                     utc.tm_sec);
}

/* One buffer, one write: with several, Nagle and delayed acknowledgement cost 44 ms an answer. */
static void write_answer(const struct tb_http_server *server, const struct tb_http_request *req,
                         struct tb_http_response *res)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    bool bodyless = res->status == 204 || res->status == 304;
    bool head = strcmp(req->method, "HEAD") == 0;
    tb_buffer_printf(&out, "HTTP/1.1 %d %s\r\n", res->status, reason_phrase(res->status));
    add_date(&out);
    if (server->config.server_header)
        tb_buffer_printf(&out, "Server: %s\r\n", server->config.server_header);
    if (!bodyless) {
        const char *type = res->content_type && plain_value(res->content_type)
                               ? res->content_type
                               : "application/octet-stream";
        tb_buffer_printf(&out, "Content-Type: %s\r\nContent-Length: %zu\r\n", type,
                         res->body.len + (size_t)res->file_bytes);
    }
    tb_buffer_printf(&out, "Connection: %s\r\nX-Request-Id: %s\r\n",
                     res->close ? "close" : "keep-alive", req->id);
    if (!has_header(res, "X-Content-Type-Options"))
        tb_buffer_puts(&out, "X-Content-Type-Options: nosniff\r\n");
    if (!has_header(res, "Cache-Control"))
        tb_buffer_puts(&out, "Cache-Control: no-store\r\n");
    if (res->headers.len)
        tb_buffer_append(&out, res->headers.data, res->headers.len);
    tb_buffer_puts(&out, "\r\n");
    if (!bodyless && !head && res->body.len)
        tb_buffer_append(&out, res->body.data, res->body.len);
    if (mg_write(req->private_->conn, out.data, out.len) < (int)out.len ||
        (!bodyless && !head && !tb_http_send_file(req->private_->conn, res)))
        res->close = true; /* the client is gone */
    tb_buffer_free(&out);
}

static void refuse(struct tb_http_server *server, struct tb_http_request *req,
                   struct tb_http_response *res, const struct tb_error *err, const char *allow)
{
    res->status = tb_code_http_status(err->code);
    server->config.refuse(req, res, err, allow, server->config.user);
    if (allow && !has_header(res, "Allow"))
        tb_http_header_add(res, "Allow", allow);
    if ((err->code == TB_BUSY || err->code == TB_DRAINING) && !has_header(res, "Retry-After"))
        tb_http_header_add(res, "Retry-After", "1");
}

/* --- one request --- */

static bool has_option(const char *list, const char *word)
{
    size_t len = strlen(word);
    while (*list) {
        list += strspn(list, " ,\t");
        size_t n = strcspn(list, " ,\t");
        if (n == len && strncasecmp(list, word, len) == 0)
            return true;
        list += n;
    }
    return false;
}

/* Would civetweb go on with this connection? Our Connection header must say what it will do. */
static bool wants_keep_alive(const struct tb_http_server *server, const struct mg_connection *conn)
{
    const struct mg_request_info *ri = mg_get_request_info(conn);
    const char *connection = mg_get_header(conn, "Connection");
    if (!server->config.keep_alive || mg_get_header(conn, "Upgrade"))
        return false;
    if (connection)
        return has_option(connection, "keep-alive");
    return strcmp(ri->http_version, "1.1") == 0;
}

static void request_begin(struct tb_http_server *server, struct mg_connection *conn,
                          struct tb_http_request *req, struct tb_http_response *res,
                          struct tb_http_private *p)
{
    const struct mg_request_info *ri = mg_get_request_info(conn);
    *p = (struct tb_http_private){.watch = &server->watch,
                                  .conn = conn,
                                  .peer = {.remote_address = inet_addr(ri->remote_addr),
                                           .remote_port = ri->remote_port,
                                           .local_port = ri->server_port}};
    *req = (struct tb_http_request){.method = "",
                                    .target = "",
                                    .query_string = "",
                                    .remote = ri->remote_addr,
                                    .body = "",
                                    .started_ms = tb_mono_ms(),
                                    .private_ = p};
    *res = (struct tb_http_response){.status = 200, .content_type = "application/json"};
    tb_ulid(req->id);
}

static void request_end(struct tb_http_server *server, struct tb_http_request *req,
                        struct tb_http_response *res)
{
    struct tb_http_private *p = req->private_;
    if (!p->keep_alive || !p->body_whole || res->drop)
        res->close = true;
    if (!res->drop)
        write_answer(server, req, res);
    if (res->close)
        mg_disable_connection_keep_alive(p->conn);
    if (server->config.after)
        server->config.after(req, res, server->config.user);
    if (res->file_bytes > 0)
        close(res->file);
    tb_buffer_free(&res->body);
    tb_buffer_free(&res->headers);
    tb_buffer_free(&p->body);
    free(p->text);
}

/* One more active request, unless all workers have one. */
static bool admit(struct tb_http_server *server)
{
    pthread_mutex_lock(&server->lock);
    bool free_worker = server->active < server->config.workers;
    if (free_worker)
        server->active++;
    pthread_mutex_unlock(&server->lock);
    return free_worker;
}

static void leave(struct tb_http_server *server)
{
    pthread_mutex_lock(&server->lock);
    if (--server->active == 0)
        pthread_cond_broadcast(&server->idle);
    pthread_mutex_unlock(&server->lock);
}

static bool drained(struct tb_http_server *server, struct tb_http_request *req)
{
    pthread_mutex_lock(&server->lock);
    bool draining = server->draining;
    bool (*still)(const struct tb_http_route *) = server->still;
    pthread_mutex_unlock(&server->lock);
    if (draining)
        req->private_->keep_alive = false;
    return draining && !(still && req->route && still(req->route));
}

/* Decodes the target and finds the route; its absence is not an error here. */
static bool resolve(struct tb_http_server *server, struct tb_http_request *req,
                    struct tb_buffer *allow, struct tb_error *err)
{
    struct tb_http_private *p = req->private_;
    struct tb_http_path path;
    size_t target_size = strlen(req->target) + 1;
    p->text = tb_xmalloc(target_size + strlen(req->query_string) + 1);
    if (!tb_http_path_split(req->target, p->text, &path, err) ||
        !tb_http_query_split(req->query_string, p->text + target_size, req->query, &req->queries,
                             err))
        return false;
    req->route = tb_http_routes_match(server->routes, req->method, &path, req->arg, allow);
    return true;
}

static void missing_route(struct tb_http_server *server, struct tb_http_request *req,
                          struct tb_http_response *res, const struct tb_buffer *allow)
{
    struct tb_error err = {0};
    struct tb_buffer shown = TB_BUFFER_INIT;
    tb_escape_control(&shown, req->target);
    if (allow->len)
        tb_fail(&err, TB_METHOD_NOT_ALLOWED, "%s is not served at %.400s; it serves %s.",
                req->method, tb_buffer_text(&shown), tb_buffer_text(allow));
    else
        tb_fail(&err, TB_NOT_FOUND, "There is nothing at %.500s.", tb_buffer_text(&shown));
    tb_buffer_free(&shown);
    refuse(server, req, res, &err, allow->len ? tb_buffer_text(allow) : NULL);
}

static void serve(struct tb_http_server *server, struct tb_http_request *req,
                  struct tb_http_response *res, bool admitted)
{
    struct tb_http_private *p = req->private_;
    struct tb_buffer allow = TB_BUFFER_INIT;
    struct tb_error err = {0};
    bool ok = tb_http_framing_check(p->conn, &p->framing, &err);
    if (ok) {
        p->keep_alive = wants_keep_alive(server, p->conn) && !p->framing.chunked;
        p->body_whole = !p->framing.chunked && !p->framing.length && !p->framing.length_huge;
        ok = admitted || tb_fail(&err, TB_BUSY, "All %u workers are busy.", server->config.workers);
    }
    ok = ok && resolve(server, req, &allow, &err);
    if (ok && drained(server, req))
        ok = tb_fail(&err, TB_DRAINING, "The server is shutting down.");
    if (!ok) {
        refuse(server, req, res, &err, NULL);
    } else {
        if (!req->route)
            missing_route(server, req, res, &allow);
        if ((!server->config.before || server->config.before(req, res, server->config.user)) &&
            req->route)
            req->route->handler(req, res, server->config.user);
    }
    tb_buffer_free(&allow);
}

static int on_request(struct mg_connection *conn)
{
    const struct mg_request_info *ri = mg_get_request_info(conn);
    struct tb_http_server *server = ri->user_data;
    struct tb_http_request req;
    struct tb_http_response res;
    struct tb_http_private p;
    bool admitted = admit(server);
    request_begin(server, conn, &req, &res, &p);
    req.method = ri->request_method;
    req.target = ri->local_uri_raw;
    req.query_string = ri->query_string ? ri->query_string : "";
    serve(server, &req, &res, admitted);
    request_end(server, &req, &res);
    if (admitted)
        leave(server);
    if (!p.body_whole)
        tb_http_linger(&p);
    return res.status;
}

/* civetweb could not read a request head: the same dialect answers it. */
static int on_bad_head(struct mg_connection *conn, int status, const char *message)
{
    struct tb_http_server *server = mg_get_user_data(mg_get_context(conn));
    struct tb_http_request req;
    struct tb_http_response res;
    struct tb_http_private p;
    struct tb_error err = {0};
    (void)message;
    request_begin(server, conn, &req, &res, &p);
    p.head_broken = true;
    if (status == 505)
        tb_fail(&err, TB_BAD_REQUEST, "Only HTTP/1.0 and HTTP/1.1 are served.");
    else
        tb_fail(
            &err, TB_BAD_REQUEST,
            "The request line or headers are malformed, larger than %d bytes, or did not arrive "
            "in time.",
            TB_HTTP_HEAD_MAX);
    refuse(server, &req, &res, &err, NULL);
    request_end(server, &req, &res);
    return 0;
}

/* Debian builds civetweb with 100 KiB of stack a thread and no setting for it. Lua alone may nest
 * 200 C calls, kilobytes each, before it raises: a plugin could end the process. civetweb's call
 * binds to this function, since the program comes first in the search for a symbol. */
int pthread_attr_setstacksize(pthread_attr_t *attr, size_t size)
{
    int (*next)(pthread_attr_t *, size_t);
    void *found = dlsym(RTLD_NEXT, "pthread_attr_setstacksize");
    if (!found)
        return ENOSYS;
    memcpy(&next, &found, sizeof next);
    return next(attr, size < TB_HTTP_STACK ? TB_HTTP_STACK : size);
}

static int on_log(const struct mg_connection *conn, const char *message)
{
    (void)conn;
    if (!start_message[0])
        tb_copy(start_message, sizeof start_message, message);
    tb_log(TB_DEBUG, "http.civetweb", "%s", message);
    return 1;
}

/* --- the server --- */

static struct mg_context *start_civetweb(struct tb_http_server *server)
{
    const struct tb_http_config *config = &server->config;
    char port[64];
    char threads[16];
    char head_max[16];
    char quiet_ms[16];
    snprintf(port, sizeof port, "%.40s:%d", config->bind, config->port);
    snprintf(threads, sizeof threads, "%u", config->workers + config->reserve);
    snprintf(head_max, sizeof head_max, "%d", TB_HTTP_HEAD_MAX);
    snprintf(quiet_ms, sizeof quiet_ms, "%d", TB_HTTP_QUIET_MS);
    const char *options[] = {"listening_ports",
                             port,
                             "num_threads",
                             threads,
                             "max_request_size",
                             head_max,
                             "request_timeout_ms",
                             quiet_ms,
                             "enable_keep_alive",
                             config->keep_alive ? "yes" : "no",
                             "keep_alive_timeout_ms",
                             quiet_ms,
                             "tcp_nodelay",
                             "1",
                             "decode_url",
                             "no",
                             "decode_query_string",
                             "no",
                             "enable_directory_listing",
                             "no",
                             "enable_auth_domain_check",
                             "no",
                             "access_control_allow_origin",
                             "",
                             "access_control_allow_methods",
                             "",
                             "access_control_allow_headers",
                             "",
                             NULL};
    const struct mg_callbacks callbacks = {
        .begin_request = on_request, .http_error = on_bad_head, .log_message = on_log};
    start_message[0] = '\0';
    mg_init_library(MG_FEATURES_DEFAULT);
    struct mg_context *context = mg_start(&callbacks, server, options);
    if (!context)
        mg_exit_library();
    return context;
}

static void server_free(struct tb_http_server *server)
{
    tb_http_routes_free(server->routes);
    pthread_cond_destroy(&server->idle);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

static bool start_listening(struct tb_http_server *server, struct tb_error *err)
{
    if (!tb_http_watch_start(&server->watch, err))
        return false;
    server->context = start_civetweb(server);
    if (!server->context) {
        tb_http_watch_end(&server->watch);
        return tb_fail(err, TB_INTERNAL, "Cannot serve HTTP on %s:%d: %s", server->config.bind,
                       server->config.port, start_message[0] ? start_message : "no reason given");
    }
    struct mg_server_port bound = {0};
    if (mg_get_server_ports(server->context, 1, &bound) == 1)
        server->port = bound.port;
    return true;
}

struct tb_http_server *tb_http_start(const struct tb_http_config *config, struct tb_error *err)
{
    if (!config->refuse || !config->routes || config->workers == 0) {
        tb_fail(err, TB_INTERNAL, "An HTTP server needs routes, `refuse` and at least one worker.");
        return NULL;
    }
    struct tb_http_server *server = tb_xcalloc(1, sizeof *server);
    server->config = *config;
    if (!server->config.bind)
        server->config.bind = "127.0.0.1";
    pthread_mutex_init(&server->lock, NULL);
    tb_cond_init(&server->idle);
    server->routes = tb_http_routes_compile(config->routes, config->serve_head, err);
    if (!server->routes || !start_listening(server, err)) {
        server_free(server);
        return NULL;
    }
    return server;
}

int tb_http_port(const struct tb_http_server *server)
{
    return server->port;
}

unsigned tb_http_active(const struct tb_http_server *server)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&server->lock;
    pthread_mutex_lock(lock);
    unsigned active = server->active;
    pthread_mutex_unlock(lock);
    return active;
}

void tb_http_drain(struct tb_http_server *server, bool (*still)(const struct tb_http_route *route))
{
    pthread_mutex_lock(&server->lock);
    server->draining = true;
    server->still = still;
    pthread_mutex_unlock(&server->lock);
}

bool tb_http_wait_idle(struct tb_http_server *server, int64_t mono_deadline_ms)
{
    pthread_mutex_lock(&server->lock);
    while (server->active > 0 && tb_cond_wait_until(&server->idle, &server->lock, mono_deadline_ms))
        ;
    bool idle = server->active == 0;
    pthread_mutex_unlock(&server->lock);
    return idle;
}

void tb_http_stop(struct tb_http_server *server)
{
    if (!server)
        return;
    tb_http_watch_knock(&server->watch, server->config.bind, server->port);
    mg_stop(server->context);
    tb_http_watch_end(&server->watch);
    mg_exit_library();
    server_free(server);
}

const char *tb_http_header(const struct tb_http_request *req, const char *name)
{
    return req->private_->head_broken ? NULL : mg_get_header(req->private_->conn, name);
}

const char *tb_http_query(const struct tb_http_request *req, const char *name)
{
    for (size_t i = 0; i < req->queries; i++) {
        if (strcmp(req->query[i].name, name) == 0)
            return req->query[i].value;
    }
    return NULL;
}
