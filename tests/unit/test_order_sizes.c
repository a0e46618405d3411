/* The smallest value that a check names for the field its orders grow with is really the smallest:
 * with it every order passes (counted independently, implied.h), a cent below it is refused; in
 * many worlds of random prices and rules, for the form {}, for every preset, and for orders far
 * away. */
#include "implied.h"

static const char refusals[] = "order_below_minimum order_rounds_to_zero order_cut_below_minimum "
                               "budget_below_order too_small";

/* Does the plan refuse the size of an order? Any other refusal of it is a failure. */
static bool is_too_small(const char *what, const struct tb_json *plan)
{
    const struct tb_json *errors = tb_json_get(plan, "errors");
    for (const struct tb_json *e = errors->child; e; e = e->next)
        if (!is_one_of(tb_json_get(e, "code"), refusals))
            fail_msg("%s: %s: %s", what, tb_json_get_string(e, "code"),
                     tb_json_get_string(e, "message"));
    return errors->len > 0;
}

/* What the plan calls the smallest value of a field; false when the strategy names none. */
static bool read_least(const struct tb_json *plan, const char *field, struct tb_decimal *out)
{
    for (const struct tb_json *c = tb_json_get(plan, "checks")->child; c; c = c->next) {
        const struct tb_json *data = tb_json_get(c, "data");
        if (!strcmp(tb_json_get_string(c, "code"), "least_value") &&
            !strcmp(tb_json_get_string(data, "field"), field)) {
            assert_true(tb_json_decimal(tb_json_get(data, "least"), out));
            return true;
        }
    }
    return false;
}

/* The same parameters with one of them changed. */
static struct tb_json_doc *with(const struct tb_json *params, const char *field,
                                const struct tb_decimal *value)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_error err = {0};
    char number[TB_DECIMAL_TEXT];
    (void)tb_decimal_format(value, number);
    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    for (const struct tb_json *p = tb_json_first(params); p; p = p->next)
        if (strcmp(p->key, field) != 0)
            tb_jw_kv_node(&w, p->key, p);
    tb_jw_kv_string(&w, field, number);
    tb_jw_end_object(&w);
    struct tb_json_doc *doc = tb_json_parse(tb_buffer_text(&text), text.len, TB_JSON_CLIENT, &err);
    assert_non_null(doc);
    tb_buffer_free(&text);
    return doc;
}

static struct tb_json_doc *plan_of(struct bench *b, size_t strategy, const struct tb_json *params)
{
    return call_plan(b, strategies[strategy].plugin, strategies[strategy].strategy, NULL, params,
                     NULL);
}

/* Fields that orders grow with, in the order in which they decide: a grid's budget depends on the
 * size of its orders. */
static const char *const fields[] = {"order_quote", "trade_quote", "order_base", "min_trade_quote",
                                     "budget_quote"};
#define FIELDS (sizeof fields / sizeof fields[0])

/* Every field at the smallest value that is named for it. Returns how many there are. */
static size_t shrink(struct bench *b, size_t strategy, const struct tb_json *form,
                     struct tb_json_doc **params, const char *named[FIELDS])
{
    size_t count = 0;
    for (size_t i = 0; i < FIELDS; i++) {
        struct tb_decimal least;
        if (!tb_json_get(form, fields[i]))
            continue;
        struct tb_json_doc *plan = plan_of(b, strategy, tb_json_root(*params));
        if (read_least(tb_json_root(plan), fields[i], &least)) {
            struct tb_json_doc *less = with(tb_json_root(*params), fields[i], &least);
            tb_json_free(*params);
            *params = less;
            named[count++] = fields[i];
        }
        tb_json_free(plan);
    }
    return count;
}

/* One tick below the smallest value is too small. */
static void check_below(struct bench *b, const char *what, size_t strategy,
                        const struct tb_json *params, const char *field)
{
    struct tb_decimal value, tick;
    const char *one = strcmp(field, "order_base") ? "0.01" : "0.00000001";
    assert_true(tb_json_decimal(tb_json_get(params, field), &value));
    assert_true(tb_decimal_parse(one, strlen(one), &tick));
    assert_true(tb_decimal_subtract(&value, &tick, &value));
    struct tb_json_doc *less = with(params, field, &value);
    struct tb_json_doc *plan = plan_of(b, strategy, tb_json_root(less));
    if (!is_too_small(what, tb_json_root(plan)))
        fail_msg("%s: a tick below the smallest %s is accepted", what, field);
    tb_json_free(plan);
    tb_json_free(less);
}

static size_t run_form(struct bench *b, const char *what, size_t strategy,
                       const struct tb_json *form, const struct tb_json *given)
{
    const char *named[FIELDS];
    struct tb_error err = {0};
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_buffer_puts(&text, "{}");
    if (given) {
        tb_buffer_clear(&text);
        tb_json_canonical(given, &text);
    }
    struct tb_json_doc *params =
        tb_json_parse(tb_buffer_text(&text), text.len, TB_JSON_CLIENT, &err);
    assert_non_null(params);
    struct tb_json_doc *plan = plan_of(b, strategy, tb_json_root(params));
    if (!is_too_small(what, tb_json_root(plan)))
        check_config(tb_json_root(plan));
    tb_json_free(plan);
    size_t count = shrink(b, strategy, form, &params, named);
    plan = plan_of(b, strategy, tb_json_root(params));
    if (is_too_small(what, tb_json_root(plan)))
        fail_msg("%s: refused with the smallest values that were named: %s", what,
                 tb_json_get_string(tb_json_get(tb_json_root(plan), "errors")->child, "message"));
    check_config(tb_json_root(plan));
    for (size_t i = 0; i < count; i++)
        check_below(b, what, strategy, tb_json_root(params), named[i]);
    tb_json_free(plan);
    tb_json_free(params);
    tb_buffer_free(&text);
    return count;
}

/* Orders far from the price, where most is left to the prices they are placed at. Prices of a grid
 * are parts of the middle price of its pair. */
static const struct {
    const char *strategy, *form;
    bool prices;
} far_forms[] = {
    {"spot_mm", "\"spreads_pct\":[\"1\",\"20\"]", false},
    {"perp_mm", "\"pair\":\"SOL-USDT\",\"spreads_pct\":[\"0.5\",\"15\"]", false},
    {"spot_inventory_mm", "\"spreads_pct\":[\"1\",\"18\"]", false},
    {"spot_classic_pmm", "\"spreads_pct\":[\"1\",\"20\"]", false},
    {"perp_dca",
     "\"pair\":\"SOL-USDT\",\"levels_pct\":[\"1\",\"30\"],\"weights\":[\"2\",\"1\"],\"stop_loss_"
     "pct\":\"40\","
     "\"leverage\":1",
     false},
    {"xemm", "\"targets_pct\":[\"2\",\"5\",\"10\",\"15\",\"20\"]", false},
    {"spot_grid", "\"pair\":\"ETH-USDT\"", true},
};

static void run_far(struct bench *b, size_t strategy, const struct tb_json *form)
{
    for (size_t i = 0; i < sizeof far_forms / sizeof far_forms[0]; i++) {
        struct tb_buffer text = TB_BUFFER_INIT;
        struct tb_error err = {0};
        if (strcmp(far_forms[i].strategy, strategies[strategy].strategy) != 0)
            continue;
        tb_buffer_printf(&text, "{%s", far_forms[i].form);
        if (far_forms[i].prices) {
            double mid = mid_of("ETH-USDT");
            tb_buffer_printf(&text, ",\"low\":%.4f,\"high\":%.4f,\"stop\":%.4f", mid * 0.8, mid * 2,
                             mid * 0.7);
        }
        tb_buffer_puts(&text, "}");
        struct tb_json_doc *given =
            tb_json_parse(tb_buffer_text(&text), text.len, TB_JSON_CLIENT, &err);
        assert_non_null(given);
        (void)run_form(b, tb_buffer_text(&text), strategy, form, tb_json_root(given));
        tb_json_free(given);
        tb_buffer_free(&text);
    }
}

/* Strategies that only swap on a chain, where no exchange has a minimum. */
static bool has_minimum(size_t strategy)
{
    return strcmp(strategies[strategy].strategy, "lp") != 0 &&
           strcmp(strategies[strategy].strategy, "recurring_swap") != 0;
}

enum { WORLDS = 5 };

static void test_smallest(void **state)
{
    static const char *const presets[] = {NULL, "careful", "usual", "bold"};
    (void)state;
    struct tb_json_doc *classes = read_json("tests/lua/classes.json");
    class_file = tb_json_root(classes);
    for (size_t seed = 0; seed < WORLDS; seed++) {
        struct bench b;
        struct tb_json_doc *changes = seed ? random_world(seed + 100) : NULL;
        world_changes = tb_json_root(changes);
        open_bench(&b);
        for (size_t i = 0; i < STRATEGIES; i++) {
            char input[64], what[128];
            (void)snprintf(input, sizeof input, "{\"strategy\":\"%s\"}", strategies[i].strategy);
            struct tb_json_doc *schema =
                call_entry(&b, strategies[i].plugin, TB_PLUGIN_SCHEMA, input);
            for (size_t k = 0; k < sizeof presets / sizeof presets[0]; k++) {
                (void)snprintf(what, sizeof what, "%s, %s, world %zu", strategies[i].strategy,
                               presets[k] ? presets[k] : "{}", seed);
                const struct tb_json *preset =
                    presets[k] ? tb_json_path(tb_json_root(schema), "presets", presets[k], NULL)
                               : NULL;
                size_t count = run_form(
                    &b, what, i, tb_json_path(tb_json_root(schema), "schema", "properties", NULL),
                    preset);
                if ((count > 0) != has_minimum(i))
                    fail_msg("%s: %zu smallest values", what, count);
            }
            run_far(&b, i, tb_json_path(tb_json_root(schema), "schema", "properties", NULL));
            tb_json_free(schema);
        }
        close_bench(&b);
        world_changes = NULL;
        tb_json_free(changes);
    }
    tb_json_free(classes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_smallest)};
    return cmocka_run_group_tests(tests, load_world, free_world);
}
