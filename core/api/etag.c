/* Weak validators over the answer's bytes: a poll that brings nothing new costs a header. Pure. */
#include "api/api_private.h"

#include <stdio.h>
#include <string.h>

/* Is our tag in the list? Weak comparison: `W/` does not count. */
static bool listed(const char *list, const char *opaque)
{
    size_t len = strlen(opaque);
    const char *p = list;
    while (*p) {
        p += strspn(p, ", \t");
        if (*p == '*')
            return true;
        if (strncmp(p, "W/", 2) == 0)
            p += 2;
        if (strncmp(p, opaque, len) == 0)
            return true;
        p += strcspn(p, ",");
    }
    return false;
}

void api_etag(const struct tb_http_request *req, struct tb_http_response *res)
{
    char sha256[TB_SHA256_TEXT], opaque[32], tag[40];
    const char *known = tb_http_header(req, "If-None-Match");
    if (res->status != 200)
        return;
    tb_sha256_hex(tb_buffer_text(&res->body), res->body.len, sha256);
    snprintf(opaque, sizeof opaque, "\"%.24s\"", sha256);
    snprintf(tag, sizeof tag, "W/%s", opaque);
    tb_http_header_add(res, "ETag", tag);
    /* Kept by the browser, but asked for each time. */
    tb_http_header_add(res, "Cache-Control", "private, no-cache");
    if (known && listed(known, opaque)) {
        res->status = 304;
        tb_buffer_clear(&res->body);
    }
}
