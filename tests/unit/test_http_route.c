/* Request targets and the route table: what is decoded, what is refused, which route wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_private.h"
#include "base/memory.h"

static void never_called(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    (void)req;
    (void)res;
    (void)user;
}

#define ROW(method, pattern)                                                                       \
    {                                                                                              \
        method, pattern, never_called, NULL                                                        \
    }

static const struct tb_http_route table[] = {
    ROW("GET", "/"),
    ROW("GET", "/bots"),
    ROW("POST", "/bots"),
    ROW("GET", "/bots/{id}"),
    ROW("DELETE", "/bots/{id}"),
    ROW("POST", "/bots/check"),
    ROW("POST", "/bots/{id}/start"),
    ROW("GET", "/bots/{id}/{part}"),
    ROW("GET", "/{kind}/first/{id}"),
    ROW("GET", "/files/{path...}"),
    ROW("GET", "/files/known"),
    ROW("GET", "/slash/"),
    {0},
};

/* "pattern arg arg", or "404", or "405 methods", or "400". */
static void resolve(const struct tb_http_route *rows, bool serve_head, const char *method,
                    const char *target, char out[256])
{
    struct tb_error err = {0};
    struct tb_http_routes *routes = tb_http_routes_compile(rows, serve_head, &err);
    struct tb_http_path path;
    const char *arg[TB_HTTP_ARGS] = {0};
    struct tb_buffer allow = TB_BUFFER_INIT;
    char *storage = tb_xmalloc(strlen(target) + 1);
    assert_non_null(routes);
    if (!tb_http_path_split(target, storage, &path, &err)) {
        assert_int_equal(err.code, TB_BAD_REQUEST);
        snprintf(out, 256, "400");
    } else {
        const struct tb_http_route *row = tb_http_routes_match(routes, method, &path, arg, &allow);
        if (row) {
            size_t n = (size_t)snprintf(out, 256, "%s", row->pattern);
            for (size_t i = 0; i < TB_HTTP_ARGS && arg[i]; i++)
                n += (size_t)snprintf(out + n, 256 - n, " %s", arg[i]);
            assert_int_equal(allow.len, 0);
        } else if (allow.len) {
            snprintf(out, 256, "405 %s", tb_buffer_text(&allow));
        } else {
            snprintf(out, 256, "404");
        }
    }
    tb_buffer_free(&allow);
    free(storage);
    tb_http_routes_free(routes);
}

static void matches(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *expected;
    } rows[] = {
        {"GET", "/", "/"},
        {"GET", "/bots", "/bots"},
        {"GET", "/bots/", "404"},
        {"GET", "/bots/a", "/bots/{id} a"},
        {"POST", "/bots/check", "/bots/check"},
        {"GET", "/bots/check", "/bots/{id} check"},
        {"POST", "/bots/a", "405 DELETE, GET"},
        {"PUT", "/bots/check", "405 POST, DELETE, GET"},
        {"PUT", "/bots", "405 GET, POST"},
        {"POST", "/bots/a/start", "/bots/{id}/start a"},
        {"GET", "/bots/a/start", "/bots/{id}/{part} a start"},
        {"GET", "/bots/first/b", "/bots/{id}/{part} first b"},
        {"GET", "/other/first/b", "/{kind}/first/{id} other b"},
        {"GET", "/bots//start", "404"},
        {"GET", "//", "404"},
        {"GET", "/files/known", "/files/known"},
        {"GET", "/files/known/", "/files/{path...} known/"},
        {"GET", "/files/a/b%20c/d", "/files/{path...} a/b c/d"},
        {"GET", "/files/", "/files/{path...} "},
        {"GET", "/files", "404"},
        {"GET", "/slash/", "/slash/"},
        {"GET", "/slash", "404"},
        {"GET", "/Bots", "404"},
        {"HEAD", "/bots", "405 GET, POST"},
        {"get", "/bots", "405 GET, POST"},
        {"GET", "/nothing", "404"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char got[256];
        resolve(table, false, rows[i].method, rows[i].target, got);
        if (strcmp(got, rows[i].expected) != 0)
            fail_msg("%s %s: got '%s', expected '%s'", rows[i].method, rows[i].target, got,
                     rows[i].expected);
    }
}

static void head_is_served_as_get(void **state)
{
    (void)state;
    static const struct tb_http_route rows[] = {
        ROW("GET", "/a"), ROW("HEAD", "/a"), ROW("GET", "/{x}"), ROW("POST", "/p"), {0}};
    char got[256];
    resolve(table, true, "HEAD", "/bots/a", got);
    assert_string_equal(got, "/bots/{id} a");
    resolve(table, true, "PUT", "/bots", got);
    assert_string_equal(got, "405 HEAD, GET, POST");
    resolve(rows, true, "HEAD", "/a", got);
    assert_string_equal(got, "/a");
    resolve(rows, true, "DELETE", "/p", got);
    assert_string_equal(got, "405 POST, HEAD, GET");
}

static void rows_of_any_order_match_alike(void **state)
{
    (void)state;
    static const struct tb_http_route upside_down[] = {
        ROW("GET", "/{a...}"), ROW("GET", "/{a}/{b}"), ROW("GET", "/{a}/x"),
        ROW("GET", "/x/{b}"),  ROW("GET", "/x/x"),     {0}};
    static const char *const cases[][2] = {{"/x/x", "/x/x"},
                                           {"/x/y", "/x/{b} y"},
                                           {"/y/x", "/{a}/x y"},
                                           {"/y/y", "/{a}/{b} y y"},
                                           {"/y/y/y", "/{a...} y/y/y"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char got[256];
        resolve(upside_down, false, "GET", cases[i][0], got);
        assert_string_equal(got, cases[i][1]);
    }
}

static void decodes_each_segment_once(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/bots/a%20b", "/bots/{id} a b"},
        {"/bots/%2561", "/bots/{id} %61"},
        {"/bots/%41%7e", "/bots/{id} A~"},
        {"/bots/a+b", "/bots/{id} a+b"},
        {"/%62ots", "/bots"},
        {"/bots/%C3%A9", "/bots/{id} \xc3\xa9"},
        {"/bots/...", "/bots/{id} ..."},
        {"/bots/.a", "/bots/{id} .a"},
        {"/bots/%5c..", "/bots/{id} \\.."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char got[256];
        resolve(table, false, "GET", cases[i][0], got);
        assert_string_equal(got, cases[i][1]);
    }
}

static void refuses_targets(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "",           "bots",       "*",           "/bots/%2F",   "/bots/%2f",      "/bots/a%2Fb",
        "/bots/%00",  "/bots/a%00", "/bots/%",     "/bots/%2",    "/bots/%g1",      "/bots/%1g",
        "/bots/%-1",  "/bots/..",   "/../bots",    "/bots/.",     "/./bots",        "/bots/%2e",
        "/bots/%2E.", "/bots/.%2e", "/files/a/..", "/files/../a", "/bots/a%0d%0aX", "/bots/%7f",
        "/bots/%09",
    };
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char got[256];
        resolve(table, false, "GET", targets[i], got);
        if (strcmp(got, "400") != 0)
            fail_msg("%s: got '%s', expected a refusal", targets[i], got);
    }
}

static void bounds_the_segments(void **state)
{
    (void)state;
    char target[2 * TB_HTTP_SEGMENTS + 3] = "";
    char got[256];
    for (int i = 0; i < TB_HTTP_SEGMENTS; i++)
        strcat(target, "/a");
    resolve(table, false, "GET", target, got);
    assert_string_equal(got, "404");
    strcat(target, "/a");
    resolve(table, false, "GET", target, got);
    assert_string_equal(got, "400");
}

static bool split_query(const char *raw, char out[512])
{
    struct tb_http_param query[TB_HTTP_QUERIES];
    struct tb_error err = {0};
    size_t n = 0;
    size_t used = 0;
    char *storage = tb_xmalloc(strlen(raw) + 1);
    bool ok = tb_http_query_split(raw, storage, query, &n, &err);
    assert_true(ok || err.code == TB_BAD_REQUEST);
    out[0] = '\0';
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(out + used, 512 - used, "[%s|%s]", query[i].name, query[i].value);
    free(storage);
    return ok;
}

static void splits_queries(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"a=1", "[a|1]"},
        {"a=1&b=2", "[a|1][b|2]"},
        {"a", "[a|]"},
        {"a=", "[a|]"},
        {"a&b", "[a|][b|]"},
        {"=x", "[|x]"},
        {"&&a=1&", "[a|1]"},
        {"a=b=c", "[a|b=c]"},
        {"a+b=c+d%2B", "[a b|c d+]"},
        {"p=%2Fx%2F..", "[p|/x/..]"},
        {"n=a%0Ab", "[n|a\nb]"},
        {"a=1&a=2", "[a|1][a|2]"},
        {"a?b=/", "[a?b|/]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char got[512];
        assert_true(split_query(cases[i][0], got));
        assert_string_equal(got, cases[i][1]);
    }
}

static void refuses_queries(void **state)
{
    (void)state;
    static const char *const queries[] = {"a=%00", "%00=a", "a=%",   "a=%1",
                                          "a=%zz", "%=1",   "a=%1&2"};
    char got[512];
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
        assert_false(split_query(queries[i], got));
    char many[4 * (TB_HTTP_QUERIES + 1) + 1] = "";
    for (int i = 0; i < TB_HTTP_QUERIES; i++)
        strcat(many, "a=1&");
    assert_true(split_query(many, got));
    strcat(many, "a=1");
    assert_false(split_query(many, got));
}

static void refuses_bad_tables(void **state)
{
    (void)state;
    static const struct tb_http_route tables[][3] = {
        {ROW("GET", "no-slash"), {0}},
        {ROW("GET", "/{open"), {0}},
        {ROW("GET", "/{}"), {0}},
        {ROW("GET", "/{...}"), {0}},
        {ROW("GET", "/{rest...}/more"), {0}},
        {ROW("GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}"), {0}},
        {ROW("GET", "/a/{x}"), ROW("GET", "/a/{y}"), {0}},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct tb_error err = {0};
        assert_null(tb_http_routes_compile(tables[i], false, &err));
        assert_int_equal(err.code, TB_INTERNAL);
        assert_true(err.detail[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches),
        cmocka_unit_test(head_is_served_as_get),
        cmocka_unit_test(rows_of_any_order_match_alike),
        cmocka_unit_test(decodes_each_segment_once),
        cmocka_unit_test(refuses_targets),
        cmocka_unit_test(bounds_the_segments),
        cmocka_unit_test(splits_queries),
        cmocka_unit_test(refuses_queries),
        cmocka_unit_test(refuses_bad_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
