/* Request targets: splitting, decoding once, matching against a compiled route table.
 *
 * Pure functions over text; any thread. A compiled table is immutable. Refused here: escapes that
 * are malformed or hide a slash, a NUL or another control character, and dot segments, because a
 * path that two readers can understand differently sooner or later names the wrong bot. */
#include "base/http_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum segment_kind { SEGMENT_LITERAL, SEGMENT_ARG, SEGMENT_REST };

struct compiled {
    const struct tb_http_route *row;
    char *text; /* the pattern, cut into segments */
    size_t count;
    struct {
        enum segment_kind kind;
        const char *literal;
    } segment[TB_HTTP_SEGMENTS];
};

struct tb_http_routes {
    bool serve_head;
    size_t count;
    struct compiled *route; /* sorted: the first that fits is the best */
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte of the escape at `text`, or -1 when it is none. */
static int escaped_byte(const char *text, const char *end)
{
    if (end - text < 3)
        return -1;
    int high = hex_value(text[1]);
    int low = hex_value(text[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool is_control(int c)
{
    return c < 0x20 || c == 0x7f;
}

/* Appends one decoded segment and its NUL at *out. */
static bool decode_segment(const char *from, const char *end, char **out, struct tb_error *err)
{
    char *start = *out;
    char *to = start;
    while (from < end) {
        int c = (unsigned char)*from;
        if (c != '%') {
            from++;
        } else {
            c = escaped_byte(from, end);
            if (c < 0)
                return tb_fail(err, TB_BAD_REQUEST, "The path holds a malformed %%-escape.");
            if (c == '/')
                return tb_fail(err, TB_BAD_REQUEST,
                               "The path holds an escaped slash (%%2F); names have none.");
            from += 3;
        }
        if (is_control(c))
            return tb_fail(err, TB_BAD_REQUEST, "The path holds a control character.");
        *to++ = (char)c;
    }
    *to++ = '\0';
    if (strcmp(start, ".") == 0 || strcmp(start, "..") == 0)
        return tb_fail(err, TB_BAD_REQUEST, "The path holds a dot segment.");
    *out = to;
    return true;
}

bool tb_http_path_split(const char *raw, char *storage, struct tb_http_path *path_out,
                        struct tb_error *err)
{
    path_out->count = 0;
    if (*raw != '/')
        return tb_fail(err, TB_BAD_REQUEST, "The request target must begin with a slash.");
    while (*raw == '/') {
        raw++;
        const char *end = strchrnul(raw, '/');
        if (path_out->count == TB_HTTP_SEGMENTS)
            return tb_fail(err, TB_BAD_REQUEST, "The path has more than %d segments.",
                           TB_HTTP_SEGMENTS);
        path_out->segment[path_out->count++] = storage;
        if (!decode_segment(raw, end, &storage, err))
            return false;
        raw = end;
    }
    return true;
}

/* Decodes one name or value of a query; a line break is data there, a NUL never is. */
static bool decode_query_part(const char *from, const char *end, char **out, struct tb_error *err)
{
    while (from < end) {
        int c = (unsigned char)*from;
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            c = escaped_byte(from, end);
            if (c < 0)
                return tb_fail(err, TB_BAD_REQUEST, "The query holds a malformed %%-escape.");
            if (c == 0)
                return tb_fail(err, TB_BAD_REQUEST, "The query holds an escaped NUL.");
            from += 2;
        }
        from++;
        *(*out)++ = (char)c;
    }
    *(*out)++ = '\0';
    return true;
}

bool tb_http_query_split(const char *raw, char *storage,
                         struct tb_http_param query_out[TB_HTTP_QUERIES], size_t *queries_out,
                         struct tb_error *err)
{
    size_t n = 0;
    *queries_out = 0;
    while (*raw) {
        const char *end = strchrnul(raw, '&');
        if (end > raw) {
            if (n == TB_HTTP_QUERIES)
                return tb_fail(err, TB_BAD_REQUEST, "More than %d query parameters.",
                               TB_HTTP_QUERIES);
            const char *equals = memchr(raw, '=', (size_t)(end - raw));
            query_out[n].name = storage;
            if (!decode_query_part(raw, equals ? equals : end, &storage, err))
                return false;
            /* Without '=' the value is the name's own NUL: nothing more to store. */
            query_out[n].value = equals ? storage : storage - 1;
            if (equals && !decode_query_part(equals + 1, end, &storage, err))
                return false;
            n++;
        }
        raw = *end ? end + 1 : end;
    }
    *queries_out = n;
    return true;
}

static bool compile_segment(struct compiled *c, char *text, size_t *args, struct tb_error *err)
{
    size_t len = strlen(text);
    size_t i = c->count++;
    if (*text != '{') {
        c->segment[i].kind = SEGMENT_LITERAL;
        c->segment[i].literal = text;
        return true;
    }
    if (len < 3 || text[len - 1] != '}' || strcmp(text, "{...}") == 0)
        return tb_fail(err, TB_INTERNAL, "Route %s: a segment is not \"{name}\".", c->row->pattern);
    if (++*args > TB_HTTP_ARGS)
        return tb_fail(err, TB_INTERNAL, "Route %s has more than %d arguments.", c->row->pattern,
                       TB_HTTP_ARGS);
    c->segment[i].kind =
        len > 4 && strcmp(text + len - 4, "...}") == 0 ? SEGMENT_REST : SEGMENT_ARG;
    return true;
}

static bool compile_row(struct compiled *c, const struct tb_http_route *row, struct tb_error *err)
{
    size_t args = 0;
    c->row = row;
    if (row->pattern[0] != '/')
        return tb_fail(err, TB_INTERNAL, "Route %s does not begin with a slash.", row->pattern);
    c->text = tb_xstrdup(row->pattern);
    for (char *text = c->text, *next = text; next; text = next) {
        text++;
        next = strchr(text, '/');
        if (next)
            *next = '\0';
        if (c->count == TB_HTTP_SEGMENTS)
            return tb_fail(err, TB_INTERNAL, "Route %s has more than %d segments.", row->pattern,
                           TB_HTTP_SEGMENTS);
        if (!compile_segment(c, text, &args, err))
            return false;
        if (next && c->segment[c->count - 1].kind == SEGMENT_REST)
            return tb_fail(err, TB_INTERNAL, "Route %s goes on after \"{...}\".", row->pattern);
    }
    return true;
}

/* By kind from the left, so that of two routes that both fit the more literal comes first; then
 * by text, so that equal shapes lie side by side. */
static int compare_shape(const struct compiled *a, const struct compiled *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        if (a->segment[i].kind != b->segment[i].kind)
            return a->segment[i].kind < b->segment[i].kind ? -1 : 1;
        if (a->segment[i].kind == SEGMENT_LITERAL) {
            int c = strcmp(a->segment[i].literal, b->segment[i].literal);
            if (c)
                return c;
        }
    }
    return a->count < b->count ? -1 : a->count > b->count;
}

static int compare_compiled(const void *left, const void *right)
{
    const struct compiled *a = left;
    const struct compiled *b = right;
    int c = compare_shape(a, b);
    return c ? c : strcmp(a->row->method, b->row->method);
}

struct tb_http_routes *tb_http_routes_compile(const struct tb_http_route *rows, bool serve_head,
                                              struct tb_error *err)
{
    struct tb_http_routes *routes = tb_xcalloc(1, sizeof *routes);
    size_t n = 0;
    while (rows[n].method)
        n++;
    routes->serve_head = serve_head;
    routes->route = tb_xcalloc(n ? n : 1, sizeof *routes->route);
    for (size_t i = 0; i < n; i++) {
        routes->count++;
        if (!compile_row(&routes->route[i], &rows[i], err)) {
            tb_http_routes_free(routes);
            return NULL;
        }
    }
    qsort(routes->route, n, sizeof *routes->route, compare_compiled);
    for (size_t i = 1; i < n; i++) {
        if (compare_compiled(&routes->route[i - 1], &routes->route[i]) == 0) {
            tb_fail(err, TB_INTERNAL, "Two routes serve %s %s.", routes->route[i].row->method,
                    routes->route[i].row->pattern);
            tb_http_routes_free(routes);
            return NULL;
        }
    }
    return routes;
}

void tb_http_routes_free(struct tb_http_routes *routes)
{
    if (!routes)
        return;
    for (size_t i = 0; i < routes->count; i++)
        free(routes->route[i].text);
    free(routes->route);
    free(routes);
}

static bool fits(const struct compiled *c, const struct tb_http_path *path)
{
    for (size_t i = 0; i < c->count; i++) {
        if (i >= path->count)
            return false;
        switch (c->segment[i].kind) {
        case SEGMENT_LITERAL:
            if (strcmp(c->segment[i].literal, path->segment[i]) != 0)
                return false;
            break;
        case SEGMENT_ARG:
            if (!*path->segment[i])
                return false;
            break;
        case SEGMENT_REST:
            return true;
        }
    }
    return c->count == path->count;
}

static void take_args(const struct compiled *c, struct tb_http_path *path,
                      const char *arg_out[TB_HTTP_ARGS])
{
    size_t args = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (c->segment[i].kind == SEGMENT_LITERAL)
            continue;
        arg_out[args++] = path->segment[i];
        if (c->segment[i].kind == SEGMENT_REST) {
            /* The segments lie one behind the other: the NULs between them become slashes. */
            for (size_t k = i + 1; k < path->count; k++)
                path->segment[k][-1] = '/';
        }
    }
}

static void add_allow(struct tb_buffer *allow, const char *method)
{
    const char *have = tb_buffer_text(allow);
    size_t len = strlen(method);
    for (const char *at = have; (at = strstr(at, method)); at += len) {
        if ((at == have || at[-1] == ' ') && (at[len] == '\0' || at[len] == ','))
            return;
    }
    tb_buffer_printf(allow, "%s%s", allow->len ? ", " : "", method);
}

const struct tb_http_route *tb_http_routes_match(const struct tb_http_routes *routes,
                                                 const char *method, struct tb_http_path *path,
                                                 const char *arg_out[TB_HTTP_ARGS],
                                                 struct tb_buffer *allow_out)
{
    bool head = routes->serve_head && strcmp(method, "HEAD") == 0;
    const struct compiled *as_get = NULL;
    for (size_t i = 0; i < routes->count; i++) {
        const struct compiled *c = &routes->route[i];
        if (!fits(c, path))
            continue;
        if (strcmp(c->row->method, method) == 0) {
            tb_buffer_clear(allow_out);
            take_args(c, path, arg_out);
            return c->row;
        }
        if (strcmp(c->row->method, "GET") == 0) {
            if (head && !as_get)
                as_get = c;
            if (routes->serve_head)
                add_allow(allow_out, "HEAD");
        }
        add_allow(allow_out, c->row->method);
    }
    if (!as_get)
        return NULL;
    tb_buffer_clear(allow_out);
    take_args(as_get, path, arg_out);
    return as_get->row;
}
