/* A controller's config against its class: every field is there, of its type, and no other. */
#ifndef TB_TESTS_CONFIG_TYPES_H
#define TB_TESTS_CONFIG_TYPES_H

#include <math.h>

#include "strategies.h"

/* {"classes": {"generic/grid_strike": {field: type}}, "models": {…}}; set before has_fields. */
static const struct tb_json *class_file;

static inline bool is_number(const struct tb_json *value)
{
    double number;
    return tb_json_is(value, TB_JSON_NUMBER) && tb_json_double(value, &number) && isfinite(number);
}

/* Written without a point or an exponent: upstream takes 60.0 for an int, but not everywhere. */
static inline bool is_whole(const struct tb_json *value)
{
    int64_t number;
    return tb_json_is(value, TB_JSON_NUMBER) && tb_json_int64(value, &number) &&
           !strpbrk(value->text, ".eE");
}

static inline bool is_one_of(const struct tb_json *value, const char *words)
{
    const char *text = tb_json_string(value);
    size_t len = text ? strlen(text) : 0;
    for (const char *w = words; len > 0 && *w; w += strspn(w, " ")) {
        size_t word = strcspn(w, " ");
        if (word == len && !memcmp(w, text, len))
            return true;
        w += word;
    }
    return false;
}

static inline bool has_fields(const struct tb_json *object, const struct tb_json *fields,
                              const char **wrong);

static inline bool is_type(const struct tb_json *value, const char *type, const char **wrong);

static inline bool is_list(const struct tb_json *value, const char *item, const char **wrong)
{
    char type[64];
    (void)snprintf(type, sizeof type, "%.*s", (int)strlen(item) - 1, item);
    if (!tb_json_is(value, TB_JSON_ARRAY))
        return false;
    for (const struct tb_json *i = value->child; i; i = i->next)
        if (!is_type(i, type, wrong))
            return false;
    return value->len > 0 || strstr(type, "Config"); /* only lists of models may be empty */
}

static inline bool is_type(const struct tb_json *value, const char *type, const char **wrong)
{
    char inner[64];
    if (!strncmp(type, "Optional[", 9)) {
        (void)snprintf(inner, sizeof inner, "%.*s", (int)strlen(type) - 10, type + 9);
        return tb_json_is(value, TB_JSON_NULL) || is_type(value, inner, wrong);
    }
    if (!strncmp(type, "List[", 5))
        return is_list(value, type + 5, wrong);
    if (!strcmp(type, "str"))
        return tb_json_is(value, TB_JSON_STRING) && value->len > 0;
    if (!strcmp(type, "bool"))
        return tb_json_is(value, TB_JSON_BOOL);
    if (!strcmp(type, "int"))
        return is_whole(value);
    if (!strcmp(type, "float") || !strcmp(type, "Decimal"))
        return is_number(value);
    if (!strncmp(type, "Dict[str, ", 10)) {
        (void)snprintf(inner, sizeof inner, "%.*s", (int)strlen(type) - 11, type + 10);
        for (const struct tb_json *i = tb_json_first(value); i; i = i->next)
            if (!is_type(i, inner, wrong))
                return false;
        return tb_json_is(value, TB_JSON_OBJECT) && value->len > 0;
    }
    if (!strcmp(type, "PositionMode"))
        return is_one_of(value, "HEDGE ONEWAY");
    if (!strcmp(type, "TradeType"))
        return is_whole(value) || is_one_of(value, "BUY SELL");
    if (!strcmp(type, "OrderType"))
        return is_whole(value) || is_one_of(value, "MARKET LIMIT LIMIT_MAKER");
    return has_fields(value, tb_json_path(class_file, "models", type, NULL), wrong);
}

static inline bool has_fields(const struct tb_json *object, const struct tb_json *fields,
                              const char **wrong)
{
    if (!tb_json_is(object, TB_JSON_OBJECT) || !fields)
        return false;
    for (const struct tb_json *member = object->child; member; member = member->next) {
        const char *type = tb_json_get_string(fields, member->key);
        if (!type || !is_type(member, type, wrong)) {
            *wrong = member->key;
            return false;
        }
    }
    *wrong = "the number of fields";
    return object->len == fields->len;
}

#endif
