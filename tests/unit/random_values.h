/* Seeded random values of a form's JSON Schema, as a page would send them. */
#ifndef TB_TESTS_RANDOM_VALUES_H
#define TB_TESTS_RANDOM_VALUES_H

#include "strategies.h"

static uint64_t random_state;

static inline uint64_t random_next(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline double random_between(double low, double high)
{
    return low + (high - low) * ((double)(random_next() >> 11) / 9007199254740992.0);
}

static inline double bound(const struct tb_json *schema, const char *name, double fallback)
{
    double value = fallback;
    struct tb_decimal d;
    if (tb_json_decimal(tb_json_get(schema, name), &d))
        value = tb_decimal_to_double(&d);
    return value;
}

/* More often small than large, always inside the bounds. */
static inline double random_number(const struct tb_json *schema)
{
    double low = bound(schema, "minimum", bound(schema, "exclusiveMinimum", 0));
    double high = bound(schema, "maximum", low * 1000 + 1000);
    double part = random_between(0, 1);
    return low + (high - low) * part * part * part;
}

/* A decimal as text or as a JSON number: both are allowed. */
static inline void put_decimal(struct tb_json_writer *w, const struct tb_json *schema, double value)
{
    char text[64];
    double low = bound(schema, "minimum", 0), high = bound(schema, "maximum", 1e12);
    (void)snprintf(text, sizeof text, "%.4f", value);
    if (strtod(text, NULL) < low)
        (void)snprintf(text, sizeof text, "%g", low);
    if (strtod(text, NULL) > high)
        (void)snprintf(text, sizeof text, "%g", high);
    if (random_next() % 2)
        tb_jw_string(w, text);
    else
        tb_jw_raw(w, text, strlen(text));
}

static inline bool type_is(const struct tb_json *schema, const char *word)
{
    const struct tb_json *type = tb_json_get(schema, "type");
    const char *one = tb_json_string(type);
    if (one)
        return !strcmp(one, word);
    for (const struct tb_json *item = type ? type->child : NULL; item; item = item->next) {
        if (!strcmp(tb_json_string(item), word))
            return true;
    }
    return false;
}

#endif
