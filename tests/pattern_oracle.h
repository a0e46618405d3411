/* Runs one call of string.find, match, gmatch or gsub twice, with ours and with Lua's own library,
 * and compares all results, error texts included. For the fuzz target and the random test.
 *
 * Input: a byte that says what is called, one for the starting place, the lengths of pattern and
 * replacement, the bytes of both, and the rest as subject. */
#ifndef TB_PATTERN_ORACLE_H
#define TB_PATTERN_ORACLE_H

#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/plugins_private.h"

struct pattern_case {
    const char *pattern, *repl, *subject;
    size_t pattern_len, repl_len, subject_len;
    unsigned what;
    int init;
};

/* The four functions as the harness below calls them. */
static const char pattern_harness[] =
    "local find, match, gmatch, gsub = ...\n"
    "local function list(...)\n"
    "  local t = { tostring(select('#', ...)) }\n"
    "  for i = 1, select('#', ...) do\n"
    "    local v = select(i, ...) t[#t + 1] = math.type(v) or type(v) t[#t + 1] = tostring(v)\n"
    "  end\n"
    "  return table.concat(t, '|')\n"
    "end\n"
    "return function(what, s, p, r, init)\n"
    "  if what == 0 then return list(find(s, p, init)) end\n"
    "  if what == 1 then return list(find(s, p, init, true)) end\n"
    "  if what == 2 then return list(match(s, p, init)) end\n"
    "  if what == 3 then\n"
    "    local t = {}\n"
    "    for a, b, c in gmatch(s, p, init) do t[#t + 1] = list(a, b, c) end\n"
    "    return table.concat(t, '&')\n"
    "  end\n"
    "  if what == 4 then return list(gsub(s, p, r)) end\n"
    "  if what == 5 then return list(gsub(s, p, r, init)) end\n"
    "  if what == 6 then return list(gsub(s, p, { a = 'x', b = false, [r] = 1 })) end\n"
    "  return list(gsub(s, p, function(a, b) return b or #tostring(a) % 2 == 0 and r end))\n"
    "end\n";

static inline void pattern_state(lua_State *L, bool ours)
{
    static const lua_CFunction functions[] = {tb_string_find, tb_string_match, tb_string_gmatch,
                                              tb_string_gsub};
    static const char *const names[] = {"find", "match", "gmatch", "gsub"};
    luaL_openlibs(L);
    if (luaL_loadstring(L, pattern_harness) != LUA_OK)
        abort();
    lua_getglobal(L, "string");
    for (int i = 0; i < 4; i++) {
        if (ours)
            lua_pushcfunction(L, functions[i]);
        else
            lua_getfield(L, 2, names[i]);
    }
    lua_remove(L, 2);
    lua_call(L, 4, 1);
}

/* The result or error as text, on top of the state's stack. */
static inline const char *pattern_run(lua_State *L, const struct pattern_case *c, size_t *len)
{
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, c->what % 8);
    lua_pushlstring(L, c->subject, c->subject_len);
    lua_pushlstring(L, c->pattern, c->pattern_len);
    lua_pushlstring(L, c->repl, c->repl_len);
    lua_pushinteger(L, c->init);
    (void)lua_pcall(L, 5, 1, 0);
    return lua_tolstring(L, -1, len);
}

struct pattern_oracle {
    struct tb_vm vm;
    struct tb_arena arena;
    lua_State *ours, *theirs;
};

static inline void pattern_open(struct pattern_oracle *o)
{
    struct tb_vm *vm = &o->vm;
    memset(o, 0, sizeof *o);
    o->vm.arena = &o->arena;
    o->vm.budget_end_us = INT64_MAX;
    o->ours = luaL_newstate();
    o->theirs = luaL_newstate();
    if (!o->ours || !o->theirs)
        abort();
    memcpy(lua_getextraspace(o->ours), &vm, sizeof vm);
    pattern_state(o->ours, true);
    pattern_state(o->theirs, false);
}

static inline void pattern_close(struct pattern_oracle *o)
{
    lua_close(o->ours);
    lua_close(o->theirs);
}

/* False when they differ; a case that ends for want of steps proves nothing and is true. */
static inline bool pattern_same(struct pattern_oracle *o, const uint8_t *data, size_t size)
{
    if (size < 4)
        return true;
    size_t left = size - 4, len, their_len;
    struct pattern_case c = {.what = data[0] & 7, .init = (int)(int8_t)data[1] / 4};
    c.pattern = (const char *)data + 4;
    c.pattern_len = data[2] < left ? data[2] : left;
    left -= c.pattern_len;
    c.repl = c.pattern + c.pattern_len;
    c.repl_len = data[3] < left ? data[3] : left;
    c.subject = c.repl + c.repl_len;
    c.subject_len = left - c.repl_len;
    const char *ours = pattern_run(o->ours, &c, &len);
    if (ours && strstr(ours, "too many steps"))
        return true;
    const char *theirs = pattern_run(o->theirs, &c, &their_len);
    if (ours && theirs && len == their_len && memcmp(ours, theirs, len) == 0)
        return true;
    fprintf(stderr, "call %u, init %d, pattern [%.*s], repl [%.*s], subject [%.*s]\n%s\n%s\n",
            c.what, c.init, (int)c.pattern_len, c.pattern, (int)c.repl_len, c.repl,
            (int)c.subject_len, c.subject, ours, theirs);
    return false;
}

#endif
