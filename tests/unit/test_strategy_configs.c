/* What the strategies build: seeded random valid forms of each, in worlds of random prices and
 * rules, give configs with exactly the fields of the controller's class, each of its type, and
 * every order they imply passes the market's rules. tests/lua/classes.json holds the classes
 * without the facts; where the facts are at hand, schemas.json holds that file, and the golden
 * plans are the examples of templates.json. */
#include "implied.h"

/* ---- the classes against schemas.json ---- */

static void compare_fields(const struct tb_json *fields, const struct tb_json *list, bool has_id)
{
    size_t found = 0;
    assert_non_null(fields);
    for (const struct tb_json *row = list->child; row; row = row->next) {
        const char *name = tb_json_get_string(row, "name");
        if (has_id && !strcmp(name, "id"))
            continue;
        const char *type = tb_json_get_string(fields, name);
        if (!type)
            fail_msg("the class has a field %s that %s lacks", name, fields->key);
        assert_string_equal(type, tb_json_get_string(row, "type"));
        found++;
    }
    assert_int_equal(found, fields->len);
}

/* "generic/examples.x" is schemas.json's generic, "examples/x". */
static const struct tb_json *fact_fields(const struct tb_json *facts, const char *class)
{
    char type[64], name[64];
    (void)snprintf(type, sizeof type, "%.*s", (int)strcspn(class, "/"), class);
    (void)snprintf(name, sizeof name, "%s", strchr(class, '/') + 1);
    name[strcspn(name, ".")] = name[strcspn(name, ".")] ? '/' : '\0';
    return tb_json_path(facts, "controllers", type, name, "fields", NULL);
}

static void test_classes(void **state)
{
    (void)state;
    struct tb_json_doc *facts = read_fact("schemas.json");
    if (!facts) {
        print_message("skipped: schemas.json is not at hand (TB_SHARED)\n");
        skip();
    }
    struct tb_json_doc *doc = read_json("tests/lua/classes.json");
    const struct tb_json *root = tb_json_root(facts);
    for (const struct tb_json *c = tb_json_get(tb_json_root(doc), "classes")->child; c; c = c->next)
        compare_fields(c, fact_fields(root, c->key), true);
    for (const struct tb_json *m = tb_json_get(tb_json_root(doc), "models")->child; m; m = m->next)
        compare_fields(m, tb_json_path(root, "models", m->key, "fields", NULL), false);
    tb_json_free(doc);
    tb_json_free(facts);
}

/* ---- golden plans against templates.json ---- */

/* Equal by value: 2 is 2.0. */
static bool same_value(const struct tb_json *a, const struct tb_json *b)
{
    struct tb_decimal x, y;
    if (!a || !b || a->type != b->type)
        return false;
    if (a->type == TB_JSON_NUMBER)
        return tb_json_decimal(a, &x) && tb_json_decimal(b, &y) && !tb_decimal_compare(&x, &y);
    if (a->len != b->len)
        return false;
    if (a->type == TB_JSON_ARRAY) {
        const struct tb_json *i = a->child, *j = b->child;
        for (; i && j && same_value(i, j); i = i->next)
            j = j->next;
        return !i && !j;
    }
    if (a->type == TB_JSON_OBJECT) {
        for (const struct tb_json *i = a->child; i; i = i->next)
            if (!same_value(i, tb_json_get(b, i->key)))
                return false;
        return true;
    }
    return a->type == TB_JSON_STRING ? !strcmp(a->text, b->text) : a->boolean == b->boolean;
}

static void test_templates(void **state)
{
    (void)state;
    struct tb_json_doc *facts = read_fact("templates.json");
    if (!facts) {
        print_message("skipped: templates.json is not at hand (TB_SHARED)\n");
        skip();
    }
    const struct tb_json *templates = tb_json_get(tb_json_root(facts), "templates");
    assert_int_equal(templates->len, STRATEGIES);
    for (size_t i = 0; i < STRATEGIES; i++) {
        char name[256], template[128];
        bool perp = !strncmp(strategies[i].strategy, "perp_", 5);
        (void)snprintf(name, sizeof name, "plugins/%s/tests/golden/%s.json", strategies[i].plugin,
                       strategies[i].strategy);
        (void)snprintf(template, sizeof template, "%s%s.%s", strategies[i].plugin,
                       perp ? "_perp" : "", strategies[i].strategy + (perp ? 5 : 0));
        struct tb_json_doc *golden = read_json(name);
        const struct tb_json *example =
            tb_json_path(templates, template, "controller_config_example", NULL);
        const struct tb_json *config = tb_json_get(
            tb_json_at(tb_json_path(tb_json_root(golden), "plan", "controllers", NULL), 0),
            "config");
        assert_non_null(example);
        assert_int_equal(config->len, example->len - 1); /* the host writes the id */
        for (const struct tb_json *f = config->child; f; f = f->next)
            if (!same_value(f, tb_json_get(example, f->key)))
                fail_msg("%s: %s is not the example's", template, f->key);
        tb_json_free(golden);
    }
    tb_json_free(facts);
}

/* ---- whole plans ---- */

static void check_script(const struct tb_json *plan)
{
    const struct tb_json *script = tb_json_get(plan, "script");
    const struct tb_json *config = tb_json_get(script, "config");
    const struct tb_json *one = tb_json_get(config, "max_controller_drawdown_quote");
    assert_string_equal(tb_json_get_string(script, "file"), "v2_with_controllers.py");
    assert_int_equal(config->len, 2);
    if (tb_json_is(tb_json_get(config, "max_global_drawdown_quote"), TB_JSON_NULL)) {
        assert_true(tb_json_is(one, TB_JSON_NULL));
        return;
    }
    double whole = number_at(config, "max_global_drawdown_quote");
    assert_true(whole > 0);
    if (!tb_json_is(one, TB_JSON_NULL))
        assert_true(number_at(config, "max_controller_drawdown_quote") > 0 &&
                    number_at(config, "max_controller_drawdown_quote") <= whole);
}

/* ---- random forms, made from the JSON Schema as a page would ---- */

/* How many values the list before had: a list of weights has as many. */
static int levels;

static void put_list(struct tb_json_writer *w, const struct tb_json *schema)
{
    double low = bound(schema, "minItems", 0), high = bound(schema, "maxItems", 5);
    int count = (int)random_between(low < 1 ? 1 : low, high + 0.999);
    if (tb_json_get(schema, "x-ascending"))
        levels = count;
    else
        count = levels; /* weights of them */
    const struct tb_json *items = tb_json_get(schema, "items");
    double value = bound(items, "minimum", 0), most = bound(items, "maximum", 20);
    tb_jw_array(w);
    for (int i = 0; i < count; i++) {
        value += random_between(0.01, (most - value) / (count - i) / 4 + 0.02);
        put_decimal(w, items, value);
    }
    tb_jw_end_array(w);
}

static void put_value(struct tb_json_writer *w, const struct tb_json *schema)
{
    const struct tb_json *values = tb_json_get(schema, "enum");
    if (values)
        tb_jw_node(w, tb_json_at(values, random_next() % values->len));
    else if (type_is(schema, "null") && random_next() % 4 == 0)
        tb_jw_null(w);
    else if (type_is(schema, "array"))
        put_list(w, schema);
    else if (type_is(schema, "boolean"))
        tb_jw_bool(w, random_next() % 2);
    else if (type_is(schema, "integer"))
        tb_jw_int(w, (int64_t)random_number(schema));
    else if (type_is(schema, "number"))
        put_decimal(w, schema, random_number(schema));
    else
        fail_msg("the test knows no values for %s", schema->key);
}

static const char *const spot_markets[] = {"ETH-USDT", "BTC-USDT", "SOL-USDT", "XRP-USDT"};
static const char *const perpetual_markets[] = {"XRP-USDT", "DOGE-USDT", "SOL-USDT", "ETH-USDT"};

/* Where a price field lies, as a part of the middle price. */
static double price_part(const char *name, bool is_short)
{
    if (!strcmp(name, "high") || !strcmp(name, "ceiling"))
        return random_between(1.03, 1.5);
    if (!strcmp(name, "low") || !strcmp(name, "floor"))
        return random_between(0.93, 0.99);
    return is_short ? random_between(1.51, 2) : random_between(0.5, 0.925);
}

/* Prices and pairs only make sense together, and coins and addresses only as they are; everything
 * else is free within its bounds. */
static void put_form(struct tb_buffer *out, const struct tb_json *schema)
{
    struct tb_json_writer w;
    const struct tb_json *properties = tb_json_get(schema, "properties");
    const struct tb_json *pair = tb_json_get(properties, "pair");
    const char *connector = tb_json_get_string(pair, "x-connector");
    const char *market =
        (connector && strstr(connector, "perpetual") ? perpetual_markets
                                                     : spot_markets)[random_next() % 4];
    bool directed = tb_json_get(properties, "direction") != NULL, is_short = random_next() % 2;
    levels = 3;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    if (connector)
        tb_jw_kv_string(&w, "pair", market);
    if (directed)
        tb_jw_kv_string(&w, "direction", is_short ? "short" : "long");
    for (const struct tb_json *p = properties->child; p; p = p->next) {
        const char *widget = tb_json_get_string(p, "x-widget");
        if (random_next() % 3 == 0 || strstr("pair text mint", widget) ||
            !strcmp(p->key, "direction"))
            continue;
        tb_jw_key(&w, p->key);
        if (!strcmp(widget, "price"))
            put_decimal(&w, p, mid_of(market) * price_part(p->key, directed && is_short));
        else
            put_value(&w, p);
    }
    tb_jw_end_object(&w);
}

/* A refusal must come from the strategy's own checks and rules: the form's values were valid. */
static void check_refusal(const char *form, const struct tb_json *plan)
{
    static const char own[] =
        "take_profit_below_fees budget_below_order range_below_step order_below_minimum "
        "quote_balance profit_below_fees inventory_short price_below_stop stop_not_below_low "
        "stop_not_above_high order_rounds_to_zero stop_beyond_liquidation margin_short "
        "position_mode_differs candles_short stop_inside_levels not_ordered counts_differ "
        "band_too_wide target_below_costs slack_above_target "
        "cooldown_below_refresh hedge_margin_short both_coins_needed short_above_stop "
        "spread_below_tick step_below_tick too_large order_cut_below_minimum "
        "pause_short refresh_limits inventory_thin spread_loses";
    for (const struct tb_json *e = tb_json_get(plan, "errors")->child; e; e = e->next) {
        if (!is_one_of(tb_json_get(e, "code"), own))
            fail_msg("%s: %s %s: %s", form, tb_json_get_string(e, "pointer"),
                     tb_json_get_string(e, "code"), tb_json_get_string(e, "message"));
    }
}

enum { FORMS = 40, WORLDS = 60, TRIES = 12 };

/* schema: NULL for the form {}. */
static void run_form(struct bench *b, size_t strategy, const struct tb_json *schema, int *built)
{
    struct tb_buffer form = TB_BUFFER_INIT;
    struct tb_error err = {0};
    if (schema)
        put_form(&form, schema);
    else
        tb_buffer_puts(&form, "{}");
    struct tb_json_doc *params =
        tb_json_parse(tb_buffer_text(&form), form.len, TB_JSON_CLIENT, &err);
    assert_non_null(params);
    struct tb_json_doc *plan =
        call_plan(b, strategies[strategy].plugin, strategies[strategy].strategy, NULL,
                  tb_json_root(params), NULL);
    if (tb_json_true(tb_json_get(tb_json_root(plan), "ok"))) {
        check_config(tb_json_root(plan));
        check_script(tb_json_root(plan));
        check_recognised(b, strategy, tb_json_root(plan));
        ++*built;
    } else {
        check_refusal(tb_buffer_text(&form), tb_json_root(plan));
    }
    tb_json_free(plan);
    tb_json_free(params);
    tb_buffer_free(&form);
}

/* In one world: {} and some random forms of every strategy that has not enough yet. */
static void run_world(size_t seed, int built[STRATEGIES])
{
    struct bench b;
    struct tb_json_doc *changes = seed ? random_world(seed) : NULL;
    world_changes = tb_json_root(changes);
    open_bench(&b);
    for (size_t i = 0; i < STRATEGIES; i++) {
        char input[64];
        (void)snprintf(input, sizeof input, "{\"strategy\":\"%s\"}", strategies[i].strategy);
        struct tb_json_doc *described =
            call_entry(&b, strategies[i].plugin, TB_PLUGIN_SCHEMA, input);
        const struct tb_json *schema = tb_json_get(tb_json_root(described), "schema");
        random_state = 20261122 + seed * STRATEGIES + i;
        for (int k = 0; k < TRIES && built[i] < FORMS; k++)
            run_form(&b, i, k > 0 ? schema : NULL, &built[i]);
        tb_json_free(described);
    }
    close_bench(&b);
    world_changes = NULL;
    tb_json_free(changes);
}

static bool has_enough(const int built[STRATEGIES])
{
    for (size_t i = 0; i < STRATEGIES; i++)
        if (built[i] < FORMS)
            return false;
    return true;
}

static void test_random_forms(void **state)
{
    (void)state;
    int built[STRATEGIES] = {0};
    struct tb_json_doc *doc = read_json("tests/lua/classes.json");
    class_file = tb_json_root(doc);
    size_t seed = 0;
    for (; !has_enough(built) && seed < WORLDS; seed++)
        run_world(seed, built);
    for (size_t i = 0; i < STRATEGIES; i++)
        if (built[i] < FORMS)
            fail_msg("%s: only %d random forms were built", strategies[i].strategy, built[i]);
    print_message("%d forms of each strategy in %zu worlds\n", FORMS, seed);
    tb_json_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_random_forms),
    };
    return cmocka_run_group_tests(tests, load_world, free_world);
}
