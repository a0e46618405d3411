/* JSON to Lua and back, for the plugin host. Both run inside a protected call and raise Lua errors
 * (out of memory, depth, unsupported values); neither holds C memory while it can raise.
 *
 * Into Lua: object -> table, array -> table marked by the metatable tb_lua_array (so that empty
 * arrays stay arrays), null -> the light userdata `tb_lua_null` (cjson.null), integers that fit
 * int64 -> integer, every other number -> decimal userdata (plugins/decimal) when
 * TB_LUA_DECIMALS is asked and a decimal can hold it, else float. From Lua: a table with the array
 * mark, or with keys 1..n and n > 0, is an array; every other table an object with string keys,
 * sorted by bytes; decimals are numbers; floats must be finite and print shortest. Broken UTF-8 in
 * a value becomes U+FFFD. One state, one thread. */
#ifndef TB_BASE_JSON_LUA_H
#define TB_BASE_JSON_LUA_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"

enum tb_lua_numbers { TB_LUA_FLOATS, TB_LUA_DECIMALS };

/* Registry name of the metatable that marks arrays. */
#define TB_LUA_ARRAY "tb.array"
/* Registry name of the decimal userdata's metatable; its value is one struct tb_decimal. */
#define TB_LUA_DECIMAL "tb.decimal"

/* Pushes a parsed value. projection (may be NULL): a parsed object whose members name the only
 * keys to build: `true` keeps the whole value, an object projects into it (and into each element of
 * an array), the member "*" stands for every key. */
TB_MAY_RAISE void tb_lua_push_json(lua_State *L, const struct tb_json *node,
                                   const struct tb_json *projection, enum tb_lua_numbers numbers);
/* Pushes a table of one array of floats for each name in the array at `names`: that member of every
 * element of `rows`, NaN where it is missing or no number. */
TB_MAY_RAISE void tb_lua_push_columns(lua_State *L, const struct tb_json *rows, int names);
/* Appends the value at `index` as canonical JSON; raises on cycles, depth > 64, mixed keys,
 * functions, NaN, keys that are not UTF-8; and when out->max is exceeded (set it: shared tables can
 * unfold without end). `out` must outlive an error (host-owned). */
TB_MAY_RAISE void tb_lua_to_json(lua_State *L, int index, struct tb_buffer *out);
/* The same, calling `tick` now and then, which may raise: looking through tables can take long and
 * write next to nothing. */
TB_MAY_RAISE void tb_lua_to_json_watched(lua_State *L, int index, struct tb_buffer *out,
                                         void (*tick)(lua_State *L));

/* Pushes a new decimal userdata (its metatable must already be in the registry). */
TB_MAY_RAISE void tb_lua_push_decimal(lua_State *L, const struct tb_decimal *value);
/* The decimal at index, or NULL when it is something else. Never raises. */
const struct tb_decimal *tb_lua_test_decimal(lua_State *L, int index);

#endif
