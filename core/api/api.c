/* The way of one request: CORS, who asks, may they, its input, its handler, its one answer, its
 * audit row. Runs on the worker threads of base/http; one struct call per request, made in `before`
 * and freed in `after`. Owns the server. */
#include "api/api_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#define SPARE_THREADS 8 /* answer 503 when every worker is taken */

static bool still_served(const struct tb_http_route *route)
{
    const struct api_route *row = route->row;
    return (row->flags & API_HEALTH) != 0;
}

static void refuse(struct tb_http_request *req, struct tb_http_response *res,
                   const struct tb_error *err, const char *allow, void *user)
{
    (void)allow;
    api_cors_headers(user, req, res);
    api_problem(req, res, err, NULL);
}

/* ---- who asks ---- */

/* A page in another tab must not command through the signed-in page's cookie: browsers send
 * X-Requested-By across origins only after a preflight, which we refuse. */
static bool cookie_may_write(const struct call *call, struct tb_error *err)
{
    const char *by = tb_http_header(call->req, "X-Requested-By");
    if (!call->who.cookie || !api_is_writing(call->req->method) ||
        (by && strcmp(by, "page") == 0) || api_same_origin(call->req))
        return true;
    return tb_fail(err, TB_FORBIDDEN,
                   "A command that comes with the page's cookie needs the header `X-Requested-By: "
                   "page`.");
}

static bool may(struct call *call, struct tb_error *err)
{
    enum api_role need = api_lane(call) ? API_DEVELOPER : call->row->role;
    if (need == API_OPEN)
        return true;
    if (!api_authenticate(call, err))
        return false;
    if (!cookie_may_write(call, err))
        return false;
    if (need == API_ANY || api_role_includes(call->who.role, need))
        return true;
    return tb_fail(err, TB_FORBIDDEN, "This needs the role `%s`; your token has the role `%s`.",
                   api_role_word(need), api_role_word(call->who.role));
}

static void set_caller(struct call *call)
{
    call->caller = (struct tb_caller){
        .token_id = call->who.token_id,
        .role = api_role_word(call->who.role),
        .bots = call->who.bots,
        .may_plan_any = api_role_includes(call->who.role, API_OPERATOR),
    };
}

static bool before(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    struct tb_error err = {0};
    if (strcmp(req->method, "OPTIONS") == 0) {
        tb_buffer_clear(&res->headers);
        tb_buffer_clear(&res->body);
        api_cors_headers(user, req, res);
        api_cors_preflight(user, req, res);
        return false;
    }
    if (!req->route)
        return true; /* `refuse` has answered */
    struct call *call = tb_xcalloc(1, sizeof *call);
    *call = (struct call){.api = user, .req = req, .res = res, .row = req->route->row};
    req->user = call;
    api_cors_headers(user, req, res);
    if (may(call, &err)) {
        set_caller(call);
        return true;
    }
    call->code = err.code;
    api_problem(req, res, &err, call);
    if (api_is_writing(req->method))
        api_audit(call);
    return false;
}

/* ---- the handler ---- */

static bool handle(struct call *call, struct tb_error *err)
{
    if (!api_read_input(call, err))
        return false;
    return call->row->handle(call, err);
}

void api_dispatch(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    struct call *call = req->user;
    struct tb_error err = {0};
    (void)user;
    if (handle(call, &err)) {
        call->changed = (call->row->flags & API_AUDIT) && !call->replayed && !call->dry_run;
        if (call->row->flags & API_ETAG)
            api_etag(req, res);
    } else {
        call->code = err.code == TB_OK ? TB_INTERNAL : err.code;
        api_problem(req, res, &err, call);
    }
    if (call->changed ||
        (api_is_writing(req->method) && (res->status == 401 || res->status == 403)))
        api_audit(call);
}

static void after(struct tb_http_request *req, const struct tb_http_response *res, void *user)
{
    struct call *call = req->user;
    (void)user;
    api_access_log(req, res);
    if (!call)
        return;
    api_identity_free(&call->who);
    tb_json_free(call->doc);
    tb_problems_free(&call->problems);
    tb_buffer_free(&call->existing);
    tb_buffer_free(&call->audit);
    tb_generation_release(call->in);
    free(call);
    req->user = NULL;
}

/* ---- the room ---- */

static void api_free(struct tb_api *api)
{
    for (char **origin = api->origins; origin && *origin; origin++)
        free(*origin);
    free(api->origins);
    free(api->routes);
    free(api->bind);
    pthread_mutex_destroy(&api->lock);
    free(api);
}

static struct tb_http_server *listen_on(struct tb_api *api, const struct tb_api_config *config,
                                        struct tb_error *err)
{
    return tb_http_start(&(struct tb_http_config){.bind = api->bind,
                                                  .port = config->port,
                                                  .workers = config->workers,
                                                  .reserve = SPARE_THREADS,
                                                  .keep_alive = true,
                                                  .serve_head = true,
                                                  .server_header = "trading-bridge",
                                                  .routes = api->routes,
                                                  .user = api,
                                                  .before = before,
                                                  .refuse = refuse,
                                                  .after = after},
                         err);
}

struct tb_api *tb_api_start(const struct tb_api_config *config, struct tb_error *err)
{
    struct tb_api *api = tb_xcalloc(1, sizeof *api);
    pthread_mutex_init(&api->lock, NULL);
    api->store = config->store;
    api->plugins = config->plugins;
    api->bots = config->bots;
    api->backtests = config->backtests;
    api->web = config->web;
    api->uploads = config->uploads;
    api->waiting_max = config->workers / 2;
    api->bind = tb_xstrdup(config->bind);
    api->routes = api_routes_table();
    tb_api_set_admin_token(api, config->admin_token);
    if (!api_cors_configure(api, config->cors_origins, err) ||
        !(api->server = listen_on(api, config, err))) {
        api_free(api);
        return NULL;
    }
    return api;
}

int tb_api_port(const struct tb_api *api)
{
    return tb_http_port(api->server);
}

void tb_api_set_admin_token(struct tb_api *api, const char *token)
{
    char sha256[TB_SHA256_TEXT];
    tb_sha256_hex(token, strlen(token), sha256);
    pthread_mutex_lock(&api->lock);
    memcpy(api->admin_sha256, sha256, sizeof sha256);
    pthread_mutex_unlock(&api->lock);
}

void tb_api_drain(struct tb_api *api)
{
    atomic_store(&api->draining, true);
    tb_http_drain(api->server, still_served);
}

void tb_api_stop(struct tb_api *api, int64_t mono_deadline_ms)
{
    if (!api)
        return;
    if (!tb_http_wait_idle(api->server, mono_deadline_ms))
        tb_log(TB_WARN, "api.not_idle", "Requests were still being served at the deadline.");
    tb_http_stop(api->server);
    api_free(api);
}
