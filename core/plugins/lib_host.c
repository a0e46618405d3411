/* `host`: what the trusted kernel may ask of C. Plugin code never gets this table.
 *
 *   host.phase(name, budget_ms)  what runs now; only facts, check and preview may read upstream
 *   host.read(endpoint, args, projection)  one read of the Hummingbot API, lib_hb.c
 *   host.columns(endpoint, args, names)  the same for a long list of numbers
 *   host.write(endpoint, args)   one change, for actions only
 *   host.effect(endpoint) -> "read", "write", …, or nil when there is no such endpoint
 *   host.set_now(ctx_now)        the plugin's os.time(): RFC 3339 text or integer milliseconds
 *   host.log(level, text)
 *   host.where(f) -> path, line, parameters, variadic
 *   host.file_of(module_result) -> path or nil
 *   host.line_of(path, word) -> line of `word =` (or of the word itself), else 1
 *   host.sources() -> { { file, text } } of the plugin
 *   host.module(name) -> what the plugin's own module returns
 *   host.chunk(text, scope) -> function, or nil and why; for the prompt of `plugin repl` only */
#include <ctype.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugins/plugins_private.h"

#define WRITING_PHASE "action"
static const char *const reading_phases[] = {"facts", "check", "preview", WRITING_PHASE, NULL};

static int host_phase(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    lua_Integer budget = luaL_checkinteger(L, 2);
    bool reads = false;
    for (const char *const *p = reading_phases; *p; p++)
        reads = reads || strcmp(*p, name) == 0;
    tb_vm_check(L); /* a breach does not end with its phase */
    tb_vm_phase(tb_vm_of(L), name, (int)budget, reads);
    tb_vm_of(L)->writes = strcmp(name, WRITING_PHASE) == 0;
    return 0;
}

static int host_set_now(lua_State *L)
{
    struct tb_vm *vm = tb_vm_of(L);
    int64_t ms = 0;
    if (lua_isinteger(L, 1))
        vm->now_ms = lua_tointeger(L, 1);
    else if (lua_type(L, 1) == LUA_TSTRING && tb_time_parse(lua_tostring(L, 1), &ms))
        vm->now_ms = ms;
    return 0;
}

static int host_log(lua_State *L)
{
    static const char *const words[] = {"debug", "info", "warn", "error", NULL};
    static const enum tb_log_level levels[] = {TB_DEBUG, TB_INFO, TB_WARN, TB_ERROR};
    enum tb_log_level level = levels[luaL_checkoption(L, 1, NULL, words)];
    const struct tb_vm *vm = tb_vm_of(L);
    tb_log(level, "plugin.log", "%s: %.2000s", vm->plugin ? vm->plugin->name : "sdk",
           luaL_checkstring(L, 2));
    return 0;
}

static int host_where(lua_State *L)
{
    lua_Debug ar;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, 1);
    lua_getinfo(L, ">Su", &ar);
    lua_pushstring(L, ar.source[0] == '@' ? ar.source + 1 : ar.short_src);
    lua_pushinteger(L, ar.linedefined > 0 ? ar.linedefined : 1);
    lua_pushinteger(L, ar.nparams);
    lua_pushboolean(L, ar.isvararg);
    return 4;
}

static int host_file_of(lua_State *L)
{
    luaL_checkany(L, 1);
    tb_sandbox_file_of(L, 1);
    return 1;
}

static const struct tb_script *script_by_path(const struct tb_vm *vm, const char *path)
{
    char full[sizeof((struct tb_script *)0)->path];
    if (!vm->plugin)
        return NULL;
    (void)snprintf(full, sizeof full, strchr(path, '/') ? "%.0s%s" : "%s/%s", vm->plugin->name,
                   path);
    for (size_t i = 0; i < vm->plugin->set.count; i++) {
        if (strcmp(vm->plugin->set.scripts[i].path, full) == 0)
            return &vm->plugin->set.scripts[i];
    }
    return NULL;
}

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Line of the first whole `word` that is followed by "=", or of the first at all; 1 when absent. */
static int find_line(const char *source, const char *word)
{
    size_t len = strlen(word);
    int line = 1, first = 0;
    for (const char *p = source; *p; p++) {
        if (*p == '\n') {
            line++;
        } else if (strncmp(p, word, len) == 0 && (p == source || !word_char(p[-1])) &&
                   !word_char(p[len])) {
            const char *after = p + len + strspn(p + len, " \t\"']");
            if (after[0] == '=' && after[1] != '=')
                return line;
            first = first ? first : line;
        }
    }
    return first ? first : 1;
}

static int host_line_of(lua_State *L)
{
    const struct tb_script *script = script_by_path(tb_vm_of(L), luaL_checkstring(L, 1));
    const char *word = luaL_checkstring(L, 2);
    lua_pushinteger(L, script && *word ? find_line(script->source, word) : 1);
    return 1;
}

static int host_sources(lua_State *L)
{
    const struct tb_vm *vm = tb_vm_of(L);
    size_t count = vm->plugin ? vm->plugin->set.count : 0;
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        const struct tb_script *script = &vm->plugin->set.scripts[i];
        lua_createtable(L, 0, 2);
        lua_pushstring(L, script->path);
        lua_setfield(L, -2, "file");
        lua_pushlstring(L, script->source, script->source_len);
        lua_setfield(L, -2, "text");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int host_module(lua_State *L)
{
    tb_sandbox_module(L, luaL_checkstring(L, 1));
    return 1;
}

static int host_chunk(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    luaL_checktype(L, 2, LUA_TTABLE);
    if (!tb_vm_of(L)->host->config.prompt)
        return luaL_error(L, "only the prompt of `plugin repl` compiles text");
    tb_sandbox_chunk(L, text, len, 2);
    return 2;
}

static const luaL_Reg functions[] = {
    {"phase", host_phase},
    {"read", tb_host_read},
    {"columns", tb_host_columns},
    {"write", tb_host_write},
    {"effect", tb_host_effect},
    {"set_now", host_set_now},
    {"log", host_log},
    {"where", host_where},
    {"file_of", host_file_of},
    {"line_of", host_line_of},
    {"sources", host_sources},
    {"module", host_module},
    {"chunk", host_chunk},
    {NULL, NULL},
};

int tb_open_host(lua_State *L)
{
    luaL_newlib(L, functions);
    return 1;
}
