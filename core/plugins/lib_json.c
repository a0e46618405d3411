/* bridge.json and cjson for plugins.
 *
 * bridge.json: null, array(t) (marks a table as an array, so that an empty one stays one),
 * is_array(t), encode(value). cjson: the real decode and null of lua-cjson, since authors know it;
 * its buffers are malloc'd and leak when the cap raises, so it is refused unless 48 times the
 * text's length is free in the arena; encode is our writer. Money never goes through cjson.decode:
 * it cuts digits. */
#include <lauxlib.h>
#include <lua-cjson.h>

#include "base/json_lua.h"
#include "plugins/plugins_private.h"

enum { CJSON_FACTOR = 48, CJSON_DEPTH = 64 };

static int json_array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_newmetatable(L, TB_LUA_ARRAY);
    lua_setmetatable(L, 1);
    return 1;
}

static int json_is_array(lua_State *L)
{
    bool is = false;
    if (lua_istable(L, 1)) {
        is = lua_rawlen(L, 1) > 0;
        if (lua_getmetatable(L, 1)) {
            luaL_newmetatable(L, TB_LUA_ARRAY);
            is = is || lua_rawequal(L, -1, -2);
        }
    }
    lua_pushboolean(L, is);
    return 1;
}

static int json_encode(lua_State *L)
{
    struct tb_buffer *out = &tb_vm_of(L)->scratch;
    luaL_checkany(L, 1);
    tb_vm_check(L);
    tb_buffer_clear(out);
    tb_lua_to_json_watched(L, 1, out, tb_vm_check);
    lua_pushlstring(L, tb_buffer_text(out), out->len);
    return 1;
}

static const luaL_Reg json_functions[] = {
    {"array", json_array},
    {"is_array", json_is_array},
    {"encode", json_encode},
    {NULL, NULL},
};

int tb_open_json(lua_State *L)
{
    luaL_newlib(L, json_functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    return 1;
}

/* upvalue 1: the library's decode */
static int cjson_decode(lua_State *L)
{
    size_t len;
    luaL_checklstring(L, 1, &len);
    const struct tb_vm *vm = tb_vm_of(L);
    tb_vm_check(L);
    if (len > tb_arena_room(vm->arena) / CJSON_FACTOR)
        return luaL_error(L, "cjson.decode: the text is too long for the memory that is left");
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

int tb_open_cjson(lua_State *L)
{
    luaL_requiref(L, "cjson", luaopen_cjson, 0);
    lua_getfield(L, -1, "decode_max_depth");
    lua_pushinteger(L, CJSON_DEPTH);
    lua_call(L, 1, 0);
    lua_getfield(L, -1, "decode_invalid_numbers");
    lua_pushboolean(L, 0);
    lua_call(L, 1, 0);
    lua_createtable(L, 0, 3);
    lua_getfield(L, -2, "decode");
    lua_pushcclosure(L, cjson_decode, 1);
    lua_setfield(L, -2, "decode");
    lua_getfield(L, -2, "null");
    lua_setfield(L, -2, "null");
    lua_pushcfunction(L, json_encode);
    lua_setfield(L, -2, "encode");
    return 1;
}
