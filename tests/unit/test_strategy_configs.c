/* What the strategies build: 300 seeded random valid forms each give configs with exactly the
 * fields of the controller's class, each of its type. The committed table below holds them without
 * the facts; where the facts are at hand, schemas.json holds the table. */
#include <math.h>

#include "recognised.h"

/* ---- the classes ---- */

enum kind {
    TEXT,
    WHOLE,
    TRUTH,
    NUMBER,         /* above 0 */
    NUMBER_OR_NULL, /* above 0 or null */
    WHOLE_OR_NULL,
    ONLY_NULL, /* optional upstream; these strategies never set it */
    NUMBERS,   /* a list, not empty */
    EMPTY_LIST,
    BARRIERS,
    VENUE,
};

struct field {
    const char *name;
    enum kind kind;
    const char *upstream; /* the type in schemas.json */
};

#define BASE                                                                                       \
    {"controller_name", TEXT, "str"}, {"controller_type", TEXT, "str"},                            \
        {"total_amount_quote", NUMBER, "Decimal"}, {"manual_kill_switch", TRUTH, "bool"},          \
    {                                                                                              \
        "initial_positions", EMPTY_LIST, "List[InitialPositionConfig]"                             \
    }

static const struct field grid_fields[] = {
    BASE,
    {"leverage", WHOLE, "int"},
    {"position_mode", TEXT, "PositionMode"},
    {"connector_name", TEXT, "str"},
    {"trading_pair", TEXT, "str"},
    {"side", WHOLE, "TradeType"},
    {"start_price", NUMBER, "Decimal"},
    {"end_price", NUMBER, "Decimal"},
    {"limit_price", NUMBER, "Decimal"},
    {"min_spread_between_orders", NUMBER, "Optional[Decimal]"},
    {"min_order_amount_quote", NUMBER, "Optional[Decimal]"},
    {"max_open_orders", WHOLE, "int"},
    {"max_orders_per_batch", WHOLE, "Optional[int]"},
    {"order_frequency", WHOLE, "int"},
    {"activation_bounds", NUMBER, "Optional[Decimal]"},
    {"keep_position", TRUTH, "bool"},
    {"triple_barrier_config", BARRIERS, "TripleBarrierConfig"},
    {NULL, 0, NULL},
};

static const struct field mm_fields[] = {
    BASE,
    {"connector_name", TEXT, "str"},
    {"trading_pair", TEXT, "str"},
    {"buy_spreads", NUMBERS, "List[float]"},
    {"sell_spreads", NUMBERS, "List[float]"},
    {"buy_amounts_pct", NUMBERS, "Optional[List[Decimal]]"},
    {"sell_amounts_pct", NUMBERS, "Optional[List[Decimal]]"},
    {"executor_refresh_time", WHOLE, "int"},
    {"cooldown_time", WHOLE, "int"},
    {"leverage", WHOLE, "int"},
    {"position_mode", TEXT, "PositionMode"},
    {"stop_loss", NUMBER_OR_NULL, "Optional[Decimal]"},
    {"take_profit", NUMBER_OR_NULL, "Optional[Decimal]"},
    {"time_limit", WHOLE_OR_NULL, "Optional[int]"},
    {"take_profit_order_type", WHOLE, "OrderType"},
    {"trailing_stop", ONLY_NULL, "Optional[TrailingStop]"},
    {"position_rebalance_threshold_pct", NUMBER, "Decimal"},
    {"skip_rebalance", TRUTH, "bool"},
    {NULL, 0, NULL},
};

static const struct field arbitrage_fields[] = {
    BASE,
    {"exchange_pair_1", VENUE, "ConnectorPair"},
    {"exchange_pair_2", VENUE, "ConnectorPair"},
    {"min_profitability", NUMBER, "Decimal"},
    {"delay_between_executors", WHOLE, "int"},
    {"max_executors_imbalance", WHOLE, "int"},
    {"rate_connector", TEXT, "str"},
    {"quote_conversion_asset", TEXT, "str"},
    {NULL, 0, NULL},
};

static const struct field barrier_fields[] = {
    {"stop_loss", ONLY_NULL, "Optional[Decimal]"},
    {"take_profit", NUMBER, "Optional[Decimal]"},
    {"time_limit", ONLY_NULL, "Optional[int]"},
    {"trailing_stop", ONLY_NULL, "Optional[TrailingStop]"},
    {"open_order_type", WHOLE, "OrderType"},
    {"take_profit_order_type", WHOLE, "OrderType"},
    {"stop_loss_order_type", WHOLE, "OrderType"},
    {"time_limit_order_type", WHOLE, "OrderType"},
    {NULL, 0, NULL},
};

static const struct field venue_fields[] = {
    {"connector_name", TEXT, "str"},
    {"trading_pair", TEXT, "str"},
    {NULL, 0, NULL},
};

static const struct {
    const char *type, *name;
    const struct field *fields;
} classes[STRATEGIES] = {
    {"generic", "grid_strike", grid_fields},
    {"market_making", "pmm_simple", mm_fields},
    {"generic", "arbitrage_controller", arbitrage_fields},
};

static const struct field *find_field(const struct field *fields, const char *name)
{
    for (; fields->name; fields++) {
        if (!strcmp(fields->name, name))
            return fields;
    }
    return NULL;
}

static size_t count_fields(const struct field *fields)
{
    size_t count = 0;
    while (fields[count].name)
        count++;
    return count;
}

/* ---- the table against schemas.json ---- */

static void compare_fields(const struct field *fields, const struct tb_json *list, bool has_id)
{
    size_t found = 0;
    for (const struct tb_json *row = list->child; row; row = row->next) {
        const char *name = tb_json_get_string(row, "name");
        if (has_id && !strcmp(name, "id"))
            continue;
        const struct field *field = find_field(fields, name);
        if (!field)
            fail_msg("the class has a field %s that the table lacks", name);
        assert_string_equal(field->upstream, tb_json_get_string(row, "type"));
        found++;
    }
    assert_int_equal(found, count_fields(fields));
}

static void test_table(void **state)
{
    (void)state;
    struct tb_json_doc *doc = read_fact("schemas.json");
    if (!doc) {
        print_message("skipped: schemas.json is not at hand (TB_SHARED)\n");
        skip();
    }
    const struct tb_json *root = tb_json_root(doc);
    for (size_t i = 0; i < STRATEGIES; i++)
        compare_fields(
            classes[i].fields,
            tb_json_path(root, "controllers", classes[i].type, classes[i].name, "fields", NULL),
            true);
    compare_fields(barrier_fields,
                   tb_json_path(root, "models", "TripleBarrierConfig", "fields", NULL), false);
    compare_fields(venue_fields, tb_json_path(root, "models", "ConnectorPair", "fields", NULL),
                   false);
    tb_json_free(doc);
}

/* ---- configs against the table ---- */

static bool is_number(const struct tb_json *value)
{
    double number;
    return tb_json_is(value, TB_JSON_NUMBER) && tb_json_double(value, &number) &&
           isfinite(number) && number > 0;
}

/* Written without a point or an exponent: upstream takes 60.0 for an int, but not everywhere. */
static bool is_whole(const struct tb_json *value)
{
    int64_t number;
    return tb_json_is(value, TB_JSON_NUMBER) && tb_json_int64(value, &number) && number > 0 &&
           !strpbrk(value->text, ".eE");
}

static bool all_numbers(const struct tb_json *list)
{
    if (!tb_json_is(list, TB_JSON_ARRAY) || list->len == 0)
        return false;
    for (const struct tb_json *item = list->child; item; item = item->next) {
        if (!is_number(item))
            return false;
    }
    return true;
}

static bool has_fields(const struct tb_json *object, const struct field *fields,
                       const char **wrong);

static bool is_kind(const struct tb_json *value, enum kind kind, const char **wrong)
{
    bool null = tb_json_is(value, TB_JSON_NULL);
    switch (kind) {
    case TEXT:
        return tb_json_is(value, TB_JSON_STRING) && value->len > 0;
    case WHOLE:
        return is_whole(value);
    case TRUTH:
        return tb_json_is(value, TB_JSON_BOOL);
    case NUMBER:
        return is_number(value);
    case NUMBER_OR_NULL:
        return null || is_number(value);
    case WHOLE_OR_NULL:
        return null || is_whole(value);
    case ONLY_NULL:
        return null;
    case NUMBERS:
        return all_numbers(value);
    case EMPTY_LIST:
        return tb_json_is(value, TB_JSON_ARRAY) && value->len == 0;
    case BARRIERS:
        return has_fields(value, barrier_fields, wrong);
    case VENUE:
        return has_fields(value, venue_fields, wrong);
    }
    return false;
}

static bool has_fields(const struct tb_json *object, const struct field *fields, const char **wrong)
{
    if (!tb_json_is(object, TB_JSON_OBJECT))
        return false;
    for (const struct tb_json *member = object->child; member; member = member->next) {
        const struct field *field = find_field(fields, member->key);
        if (!field || !is_kind(member, field->kind, wrong)) {
            *wrong = member->key;
            return false;
        }
    }
    *wrong = "the number of fields";
    return object->len == count_fields(fields);
}

static double number_at(const struct tb_json *config, const char *name)
{
    double value = 0;
    assert_true(tb_json_double(tb_json_get(config, name), &value));
    return value;
}

/* What holds between fields, whatever the form was. */
static void check_sense(size_t strategy, const struct tb_json *config)
{
    if (strategy == 0) {
        assert_true(number_at(config, "limit_price") < number_at(config, "start_price"));
        assert_true(number_at(config, "start_price") < number_at(config, "end_price"));
        assert_true(number_at(config, "min_spread_between_orders") < 0.2);
        assert_string_equal(tb_json_get_string(config, "position_mode"), "ONEWAY");
    } else if (strategy == 1) {
        assert_int_equal(tb_json_get(config, "buy_spreads")->len,
                         tb_json_get(config, "buy_amounts_pct")->len);
        assert_int_equal(tb_json_get(config, "sell_spreads")->len,
                         tb_json_get(config, "sell_amounts_pct")->len);
        double last = 0, spread = 0;
        for (const struct tb_json *s = tb_json_get(config, "buy_spreads")->child; s; s = s->next) {
            assert_true(tb_json_double(s, &spread) && spread > last && spread <= 0.2);
            last = spread;
        }
    } else {
        assert_true(number_at(config, "min_profitability") <= 0.2);
    }
    if (strategy != 2)
        assert_int_equal((int)number_at(config, "leverage"), 1);
}

static void check_script(const struct tb_json *plan)
{
    const struct tb_json *script = tb_json_get(plan, "script");
    const struct tb_json *config = tb_json_get(script, "config");
    assert_string_equal(tb_json_get_string(script, "file"), "v2_with_controllers.py");
    assert_int_equal(config->len, 2);
    double whole = number_at(config, "max_global_drawdown_quote");
    double one = number_at(config, "max_controller_drawdown_quote");
    assert_true(one > 0 && one <= whole);
}

static void check_plan(size_t strategy, const struct tb_json *plan)
{
    const struct tb_json *controller = tb_json_at(tb_json_get(plan, "controllers"), 0);
    const struct tb_json *config = tb_json_get(controller, "config");
    const char *wrong = NULL;
    assert_string_equal(tb_json_get_string(controller, "type"), classes[strategy].type);
    assert_string_equal(tb_json_get_string(controller, "name"), classes[strategy].name);
    if (!has_fields(config, classes[strategy].fields, &wrong)) {
        struct tb_buffer text = TB_BUFFER_INIT;
        tb_json_canonical(config, &text);
        fail_msg("%s is wrong in %s", wrong, tb_buffer_text(&text));
    }
    check_sense(strategy, config);
    check_script(plan);
}

/* ---- random forms, made from the JSON Schema as a page would ---- */

static uint64_t random_state;

static uint64_t random_next(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double random_between(double low, double high)
{
    return low + (high - low) * ((double)(random_next() >> 11) / 9007199254740992.0);
}

static double bound(const struct tb_json *schema, const char *name, double fallback)
{
    double value = fallback;
    struct tb_decimal d;
    if (tb_json_decimal(tb_json_get(schema, name), &d))
        value = tb_decimal_to_double(&d);
    return value;
}

/* More often small than large, always inside the bounds. */
static double random_number(const struct tb_json *schema)
{
    double low = bound(schema, "minimum", bound(schema, "exclusiveMinimum", 0));
    double high = bound(schema, "maximum", low * 1000 + 1000);
    double part = random_between(0, 1);
    return low + (high - low) * part * part * part;
}

/* A decimal as text or as a JSON number: both are allowed. */
static void put_decimal(struct tb_json_writer *w, const struct tb_json *schema, double value)
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

static void put_list(struct tb_json_writer *w, const struct tb_json *schema)
{
    double low = bound(schema, "minItems", 0), high = bound(schema, "maxItems", 5);
    int count = (int)random_between(low < 1 ? 1 : low, high + 0.999);
    const struct tb_json *items = tb_json_get(schema, "items");
    double value = bound(items, "minimum", 0), most = bound(items, "maximum", 20);
    tb_jw_array(w);
    for (int i = 0; i < count; i++) {
        value += random_between(0.01, (most - value) / (count - i) / 4 + 0.02);
        put_decimal(w, items, value);
    }
    tb_jw_end_array(w);
}

static bool type_is(const struct tb_json *schema, const char *word)
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

static void put_value(struct tb_json_writer *w, const struct tb_json *schema)
{
    if (type_is(schema, "null") && random_next() % 4 == 0)
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

/* Prices and pairs only make sense together; everything else is free within its bounds. */
static void put_form(struct tb_buffer *out, size_t strategy, const struct tb_json *schema)
{
    static const char *const pairs[] = {"ETH-USDT", "BTC-USDT", "SOL-USDT"};
    static const double mids[] = {3000.12, 60000.5, 150.25};
    struct tb_json_writer w;
    size_t market = random_next() % 3;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    if (strategy < 2)
        tb_jw_kv_string(&w, "pair", pairs[market]);
    for (const struct tb_json *p = tb_json_get(schema, "properties")->child; p; p = p->next) {
        const char *widget = tb_json_get_string(p, "x-widget");
        bool price = !strcmp(widget, "price");
        if (random_next() % 3 == 0 || !strcmp(widget, "pair"))
            continue;
        tb_jw_key(&w, p->key);
        if (price) {
            double part = !strcmp(p->key, "high")  ? random_between(1.03, 1.5)
                          : !strcmp(p->key, "low") ? random_between(0.93, 0.99)
                                                   : random_between(0.5, 0.925);
            put_decimal(&w, p, mids[market] * part);
        } else {
            put_value(&w, p);
        }
    }
    tb_jw_end_object(&w);
}

/* A refusal must come from the strategy's own checks: the form's values were valid. */
static void check_refusal(const char *form, const struct tb_json *plan)
{
    static const char *const own[] = {
        "take_profit_below_fees", "budget_below_order", "range_below_step",
        "order_below_minimum",    "quote_balance",      "profit_below_fees",
        "inventory_short",        "price_below_stop",   "stop_not_below_low"};
    for (const struct tb_json *e = tb_json_get(plan, "errors")->child; e; e = e->next) {
        bool known = false;
        for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
            known = known || !strcmp(own[i], tb_json_get_string(e, "code"));
        if (!known)
            fail_msg("%s: %s %s: %s", form, tb_json_get_string(e, "pointer"),
                     tb_json_get_string(e, "code"), tb_json_get_string(e, "message"));
    }
}

enum { FORMS = 300, ATTEMPTS = 3000 };

static void run_forms(struct bench *b, size_t strategy)
{
    char input[64];
    struct tb_buffer form = TB_BUFFER_INIT;
    struct tb_error err = {0};
    int built = 0, tried = 0;
    (void)snprintf(input, sizeof input, "{\"strategy\":\"%s\"}", strategies[strategy].strategy);
    struct tb_json_doc *described =
        call_entry(b, strategies[strategy].plugin, TB_PLUGIN_SCHEMA, input);
    const struct tb_json *schema = tb_json_get(tb_json_root(described), "schema");
    for (random_state = 20261122 + strategy; built < FORMS; tried++) {
        assert_true(tried < ATTEMPTS);
        tb_buffer_clear(&form);
        put_form(&form, strategy, schema);
        struct tb_json_doc *params =
            tb_json_parse(tb_buffer_text(&form), form.len, TB_JSON_CLIENT, &err);
        assert_non_null(params);
        struct tb_json_doc *plan =
            call_plan(b, strategies[strategy].plugin, strategies[strategy].strategy, NULL,
                      tb_json_root(params), NULL);
        if (tb_json_true(tb_json_get(tb_json_root(plan), "ok"))) {
            check_plan(strategy, tb_json_root(plan));
            check_recognised(b, strategy, tb_json_root(plan));
            built++;
        } else {
            check_refusal(tb_buffer_text(&form), tb_json_root(plan));
        }
        tb_json_free(plan);
        tb_json_free(params);
    }
    print_message("%s: %d of %d random forms were built\n", strategies[strategy].strategy, built,
                  tried);
    tb_json_free(described);
    tb_buffer_free(&form);
}

static void test_random_forms(void **state)
{
    (void)state;
    struct bench b;
    world_changes = NULL;
    open_bench(&b);
    for (size_t i = 0; i < STRATEGIES; i++)
        run_forms(&b, i);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_random_forms),
    };
    return cmocka_run_group_tests(tests, load_world, free_world);
}
