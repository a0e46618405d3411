/* The server: password, event loop, faults around each handler. Threads are base/http's; everything
 * shared is behind host->mutex. */
#include "simulator/host.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"

#define BODY_MAX     ((size_t)16 * 1024 * 1024)
#define BODY_WAIT_MS 30000
#define WORKERS      96

/* ---- time and the loop; with the mutex held ---- */

static int64_t world_time(const struct sim_host *host)
{
    int64_t mono = host->clock_stopped ? host->stopped_mono : tb_mono_ms();
    return host->start_wall + (mono - host->start_mono) + host->skew;
}

void sim_host_advance(struct sim_host *host)
{
    sim_world_advance(&host->world, world_time(host));
}

void sim_host_stop_clock(struct sim_host *host, bool stop)
{
    if (host->clock_stopped == stop)
        return;
    int64_t mono = tb_mono_ms();
    if (!stop)
        host->skew -= mono - host->stopped_mono;
    host->stopped_mono = mono;
    host->clock_stopped = stop;
}

/* Waits until the world's clock reaches `until`, however it gets there. A clock that was stopped
 * jumps: nobody else would move it. */
static void wait_world(struct sim_host *host, int64_t until)
{
    sim_host_advance(host);
    while (!host->stopping && host->world.now < until) {
        int64_t left = until - host->world.now;
        if (host->clock_stopped)
            host->skew += left;
        else
            (void)tb_cond_wait_until(&host->changed, &host->mutex, tb_mono_ms() + left);
        sim_host_advance(host);
    }
}

static void loop_enter(struct sim_host *host)
{
    uint64_t ticket = host->next_ticket++;
    while (!host->stopping && host->serving != ticket)
        pthread_cond_wait(&host->changed, &host->mutex);
    sim_host_advance(host);
    while (!host->stopping && sim_frozen(&host->world))
        wait_world(host, host->world.frozen_until);
}

static void loop_leave(struct sim_host *host)
{
    host->serving++;
    pthread_cond_broadcast(&host->changed);
}

void sim_freeze(struct sim_call *call, int64_t ms)
{
    struct sim_world *w = call->w;
    int64_t until = w->now + ms;
    if (until > w->frozen_until)
        w->frozen_until = until;
    if (call->req != NULL)
        wait_world(call->host, until);
}

void sim_wait(struct sim_call *call, int64_t ms)
{
    if (call->req == NULL)
        return;
    int64_t until = call->w->now + ms;
    loop_leave(call->host);
    wait_world(call->host, until);
    loop_enter(call->host);
}

/* ---- password ---- */

static void unauthorized(struct tb_http_response *res, const char *detail)
{
    res->status = 401;
    tb_http_header_add(res, "WWW-Authenticate", "Basic");
    tb_buffer_clear(&res->body);
    tb_buffer_printf(&res->body, "{\"detail\":\"%s\"}", detail);
}

static bool authorized(const struct sim_host *host, const struct tb_http_request *req,
                       struct tb_http_response *res)
{
    const char *header = tb_http_header(req, "Authorization");
    if (header == NULL || strncasecmp(header, "Basic ", 6) != 0) {
        unauthorized(res, "Not authenticated");
        return false;
    }
    struct tb_buffer pair = TB_BUFFER_INIT;
    bool ok = tb_base64_decode(&pair, header + 6, strlen(header + 6));
    const char *colon = ok ? memchr(tb_buffer_text(&pair), ':', pair.len) : NULL;
    if (colon == NULL) {
        tb_buffer_free(&pair);
        unauthorized(res, "Invalid authentication credentials");
        return false;
    }
    size_t user = (size_t)(colon - pair.data);
    bool user_ok = tb_equal_constant_time(pair.data, user, host->username, strlen(host->username));
    bool password_ok = tb_equal_constant_time(colon + 1, pair.len - user - 1, host->password,
                                              strlen(host->password));
    ok = user_ok && password_ok;
    tb_buffer_free(&pair);
    if (!ok)
        unauthorized(res, "Incorrect username or password");
    return ok;
}

/* ---- one request ---- */

/* A request whose connection was dropped and which executes later. */
struct sim_late {
    struct sim_host *host;
    const struct sim_route *route;
    char *arg[TB_HTTP_ARGS];
    char *query[TB_HTTP_QUERIES * 2 + 1];
    char *body;
    size_t body_len;
    size_t write;
};

static void mark_executed(struct sim_host *host, size_t write)
{
    struct sim_write *entry = sim_ledger_at(host, write);
    if (entry != NULL)
        entry->executed_at = host->world.now;
}

static void execute(struct sim_call *call, const struct sim_route *route, const char *body,
                    size_t len, const char *content_type, size_t write)
{
    struct tb_json_doc *doc = NULL;
    call->route = route;
    if (route->handler == NULL) {
        sim_detail(call, 501, "not simulated");
        return;
    }
    if (!sim_body_check(call, route->body, route->members, body, len, content_type, &doc)) {
        tb_json_free(doc);
        return;
    }
    if (call->w->engine_sleep_ms > 0 && (route->flags & SIM_ENGINE) != 0) {
        int64_t ms = call->w->engine_sleep_ms;
        call->w->engine_sleep_ms = 0;
        sim_freeze(call, ms);
    }
    if ((route->flags & SIM_DEPLOYS) != 0)
        call->host->deploys_executed++;
    mark_executed(call->host, write);
    if (call->w->engine_down && (route->flags & SIM_ENGINE) != 0)
        sim_crash(call);
    else
        route->handler(call);
    tb_json_free(doc);
}

static void run_late(struct sim_world *w, void *arg)
{
    struct sim_late *late = arg;
    struct tb_buffer text = TB_BUFFER_INIT;
    struct sim_call call = {.host = late->host,
                            .w = w,
                            .text = &text,
                            .status = 200,
                            .queries = (const char *const *)late->query};
    for (size_t i = 0; i < TB_HTTP_ARGS; i++)
        call.arg[i] = late->arg[i];
    tb_jw_init(&call.out, &text);
    execute(&call, late->route, late->body, late->body_len, "application/json", late->write);
    struct sim_write *entry = sim_ledger_at(late->host, late->write);
    if (entry != NULL)
        entry->status = call.status;
    tb_buffer_free(&text);
    for (size_t i = 0; i < TB_HTTP_ARGS; i++)
        free(late->arg[i]);
    for (size_t i = 0; late->query[i] != NULL; i++)
        free(late->query[i]);
    free(late->body);
    free(late);
    pthread_cond_broadcast(&call.host->changed);
}

static void postpone(struct sim_host *host, const struct sim_route *route,
                     const struct tb_http_request *req, int64_t delay_ms, size_t write)
{
    struct sim_late *late = tb_xcalloc(1, sizeof *late);
    late->host = host;
    late->route = route;
    for (size_t i = 0; i < TB_HTTP_ARGS; i++)
        late->arg[i] = req->arg[i] == NULL ? NULL : tb_xstrdup(req->arg[i]);
    for (size_t i = 0; i < req->queries; i++) {
        late->query[2 * i] = tb_xstrdup(req->query[i].name);
        late->query[2 * i + 1] = tb_xstrdup(req->query[i].value);
    }
    late->body = tb_xstrndup(req->body, req->body_len);
    late->body_len = req->body_len;
    late->write = write;
    sim_world_job(&host->world, host->world.now + delay_ms, SIM_JOB_LATE, NULL, late);
}

static struct sim_fault fault_take(struct sim_host *host, const struct tb_http_request *req)
{
    for (size_t i = 0; i < host->fault_count; i++) {
        struct sim_fault *f = &host->faults[i];
        if ((f->method[0] != '\0' && strcmp(f->method, req->method) != 0) ||
            strncmp(f->path, req->target, strlen(f->path)) != 0)
            continue;
        struct sim_fault taken = *f;
        if (f->left > 0 && --f->left == 0) {
            memmove(f, f + 1, (host->fault_count - i - 1) * sizeof *f);
            host->fault_count--;
        }
        return taken;
    }
    return (struct sim_fault){0};
}

/* Faults that answer instead of the handler. True when the answer is made. */
static bool fault_answers(struct sim_call *call, const struct sim_route *route,
                          struct tb_http_response *res, const struct sim_fault *f, size_t write)
{
    switch (f->kind) {
    case SIM_FAULT_HANG:
        wait_world(call->host, call->w->now + (f->delay_ms > 0 ? f->delay_ms : 3600000));
        res->drop = true;
        return true;
    case SIM_FAULT_ERROR500:
    case SIM_FAULT_NAN:
        sim_crash(call);
        return true;
    case SIM_FAULT_ERROR_DETAIL:
        sim_detail(call, 500, "%s", f->detail);
        return true;
    case SIM_FAULT_DROP_BEFORE:
        res->drop = true;
        return true;
    case SIM_FAULT_LATE:
    case SIM_FAULT_LATE_HANG:
        postpone(call->host, route, call->req, f->delay_ms, write);
        if (f->kind == SIM_FAULT_LATE_HANG)
            wait_world(call->host, call->w->now + f->delay_ms);
        res->drop = true;
        return true;
    case SIM_FAULT_SUCCESS_SHAPED:
        sim_fault_success_shaped(call, route);
        return true;
    case SIM_FAULT_HTML:
        res->content_type = "text/html";
        tb_buffer_puts(&res->body, "<!DOCTYPE html><html><body>Tunnel not found</body></html>");
        return true;
    case SIM_FAULT_UNAUTHORIZED:
        unauthorized(res, "Incorrect username or password");
        call->status = 401;
        return true;
    default:
        return false;
    }
}

static void serve(struct sim_call *call, const struct sim_route *route,
                  struct tb_http_response *res)
{
    struct sim_host *host = call->host;
    const struct tb_http_request *req = call->req;
    struct sim_fault f = fault_take(host, req);
    bool is_write = strcmp(req->method, "GET") != 0;
    size_t write = is_write ? sim_ledger_add(host, req, f.kind) : (size_t)-1;
    if ((route->flags & SIM_DEPLOYS) != 0)
        host->deploys_delivered++;
    if (f.kind == SIM_FAULT_LATENCY)
        wait_world(host, host->world.now + f.delay_ms);
    call->fault_detail = f.detail[0] == '\0' ? NULL : f.detail;
    call->created_fault = f.kind == SIM_FAULT_CREATED;
    call->engine_timeout_fault = f.kind == SIM_FAULT_ENGINE_TIMEOUT;
    call->text_list_fault = f.kind == SIM_FAULT_TEXT_LIST;
    if (!fault_answers(call, route, res, &f, write)) {
        loop_enter(host);
        if (f.kind == SIM_FAULT_FREEZE)
            sim_freeze(call, f.delay_ms);
        execute(call, route, req->body, req->body_len, tb_http_header(req, "Content-Type"), write);
        loop_leave(host);
        res->drop = f.kind == SIM_FAULT_DROP_AFTER;
    }
    call->fault_detail = NULL;
    struct sim_write *entry = sim_ledger_at(host, write);
    if (entry != NULL) {
        entry->answered = !res->drop;
        entry->status = entry->status == 0 && !res->drop ? call->status : entry->status;
    }
}

static void dispatch(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    struct sim_host *host = user;
    const struct sim_route *route = req->route->row;
    struct tb_error err;
    if (!tb_http_read_body(req, BODY_MAX, tb_mono_ms() + BODY_WAIT_MS, &err)) {
        res->status = 400;
        tb_buffer_puts(&res->body, "{\"detail\":\"There was an error parsing the body\"}");
        return;
    }
    const char *queries[TB_HTTP_QUERIES * 2 + 1] = {0};
    for (size_t i = 0; i < req->queries; i++) {
        queries[2 * i] = req->query[i].name;
        queries[2 * i + 1] = req->query[i].value;
    }
    sim_cors_ordinary(req, res);
    pthread_mutex_lock(&host->mutex);
    sim_host_advance(host);
    struct sim_call call = {.host = host,
                            .w = &host->world,
                            .req = req,
                            .text = &res->body,
                            .status = 200,
                            .queries = queries};
    memcpy(call.arg, req->arg, sizeof call.arg);
    tb_jw_init(&call.out, call.text);
    if ((route->flags & SIM_OPEN) != 0 || authorized(host, req, res)) {
        serve(&call, route, res);
        res->status = call.status;
        if (call.plain)
            res->content_type = "text/plain; charset=utf-8";
    }
    pthread_mutex_unlock(&host->mutex);
}

static void refuse(struct tb_http_request *req, struct tb_http_response *res,
                   const struct tb_error *err, const char *allow, void *user)
{
    (void)user;
    res->status = tb_code_http_status(err->code);
    if (req != NULL && strcmp(req->method, "OPTIONS") == 0 && sim_cors(req, res))
        return;
    if (req != NULL)
        sim_cors_ordinary(req, res);
    const char *detail = err->detail;
    if (err->code == TB_BAD_REQUEST || err->code == TB_NOT_FOUND) {
        res->status = 404; /* a path with %2F matches no route there */
        detail = "Not Found";
    } else if (err->code == TB_METHOD_NOT_ALLOWED) {
        detail = "Method Not Allowed";
        if (allow != NULL)
            tb_http_header_add(res, "Allow", allow);
    }
    struct tb_json_writer out;
    tb_buffer_clear(&res->body);
    tb_jw_init(&out, &res->body);
    tb_jw_object(&out);
    tb_jw_kv_string(&out, "detail", detail);
    tb_jw_end_object(&out);
}

static void after(struct tb_http_request *req, const struct tb_http_response *res, void *user)
{
    struct sim_host *host = user;
    if (host->log == NULL)
        return;
    char stamp[TB_TIME_TEXT];
    tb_time_format(tb_wall_ms(), stamp);
    pthread_mutex_lock(&host->mutex);
    fprintf(host->log, "%s %s %s %d%s\n", stamp, req->method, req->target, res->status,
            res->drop ? " dropped" : "");
    fflush(host->log);
    pthread_mutex_unlock(&host->mutex);
}

/* ---- start and stop ---- */

struct tb_simulator {
    struct sim_host host;
};

static struct tb_http_route *build_routes(void)
{
    size_t count = 0, n = 0;
    while (sim_routes[count].method != NULL)
        count++;
    size_t controls = 0;
    while (sim_control_routes[controls].method != NULL)
        controls++;
    struct tb_http_route *routes = tb_xcalloc(count + controls + 1, sizeof *routes);
    for (size_t i = 0; i < count; i++) {
        const struct sim_route *r = &sim_routes[i];
        const char *pattern = r->pattern == NULL ? r->path : r->pattern;
        if (pattern[0] != '\0')
            routes[n++] = (struct tb_http_route){r->method, pattern, dispatch, r};
    }
    memcpy(routes + n, sim_control_routes, controls * sizeof *routes);
    return routes;
}

static void host_free(struct sim_host *host)
{
    for (size_t i = 0; i < host->world.job_count; i++) {
        if (host->world.jobs[i].kind == SIM_JOB_LATE)
            run_late(&host->world, host->world.jobs[i].late);
    }
    sim_world_free(&host->world);
    sim_ledger_forget(host);
    free(host->writes);
    free(host->faults);
    free(host->routes);
    free(host->username);
    free(host->password);
    if (host->log != NULL)
        fclose(host->log);
    pthread_cond_destroy(&host->changed);
    pthread_mutex_destroy(&host->mutex);
}

struct tb_simulator *tb_simulator_start(const struct tb_simulator_config *config,
                                        struct tb_error *err)
{
    struct tb_simulator *simulator = tb_xcalloc(1, sizeof *simulator);
    struct sim_host *host = &simulator->host;
    pthread_mutex_init(&host->mutex, NULL);
    tb_cond_init(&host->changed);
    host->start_wall = tb_wall_ms();
    host->start_mono = tb_mono_ms();
    host->username = tb_xstrdup(config->username == NULL ? "admin" : config->username);
    host->password = tb_xstrdup(config->password == NULL ? "admin" : config->password);
    sim_world_init(&host->world, host->start_wall, config->seed, config->fresh, config->bots);
    host->world.run_late = run_late;
    host->routes = build_routes();
    if (config->log != NULL && (host->log = fopen(config->log, "a")) == NULL) {
        tb_fail(err, TB_BAD_REQUEST, "the simulator cannot write its log file %s", config->log);
    } else {
        struct tb_http_config http = {.bind = "127.0.0.1",
                                      .port = config->port,
                                      .workers = WORKERS,
                                      .reserve = 8,
                                      .keep_alive = true,
                                      .server_header = "uvicorn",
                                      .routes = host->routes,
                                      .user = host,
                                      .refuse = refuse,
                                      .after = after};
        host->server = tb_http_start(&http, err);
    }
    if (host->server == NULL) {
        host_free(host);
        free(simulator);
        return NULL;
    }
    return simulator;
}

int tb_simulator_port(const struct tb_simulator *simulator)
{
    return tb_http_port(simulator->host.server);
}

void tb_simulator_stop(struct tb_simulator *simulator)
{
    if (simulator == NULL)
        return;
    struct sim_host *host = &simulator->host;
    pthread_mutex_lock(&host->mutex);
    host->stopping = true;
    pthread_cond_broadcast(&host->changed);
    pthread_mutex_unlock(&host->mutex);
    tb_http_stop(host->server);
    host_free(host);
    free(simulator);
}
