/* JSON to Lua and back: shapes, projections, refusals, and every allocation failing once. */
#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_lua.h"

static lua_State *new_state(void)
{
    lua_State *L = luaL_newstate();
    assert_non_null(L);
    luaL_openlibs(L);
    luaL_newmetatable(L, TB_LUA_DECIMAL);
    lua_pop(L, 1);
    lua_pushlightuserdata(L, NULL);
    lua_setglobal(L, "null");
    return L;
}

static struct tb_json_doc *must_parse(const char *text)
{
    struct tb_error err = {0};
    struct tb_json_doc *doc = tb_json_parse(text, strlen(text), TB_JSON_CLIENT, &err);
    if (!doc)
        fail_msg("%s: %s", text, err.detail);
    return doc;
}

/* What one protected call needs, and what it gives. */
struct job {
    const struct tb_json *node;
    const struct tb_json *projection;
    enum tb_lua_numbers numbers;
    struct tb_buffer out;
};

static int push_job(lua_State *L)
{
    const struct job *job = lua_touserdata(L, 1);
    int top = lua_gettop(L);
    tb_lua_push_json(L, job->node, job->projection, job->numbers);
    assert_int_equal(lua_gettop(L), top + 1);
    return 1;
}

static int write_job(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    tb_lua_to_json(L, -1, &job->out);
    assert_int_equal(lua_gettop(L), 2);
    return 0;
}

/* Pushes the document as the global `v`. */
static void set_v(lua_State *L, const char *text, const char *projection,
                  enum tb_lua_numbers numbers)
{
    struct tb_json_doc *doc = must_parse(text);
    struct tb_json_doc *part = projection ? must_parse(projection) : NULL;
    struct job job = {tb_json_root(doc), tb_json_root(part), numbers, TB_BUFFER_INIT};
    lua_pushcfunction(L, push_job);
    lua_pushlightuserdata(L, &job);
    assert_int_equal(lua_pcall(L, 1, 1, 0), LUA_OK);
    lua_setglobal(L, "v");
    tb_json_free(doc);
    tb_json_free(part);
}

/* Canonical JSON of a Lua expression, or the error's text; from malloc. */
static char *json_of(lua_State *L, const char *expression, size_t max, bool *ok_out)
{
    struct job job = {.out = {.max = max}};
    lua_pushcfunction(L, write_job);
    lua_pushlightuserdata(L, &job);
    lua_pushfstring(L, "return %s", expression);
    if (luaL_dostring(L, lua_tostring(L, -1)) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    lua_remove(L, -2);
    *ok_out = lua_pcall(L, 2, 0, 0) == LUA_OK;
    if (!*ok_out) {
        tb_buffer_free(&job.out);
        tb_buffer_init(&job.out, 0);
        tb_buffer_puts(&job.out, lua_tostring(L, -1));
    }
    lua_settop(L, 0);
    return tb_buffer_steal(&job.out, NULL);
}

static void assert_json(lua_State *L, const char *expression, const char *want)
{
    bool ok;
    char *got = json_of(L, expression, 0, &ok);
    if (!ok)
        fail_msg("%s: %s", expression, got);
    assert_string_equal(got, want);
    free(got);
}

static void assert_lua(lua_State *L, const char *condition)
{
    lua_pushfstring(L, "return %s", condition);
    if (luaL_dostring(L, lua_tostring(L, -1)) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    if (!lua_toboolean(L, -1))
        fail_msg("not true: %s", condition);
    lua_settop(L, 0);
}

static void round_trips(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want; /* NULL: the same */
    } rows[] = {
        {"[]", NULL},
        {"{}", NULL},
        {"[[],{},[[]],{\"a\":[]}]", NULL},
        {"{\"b\":[1,\"x\",true,false,null],\"a\":{\"z\":-1}}",
         "{\"a\":{\"z\":-1},\"b\":[1,\"x\",true,false,null]}"},
        {"[9223372036854775807,-9223372036854775808,-0]",
         "[9223372036854775807,-9223372036854775808,0]"},
        {"[0.10,12345678901234567890.123456789,-1.5e3,1e-9]",
         "[0.10,12345678901234567890.123456789,-1500,0.000000001]"},
        {"[9223372036854775808,1e300,1e-70]", "[9223372036854775808,1e+300,1e-70]"},
        {"{\"\":1,\"a\\u0000b\":2,\"\xc3\xa9\":\"\\u0000\xf0\x9f\x98\x80\"}",
         "{\"\":1,\"a\\u0000b\":2,\"\xc3\xa9\":\"\\u0000\xf0\x9f\x98\x80\"}"},
        {"\"x\"", NULL},
        {"null", NULL},
    };
    lua_State *L = new_state();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        set_v(L, rows[i].text, NULL, TB_LUA_DECIMALS);
        assert_json(L, "v", rows[i].want ? rows[i].want : rows[i].text);
    }
    set_v(L, "[0.1,0.30000000000000004,1e21,1.0,9223372036854775808]", NULL, TB_LUA_FLOATS);
    assert_json(L, "v", "[0.1,0.30000000000000004,1e+21,1,9.223372036854776e+18]");
    lua_close(L);
}

static void gives_lua_types(void **state)
{
    (void)state;
    lua_State *L = new_state();
    static const char text[] = "{\"i\":7,\"f\":7.0,\"s\":\"7\",\"n\":null,\"l\":[],\"t\":true}";
    set_v(L, text, NULL, TB_LUA_DECIMALS);
    assert_lua(L, "math.type(v.i) == 'integer' and v.i == 7");
    assert_lua(L, "type(v.f) == 'userdata'");
    assert_lua(L, "v.s == '7' and v.t == true and v.n == null");
    assert_lua(L, "getmetatable(v.l).__name == 'tb.array' and getmetatable(v) == nil");
    lua_getglobal(L, "v");
    lua_getfield(L, 1, "f");
    const struct tb_decimal *decimal = tb_lua_test_decimal(L, -1);
    assert_non_null(decimal);
    assert_int_equal(decimal->scale, 1);
    lua_getfield(L, 1, "n");
    for (int i = -3; i <= -1; i += 2)
        assert_null(tb_lua_test_decimal(L, i));
    lua_newuserdatauv(L, sizeof *decimal, 0);
    assert_null(tb_lua_test_decimal(L, -1));
    lua_settop(L, 0);
    set_v(L, text, NULL, TB_LUA_FLOATS);
    assert_lua(L, "math.type(v.f) == 'float' and math.type(v.i) == 'integer'");
    lua_close(L);
}

static void projects(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":{\"x\":1,\"y\":[{\"k\":1,\"l\":2},3]},\"b\":[{\"k\":1,\"l\":"
                               "{\"m\":1}},[{\"k\":4}]],\"c\":null}";
    static const struct {
        const char *projection, *want;
    } rows[] = {
        {"true", "{\"a\":{\"x\":1,\"y\":[{\"k\":1,\"l\":2},3]},\"b\":[{\"k\":1,\"l\":{\"m\":1}},"
                 "[{\"k\":4}]],\"c\":null}"},
        {"{}", "{}"},
        {"{\"a\":true}", "{\"a\":{\"x\":1,\"y\":[{\"k\":1,\"l\":2},3]}}"},
        {"{\"a\":{\"x\":true,\"none\":true},\"c\":{\"z\":true}}", "{\"a\":{\"x\":1},\"c\":null}"},
        {"{\"b\":{\"k\":true}}", "{\"b\":[{\"k\":1},[{\"k\":4}]]}"},
        {"{\"a\":{\"y\":{\"l\":true}}}", "{\"a\":{\"y\":[{\"l\":2},3]}}"},
        {"{\"*\":{\"k\":true}}", "{\"a\":{},\"b\":[{\"k\":1},[{\"k\":4}]],\"c\":null}"},
        {"{\"*\":true,\"b\":{\"k\":true},\"a\":false}",
         "{\"b\":[{\"k\":1},[{\"k\":4}]],\"c\":null}"},
        {"{\"a\":1,\"b\":\"true\",\"c\":null}", "{}"},
    };
    lua_State *L = new_state();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        set_v(L, text, rows[i].projection, TB_LUA_FLOATS);
        assert_json(L, "v", rows[i].want);
    }
    lua_close(L);
}

/* A long list of objects as columns: what is no number is NaN, never a shorter column. */
static int columns_job(lua_State *L)
{
    const struct job *job = lua_touserdata(L, 1);
    lua_newtable(L);
    lua_pushliteral(L, "a");
    lua_rawseti(L, -2, 1);
    lua_pushliteral(L, "b");
    lua_rawseti(L, -2, 2);
    tb_lua_push_columns(L, job->node, -1);
    assert_int_equal(lua_gettop(L), 3);
    return 1;
}

static void gives_columns(void **state)
{
    (void)state;
    struct tb_error err = {0};
    static const char text[] =
        "[{\"a\":1,\"b\":2.5,\"c\":9},{\"b\":NaN,\"a\":\"1\"},{\"a\":1e999},7,[],"
        "{\"a\":-3,\"a\":4,\"b\":null}]";
    struct tb_json_doc *doc = tb_json_parse(text, sizeof text - 1, TB_JSON_UPSTREAM, &err);
    assert_non_null(doc);
    struct job job = {.node = tb_json_root(doc)};
    lua_State *L = new_state();
    lua_pushcfunction(L, columns_job);
    lua_pushlightuserdata(L, &job);
    assert_int_equal(lua_pcall(L, 1, 1, 0), LUA_OK);
    lua_setglobal(L, "v");
    tb_json_free(doc);
    assert_lua(L, "#v.a == 6 and #v.b == 6 and v.c == nil");
    assert_lua(L, "v.a[1] == 1 and math.type(v.a[1]) == 'float' and v.b[1] == 2.5 and v.a[6] == 4");
    assert_lua(L, "v.a[2] ~= v.a[2] and v.b[2] ~= v.b[2] and v.a[3] ~= v.a[3]");
    assert_lua(L, "v.a[4] ~= v.a[4] and v.a[5] ~= v.a[5] and v.b[6] ~= v.b[6]");
    lua_close(L);
}

static void writes_lua_values(void **state)
{
    (void)state;
    lua_State *L = new_state();
    assert_json(L, "{1, 2, {}}", "[1,2,{}]");
    assert_json(L, "{[2]='b', [1]='a'}", "[\"a\",\"b\"]");
    assert_json(L, "{[1.0]='a'}", "[\"a\"]");
    assert_json(L, "{b=1, a=2, aa=3, Z=4, ['a\\0']=5}",
                "{\"Z\":4,\"a\":2,\"a\\u0000\":5,\"aa\":3,\"b\":1}");
    assert_json(L, "{null, false, 0.1, 1e100, 2^53, -0.0, math.mininteger}",
                "[null,false,0.1,1e+100,9007199254740992,0,-9223372036854775808]");
    assert_json(L, "{s='a\\xffb'}",
                "{\"s\":\"a\xef\xbf\xbd"
                "b\"}");
    assert_json(L,
                "setmetatable({a=1}, {__index=function() error('x') end, "
                "__len=function() error('x') end, __pairs=function() error('x') end})",
                "{\"a\":1}");
    set_v(L, "[]", NULL, TB_LUA_FLOATS);
    assert_json(L, "setmetatable({}, getmetatable(v))", "[]");
    assert_json(L, "setmetatable({5}, getmetatable(v))", "[5]");
    lua_close(L);
}

static void refuses_what_json_lacks(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *want;
    } rows[] = {
        {"print", "cannot write JSON: the value is a function, which JSON does not have"},
        {"nil", "cannot write JSON: the value is a nil, which JSON does not have"},
        {"{a={1,{b=print}}}",
         "cannot write JSON: the value.a[2].b is a function, which JSON does not have"},
        {"{0/0}", "cannot write JSON: the value[1] is NaN or infinite, which JSON does not have"},
        {"{x=-1/0}", "cannot write JSON: the value.x is NaN or infinite, which JSON does not have"},
        {"io.stdout", "cannot write JSON: the value is a userdata, which JSON does not have"},
        {"{light}",
         "cannot write JSON: the value[1] is a light userdata, which JSON does not have"},
        {"coroutine.create(print)",
         "cannot write JSON: the value is a thread, which JSON does not have"},
        {"{1, a=2}", "cannot write JSON: the value mixes string keys with others"},
        {"{a=1, [true]=2}", "cannot write JSON: the value mixes string keys with others"},
        {"{1, nil, 3}", "cannot write JSON: the value is a list whose keys are not exactly 1 to n"},
        {"{[0]=1}", "cannot write JSON: the value is a list whose keys are not exactly 1 to n"},
        {"{[1.5]=1}", "cannot write JSON: the value is a list whose keys are not exactly 1 to n"},
        {"{[-1]=1,[1]=2}",
         "cannot write JSON: the value is a list whose keys are not exactly 1 to n"},
        {"{[math.maxinteger]=1}",
         "cannot write JSON: the value is a list whose keys are not exactly 1 to n"},
        {"setmetatable({a=1}, getmetatable(v))",
         "cannot write JSON: the value is a list whose keys are not exactly 1 to n"},
        {"{['\\xff']=1}", "cannot write JSON: the value has a key that is not UTF-8"},
    };
    lua_State *L = new_state();
    set_v(L, "[]", NULL, TB_LUA_FLOATS);
    lua_pushlightuserdata(L, L);
    lua_setglobal(L, "light");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool ok;
        char *got = json_of(L, rows[i].expression, 0, &ok);
        if (ok)
            fail_msg("accepted: %s", rows[i].expression);
        assert_string_equal(got, rows[i].want);
        free(got);
    }
    lua_close(L);
}

static void bounds_depth_and_size(void **state)
{
    (void)state;
    lua_State *L = new_state();
    bool ok;
    assert_int_equal(luaL_dostring(L, "function nest(n) local t = {} "
                                      "for i = 2, n do t = {t} end return t end "
                                      "loop = {}; loop.me = loop "
                                      "wide = {} for i = 1, 60 do wide = {wide, wide} end"),
                     LUA_OK);
    char *got = json_of(L, "nest(64)", 0, &ok);
    assert_true(ok);
    free(got);
    static const char *const deep[] = {"nest(65)", "loop"};
    for (size_t i = 0; i < 2; i++) {
        got = json_of(L, deep[i], 0, &ok);
        assert_false(ok);
        assert_non_null(strstr(got, "is nested deeper than 64 levels or contains itself"));
        free(got);
    }
    got = json_of(L, "{'12345'}", 9, &ok);
    assert_true(ok);
    free(got);
    got = json_of(L, "{'12345'}", 8, &ok);
    assert_false(ok);
    assert_string_equal(got, "cannot write JSON: it is larger than 8 bytes");
    free(got);
    /* 2^60 leaves: only the cap ends it. */
    got = json_of(L, "wide", 10000, &ok);
    assert_false(ok);
    free(got);
    lua_close(L);
}

/* Finalizers run in the middle of our allocations; whatever they do to the table, no stale
 * pointer may be read (a sanitizer watches) and the answer is JSON or an error. */
static void survives_finalizers_that_change_the_table(void **state)
{
    (void)state;
    lua_State *L = new_state();
    lua_gc(L, LUA_GCINC, 1, 1000, 0);
    assert_int_equal(
        luaL_dostring(L,
                      "function trap(mode) t = {} "
                      "for i = 1, 200 do t['key number ' .. i .. ('x'):rep(50)] = {a={}, b={}} end "
                      "local function arm() setmetatable({}, {__gc = function() "
                      "  if mode == 1 then t[next(t) or 1] = nil "
                      "  elseif mode == 2 then t[1] = 1 "
                      "  else t[tostring({})] = {} end "
                      "  arm() end}) end arm() return t end"),
        LUA_OK);
    int refused = 0;
    for (int i = 0; i < 12; i++) {
        static const char *const traps[] = {"trap(1)", "trap(2)", "trap(3)"};
        bool ok;
        char *got = json_of(L, traps[i % 3], 0, &ok);
        struct tb_json_doc *doc = ok ? tb_json_parse(got, strlen(got), TB_JSON_CLIENT, NULL) : NULL;
        assert_true((doc != NULL) == ok);
        refused += !ok;
        tb_json_free(doc);
        free(got);
    }
    assert_true(refused > 0);
    assert_int_equal(luaL_dostring(L, "t = {}"), LUA_OK);
    lua_close(L);
}

/* ---- memory that runs out ---- */

struct budget {
    long left;
};

static void *scarce(void *ud, void *old, size_t old_size, size_t size)
{
    struct budget *budget = ud;
    if (size == 0) {
        free(old);
        return NULL;
    }
    bool shrinks = old && size <= old_size;
    if (!shrinks && budget->left-- <= 0)
        return NULL;
    return realloc(old, size);
}

static int there_and_back(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    luaL_newmetatable(L, TB_LUA_DECIMAL);
    lua_pop(L, 1);
    tb_lua_push_json(L, job->node, job->projection, job->numbers);
    tb_lua_to_json(L, -1, &job->out);
    return 0;
}

static void fails_cleanly_at_every_allocation(void **state)
{
    (void)state;
    static const char text[] = "{\"bots\":{\"one\":{\"pnl\":\"1.50\",\"list\":[1,2.5,[],{},null,"
                               "\"a long text so that it is "
                               "not interned at all, more than forty "
                               "bytes\"],\"b\":true}},\"d\":[0.1,0.2,[[[{\"k\":3}]]]]}";
    struct tb_json_doc *doc = must_parse(text);
    struct tb_json_doc *part = must_parse("{\"*\":true,\"d\":{\"k\":true}}");
    int status = LUA_ERRMEM;
    long failures = 0;
    for (long n = 0; status != LUA_OK; n++) {
        struct budget budget = {n};
        lua_State *L = lua_newstate(scarce, &budget);
        if (!L)
            continue;
        struct job job = {tb_json_root(doc), tb_json_root(part), TB_LUA_DECIMALS, TB_BUFFER_INIT};
        lua_pushcfunction(L, there_and_back);
        lua_pushlightuserdata(L, &job);
        status = lua_pcall(L, 1, 0, 0);
        failures += status != LUA_OK;
        if (status == LUA_OK)
            assert_string_equal(
                job.out.data,
                "{\"bots\":{\"one\":{\"b\":true,\"list\":[1,2.5,[],{},null,\"a long text so that "
                "it is not interned at all, more than forty bytes\"],\"pnl\":\"1.50\"}},"
                "\"d\":[0.1,0.2,[[[{\"k\":3}]]]]}");
        else
            assert_int_equal(status, LUA_ERRMEM);
        tb_buffer_free(&job.out);
        lua_close(L);
        assert_true(n < 10000);
    }
    assert_true(failures > 20);
    tb_json_free(doc);
    tb_json_free(part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(gives_lua_types),
        cmocka_unit_test(projects),
        cmocka_unit_test(gives_columns),
        cmocka_unit_test(writes_lua_values),
        cmocka_unit_test(refuses_what_json_lacks),
        cmocka_unit_test(bounds_depth_and_size),
        cmocka_unit_test(survives_finalizers_that_change_the_table),
        cmocka_unit_test(fails_cleanly_at_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
