/* bridge.decimal: exact numbers for plugins, on base/decimal. Userdata values that never change.
 *
 *   decimal("0.1"), decimal(3)     from text or integer; floats are refused, they have lost digits
 *   decimal.try(text)              nil instead of an error; decimal.is(x); decimal.min/max/abs(…)
 *   a + b, a - b, a * b, -a        with decimals and integers; overflow is an error
 *   a < b, a <= b, a == b          == holds between decimals only, as Lua wants it; a:compare(b)
 * takes integers too and gives -1, 0, 1 a:div(b, scale, rounding)      there is no a / b: a
 * quotient needs a scale and a rounding a:round(scale, rounding)  a:quantize(step, rounding)
 *   a:fraction()                   percent to fraction: 0.4 -> 0.004
 *   a:integer()                    exact integer or nil;  a:sign();  a:normal() drops trailing
 * zeros tostring(a)                    plain notation, never an exponent rounding: "down" "up"
 * "floor" "ceiling" "half_even" "half_up". */
#include <lauxlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/json_lua.h"
#include "plugins/plugins_private.h"

static bool from_lua(lua_State *L, int index, struct tb_decimal *out)
{
    const struct tb_decimal *d = tb_lua_test_decimal(L, index);
    if (d) {
        *out = *d;
        return true;
    }
    if (lua_isinteger(L, index)) {
        tb_decimal_from_int64(lua_tointeger(L, index), out);
        return true;
    }
    return false;
}

static TB_MAY_RAISE struct tb_decimal check_decimal(lua_State *L, int index)
{
    struct tb_decimal d;
    if (!from_lua(L, index, &d)) {
        const char *why = lua_type(L, index) == LUA_TNUMBER
                              ? "a float has lost digits; write decimal(\"0.1\")"
                              : "expected a decimal or an integer";
        luaL_argerror(L, index, why);
    }
    return d;
}

static TB_MAY_RAISE int push(lua_State *L, bool ok, const struct tb_decimal *d)
{
    if (!ok)
        return luaL_error(L, "decimal: the result is out of range");
    tb_lua_push_decimal(L, d);
    return 1;
}

/* Text to decimal; surrounding spaces are an error of whoever wrote them. */
static bool from_text(lua_State *L, int index, struct tb_decimal *out)
{
    size_t len;
    const char *text = lua_tolstring(L, index, &len);
    return tb_decimal_parse(text, len, out);
}

static int decimal_new(lua_State *L)
{
    struct tb_decimal d;
    if (lua_type(L, 1) == LUA_TSTRING) {
        if (!from_text(L, 1, &d))
            return luaL_argerror(L, 1, "the text is no number");
    } else {
        d = check_decimal(L, 1);
    }
    tb_lua_push_decimal(L, &d);
    return 1;
}

static int decimal_call(lua_State *L)
{
    lua_remove(L, 1);
    return decimal_new(L);
}

static int decimal_try(lua_State *L)
{
    struct tb_decimal d;
    bool ok = lua_type(L, 1) == LUA_TSTRING ? from_text(L, 1, &d) : from_lua(L, 1, &d);
    if (ok)
        tb_lua_push_decimal(L, &d);
    else
        lua_pushnil(L);
    return 1;
}

static int decimal_is(lua_State *L)
{
    lua_pushboolean(L, tb_lua_test_decimal(L, 1) != NULL);
    return 1;
}

static int decimal_add(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1), b = check_decimal(L, 2), r;
    return push(L, tb_decimal_add(&a, &b, &r), &r);
}

static int decimal_sub(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1), b = check_decimal(L, 2), r;
    return push(L, tb_decimal_subtract(&a, &b, &r), &r);
}

static int decimal_mul(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1), b = check_decimal(L, 2), r;
    return push(L, tb_decimal_multiply(&a, &b, &r), &r);
}

static int decimal_no_division(lua_State *L)
{
    return luaL_error(L, "decimal: a quotient needs a scale and a rounding; write "
                         "a:div(b, 8, \"down\")");
}

static int decimal_unm(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1);
    tb_decimal_negate(&a);
    return push(L, true, &a);
}

static int decimal_lt(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1), b = check_decimal(L, 2);
    lua_pushboolean(L, tb_decimal_compare(&a, &b) < 0);
    return 1;
}

static int decimal_le(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1), b = check_decimal(L, 2);
    lua_pushboolean(L, tb_decimal_compare(&a, &b) <= 0);
    return 1;
}

static int decimal_eq(lua_State *L)
{
    struct tb_decimal a, b;
    lua_pushboolean(L, from_lua(L, 1, &a) && from_lua(L, 2, &b) && tb_decimal_compare(&a, &b) == 0);
    return 1;
}

static int decimal_compare(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1), b = check_decimal(L, 2);
    lua_pushinteger(L, tb_decimal_compare(&a, &b));
    return 1;
}

static int decimal_tostring(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1);
    char text[TB_DECIMAL_TEXT];
    lua_pushlstring(L, text, tb_decimal_format(&a, text));
    return 1;
}

static int decimal_concat(lua_State *L)
{
    luaL_tolstring(L, 1, NULL);
    luaL_tolstring(L, 2, NULL);
    lua_concat(L, 2);
    return 1;
}

static TB_MAY_RAISE enum tb_rounding check_rounding(lua_State *L, int index)
{
    static const char *const words[] = {"down",      "up",      "floor", "ceiling",
                                        "half_even", "half_up", NULL};
    return (enum tb_rounding)luaL_checkoption(L, index, NULL, words);
}

static TB_MAY_RAISE unsigned check_scale(lua_State *L, int index)
{
    lua_Integer scale = luaL_checkinteger(L, index);
    luaL_argcheck(L, scale >= 0 && scale <= TB_DECIMAL_SCALE_MAX, index, "scale is 0 to 60");
    return (unsigned)scale;
}

static int decimal_div(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1), b = check_decimal(L, 2), r;
    luaL_argcheck(L, tb_decimal_sign(&b) != 0, 2, "division by zero");
    unsigned scale = check_scale(L, 3);
    return push(L, tb_decimal_divide(&a, &b, scale, check_rounding(L, 4), &r), &r);
}

static int decimal_round(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1), r;
    unsigned scale = check_scale(L, 2);
    return push(L, tb_decimal_round(&a, scale, check_rounding(L, 3), &r), &r);
}

static int decimal_quantize(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1), step = check_decimal(L, 2), r;
    luaL_argcheck(L, tb_decimal_sign(&step) > 0, 2, "the step must be above 0");
    return push(L, tb_decimal_quantize(&a, &step, check_rounding(L, 3), &r), &r);
}

static int decimal_fraction(lua_State *L)
{
    static const struct tb_decimal hundredth = {.limb = {1}, .scale = 2};
    struct tb_decimal a = check_decimal(L, 1), r;
    bool ok = tb_decimal_multiply(&a, &hundredth, &r);
    if (ok)
        tb_decimal_normalise(&r);
    return push(L, ok, &r);
}

static int decimal_integer(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1);
    int64_t value;
    if (tb_decimal_to_int64(&a, &value))
        lua_pushinteger(L, value);
    else
        lua_pushnil(L);
    return 1;
}

static int decimal_sign(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1);
    lua_pushinteger(L, tb_decimal_sign(&a));
    return 1;
}

static int decimal_normal(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1);
    tb_decimal_normalise(&a);
    return push(L, true, &a);
}

static int decimal_abs(lua_State *L)
{
    struct tb_decimal a = check_decimal(L, 1);
    if (tb_decimal_sign(&a) < 0)
        tb_decimal_negate(&a);
    return push(L, true, &a);
}

static TB_MAY_RAISE int extreme(lua_State *L, int wanted)
{
    struct tb_decimal best = check_decimal(L, 1);
    for (int i = 2; i <= lua_gettop(L); i++) {
        struct tb_decimal d = check_decimal(L, i);
        if (tb_decimal_compare(&d, &best) == wanted)
            best = d;
    }
    return push(L, true, &best);
}

static int decimal_min(lua_State *L)
{
    return extreme(L, -1);
}

static int decimal_max(lua_State *L)
{
    return extreme(L, 1);
}

static const luaL_Reg methods[] = {
    {"div", decimal_div},           {"round", decimal_round},
    {"quantize", decimal_quantize}, {"fraction", decimal_fraction},
    {"integer", decimal_integer},   {"sign", decimal_sign},
    {"normal", decimal_normal},     {"compare", decimal_compare},
    {"abs", decimal_abs},           {NULL, NULL},
};

static const luaL_Reg operators[] = {
    {"__add", decimal_add},         {"__sub", decimal_sub},
    {"__mul", decimal_mul},         {"__unm", decimal_unm},
    {"__div", decimal_no_division}, {"__idiv", decimal_no_division},
    {"__mod", decimal_no_division}, {"__pow", decimal_no_division},
    {"__lt", decimal_lt},           {"__le", decimal_le},
    {"__eq", decimal_eq},           {"__tostring", decimal_tostring},
    {"__concat", decimal_concat},   {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"new", decimal_new}, {"try", decimal_try}, {"is", decimal_is}, {"min", decimal_min},
    {"max", decimal_max}, {"abs", decimal_abs}, {NULL, NULL},
};

int tb_open_decimal(lua_State *L)
{
    luaL_newmetatable(L, TB_LUA_DECIMAL);
    luaL_setfuncs(L, operators, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);

    luaL_newlib(L, functions);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, decimal_call);
    lua_setfield(L, -2, "__call");
    lua_setmetatable(L, -2);
    return 1;
}
