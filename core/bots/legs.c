/* On which markets does a bot trade? Its record names one; its configs may name two (arbitrage, a
 * maker and a taker). Any thread; owns nothing. */
#include <string.h>

#include "bots/left.h"

bool leg_is_router(const struct leg *leg)
{
    return strchr(leg->connector, '-') != NULL;
}

bool leg_is_spot(const struct leg *leg)
{
    return !leg_is_router(leg) && !strstr(leg->connector, "perpetual");
}

static void add(struct leg out[LEGS_MAX], size_t *n, const char *connector, const char *pair)
{
    const char *dash = pair ? strrchr(pair, '-') : NULL;
    struct leg *leg = &out[*n];

    if (!connector || !connector[0] || !dash || *n == LEGS_MAX)
        return;
    for (size_t i = 0; i < *n; i++)
        if (strcmp(out[i].connector, connector) == 0 && strcmp(out[i].pair, pair) == 0)
            return;
    *leg = (struct leg){0};
    tb_copy(leg->connector, sizeof leg->connector, connector);
    tb_copy(leg->pair, sizeof leg->pair, pair);
    tb_copy(leg->quote, sizeof leg->quote, dash + 1);
    if ((size_t)(dash - pair) >= sizeof leg->base)
        return;
    memcpy(leg->base, pair, (size_t)(dash - pair));
    (*n)++;
}

/* The names that Hummingbot's controller configs have for a market. */
static const char *const names[][2] = {
    {"connector_name", "trading_pair"},
    {"maker_connector", "maker_trading_pair"},
    {"taker_connector", "taker_trading_pair"},
};

static void scan(struct leg out[LEGS_MAX], size_t *n, const struct tb_json *node)
{
    if (!tb_json_is(node, TB_JSON_OBJECT) && !tb_json_is(node, TB_JSON_ARRAY))
        return;
    for (size_t i = 0; tb_json_is(node, TB_JSON_OBJECT) && i < sizeof names / sizeof *names; i++)
        add(out, n, tb_json_get_string(node, names[i][0]), tb_json_get_string(node, names[i][1]));
    for (const struct tb_json *c = node->child; c; c = c->next)
        scan(out, n, c);
}

size_t legs_of(struct tb_bots *b, const struct stopped *s, struct leg out[LEGS_MAX])
{
    struct tb_error ignored = {0};
    struct tb_json_doc *plan =
        s->plan_id[0] ? plan_for_base(b, s->plan_id, s->life.base, &ignored) : NULL;
    const struct tb_json *files = plan ? tb_json_get(tb_json_root(plan), "files") : NULL;
    size_t n = 0;

    for (const struct tb_json *f = tb_json_first(files); f; f = f->next) {
        const char *bytes = tb_json_get_string(f, "bytes");
        struct tb_json_doc *doc =
            bytes ? tb_json_parse(bytes, strlen(bytes), TB_JSON_UPSTREAM, &ignored) : NULL;
        if (doc)
            scan(out, &n, tb_json_root(doc));
        tb_json_free(doc);
    }
    tb_json_free(plan);
    add(out, &n, s->connector, s->pair);
    return n;
}
