/* host.read and host.write: every read row, and for actions every write row, of the endpoint table
 * as one Lua function, host.read(name, args, projection). args holds path and query values by name,
 * `body` for a JSON body, `fresh = true` to pass the cache and `within_s` to give up before the
 * request's own deadline; projection (JSON text, may be left out) names the parts of the answer to
 * build. host.columns(name, args, names) reads a list of objects as one array of floats for each
 * name, NaN where there is no number: a long list in a fifth of the memory.
 *
 * Only rows of the effect that is asked for, only in phases that may. Upstream errors are raised as
 * tables { upstream = true, code, message, status, outcome }: they are not the plugin's fault. C
 * memory held while Lua can raise belongs to the vm (scratch) or to a userdata with a finalizer. */
#include <lauxlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_lua.h"
#include "base/log.h"
#include "plugins/plugins_private.h"

/* What a read owns; freed by its finalizer whatever happens. */
struct reading {
    struct tb_hb_answer answer;
    struct tb_json_doc *doc, *projection;
    bool answered;
};

enum { ANCHORS = 4, KEY = 5, VALUE = 6 };

static const char reading_name[] = "tb.reading";

static int reading_gc(lua_State *L)
{
    struct reading *r = lua_touserdata(L, 1);
    if (r->answered)
        tb_hb_answer_free(&r->answer);
    tb_json_free(r->doc);
    tb_json_free(r->projection);
    r->answered = false;
    r->doc = r->projection = NULL;
    return 0;
}

static TB_MAY_RAISE struct reading *new_reading(lua_State *L)
{
    struct reading *r = lua_newuserdatauv(L, sizeof *r, 0);
    memset(r, 0, sizeof *r);
    if (luaL_newmetatable(L, reading_name)) {
        lua_pushcfunction(L, reading_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return r;
}

static TB_MAY_RAISE int raise_upstream(lua_State *L, const struct tb_error *err,
                                       const char *outcome)
{
    tb_vm_of(L)->upstream = *err;
    lua_createtable(L, 0, 4);
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "upstream");
    lua_pushstring(L, outcome);
    lua_setfield(L, -2, "outcome");
    lua_pushstring(L, tb_code_word(err->code));
    lua_setfield(L, -2, "code");
    lua_pushstring(L, err->detail);
    lua_setfield(L, -2, "message");
    lua_pushinteger(L, err->upstream_status);
    lua_setfield(L, -2, "status");
    return lua_error(L);
}

/* The text of a path or query value; anchored in the arguments' table or on the stack. */
static TB_MAY_RAISE const char *text_of(lua_State *L, const char *name)
{
    if (lua_type(L, -1) == LUA_TSTRING)
        return lua_tostring(L, -1);
    if (lua_isinteger(L, -1) || lua_isboolean(L, -1) || tb_lua_test_decimal(L, -1))
        return luaL_tolstring(L, -1, NULL);
    luaL_error(L, "hb: %s must be a text or a number", name);
    return NULL;
}

static bool word_in(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = list; (p = strstr(p, word)) != NULL; p += len) {
        if ((p == list || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
            return true;
    }
    return false;
}

/* Index of {name} among the path's arguments, or -1. */
static int path_index(const char *path, const char *name)
{
    int index = 0;
    size_t len = strlen(name);
    for (const char *p = path; (p = strchr(p, '{')) != NULL; index++) {
        p++;
        if (strncmp(p, name, len) == 0 && p[len] == '}')
            return index;
    }
    return -1;
}

static TB_MAY_RAISE void set_argument(lua_State *L, const struct tb_hb_endpoint_row *row,
                                      struct tb_hb_call *call, const char *name)
{
    int index = path_index(row->path, name);
    if (index >= TB_HB_PATH_ARGS || (index < 0 && call->queries >= TB_HB_QUERIES))
        luaL_error(L, "hb.%s: too many arguments", row->name);
    if (index < 0 && !word_in(row->query, name))
        luaL_error(L, "hb.%s has no argument %s", row->name, name);
    lua_pushvalue(L, -1);
    const char *text = text_of(L, name);
    lua_pushvalue(L, -1);
    luaL_ref(L, ANCHORS); /* keeps a converted number's text alive */
    if (index >= 0)
        call->arg[index] = text;
    else
        call->query[call->queries++] = (struct tb_hb_pair){name, text};
}

/* Stack: 1 name, 2 arguments, 3 projection, 4 anchors; above them key and value. */
static TB_MAY_RAISE void read_arguments(lua_State *L, const struct tb_hb_endpoint_row *row,
                                        struct tb_hb_call *call)
{
    for (lua_pushnil(L); lua_next(L, 2); lua_settop(L, KEY)) {
        if (lua_type(L, KEY) != LUA_TSTRING)
            luaL_error(L, "hb.%s: arguments are given by name", row->name);
        const char *name = lua_tostring(L, KEY);
        if (strcmp(name, "fresh") == 0) {
            call->fresh = lua_toboolean(L, VALUE);
        } else if (strcmp(name, "within_s") == 0) {
            int64_t end = tb_mono_ms() + (int64_t)luaL_checkinteger(L, VALUE) * 1000;
            if (!call->mono_deadline_ms || end < call->mono_deadline_ms)
                call->mono_deadline_ms = end;
        } else if (strcmp(name, "body") == 0) {
            struct tb_buffer *out = &tb_vm_of(L)->scratch;
            if (!*row->body)
                luaL_error(L, "hb.%s takes no body", row->name);
            tb_buffer_clear(out);
            tb_lua_to_json(L, VALUE, out);
            call->body = tb_buffer_text(out);
            call->body_len = out->len;
        } else {
            set_argument(L, row, call, name);
        }
    }
}

static TB_MAY_RAISE void check_allowed(lua_State *L, const struct tb_hb_endpoint_row *row,
                                       enum tb_hb_effect effect)
{
    const struct tb_vm *vm = tb_vm_of(L);
    if (row->effect != effect)
        luaL_error(L,
                   effect == TB_HB_READ ? "hb.%s is not a read; hooks may only read"
                                        : "hb.%s is no change that an action may make",
                   row->name);
    if (!(effect == TB_HB_READ ? vm->reads : vm->writes))
        luaL_error(L,
                   "hb.%s: nothing can be read or changed during %s; only check, preview and "
                   "actions read, only actions change",
                   row->name, vm->phase);
    if (!vm->host->config.hb) {
        struct tb_error err = {0};
        (void)tb_fail(&err, TB_UPSTREAM_UNREACHABLE, "no Hummingbot API is configured");
        raise_upstream(L, &err, "not_sent");
    }
}

static const char *const outcome_words[] = {
    [TB_HB_DONE] = "done",       [TB_HB_REFUSED] = "refused", [TB_HB_FAILED] = "failed",
    [TB_HB_UNSENT] = "not_sent", [TB_HB_UNKNOWN] = "unknown",
};

/* Stack: 1 name, 2 arguments, 3 projection or columns. Leaves the reading on top. */
static TB_MAY_RAISE struct reading *ask_upstream(lua_State *L, enum tb_hb_effect effect)
{
    const char *name = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t projection_len = 0;
    const char *projection =
        lua_istable(L, 3) ? NULL : luaL_optlstring(L, 3, NULL, &projection_len);
    enum tb_hb_endpoint id;
    if (!tb_hb_endpoint_find(name, &id))
        luaL_error(L, "hb.%s: there is no such endpoint", name);
    const struct tb_hb_endpoint_row *row = tb_hb_endpoint(id);
    check_allowed(L, row, effect);
    struct tb_vm *vm = tb_vm_of(L);
    struct tb_hb_call call = {.endpoint = id, .mono_deadline_ms = vm->mono_deadline_ms};
    lua_settop(L, 3);
    lua_createtable(L, 4, 0);
    read_arguments(L, row, &call);
    struct reading *r = new_reading(L);
    struct tb_error err = {0};
    if (projection &&
        !(r->projection = tb_json_parse(projection, projection_len, TB_JSON_CLIENT, &err)))
        luaL_error(L, "hb.%s: the projection is no JSON: %s", name, err.detail);
    tb_vm_wait(vm);
    bool ok = tb_hb_call(vm->host->config.hb, &call, &r->answer, &err);
    r->answered = true;
    vm->changed |= effect == TB_HB_WRITE && r->answer.outcome != TB_HB_UNSENT;
    tb_vm_alive(vm);
    if (ok)
        r->doc = tb_json_parse(r->answer.body.data, r->answer.body.len, TB_JSON_UPSTREAM, &err);
    if (!ok || !r->doc) {
        if (ok)
            err.code = TB_UPSTREAM_NOT_JSON;
        raise_upstream(L, &err, ok ? "done" : outcome_words[r->answer.outcome]);
    }
    return r;
}

/* Stack: the reading, then its result, which stays; the memory goes now, not when the collector
 * gets to it. */
static TB_MAY_RAISE int end_reading(lua_State *L)
{
    lua_pushcfunction(L, reading_gc);
    lua_pushvalue(L, -3);
    lua_call(L, 1, 0);
    return 1;
}

static TB_MAY_RAISE int read_whole(lua_State *L, enum tb_hb_effect effect)
{
    const struct reading *r = ask_upstream(L, effect);
    tb_lua_push_json(L, tb_json_root(r->doc), tb_json_root(r->projection), TB_LUA_DECIMALS);
    return end_reading(L);
}

int tb_host_read(lua_State *L)
{
    return read_whole(L, TB_HB_READ);
}

int tb_host_columns(lua_State *L)
{
    luaL_checktype(L, 3, LUA_TTABLE);
    const struct reading *r = ask_upstream(L, TB_HB_READ);
    if (!tb_json_is(tb_json_root(r->doc), TB_JSON_ARRAY)) {
        struct tb_error err = {0};
        (void)tb_fail(&err, TB_UPSTREAM_NOT_JSON,
                      "the Hummingbot API answered %s with something that is no list",
                      lua_tostring(L, 1));
        return raise_upstream(L, &err, "done");
    }
    tb_lua_push_columns(L, tb_json_root(r->doc), 3);
    return end_reading(L);
}

/* Bots are made, started, stopped and configured by the bridge alone, one operation at a time. */
static const char *const BOTS_OWN[] = {"bots.", "docker.", "controllers.", "scripts.",
                                       "executors."};

static bool is_of_bots(const struct tb_hb_endpoint_row *row)
{
    for (size_t i = 0; i < sizeof BOTS_OWN / sizeof BOTS_OWN[0]; i++) {
        if (strncmp(row->name, BOTS_OWN[i], strlen(BOTS_OWN[i])) == 0)
            return true;
    }
    return false;
}

int tb_host_write(lua_State *L)
{
    const struct tb_vm *vm = tb_vm_of(L);
    enum tb_hb_endpoint id;
    if (tb_hb_endpoint_find(luaL_checkstring(L, 1), &id) && is_of_bots(tb_hb_endpoint(id)))
        return luaL_error(L, "hb.%s is the bridge's own: bots are commanded by operations only",
                          lua_tostring(L, 1));
    tb_log(TB_INFO, "plugin.write", "%s calls %s.", vm->plugin ? vm->plugin->name : "sdk",
           luaL_checkstring(L, 1));
    return read_whole(L, TB_HB_WRITE);
}

int tb_host_effect(lua_State *L)
{
    static const char *const words[] = {
        [TB_HB_READ] = "read",       [TB_HB_WRITE] = "write",   [TB_HB_MONEY] = "money",
        [TB_HB_DESTROY] = "destroy", [TB_HB_SECRET] = "secret", [TB_HB_CODE] = "code",
    };
    enum tb_hb_endpoint id;
    bool found = tb_hb_endpoint_find(luaL_checkstring(L, 1), &id);
    const struct tb_hb_endpoint_row *row = found ? tb_hb_endpoint(id) : NULL;
    if (row && row->effect == TB_HB_WRITE && is_of_bots(row))
        lua_pushstring(L, "bots");
    else
        lua_pushstring(L, row ? words[row->effect] : NULL);
    return 1;
}
