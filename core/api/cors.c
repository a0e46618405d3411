/* CORS by an allow-list of exact origins. A request from an unlisted origin is served like any
 * other, only without these headers: it is the token that protects, CORS only tells browsers who
 * may read. Read-only after the start; any thread. */
#include "api/api_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define SPACE " \t\r\n"

static bool origin_is_sound(const char *origin)
{
    const char *host = strstr(origin, "://");
    return host && (strncmp(origin, "http://", 7) == 0 || strncmp(origin, "https://", 8) == 0) &&
           host[3] && !strpbrk(host + 3, "/?#*@ ");
}

static bool origin_add(struct tb_api *api, size_t *n, const char *text, size_t len,
                       struct tb_error *err)
{
    while (len > 0 && strchr(SPACE, text[len - 1]))
        len--;
    if (len == 0)
        return true;
    char *origin = tb_xstrndup(text, len);
    if (len > 8 && origin[len - 1] == '/')
        origin[len - 1] = '\0'; /* copied from an address bar */
    api->origins = tb_xrealloc(api->origins, (*n + 2) * sizeof *api->origins);
    api->origins[(*n)++] = origin;
    api->origins[*n] = NULL;
    if (origin_is_sound(origin))
        return true;
    return tb_fail(
        err, TB_INVALID,
        "BRIDGE_CORS_ORIGINS: `%.200s` is not an origin; write the scheme, host and port "
        "as a browser names them, such as https://admin.example.com, without `*`.",
        origin);
}

bool api_cors_configure(struct tb_api *api, const char *origins, struct tb_error *err)
{
    size_t n = 0;
    const char *p = origins ? origins : "";
    while (*p) {
        p += strspn(p, "," SPACE);
        size_t len = strcspn(p, ",");
        if (!origin_add(api, &n, p, len, err))
            return false;
        p += len;
    }
    return true;
}

static bool is_listed(const struct tb_api *api, const char *origin)
{
    for (char **listed = api->origins; listed && *listed; listed++) {
        if (strcmp(*listed, origin) == 0)
            return true;
    }
    return false;
}

void api_cors_headers(const struct tb_api *api, const struct tb_http_request *req,
                      struct tb_http_response *res)
{
    const char *origin = tb_http_header(req, "Origin");
    tb_http_header_add(res, "Vary", "Origin");
    if (!origin || !is_listed(api, origin))
        return;
    tb_http_header_add(res, "Access-Control-Allow-Origin", origin);
    tb_http_header_add(res, "Access-Control-Allow-Credentials", "true");
    tb_http_header_add(res, "Access-Control-Expose-Headers",
                       "ETag, Location, Retry-After, X-Request-Id, Idempotency-Replayed, "
                       "Preference-Applied, X-Plugin-Generation");
}

void api_cors_preflight(const struct tb_api *api, const struct tb_http_request *req,
                        struct tb_http_response *res)
{
    const char *origin = tb_http_header(req, "Origin");
    res->status = 204;
    if (!origin || !is_listed(api, origin))
        return;
    tb_http_header_add(res, "Access-Control-Allow-Methods",
                       "GET, POST, PUT, PATCH, DELETE, OPTIONS");
    tb_http_header_add(res, "Access-Control-Allow-Headers",
                       "Authorization, Content-Type, X-Wallet-Address, Idempotency-Key, If-Match, "
                       "If-None-Match, Prefer");
    tb_http_header_add(res, "Access-Control-Max-Age", "600");
}
