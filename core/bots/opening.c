/* Profit since adoption: what an adopted bot had earned and lost when it was taken over is its
 * opening balance and not the bridge's. The figures at adoption are stored in the bot's facts:
 *
 *   adoption {at, opening: [{quote, realised, unrealised, fees, net, volume}] | null, unknown: […]}
 *
 * They count as long as the bot has that instance: the database of a container outlives its starts,
 * and with it the figures; only another instance begins at 0. Called with the room's lock held;
 * pure. */
#include <string.h>

#include "bots/bots_private.h"

/* What is a sum since the bot's start, so that a difference means something. */
static const char *const sums[] = {"realised", "unrealised", "fees", "net", "volume", NULL};

bool opening_counts(const struct bot *bot, const struct tb_json *facts)
{
    const char *instance = tb_json_get_string(tb_json_get(facts, "adoption"), "instance");
    return instance && strcmp(instance, bot->life.instance) == 0 &&
           tb_json_is(tb_json_path(facts, "adoption", "opening", NULL), TB_JSON_ARRAY);
}

void opening_write(struct tb_json_writer *w, const struct tb_json *figures, const char *quote)
{
    const struct tb_json *rows = tb_json_get(figures, "pnl");
    tb_jw_key(w, "opening");
    if (!tb_json_is(rows, TB_JSON_ARRAY)) {
        tb_jw_null(w);
        return;
    }
    tb_jw_array(w);
    for (const struct tb_json *r = rows->child; r; r = r->next) {
        const char *own = tb_json_get_string(r, "quote");
        tb_jw_object(w);
        tb_jw_kv_string(w, "quote", own || rows->len > 1 ? own : quote);
        for (const char *const *s = sums; *s; s++)
            tb_jw_kv_node(w, *s, tb_json_get(r, *s));
        tb_jw_end_object(w);
    }
    tb_jw_end_array(w);
}

/* A quote that came later has no row: it opened with nothing. A report without positions may name
 * no quote, so an only row without one is the only other row's. */
static const struct tb_json *row_of(const struct tb_json *opening, const struct tb_json *row,
                                    size_t rows)
{
    const char *quote = tb_json_get_string(row, "quote");
    for (const struct tb_json *o = tb_json_first(opening); o; o = o->next) {
        const char *other = tb_json_get_string(o, "quote");
        bool only = rows == 1 && opening->len == 1;
        if (quote && other ? strcmp(quote, other) == 0 : only || (!quote && !other))
            return o;
    }
    return NULL;
}

/* Null where either side is: a difference to an unknown is unknown. */
static bool since(const struct tb_json *row, const struct tb_json *opened, const char *key,
                  struct tb_decimal *out)
{
    struct tb_decimal now, then;
    if (!tb_json_decimal(tb_json_get(row, key), &now))
        return false;
    tb_decimal_from_int64(0, &then);
    if (opened && !tb_json_decimal(tb_json_get(opened, key), &then))
        return false;
    if (!tb_decimal_subtract(&now, &then, out))
        return false;
    tb_decimal_normalise(out);
    return true;
}

/* The share of the budget, as the SDK gives it. */
static void write_return(struct tb_json_writer *w, const struct tb_json *row,
                         const struct tb_json *opened, const struct tb_json *budget)
{
    struct tb_decimal net, all, hundred, percent, part;
    tb_jw_key(w, "return_pct");
    tb_decimal_from_int64(100, &hundred);
    if (since(row, opened, "net", &net) && tb_json_decimal(budget, &all) &&
        tb_decimal_sign(&all) > 0 && tb_decimal_multiply(&net, &hundred, &percent) &&
        tb_decimal_divide(&percent, &all, 4, TB_ROUND_HALF_EVEN, &part)) {
        tb_decimal_normalise(&part);
        tb_jw_decimal_string(w, &part);
    } else {
        tb_jw_null(w);
    }
}

bool opening_net(const struct tb_json *facts, const struct tb_json *row, size_t rows,
                 struct tb_decimal *out)
{
    const struct tb_json *opened =
        row_of(tb_json_path(facts, "adoption", "opening", NULL), row, rows);
    tb_decimal_from_int64(0, out);
    return !opened || tb_json_decimal(tb_json_get(opened, "net"), out);
}

void opening_write_row(struct tb_json_writer *w, const struct tb_json *facts,
                       const struct tb_json *row, size_t rows, bool client)
{
    const struct tb_json *opened =
        row_of(tb_json_path(facts, "adoption", "opening", NULL), row, rows);
    struct tb_decimal value;

    tb_jw_kv_node(w, "quote", tb_json_get(row, "quote"));
    for (const char *const *s = sums; *s; s++) {
        tb_jw_key(w, *s);
        if (since(row, opened, *s, &value))
            tb_jw_decimal_string(w, &value);
        else
            tb_jw_null(w);
    }
    write_return(w, row, opened, rows == 1 ? tb_json_get(facts, "budget_quote") : NULL);
    if (!client)
        tb_jw_kv_node(w, "opening", opened);
}
