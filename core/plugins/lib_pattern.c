/* string.find, match, gmatch and gsub on our own matcher (pattern.c): the results of Lua 5.4, a
 * step budget for each call and a look at the clocks inside it. The budget allows any pattern that
 * looks at each character a few times; one that starts over at each of them runs out of it on a
 * text of some thousand characters, whatever the machine's load. Runs inside protected calls. */
#include <lauxlib.h>
#include <string.h>

#include "plugins/pattern.h"
#include "plugins/plugins_private.h"

/* Steps of one call: this many, and so many more for each byte of text and pattern. */
enum { STEPS = 1000000, STEPS_PER_BYTE = 32 };
/* A plain search looks at the clocks after so many bytes. */
enum { PLAIN_SLICE = 256 << 10 };

static void tick(void *L)
{
    tb_vm_check(L);
}

static void prepare(lua_State *L, struct tb_pattern *m, const char *subject, size_t subject_len,
                    const char *pattern, size_t len)
{
    m->subject = subject;
    m->subject_len = subject_len;
    m->text = pattern;
    m->len = len;
    m->steps = STEPS + STEPS_PER_BYTE * (int64_t)(subject_len + len);
    m->tick = tick;
    m->owner = L;
    m->captures = 0;
}

static TB_MAY_RAISE void out_of_steps(lua_State *L, const struct tb_pattern *m)
{
    luaL_error(L, "%s of %d bytes; make the pattern more exact or the text shorter", m->error,
               (int)m->subject_len);
}

/* True when it matches; a bad pattern or one that runs out of steps raises. */
static TB_MAY_RAISE bool match_at(lua_State *L, struct tb_pattern *m, size_t at, size_t from,
                                  size_t *end)
{
    enum tb_pattern_result result = tb_pattern_match(m, at, from, end);
    if (result == TB_PATTERN_BAD && m->steps <= 0)
        out_of_steps(L, m);
    if (result == TB_PATTERN_BAD)
        luaL_error(L, "%s", m->error);
    return result == TB_PATTERN_YES;
}

/* ---- captures ---- */

/* Pushes capture `i`; a pattern without any has the whole match as its first. */
static TB_MAY_RAISE void push_capture(lua_State *L, const struct tb_pattern *m, unsigned i,
                                      size_t at, size_t end)
{
    if (i >= m->captures) {
        if (i != 0)
            luaL_error(L, "invalid capture index %%%d", (int)i + 1);
        lua_pushlstring(L, m->subject + at, end - at);
    } else if (m->capture[i].len == TB_PATTERN_OPEN) {
        luaL_error(L, "unfinished capture");
    } else if (m->capture[i].len == TB_PATTERN_POSITION) {
        lua_pushinteger(L, (lua_Integer)m->capture[i].start + 1);
    } else {
        lua_pushlstring(L, m->subject + m->capture[i].start, (size_t)m->capture[i].len);
    }
}

static TB_MAY_RAISE int push_captures(lua_State *L, const struct tb_pattern *m, bool whole,
                                      size_t at, size_t end)
{
    unsigned n = m->captures == 0 && whole ? 1 : m->captures;
    luaL_checkstack(L, (int)n, "too many captures");
    for (unsigned i = 0; i < n; i++)
        push_capture(L, m, i, at, end);
    return (int)n;
}

/* ---- find, match ---- */

/* Where a search begins, from argument `arg`; false when that is behind the end. */
static TB_MAY_RAISE bool start_of(lua_State *L, int arg, size_t len, size_t *at)
{
    lua_Integer init = luaL_optinteger(L, arg, 1);
    if (init > 0)
        *at = (size_t)init - 1;
    else
        *at = init == 0 || init < -(lua_Integer)len ? 0 : len - (size_t)(-init);
    return *at <= len;
}

/* In slices, so that the clocks are looked at; memmem is linear in each of them. */
static TB_MAY_RAISE const char *plain_find(lua_State *L, const char *text, size_t len,
                                           const char *what, size_t what_len)
{
    size_t slice = PLAIN_SLICE > 4 * what_len ? PLAIN_SLICE : 4 * what_len;
    if (what_len == 0)
        return text;
    for (size_t done = 0; len - done >= what_len; done += slice) {
        size_t left = len - done, now = slice + what_len - 1;
        const char *found = memmem(text + done, left < now ? left : now, what, what_len);
        if (found || left <= slice)
            return found;
        tb_vm_check(L);
    }
    return NULL;
}

static bool has_specials(const char *pattern, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (pattern[i] && strchr("^$*+?.([%-", pattern[i]))
            return true;
    return false;
}

static TB_MAY_RAISE int find_or_match(lua_State *L, bool find)
{
    struct tb_pattern m;
    size_t len, pattern_len, at, end;
    const char *subject = luaL_checklstring(L, 1, &len);
    const char *pattern = luaL_checklstring(L, 2, &pattern_len);
    if (!start_of(L, 3, len, &at)) {
        lua_pushnil(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || !has_specials(pattern, pattern_len))) {
        const char *found = plain_find(L, subject + at, len - at, pattern, pattern_len);
        if (!found) {
            lua_pushnil(L);
            return 1;
        }
        lua_pushinteger(L, found - subject + 1);
        lua_pushinteger(L, found - subject + (lua_Integer)pattern_len);
        return 2;
    }
    size_t from = pattern_len > 0 && pattern[0] == '^';
    prepare(L, &m, subject, len, pattern, pattern_len);
    for (; at <= len; at++) {
        if (match_at(L, &m, at, from, &end)) {
            if (!find)
                return push_captures(L, &m, true, at, end);
            lua_pushinteger(L, (lua_Integer)at + 1);
            lua_pushinteger(L, (lua_Integer)end);
            return 2 + push_captures(L, &m, false, at, end);
        }
        if (from)
            break;
    }
    lua_pushnil(L);
    return 1;
}

int tb_string_find(lua_State *L)
{
    return find_or_match(L, true);
}

int tb_string_match(lua_State *L)
{
    return find_or_match(L, false);
}

/* ---- gmatch ---- */

/* upvalues: subject, pattern, where to look next, end of the last match + 1 (0: none yet) */
static int gmatch_step(lua_State *L)
{
    struct tb_pattern m;
    size_t len, pattern_len, end;
    const char *subject = lua_tolstring(L, lua_upvalueindex(1), &len);
    const char *pattern = lua_tolstring(L, lua_upvalueindex(2), &pattern_len);
    size_t at = (size_t)lua_tointeger(L, lua_upvalueindex(3));
    size_t last = (size_t)lua_tointeger(L, lua_upvalueindex(4));
    prepare(L, &m, subject, len, pattern, pattern_len);
    for (; at <= len; at++) {
        if (!match_at(L, &m, at, 0, &end) || end + 1 == last)
            continue;
        lua_pushinteger(L, (lua_Integer)end);
        lua_replace(L, lua_upvalueindex(3));
        lua_pushinteger(L, (lua_Integer)end + 1);
        lua_replace(L, lua_upvalueindex(4));
        return push_captures(L, &m, true, at, end);
    }
    lua_pushinteger(L, (lua_Integer)len + 1);
    lua_replace(L, lua_upvalueindex(3));
    return 0;
}

int tb_string_gmatch(lua_State *L)
{
    size_t len, at;
    luaL_checklstring(L, 1, &len);
    luaL_checkstring(L, 2);
    if (!start_of(L, 3, len, &at))
        at = len + 1;
    lua_settop(L, 2);
    lua_pushinteger(L, (lua_Integer)at);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, gmatch_step, 4);
    return 1;
}

/* ---- gsub ---- */

/* One call of gsub: subject 1, pattern 2, replacement 3. */
struct gsub {
    struct tb_pattern m;
    luaL_Buffer out;
};

static TB_MAY_RAISE void check_length(lua_State *L, const struct gsub *g)
{
    if (luaL_bufflen(&g->out) > (size_t)TB_TEXT_MAX)
        luaL_error(L, "string.gsub: the text would be longer than %d bytes", TB_TEXT_MAX);
}

/* The replacement text with its %0 to %9. */
static TB_MAY_RAISE void add_text(lua_State *L, struct gsub *g, size_t at, size_t end)
{
    size_t len;
    const char *text = lua_tolstring(L, 3, &len);
    for (size_t i = 0; i < len; i++) {
        char digit = i + 1 < len ? text[i + 1] : '\0';
        if (text[i] != '%') {
            luaL_addchar(&g->out, text[i]);
            continue;
        }
        /* A reference to an empty capture adds nothing to the length. */
        if (!tb_pattern_spend(&g->m, 1))
            out_of_steps(L, &g->m);
        i++;
        if (digit == '%') {
            luaL_addchar(&g->out, '%');
        } else if (digit == '0') {
            luaL_addlstring(&g->out, g->m.subject + at, end - at);
        } else if (digit >= '1' && digit <= '9') {
            push_capture(L, &g->m, (unsigned)(digit - '1'), at, end);
            luaL_tolstring(L, -1, NULL);
            lua_remove(L, -2);
            luaL_addvalue(&g->out);
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
    }
}

/* What a table or function says of the match; the match itself where it says nothing. */
static TB_MAY_RAISE void add_looked_up(lua_State *L, struct gsub *g, size_t at, size_t end)
{
    if (lua_type(L, 3) == LUA_TFUNCTION) {
        tb_vm_check(L); /* it may be a function of a library, which no hook sees */
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(L, &g->m, true, at, end), 1);
    } else {
        push_capture(L, &g->m, 0, at, end);
        lua_gettable(L, 3);
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(&g->out, g->m.subject + at, end - at);
        return;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    luaL_addvalue(&g->out);
}

static TB_MAY_RAISE lua_Integer replace_all(lua_State *L, struct gsub *g, lua_Integer most)
{
    bool by_text = lua_type(L, 3) == LUA_TSTRING || lua_type(L, 3) == LUA_TNUMBER;
    size_t from = g->m.len > 0 && g->m.text[0] == '^', at = 0, end, last = 0;
    lua_Integer done = 0;
    while (done < most) {
        if (match_at(L, &g->m, at, from, &end) && end + 1 != last) {
            done++;
            (by_text ? add_text : add_looked_up)(L, g, at, end);
            check_length(L, g);
            at = end;
            last = end + 1;
        } else if (at < g->m.subject_len) {
            luaL_addchar(&g->out, g->m.subject[at]);
            at++;
        } else {
            break;
        }
        if (from)
            break;
    }
    luaL_addlstring(&g->out, g->m.subject + at, g->m.subject_len - at);
    check_length(L, g);
    return done;
}

int tb_string_gsub(lua_State *L)
{
    struct gsub g;
    size_t len, pattern_len;
    const char *subject = luaL_checklstring(L, 1, &len);
    const char *pattern = luaL_checklstring(L, 2, &pattern_len);
    int type = lua_type(L, 3);
    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TTABLE ||
                         type == LUA_TFUNCTION,
                     3, "string/function/table");
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)len + 1);
    lua_settop(L, 3);
    prepare(L, &g.m, subject, len, pattern, pattern_len);
    luaL_buffinit(L, &g.out);
    lua_Integer done = replace_all(L, &g, most);
    luaL_pushresult(&g.out);
    lua_pushinteger(L, done);
    return 2;
}
