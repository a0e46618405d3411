/* Request targets from a stranger: first byte picks the method, the rest is "path?query". Whatever
 * it is, what comes out must be what the handlers rely on: no slash, control character or dot
 * segment in an argument, and arguments only inside the storage that was given. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void never_called(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    (void)req;
    (void)res;
    (void)user;
}

static const struct tb_http_route rows[] = {
    {"GET", "/", never_called, NULL},
    {"GET", "/bots", never_called, NULL},
    {"POST", "/bots", never_called, NULL},
    {"GET", "/bots/{id}", never_called, NULL},
    {"POST", "/bots/{id}/start", never_called, NULL},
    {"GET", "/{a}/{b}/{c}/{d}/{e}/{f}", never_called, NULL},
    {"GET", "/files/{path...}", never_called, NULL},
    {0},
};

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void check_segment(const char *text, const char *end)
{
    require((size_t)(end - text) == strcspn(text, "/") || *end == '/');
    require(!(end - text == 1 && *text == '.'));
    require(!(end - text == 2 && text[0] == '.' && text[1] == '.'));
    for (; text < end; text++)
        require((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void check_match(const struct tb_http_route *row, const char *const arg[TB_HTTP_ARGS],
                        const char *storage, size_t size)
{
    for (size_t i = 0; i < TB_HTTP_ARGS && arg[i]; i++) {
        require(arg[i] >= storage && arg[i] + strlen(arg[i]) < storage + size);
        for (const char *from = arg[i], *end; from; from = *end ? end + 1 : NULL) {
            end = strchrnul(from, '/');
            require(*end == '\0' || strstr(row->pattern, "...}"));
            check_segment(from, end);
        }
    }
}

static void try_path(const struct tb_http_routes *routes, const char *method, const char *raw)
{
    size_t size = strlen(raw) + 1;
    char *storage = malloc(size);
    struct tb_http_path path;
    const char *arg[TB_HTTP_ARGS] = {0};
    struct tb_buffer allow = TB_BUFFER_INIT;
    struct tb_error err = {0};
    require(storage != NULL);
    if (tb_http_path_split(raw, storage, &path, &err)) {
        const struct tb_http_route *row = tb_http_routes_match(routes, method, &path, arg, &allow);
        if (row)
            check_match(row, arg, storage, size);
        require(!row || allow.len == 0);
    } else {
        require(err.code == TB_BAD_REQUEST && err.detail[0]);
    }
    tb_buffer_free(&allow);
    free(storage);
}

static void try_query(const char *raw)
{
    size_t size = strlen(raw) + 1;
    char *storage = malloc(size);
    struct tb_http_param query[TB_HTTP_QUERIES];
    size_t n = 0;
    struct tb_error err = {0};
    require(storage != NULL);
    if (tb_http_query_split(raw, storage, query, &n, &err)) {
        require(n <= TB_HTTP_QUERIES);
        for (size_t i = 0; i < n; i++)
            require(query[i].name >= storage &&
                    query[i].value + strlen(query[i].value) < storage + size);
    } else {
        require(err.code == TB_BAD_REQUEST && err.detail[0]);
    }
    free(storage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "DELETE"};
    struct tb_error err = {0};
    if (size == 0)
        return 0;
    struct tb_http_routes *routes = tb_http_routes_compile(rows, data[0] & 4, &err);
    char *text = malloc(size);
    require(routes && text);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    char *query = strchr(text, '?');
    if (query)
        *query++ = '\0';
    try_path(routes, methods[data[0] & 3], text);
    try_query(query ? query : "");
    free(text);
    tb_http_routes_free(routes);
    return 0;
}
