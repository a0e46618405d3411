/* For tests of the way back from configs to parameters: recognise(build(p)) against p. */
#ifndef TB_TESTS_RECOGNISED_H
#define TB_TESTS_RECOGNISED_H

#include "strategies.h"

/* Equal in meaning: "0.80" is "0.8". */
static inline bool same_param(const struct tb_json *a, const struct tb_json *b)
{
    struct tb_decimal x, y;
    if (tb_json_is(a, TB_JSON_ARRAY) && tb_json_is(b, TB_JSON_ARRAY)) {
        const struct tb_json *i = a->child, *j = b->child;
        for (; i && j; i = i->next, j = j->next)
            if (!same_param(i, j))
                return false;
        return !i && !j;
    }
    if (tb_json_decimal(a, &x) && tb_json_decimal(b, &y))
        return tb_decimal_compare(&x, &y) == 0;
    const char *s = tb_json_string(a), *t = tb_json_string(b);
    return a && b && a->type == b->type && (!s || !strcmp(s, t)) && a->boolean == b->boolean;
}

/* A list of its own, or the one for both sides. */
static inline const struct tb_json *side_of(const struct tb_json *params, const char *name)
{
    const struct tb_json *own = tb_json_get(params, name);
    return tb_json_is(own, TB_JSON_ARRAY) ? own : tb_json_get(params, "spreads_pct");
}

/* As upstream gives it back: with its own key, and with an id. */
static inline void put_configs(struct tb_json_writer *w, const struct tb_json *plan)
{
    tb_jw_key(w, "configs");
    tb_jw_array(w);
    for (const struct tb_json *c = tb_json_get(plan, "controllers")->child; c; c = c->next) {
        tb_jw_object(w);
        tb_jw_kv_string(w, "id", "x-1");
        tb_jw_kv_string(w, "_config_name", "x-1");
        for (const struct tb_json *f = tb_json_get(c, "config")->child; f; f = f->next)
            tb_jw_kv_node(w, f->key, f);
        tb_jw_end_object(w);
    }
    tb_jw_end_array(w);
}

static inline struct tb_json_doc *call_recognise(struct bench *b, const char *plugin,
                                                 const struct tb_json *plan)
{
    struct tb_buffer input = TB_BUFFER_INIT;
    struct tb_json_writer w;
    tb_jw_init(&w, &input);
    tb_jw_object(&w);
    put_configs(&w, plan);
    tb_jw_kv_node(&w, "script", tb_json_path(plan, "script", "config", NULL));
    tb_jw_key(&w, "ctx");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "hummingbot", "2.16.0");
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
    struct tb_json_doc *doc = call_entry(b, plugin, TB_PLUGIN_RECOGNISE, tb_buffer_text(&input));
    tb_buffer_free(&input);
    return doc;
}

/* Nothing is unknown but the fee, and a limit that was not asked for. */
static inline void check_unknown(const struct tb_json *unknown, const struct tb_json *params,
                                 const struct tb_json *plan)
{
    size_t expected = 0;
    if (tb_json_get(params, "fee_pct"))
        assert_string_equal(tb_json_get_string(tb_json_at(unknown, expected++), "field"),
                            "fee_pct");
    if (!tb_json_path(plan, "risk", "max_loss_quote", NULL))
        assert_string_equal(tb_json_get_string(tb_json_at(unknown, expected++), "field"), "risk");
    assert_int_equal(unknown->len, expected);
}

/* recognise(build(p)) is p, but for the fee, which no config holds, and for two ways to write the
 * same distances. */
static inline void check_recognised(struct bench *b, size_t strategy, const struct tb_json *plan)
{
    struct tb_json_doc *doc = call_recognise(b, strategies[strategy].plugin, plan);
    const struct tb_json *found = tb_json_root(doc), *unknown = tb_json_get(found, "unknown");
    const struct tb_json *was = tb_json_get(plan, "params"), *is = tb_json_get(found, "params");
    const char *name = tb_json_get_string(found, "strategy");
    if (!name || strcmp(name, strategies[strategy].strategy)) {
        struct tb_buffer text = TB_BUFFER_INIT;
        tb_json_canonical(was, &text);
        fail_msg("not recognised: %s", tb_buffer_text(&text));
    }
    assert_int_equal(is->len, was->len);
    for (const struct tb_json *f = was->child; f; f = f->next) {
        bool same = !strcmp(f->key, "fee_pct") ? tb_json_is(tb_json_get(is, f->key), TB_JSON_NULL)
                    : strstr(f->key, "spreads_pct")
                        ? same_param(side_of(was, f->key), side_of(is, f->key)) ||
                              !strcmp(f->key, "spreads_pct")
                        : same_param(f, tb_json_get(is, f->key));
        if (!same)
            fail_msg("%s: %s differs", name, f->key);
    }
    check_unknown(unknown, was, plan);
    same_json("risk", tb_json_get(found, "risk"), tb_json_get(plan, "risk"));
    if (tb_json_get(plan, "budget_quote"))
        assert_true(
            same_param(tb_json_get(found, "budget_quote"), tb_json_get(plan, "budget_quote")));
    same_json("pair", tb_json_get(found, "pair"), tb_json_get(plan, "pair"));
    same_json("quotes", tb_json_get(found, "quotes"), tb_json_get(plan, "quotes"));
    tb_json_free(doc);
}

#endif
