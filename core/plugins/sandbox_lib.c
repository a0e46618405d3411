/* Our versions of the standard functions that could run long inside C, swallow a breach, see more
 * than they should, or give another order every time. Everything here runs inside a protected call
 * and may raise; nothing holds C memory while it can. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugins/plugins_private.h"

/* Longest format: each of its conversions may make a hundred characters. */
enum { MAX_FORMAT = 16 << 10 };

/* ---- order: integers ascending, then texts by bytes ---- */

struct key {
    int kind; /* 0 integer, 1 float, 2 text, 3 boolean */
    lua_Integer integer;
    lua_Number number;
    const char *text;
    size_t len;
};

static int compare_keys(const void *pa, const void *pb)
{
    const struct key *a = pa, *b = pb;
    if (a->kind != b->kind)
        return a->kind - b->kind;
    switch (a->kind) {
    case 0:
        return (a->integer > b->integer) - (a->integer < b->integer);
    case 1:
        return (a->number > b->number) - (a->number < b->number);
    case 2: {
        int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
        return order ? order : (a->len > b->len) - (a->len < b->len);
    }
    default:
        return (int)(a->integer - b->integer);
    }
}

/* Reads the key at `index` without converting it. */
static TB_MAY_RAISE void read_key(lua_State *L, int index, struct key *k)
{
    memset(k, 0, sizeof *k);
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        k->kind = lua_isinteger(L, index) ? 0 : 1;
        if (k->kind == 0)
            k->integer = lua_tointeger(L, index);
        else
            k->number = lua_tonumber(L, index);
        return;
    case LUA_TSTRING:
        k->kind = 2;
        k->text = lua_tolstring(L, index, &k->len);
        return;
    case LUA_TBOOLEAN:
        k->kind = 3;
        k->integer = lua_toboolean(L, index);
        return;
    default:
        luaL_error(L, "keys of type %s have no order; use an array", luaL_typename(L, index));
    }
}

static void push_key(lua_State *L, const struct key *k)
{
    switch (k->kind) {
    case 0:
        lua_pushinteger(L, k->integer);
        break;
    case 1:
        lua_pushnumber(L, k->number);
        break;
    case 2:
        lua_pushlstring(L, k->text, k->len);
        break;
    default:
        lua_pushboolean(L, k->integer != 0);
    }
}

/* Pushes an array of the table's keys in order. */
static TB_MAY_RAISE void push_sorted_keys(lua_State *L, int table)
{
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
        count++;
    tb_vm_check(L);
    struct key *keys = lua_newuserdatauv(L, (count ? count : 1) * sizeof *keys, 0);
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
        read_key(L, -2, &keys[n++]);
    qsort(keys, n, sizeof *keys, compare_keys);
    lua_createtable(L, (int)(n < 1 << 24 ? n : 0), 0);
    for (size_t i = 0; i < n; i++) {
        push_key(L, &keys[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_remove(L, -2);
}

/* upvalues: table, array of keys, position. Keys removed meanwhile are skipped. */
static int pairs_step(lua_State *L)
{
    lua_Integer at = lua_tointeger(L, lua_upvalueindex(3));
    for (;;) {
        if (lua_rawgeti(L, lua_upvalueindex(2), ++at) == LUA_TNIL)
            return 1;
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
            break;
        lua_pop(L, 2);
    }
    lua_pushinteger(L, at);
    lua_replace(L, lua_upvalueindex(3));
    return 2;
}

static int base_pairs(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 3);
        return 3;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    tb_vm_check(L); /* a table may have many free slots to go through */
    lua_pushvalue(L, 1);
    push_sorted_keys(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, pairs_step, 3);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* The smallest key above the given one. Linear, so `pairs` is the way to walk a table. */
static int base_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    tb_vm_check(L);
    lua_settop(L, 2);
    struct key after = {0}, best = {0}, k;
    bool first = lua_isnil(L, 2), found = false;
    if (!first)
        read_key(L, 2, &after);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        read_key(L, -2, &k);
        if ((first || compare_keys(&k, &after) > 0) && (!found || compare_keys(&k, &best) < 0)) {
            best = k;
            found = true;
        }
    }
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    push_key(L, &best);
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    return 2;
}

/* ---- errors that may not be swallowed ---- */

/* A caught error is a moment to look at the clocks: a breach goes through every pcall, and running
 * out of memory is a breach. */
static TB_MAY_RAISE void after_error(lua_State *L, int status)
{
    if (status == LUA_ERRMEM)
        tb_vm_of(L)->breach = TB_BREACH_MEMORY;
    tb_vm_check(L);
}

static int finish_pcall(lua_State *L, int status, lua_KContext extra)
{
    if (status != LUA_OK && status != LUA_YIELD) {
        after_error(L, status);
        lua_pushboolean(L, 0);
        lua_pushvalue(L, -2);
        return 2;
    }
    return lua_gettop(L) - (int)extra;
}

static int base_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_pcall);
    return finish_pcall(L, status, 0);
}

/* Runs the plugin's message handler unless the call is dead: handlers run while the count hook is
 * off, so an endless one could not be stopped. */
static int guarded_handler(lua_State *L)
{
    struct tb_vm *vm = tb_vm_of(L);
    if (vm->breach != TB_BREACH_NONE)
        return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int base_xpcall(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, guarded_handler, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2);
    int status = lua_pcallk(L, n - 2, LUA_MULTRET, 2, 2, finish_pcall);
    return finish_pcall(L, status, 2);
}

/* Moves n values from one state to another; false when there is no room. */
static TB_MAY_RAISE int resume(lua_State *L, lua_State *co, int narg)
{
    int results;
    if (!lua_checkstack(co, narg))
        return luaL_error(L, "too many arguments to resume");
    lua_xmove(L, co, narg);
    struct tb_vm *vm = tb_vm_of(L);
    tb_vm_run_in(vm, co);
    int status = lua_resume(co, L, narg, &results);
    tb_vm_run_in(vm, L);
    if (status == LUA_OK || status == LUA_YIELD) {
        if (!lua_checkstack(L, results + 1)) {
            lua_pop(co, results);
            return luaL_error(L, "too many results to resume");
        }
        lua_xmove(co, L, results);
        return results;
    }
    lua_xmove(co, L, 1);
    after_error(L, status);
    return -1;
}

static TB_MAY_RAISE lua_State *check_coroutine(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    return co;
}

static int co_resume(lua_State *L)
{
    lua_State *co = check_coroutine(L);
    int n = resume(L, co, lua_gettop(L) - 1);
    lua_pushboolean(L, n >= 0);
    lua_insert(L, -(n < 0 ? 2 : n + 1));
    return n < 0 ? 2 : n + 1;
}

/* Unlike the library's own it does not close the dead coroutine: its pending __close functions
 * would run with the count hook off. */
static int wrap_step(lua_State *L)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int n = resume(L, co, lua_gettop(L));
    return n < 0 ? lua_error(L) : n;
}

static int co_wrap(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, wrap_step, 1);
    return 1;
}

/* ---- metatables ---- */

static int base_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "__gc is not available: finalizers cannot be stopped");
        lua_pop(L, 1);
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

static int base_getmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return 1;
    if (!lua_getmetatable(L, 1))
        lua_pushnil(L);
    return 1;
}

/* Like luaL_tolstring, but never an address: those differ from run to run. */
static TB_MAY_RAISE void push_text(lua_State *L, int index)
{
    int type = lua_type(L, index);
    bool by_address = type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TTHREAD ||
                      type == LUA_TUSERDATA || type == LUA_TLIGHTUSERDATA;
    if (by_address && luaL_getmetafield(L, index, "__tostring") == LUA_TNIL) {
        lua_pushstring(L, type == LUA_TLIGHTUSERDATA ? "null" : lua_typename(L, type));
        return;
    }
    if (by_address)
        lua_pop(L, 1);
    luaL_tolstring(L, index, NULL);
}

static int base_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    push_text(L, 1);
    return 1;
}

static int base_print(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (int i = 1; i <= n; i++) {
        if (i > 1)
            luaL_addchar(&line, '\t');
        push_text(L, i);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    const struct tb_vm *vm = tb_vm_of(L);
    tb_log(TB_INFO, "plugin.print", "%s: %.2000s", vm->plugin ? vm->plugin->name : "sdk",
           lua_tostring(L, -1));
    return 0;
}

const luaL_Reg tb_lib_base[] = {
    {"pairs", base_pairs},
    {"next", base_next},
    {"pcall", base_pcall},
    {"xpcall", base_xpcall},
    {"setmetatable", base_setmetatable},
    {"getmetatable", base_getmetatable},
    {"tostring", base_tostring},
    {"print", base_print},
    {NULL, NULL},
};

const luaL_Reg tb_lib_coroutine[] = {
    {"resume", co_resume},
    {"wrap", co_wrap},
    {NULL, NULL},
};

/* ---- bounded text and tables; upvalue 1 is the library's own function ---- */

/* With a look at the clocks: what follows may take a millisecond, and a loop of it few
 * instructions. */
static int call_original(lua_State *L)
{
    tb_vm_check(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int string_rep(lua_State *L)
{
    size_t len, sep_len;
    luaL_checklstring(L, 1, &len);
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_optlstring(L, 3, "", &sep_len);
    if (n > 0 && (n > TB_TEXT_MAX || len + sep_len > (size_t)(TB_TEXT_MAX / n)))
        return luaL_error(L, "string.rep: the text would be longer than %d bytes", TB_TEXT_MAX);
    return call_original(L);
}

static int string_format(lua_State *L)
{
    size_t len, total = 0;
    const char *format = luaL_checklstring(L, 1, &len);
    if (len > MAX_FORMAT)
        return luaL_error(L, "string.format: the format is longer than %d bytes", MAX_FORMAT);
    if (strstr(format, "%p"))
        return luaL_error(L, "string.format: addresses differ from run to run");
    for (int i = 1; i <= lua_gettop(L); i++) {
        if (lua_type(L, i) >= LUA_TTABLE || lua_type(L, i) == LUA_TLIGHTUSERDATA) {
            push_text(L, i);
            lua_replace(L, i);
        }
        if (lua_type(L, i) == LUA_TSTRING)
            total += lua_rawlen(L, i);
    }
    if ((lua_Integer)total > TB_TEXT_MAX)
        return luaL_error(L, "string.format: the text would be longer than %d bytes", TB_TEXT_MAX);
    return call_original(L);
}

static int table_move(lua_State *L)
{
    lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
    if (to >= from && ((lua_Unsigned)to - (lua_Unsigned)from) >= TB_ELEMENTS_MAX)
        return luaL_error(L, "table.move: more than %d elements", TB_ELEMENTS_MAX);
    return call_original(L);
}

static int table_concat(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer from = luaL_optinteger(L, 3, 1);
    lua_Integer to = lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4);
    if (to >= from && ((lua_Unsigned)to - (lua_Unsigned)from) >= TB_ELEMENTS_MAX)
        return luaL_error(L, "table.concat: more than %d elements", TB_ELEMENTS_MAX);
    return call_original(L);
}

static int table_unpack(lua_State *L)
{
    lua_Integer from = luaL_optinteger(L, 2, 1);
    lua_Integer to = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);
    if (to >= from && ((lua_Unsigned)to - (lua_Unsigned)from) >= 250)
        return luaL_error(L, "table.unpack: more than 250 values");
    return call_original(L);
}

/* insert and remove walk to the length that __len claims. */
static int table_bounded(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (luaL_len(L, 1) > TB_ELEMENTS_MAX)
        return luaL_error(L, "the table claims more than %d elements", TB_ELEMENTS_MAX);
    return call_original(L);
}

const luaL_Reg tb_lib_string[] = {
    {"rep", string_rep},
    {"format", string_format},
    {"find", tb_string_find},
    {"match", tb_string_match},
    {"gmatch", tb_string_gmatch},
    {"gsub", tb_string_gsub},
    {NULL, NULL},
};

const luaL_Reg tb_lib_table[] = {
    {"move", table_move},
    {"concat", table_concat},
    {"unpack", table_unpack},
    {"insert", table_bounded},
    {"remove", table_bounded},
    {"sort", tb_table_sort},
    {NULL, NULL},
};

/* ---- os: the time of the request, so that the same input gives the same bytes ---- */

static int os_time(lua_State *L)
{
    const struct tb_vm *vm = tb_vm_of(L);
    if (lua_gettop(L) > 0)
        return luaL_error(L, "os.time takes no table here; it is the time of the request");
    if (vm->now_ms == 0)
        return luaL_error(L, "os.time: there is no time here; use what the input says");
    lua_pushinteger(L, vm->now_ms / 1000);
    return 1;
}

const luaL_Reg tb_lib_os[] = {
    {"time", os_time},
    {NULL, NULL},
};
