/* table.sort: a merge sort with a look at the clocks. Lua's own sorts a large table of numbers
 * without executing one instruction, and picks its pivots by the time of day, so that elements that
 * compare equal come in another order every time; this one keeps theirs. A comparator that
 * contradicts itself gives some order, never an error or an endless loop. Inside protected calls.
 */
#include <lauxlib.h>

#include "plugins/plugins_private.h"

enum { TABLE = 1, COMPARATOR = 2, FROM = 3, TO = 4, LOOK_EVERY = 256 };

/* Does the value on top come before the one below it? Both stay. */
static TB_MAY_RAISE bool top_is_less(lua_State *L)
{
    if (lua_isnil(L, COMPARATOR))
        return lua_compare(L, -1, -2, LUA_OPLT) != 0;
    tb_vm_check(L); /* it may be a function of a library, which no hook sees */
    lua_pushvalue(L, COMPARATOR);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -4);
    lua_call(L, 2, 1);
    bool less = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return less;
}

/* Merges from[low..mid) and from[mid..high), positions from 1, into the same places of `to`. */
static TB_MAY_RAISE void merge(lua_State *L, int from, int to, lua_Integer low, lua_Integer mid,
                               lua_Integer high)
{
    lua_Integer a = low, b = mid;
    for (lua_Integer at = low; at < high; at++) {
        if (at % LOOK_EVERY == 0)
            tb_vm_check(L);
        bool second = a >= mid;
        if (a < mid && b < high) {
            lua_rawgeti(L, from, a);
            lua_rawgeti(L, from, b);
            second = top_is_less(L);
            lua_pop(L, 2);
        }
        lua_rawgeti(L, from, second ? b++ : a++);
        lua_rawseti(L, to, at);
    }
}

static lua_Integer least(lua_Integer a, lua_Integer b)
{
    return a < b ? a : b;
}

int tb_table_sort(lua_State *L)
{
    luaL_checktype(L, TABLE, LUA_TTABLE);
    lua_Integer n = luaL_len(L, TABLE);
    if (n > TB_ELEMENTS_MAX)
        return luaL_error(L, "the table claims more than %d elements", TB_ELEMENTS_MAX);
    if (!lua_isnoneornil(L, COMPARATOR))
        luaL_checktype(L, COMPARATOR, LUA_TFUNCTION);
    if (n < 2)
        return 0;
    lua_settop(L, COMPARATOR);
    lua_createtable(L, (int)n, 0);
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(L, TABLE, i);
        lua_rawseti(L, FROM, i);
    }
    int from = FROM, to = TO;
    for (lua_Integer width = 1; width < n; width *= 2) {
        for (lua_Integer low = 1; low <= n; low += 2 * width)
            merge(L, from, to, low, least(low + width, n + 1), least(low + 2 * width, n + 1));
        from = to;
        to = FROM + TO - from;
    }
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, from, i);
        lua_seti(L, TABLE, i);
    }
    return 0;
}
