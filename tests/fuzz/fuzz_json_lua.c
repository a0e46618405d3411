/* Fuzzes JSON to Lua and back. The first byte says how many allocations may succeed (255: all) and
 * its lowest bit which half runs: "<document>\0<projection>" there and back, or a small program
 * that builds Lua tables, cycles and shared parts included, and writes them. */
#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_lua.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool holds)
{
    if (!holds)
        abort();
}

static void *scarce(void *ud, void *old, size_t old_size, size_t size)
{
    long *left = ud;
    if (size == 0) {
        free(old);
        return NULL;
    }
    bool shrinks = old && size <= old_size;
    if (!shrinks && (*left)-- <= 0)
        return NULL;
    return realloc(old, size);
}

struct input {
    const uint8_t *at, *end;
    const struct tb_json *node, *projection;
    enum tb_lua_numbers numbers;
    struct tb_buffer first, second, third;
    struct tb_json_doc *again;
};

static unsigned take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static void check_same(const struct tb_buffer *a, const struct tb_buffer *b)
{
    insist(a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
}

static void once_more(lua_State *L, struct input *in, const struct tb_buffer *from,
                      struct tb_buffer *to)
{
    tb_json_free(in->again);
    in->again = tb_json_parse(from->data, from->len, TB_JSON_CLIENT, NULL);
    insist(in->again);
    tb_lua_push_json(L, tb_json_root(in->again), NULL, in->numbers);
    tb_lua_to_json(L, -1, to);
}

/* The first round may turn a number that no decimal holds into a float; its text then fits a
 * decimal. From there on nothing may change. */
static int there_and_back(lua_State *L)
{
    struct input *in = lua_touserdata(L, 1);
    luaL_newmetatable(L, TB_LUA_DECIMAL);
    tb_lua_push_json(L, in->node, in->projection, in->numbers);
    tb_lua_to_json(L, -1, &in->first);
    once_more(L, in, &in->first, &in->second);
    once_more(L, in, &in->second, &in->third);
    check_same(&in->second, &in->third);
    return 0;
}

static void push_piece(lua_State *L, struct input *in, unsigned what)
{
    struct tb_decimal decimal;
    double real;
    uint8_t raw[8];
    switch (what) {
    case 0:
        lua_newtable(L);
        break;
    case 1:
        lua_pushinteger(L, (lua_Integer)take(in) - 2);
        break;
    case 2:
        for (size_t i = 0; i < sizeof raw; i++)
            raw[i] = (uint8_t)take(in);
        memcpy(&real, raw, sizeof real);
        lua_pushnumber(L, real);
        break;
    case 3: {
        size_t len = take(in) % 16, left = (size_t)(in->end - in->at);
        len = len < left ? len : left;
        lua_pushlstring(L, (const char *)in->at, len);
        in->at += len;
        break;
    }
    case 4:
        lua_pushboolean(L, take(in) & 1);
        break;
    case 5:
        lua_pushlightuserdata(L, NULL);
        break;
    case 6:
        tb_decimal_from_int64((int64_t)take(in) - 128, &decimal);
        decimal.scale = (uint8_t)(take(in) % TB_DECIMAL_SCALE_MAX);
        tb_lua_push_decimal(L, &decimal);
        break;
    default:
        lua_pushvalue(L, 2 + (int)(take(in) % (unsigned)(lua_gettop(L) - 1)));
    }
}

/* Stack: 1 the input, 2 the root table, above it what was made so far. */
static int build_and_write(lua_State *L)
{
    struct input *in = lua_touserdata(L, 1);
    luaL_newmetatable(L, TB_LUA_DECIMAL);
    luaL_newmetatable(L, TB_LUA_ARRAY);
    lua_settop(L, 1);
    lua_newtable(L);
    while (in->at < in->end) {
        unsigned op = take(in) % 12;
        luaL_checkstack(L, 8, NULL);
        if (op < 8) {
            push_piece(L, in, op);
        } else if (op == 8 && lua_istable(L, -1)) {
            luaL_setmetatable(L, TB_LUA_ARRAY);
        } else if (lua_gettop(L) >= 4 && lua_istable(L, -3) && lua_type(L, -2) == LUA_TSTRING) {
            lua_rawset(L, -3);
        } else if (lua_gettop(L) >= 3 && lua_istable(L, -2)) {
            lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        }
    }
    in->first.max = 1 << 16;
    tb_lua_to_json(L, 2, &in->first);
    in->again = tb_json_parse(in->first.data, in->first.len, TB_JSON_CLIENT, NULL);
    insist(in->again);
    tb_json_canonical(tb_json_root(in->again), &in->second);
    check_same(&in->first, &in->second);
    return 0;
}

static void run(struct input *in, lua_CFunction body, long left)
{
    lua_State *L = lua_newstate(scarce, &left);
    if (!L)
        return;
    lua_pushcfunction(L, body);
    lua_pushlightuserdata(L, in);
    int status = lua_pcall(L, 1, 0, 0);
    /* What came from a document can always be written; only memory may stop it. */
    insist(status == LUA_OK || status == LUA_ERRMEM || body == build_and_write);
    lua_close(L);
    tb_json_free(in->again);
    tb_buffer_free(&in->first);
    tb_buffer_free(&in->second);
    tb_buffer_free(&in->third);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    long left = data[0] >= 254 ? 1000000 : data[0] * 2;
    struct input in = {.at = data + 1, .end = data + size, .numbers = TB_LUA_FLOATS};
    if (!(data[0] & 1)) {
        run(&in, build_and_write, left);
        return 0;
    }
    const char *text = (const char *)data + 1;
    const char *split = memchr(text, '\0', size - 1);
    size_t len = split ? (size_t)(split - text) : size - 1;
    struct tb_json_doc *doc = tb_json_parse(text, len, TB_JSON_UPSTREAM, NULL);
    struct tb_json_doc *part =
        split ? tb_json_parse(split + 1, size - len - 2, TB_JSON_CLIENT, NULL) : NULL;
    for (int i = 0; doc && i < 2; i++) {
        struct input job = {.node = tb_json_root(doc), .projection = tb_json_root(part)};
        job.numbers = i ? TB_LUA_DECIMALS : TB_LUA_FLOATS;
        run(&job, there_and_back, left);
    }
    tb_json_free(doc);
    tb_json_free(part);
    return 0;
}
