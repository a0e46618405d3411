/* The page and its files, from the table compiled into the binary. Nothing is read from disk and no
 * path is joined: a name is in the table or it is 404. Any thread. */
#include "api/api_private.h"

#include <string.h>

/* No inline script or style, nothing from elsewhere, no frame around the page. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "                   \
    "frame-ancestors 'none'"

static const struct {
    const char *suffix, *type;
} TYPES[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".json", "application/json"},
    {".woff2", "font/woff2"},
    {"", "application/octet-stream"},
};

static const char *type_of(const char *name)
{
    size_t len = strlen(name), i = 0;
    for (;; i++) {
        size_t n = strlen(TYPES[i].suffix);
        if (len >= n && strcmp(name + len - n, TYPES[i].suffix) == 0)
            return TYPES[i].type;
    }
}

static const struct tb_embedded *find(const struct tb_api *api, const char *name)
{
    const struct tb_embedded *file = api->web;
    while (file && file->name && strcmp(file->name, name) != 0)
        file++;
    return file && file->name ? file : NULL;
}

static bool send_file(struct call *call, const struct tb_embedded *file)
{
    tb_http_header_add(call->res, "Content-Security-Policy", POLICY);
    tb_http_header_add(call->res, "Referrer-Policy", "no-referrer");
    tb_http_header_add(call->res, "X-Frame-Options", "DENY");
    call->res->content_type = type_of(file->name);
    tb_buffer_append(&call->res->body, file->start, (size_t)(file->end - file->start));
    api_etag(call->req, call->res);
    return true;
}

bool api_get_root(struct call *call, struct tb_error *err)
{
    const char *accept = tb_http_header(call->req, "Accept");
    const struct tb_embedded *page = find(call->api, "index.html");
    struct tb_json_writer w;
    (void)err;
    if (page && accept && strstr(accept, "text/html"))
        return send_file(call, page);
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", "Trading Bridge");
    tb_jw_kv_string(&w, "version", TB_VERSION);
    tb_jw_kv_string(&w, "status", "running");
    tb_jw_end_object(&w);
    return true;
}

bool api_get_web(struct call *call, struct tb_error *err)
{
    const struct tb_embedded *file = find(call->api, call->req->arg[0]);
    if (!file)
        return tb_fail(err, TB_NOT_FOUND, "The page has no such file.");
    return send_file(call, file);
}
