/* What plugin code can see. Environments are built up from nothing by the tables below, never by
 * taking things away: a name that is not listed does not exist.
 *
 * Two environments share one state: the SDK's (trusted, gets `host` as second argument of each
 * module) and the plugin's (read-only libraries, writes to globals are errors with file and line).
 * The string metatable reaches only our string library and is locked. Runs inside protected calls.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "plugins/plugins_private.h"

/* ---- the allow-lists ---- */

struct library {
    const char *name; /* NULL: globals */
    lua_CFunction open;
    const char *const *names;
    const luaL_Reg *ours;
};

static const char *const base_names[] = {"assert", "error",  "ipairs",   "rawequal", "rawget",
                                         "rawlen", "select", "tonumber", "type",     NULL};
static const char *const string_names[] = {"byte",    "char", "len",   "lower",
                                           "reverse", "sub",  "upper", NULL};
static const char *const table_names[] = {"pack", NULL};
static const char *const math_names[] = {
    "abs",        "ceil", "exp",        "floor", "fmod",      "huge", "log", "max", "min",
    "maxinteger", "modf", "mininteger", "sqrt",  "tointeger", "type", "ult", "pi",  NULL};
static const char *const utf8_names[] = {"char", "charpattern", "codepoint", "codes",
                                         "len",  "offset",      NULL};
static const char *const coroutine_names[] = {"create", "isyieldable", "status", "yield", NULL};
static const char *const no_names[] = {NULL};
static const luaL_Reg no_functions[] = {{NULL, NULL}};

static const struct library libraries[] = {
    {NULL, luaopen_base, base_names, tb_lib_base},
    {"string", luaopen_string, string_names, tb_lib_string},
    {"table", luaopen_table, table_names, tb_lib_table},
    {"math", luaopen_math, math_names, no_functions},
    {"utf8", luaopen_utf8, utf8_names, no_functions},
    {"coroutine", luaopen_coroutine, coroutine_names, tb_lib_coroutine},
    {"os", NULL, no_names, tb_lib_os},
};

/* Modules of the SDK that are the kernel's own. */
static const char *const private_modules[] = {
    "kernel",   "contract", "plan",    "market", "report", "aliases", "risk",
    "loglines", "trades",   "effects", "rules",  "schema", "actions", "replay",
    "docs",     "candles",  "exits",   "reckon", NULL};

/* Modules written in C. */
static const luaL_Reg c_modules[] = {
    {"decimal", tb_open_decimal},
    {"json", tb_open_json},
    {NULL, NULL},
};

/* Registry keys: addresses. */
static char key_sdk_env, key_plugin_env, key_sdk_loaded, key_plugin_loaded, key_host, key_files;
static char loading_mark;

static TB_MAY_RAISE void registry_table(lua_State *L, char *key)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, key);
}

/* ---- environments ---- */

/* Copies the allowed names of the library at `from` into the table at `to`. */
static TB_MAY_RAISE void copy_allowed(lua_State *L, int from, int to, const struct library *lib)
{
    for (const char *const *name = lib->names; *name; name++) {
        lua_getfield(L, from, *name);
        lua_setfield(L, to, *name);
    }
    for (const luaL_Reg *ours = lib->ours; ours->name; ours++) {
        lua_getfield(L, from, ours->name);
        lua_pushcclosure(L, ours->func, 1);
        lua_setfield(L, to, ours->name);
    }
}

static int refuse_write(lua_State *L)
{
    return luaL_error(L, "this table is read-only");
}

static int refuse_global(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    return luaL_error(L, "the global '%s' is not declared; write local %s", name, name);
}

static int unknown_global(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    return luaL_error(L, "there is no global '%s' here", name);
}

/* Replaces the table on top by an empty one through which it can be read and called only. */
static TB_MAY_RAISE void make_read_only(lua_State *L, lua_CFunction on_write)
{
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 4);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, on_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    if (luaL_getmetafield(L, -3, "__call") != LUA_TNIL)
        lua_setfield(L, -2, "__call");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

/* Locks the metatable of strings onto our library (on top of the stack; stays there). */
static TB_MAY_RAISE void lock_strings(lua_State *L)
{
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

/* Opens one library and puts its allowed part into both environments (at sdk and std). */
static TB_MAY_RAISE void add_library(lua_State *L, const struct library *lib, int sdk, int std)
{
    if (lib->open) {
        lua_pushcfunction(L, lib->open);
        lua_call(L, 0, 1);
    } else {
        lua_createtable(L, 0, 0);
    }
    int from = lua_gettop(L);
    if (!lib->name) {
        copy_allowed(L, from, sdk, lib);
        copy_allowed(L, from, std, lib);
    } else {
        lua_createtable(L, 0, 20);
        copy_allowed(L, from, from + 1, lib);
        if (strcmp(lib->name, "string") == 0)
            lock_strings(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, sdk, lib->name);
        make_read_only(L, refuse_write);
        lua_setfield(L, std, lib->name);
    }
    lua_settop(L, from - 1);
}

static int sdk_require(lua_State *L);
static int plugin_require(lua_State *L);

static TB_MAY_RAISE void new_registry_table(lua_State *L, char *key)
{
    lua_createtable(L, 0, 8);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void tb_sandbox_open(lua_State *L)
{
    lua_createtable(L, 0, 32);
    int sdk = lua_gettop(L);
    lua_createtable(L, 0, 32);
    int std = sdk + 1;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        add_library(L, &libraries[i], sdk, std);
    /* luaopen_base filled the state's own globals; nothing may keep a way to them. */
    lua_createtable(L, 0, 0);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);

    lua_pushcfunction(L, sdk_require);
    lua_setfield(L, sdk, "require");
    lua_pushcfunction(L, plugin_require);
    lua_setfield(L, std, "require");
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, unknown_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, std);
    make_read_only(L, refuse_global); /* of std, on top */
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key_plugin_env);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key_sdk_env);

    new_registry_table(L, &key_sdk_loaded);
    new_registry_table(L, &key_plugin_loaded);
    new_registry_table(L, &key_files);
    tb_open_host(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key_host);
}

/* ---- modules ---- */

/* Runs a script's bytecode in an environment; pushes its one result. The two arguments of the chunk
 * are on top of the stack and are used up. */
static TB_MAY_RAISE void run_script(lua_State *L, const struct tb_script *script, char *env)
{
    char chunk[170];
    (void)snprintf(chunk, sizeof chunk, "@%s", script->path);
    if (luaL_loadbufferx(L, script->bytecode, script->bytecode_len, chunk, "b") != LUA_OK)
        lua_error(L);
    registry_table(L, env);
    if (!lua_setupvalue(L, -2, 1)) /* a chunk without globals has no environment */
        lua_pop(L, 1);
    lua_insert(L, -3);
    int below = lua_gettop(L) - 3;
    lua_call(L, 2, LUA_MULTRET);
    int results = lua_gettop(L) - below;
    if (results != 1 || lua_isnil(L, -1))
        luaL_error(L, "%s must return exactly one value", script->path);
}

/* Looks into the table of loaded modules; true when the module's value was pushed. Otherwise the
 * name is marked as being loaded. */
static TB_MAY_RAISE bool loaded_before(lua_State *L, char *table, const char *name)
{
    registry_table(L, table);
    lua_getfield(L, -1, name);
    if (lua_touserdata(L, -1) == &loading_mark)
        luaL_error(L, "require: \"%s\" is required in a circle", name);
    if (!lua_isnil(L, -1)) {
        lua_remove(L, -2);
        return true;
    }
    lua_pop(L, 1);
    lua_pushlightuserdata(L, &loading_mark);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
    return false;
}

/* Remembers the value on top as the module's. */
static TB_MAY_RAISE void remember(lua_State *L, char *table, const char *name)
{
    registry_table(L, table);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

void tb_sandbox_sdk(lua_State *L, const char *name)
{
    if (loaded_before(L, &key_sdk_loaded, name))
        return;
    const luaL_Reg *native = c_modules;
    while (native->name && strcmp(native->name, name) != 0)
        native++;
    if (native->name) {
        lua_pushcfunction(L, native->func);
        lua_call(L, 0, 1);
    } else {
        const struct tb_script *script = tb_script_find(&tb_vm_of(L)->host->sdk, name);
        if (!script) {
            luaL_error(L, "require: there is no bridge.%s", name);
            return;
        }
        lua_pushstring(L, name);
        registry_table(L, &key_host);
        run_script(L, script, &key_sdk_env);
    }
    remember(L, &key_sdk_loaded, name);
}

static int sdk_require(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    if (strncmp(name, "bridge.", 7) == 0)
        name += 7;
    tb_sandbox_sdk(L, name);
    return 1;
}

bool tb_sdk_is_private(const char *name)
{
    for (const char *const *p = private_modules; *p; p++) {
        if (strcmp(*p, name) == 0)
            return true;
    }
    return false;
}

static TB_MAY_RAISE void require_bridge(lua_State *L, const char *full)
{
    const char *name = full + 7;
    if (tb_sdk_is_private(name))
        luaL_error(L, "require: %s is the bridge's own and not for plugins", full);
    if (loaded_before(L, &key_plugin_loaded, full))
        return;
    tb_sandbox_sdk(L, name);
    if (lua_istable(L, -1))
        make_read_only(L, refuse_write);
    remember(L, &key_plugin_loaded, full);
}

static TB_MAY_RAISE void require_cjson(lua_State *L)
{
    if (loaded_before(L, &key_plugin_loaded, "cjson"))
        return;
    lua_pushcfunction(L, tb_open_cjson);
    lua_call(L, 0, 1);
    make_read_only(L, refuse_write);
    remember(L, &key_plugin_loaded, "cjson");
}

static TB_MAY_RAISE void require_own(lua_State *L, const char *name)
{
    const struct tb_vm *vm = tb_vm_of(L);
    const struct tb_script *script = vm->plugin ? tb_script_find(&vm->plugin->set, name) : NULL;
    if (!script) {
        luaL_error(L,
                   "require: \"%s\" is no file of this plugin; a plugin sees its own folder and "
                   "bridge.*",
                   name);
        return;
    }
    if (loaded_before(L, &key_plugin_loaded, name))
        return;
    lua_pushstring(L, name);
    lua_pushnil(L);
    run_script(L, script, &key_plugin_env);
    if (lua_istable(L, -1)) {
        registry_table(L, &key_files);
        lua_pushvalue(L, -2);
        lua_pushstring(L, script->path);
        lua_rawset(L, -3);
        lua_pop(L, 1);
    }
    remember(L, &key_plugin_loaded, name);
}

static int plugin_require(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    if (strncmp(name, "bridge.", 7) == 0)
        require_bridge(L, name);
    else if (strcmp(name, "cjson") == 0)
        require_cjson(L);
    else
        require_own(L, name);
    return 1;
}

void tb_sandbox_module(lua_State *L, const char *name)
{
    require_own(L, name);
}

void tb_sandbox_file_of(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    registry_table(L, &key_files);
    lua_pushvalue(L, index);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

/* Text, not bytecode: no plugin can reach this, and what a person types is compiled here only. */
void tb_sandbox_chunk(lua_State *L, const char *text, size_t len, int scope)
{
    scope = lua_absindex(L, scope);
    if (luaL_loadbufferx(L, text, len, "=line", "t") != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return;
    }
    lua_createtable(L, 0, 1);
    registry_table(L, &key_plugin_env);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, scope);
    lua_pushvalue(L, scope);
    if (!lua_setupvalue(L, -2, 1))
        lua_pop(L, 1);
    lua_pushnil(L);
}
