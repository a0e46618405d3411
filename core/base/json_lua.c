/* JSON to Lua and back. Everything here may leave by a Lua error at any call, so all scratch lives
 * on the C stack or in the Lua state; no Lua code runs but finalizers of the collector, and a table
 * they change under our hands is an error, never a stale pointer. */
#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_lua.h"
#include "base/json_private.h"

/* ---- decimals ---- */

void tb_lua_push_decimal(lua_State *L, const struct tb_decimal *value)
{
    struct tb_decimal *box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = *value;
    luaL_setmetatable(L, TB_LUA_DECIMAL);
}

const struct tb_decimal *tb_lua_test_decimal(lua_State *L, int index)
{
    /* Looking up the name allocates nothing once the metatable is registered under it. */
    return lua_type(L, index) == LUA_TUSERDATA ? luaL_testudata(L, index, TB_LUA_DECIMAL) : NULL;
}

/* ---- into Lua ---- */

/* True and the integer when the literal has neither fraction nor exponent and fits. */
static bool plain_integer(const struct tb_json *number, int64_t *out)
{
    return !strpbrk(number->text, ".eE") && tb_json_int64(number, out);
}

static void push_number(lua_State *L, const struct tb_json *node, enum tb_lua_numbers numbers)
{
    int64_t integer;
    struct tb_decimal exact;
    double nearest = 0;
    if (plain_integer(node, &integer))
        lua_pushinteger(L, integer);
    else if (numbers == TB_LUA_DECIMALS && tb_json_decimal(node, &exact))
        tb_lua_push_decimal(L, &exact);
    else if (tb_json_double(node, &nearest)) /* also what no decimal can hold, such as 1e300 */
        lua_pushnumber(L, nearest);
}

/* What the projection keeps of a member: NULL nothing, a `true` all of it, an object a part. */
static const struct tb_json *projected(const struct tb_json *projection,
                                       const struct tb_json *member)
{
    const struct tb_json *star = NULL;
    for (const struct tb_json *p = projection->child; p; p = p->next) {
        bool wanted = tb_json_true(p) || tb_json_is(p, TB_JSON_OBJECT);
        if (tb_json_compare_keys(p->key, p->key_len, member->key, member->key_len) == 0)
            return wanted ? p : NULL;
        if (wanted && p->key_len == 1 && p->key[0] == '*')
            star = p;
    }
    return star;
}

static int size_hint(size_t len)
{
    return len < INT_MAX ? (int)len : INT_MAX;
}

static void push_container(lua_State *L, const struct tb_json *node,
                           const struct tb_json *projection, enum tb_lua_numbers numbers)
{
    bool all = !tb_json_is(projection, TB_JSON_OBJECT);
    luaL_checkstack(L, 4, "JSON is nested too deeply");
    if (node->type == TB_JSON_ARRAY) {
        lua_Integer i = 0;
        lua_createtable(L, size_hint(node->len), 0);
        luaL_newmetatable(L, TB_LUA_ARRAY);
        lua_setmetatable(L, -2);
        for (const struct tb_json *e = node->child; e; e = e->next) {
            tb_lua_push_json(L, e, projection, numbers);
            lua_rawseti(L, -2, ++i);
        }
        return;
    }
    lua_createtable(L, 0, all ? size_hint(node->len) : 0);
    for (const struct tb_json *m = node->child; m; m = m->next) {
        const struct tb_json *part = all ? NULL : projected(projection, m);
        if (!all && !part)
            continue;
        lua_pushlstring(L, m->key, m->key_len);
        tb_lua_push_json(L, m, part, numbers);
        lua_rawset(L, -3);
    }
}

void tb_lua_push_json(lua_State *L, const struct tb_json *node, const struct tb_json *projection,
                      enum tb_lua_numbers numbers)
{
    luaL_checkstack(L, 4, "JSON is nested too deeply");
    switch (node ? node->type : TB_JSON_NULL) {
    case TB_JSON_NULL:
        lua_pushlightuserdata(L, NULL);
        break;
    case TB_JSON_BOOL:
        lua_pushboolean(L, node->boolean);
        break;
    case TB_JSON_NUMBER:
        push_number(L, node, numbers);
        break;
    case TB_JSON_STRING:
        lua_pushlstring(L, node->text, node->len);
        break;
    case TB_JSON_ARRAY:
    case TB_JSON_OBJECT:
        push_container(L, node, projection, numbers);
        break;
    }
}

void tb_lua_push_columns(lua_State *L, const struct tb_json *rows, int names)
{
    lua_Integer columns = (lua_Integer)lua_rawlen(L, names);
    luaL_checkstack(L, 4, NULL);
    names = lua_absindex(L, names);
    lua_createtable(L, 0, (int)columns);
    for (lua_Integer c = 1; c <= columns; c++) {
        lua_Integer i = 0;
        lua_rawgeti(L, names, c);
        const char *name = luaL_checkstring(L, -1);
        lua_createtable(L, size_hint(rows->len), 0);
        for (const struct tb_json *row = rows->child; row; row = row->next) {
            double value = NAN;
            (void)tb_json_double(tb_json_get(row, name), &value);
            lua_pushnumber(L, value);
            lua_rawseti(L, -2, ++i);
        }
        lua_rawset(L, -3);
    }
}

/* ---- from Lua ---- */

/* Where in the value we are, for the error message: a chain up the C stack. */
struct place {
    const struct place *outer;
    const char *key; /* NULL: an element of an array */
    lua_Integer index;
};

/* A table of many free slots takes a millisecond to look through. */
enum { TICK_TABLES = 16 };

struct dump {
    lua_State *L;
    struct tb_buffer *out;
    struct tb_json_writer writer;
    void (*tick)(lua_State *L); /* may be NULL */
    unsigned tables;
};

static size_t name_place(const struct place *place, char *out, size_t size)
{
    if (!place->outer)
        return (size_t)snprintf(out, size, "the value");
    size_t len = name_place(place->outer, out, size);
    if (len >= size)
        return size;
    int more = place->key ? snprintf(out + len, size - len, ".%.40s", place->key)
                          : snprintf(out + len, size - len, "[%lld]", (long long)place->index);
    return len + (size_t)more;
}

static void refuse(struct dump *d, const struct place *place, const char *what)
{
    char path[256];
    name_place(place, path, sizeof path);
    luaL_error(d->L, "cannot write JSON: %s %s", path, what);
}

static bool marked_array(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, TB_LUA_ARRAY);
    bool marked = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return marked;
}

struct shape {
    size_t strings;
    size_t integers;
    size_t others;
    lua_Integer highest;
};

static struct shape survey(lua_State *L, int index)
{
    struct shape s = {0};
    for (lua_pushnil(L); lua_next(L, index);) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING) {
            s.strings++;
        } else if (lua_isinteger(L, -1) && lua_tointeger(L, -1) > 0) {
            lua_Integer at = lua_tointeger(L, -1);
            s.integers++;
            s.highest = at > s.highest ? at : s.highest;
        } else {
            s.others++;
        }
    }
    return s;
}

struct key {
    const char *text;
    size_t len;
    lua_Integer at; /* its index in the table that keeps it alive */
};

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    return tb_json_compare_keys(x->text, x->len, y->text, y->len);
}

/* Leaves two values on the stack: the sorted keys' memory and, above it, the table that anchors
 * their strings. */
static struct key *push_sorted_keys(struct dump *d, int index, size_t count,
                                    const struct place *place)
{
    lua_State *L = d->L;
    size_t n = 0;
    struct key *keys = lua_newuserdatauv(L, count * sizeof *keys, 0);
    lua_createtable(L, size_hint(count), 0);
    for (lua_pushnil(L); lua_next(L, index);) {
        lua_pop(L, 1);
        if (n == count || lua_type(L, -1) != LUA_TSTRING)
            refuse(d, place, "changed while it was written");
        keys[n].text = lua_tolstring(L, -1, &keys[n].len);
        keys[n].at = (lua_Integer)n + 1;
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, keys[n].at);
        n++;
    }
    if (n != count)
        refuse(d, place, "changed while it was written");
    qsort(keys, count, sizeof *keys, compare_keys);
    return keys;
}

static bool valid_utf8(const char *text, size_t len)
{
    for (const char *end = text + len; text < end;) {
        size_t step = tb_json_utf8(text, end);
        if (step == 0)
            return false;
        text += step;
    }
    return true;
}

static void write_value(struct dump *d, int index, const struct place *place);

static void write_object(struct dump *d, int index, size_t count, const struct place *place)
{
    lua_State *L = d->L;
    tb_jw_object(&d->writer);
    if (count > 0) {
        const struct key *keys = push_sorted_keys(d, index, count, place);
        int anchor = lua_gettop(L);
        for (size_t i = 0; i < count; i++) {
            struct place inner = {place, keys[i].text, 0};
            /* In a value broken text is replaced; two broken keys could become the same one. */
            if (!valid_utf8(keys[i].text, keys[i].len))
                refuse(d, place, "has a key that is not UTF-8");
            tb_jw_keyn(&d->writer, keys[i].text, keys[i].len);
            lua_rawgeti(L, anchor, keys[i].at);
            lua_rawget(L, index);
            write_value(d, anchor + 1, &inner);
            lua_pop(L, 1);
        }
        lua_pop(L, 2);
    }
    tb_jw_end_object(&d->writer);
}

static void write_array(struct dump *d, int index, lua_Integer count, const struct place *place)
{
    lua_State *L = d->L;
    tb_jw_array(&d->writer);
    for (lua_Integer i = 1; i <= count; i++) {
        struct place inner = {place, NULL, i};
        lua_rawgeti(L, index, i);
        write_value(d, lua_gettop(L), &inner);
        lua_pop(L, 1);
    }
    tb_jw_end_array(&d->writer);
}

static void write_table(struct dump *d, int index, const struct place *place)
{
    lua_State *L = d->L;
    if (d->writer.depth == TB_JSON_DEPTH_MAX)
        refuse(d, place, "is nested deeper than 64 levels or contains itself");
    luaL_checkstack(L, 8, "JSON is nested too deeply");
    if (d->tick && d->tables++ % TICK_TABLES == 0)
        d->tick(L);
    struct shape s = survey(L, index);
    bool marked = marked_array(L, index);
    bool listed = s.highest == (lua_Integer)s.integers;
    if (s.others == 0 && s.integers == 0 && !marked)
        write_object(d, index, s.strings, place);
    else if (s.others == 0 && s.strings == 0 && listed)
        write_array(d, index, s.highest, place);
    else if (s.strings > 0 && !marked)
        refuse(d, place, "mixes string keys with others");
    else
        refuse(d, place, "is a list whose keys are not exactly 1 to n");
}

static void write_userdata(struct dump *d, int index, const struct place *place)
{
    const struct tb_decimal *decimal = tb_lua_test_decimal(d->L, index);
    if (!decimal)
        refuse(d, place, "is a userdata, which JSON does not have");
    else
        tb_jw_decimal_number(&d->writer, decimal);
}

static void write_number(struct dump *d, int index, const struct place *place)
{
    if (lua_isinteger(d->L, index)) {
        tb_jw_int(&d->writer, lua_tointeger(d->L, index));
        return;
    }
    double value = lua_tonumber(d->L, index);
    if (!isfinite(value))
        refuse(d, place, "is NaN or infinite, which JSON does not have");
    tb_jw_double(&d->writer, value == 0 ? 0 : value); /* equal in Lua, so equal here: no "-0" */
}

static void write_value(struct dump *d, int index, const struct place *place)
{
    lua_State *L = d->L;
    size_t len;
    const char *text;
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        tb_jw_bool(&d->writer, lua_toboolean(L, index));
        break;
    case LUA_TNUMBER:
        write_number(d, index, place);
        break;
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &len);
        tb_jw_stringn(&d->writer, text, len);
        break;
    case LUA_TTABLE:
        write_table(d, index, place);
        break;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, index))
            refuse(d, place, "is a light userdata, which JSON does not have");
        tb_jw_null(&d->writer);
        break;
    case LUA_TUSERDATA:
        write_userdata(d, index, place);
        break;
    default:
        luaL_checkstack(L, 4, NULL);
        lua_pushfstring(L, "is a %s, which JSON does not have", luaL_typename(L, index));
        refuse(d, place, lua_tostring(L, -1));
    }
    if (d->out->overflow)
        luaL_error(L, "cannot write JSON: it is larger than %I bytes", (LUAI_UACINT)d->out->max);
}

void tb_lua_to_json_watched(lua_State *L, int index, struct tb_buffer *out,
                            void (*tick)(lua_State *L))
{
    struct dump d = {.L = L, .out = out, .tick = tick};
    tb_jw_init(&d.writer, out);
    luaL_checkstack(L, 4, NULL);
    write_value(&d, lua_absindex(L, index), &(struct place){0});
}

void tb_lua_to_json(lua_State *L, int index, struct tb_buffer *out)
{
    tb_lua_to_json_watched(L, index, out, NULL);
}
