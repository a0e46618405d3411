/* The forms of plugins/hummingbot against the recorded facts: for every controller class of
 * schemas.json the empty form and seeded random valid ones give configs with exactly the fields of
 * the class, each of its type, and are recognised as what they were built from. */
#include "config_types.h"
#include "random_values.h"
#include "recognised.h"

/* A world with more exchanges than the plugins of exchanges need. */
static const char changes[] =
    "{\"connectors\":[\"binance\",\"binance_perpetual\",\"bitmart\",\"bitmart_perpetual\","
    "\"kucoin\"],"
    "\"feeds\":[\"binance\",\"binance_perpetual\",\"bitmart\",\"bitmart_perpetual\",\"kucoin\"],"
    "\"position_mode\":{\"position_mode\":\"ONEWAY\"},\"balances\":{"
    "\"binance\":[{\"token\":\"USDT\",\"units\":1000000}],"
    "\"binance_perpetual\":[{\"token\":\"USDT\",\"units\":1000000}],"
    "\"bitmart\":[{\"token\":\"USDT\",\"units\":1000000}],"
    "\"bitmart_perpetual\":[{\"token\":\"USDT\",\"units\":1000000}],"
    "\"kucoin\":[{\"token\":\"USDT\",\"units\":1000000}]}}";

/* ---- the facts as config_types.h reads them ---- */

static void put_types(struct tb_json_writer *w, const struct tb_json *rows, bool has_id)
{
    tb_jw_object(w);
    for (const struct tb_json *f = rows->child; f; f = f->next)
        if (!has_id || strcmp(tb_json_get_string(f, "name"), "id"))
            tb_jw_kv_string(w, tb_json_get_string(f, "name"), tb_json_get_string(f, "type"));
    tb_jw_end_object(w);
}

static struct tb_json_doc *types_of(const struct tb_json *facts)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_error err = {0};
    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    tb_jw_key(&w, "models");
    tb_jw_object(&w);
    for (const struct tb_json *m = tb_json_get(facts, "models")->child; m; m = m->next) {
        tb_jw_key(&w, m->key);
        put_types(&w, tb_json_get(m, "fields"), false);
    }
    tb_jw_end_object(&w);
    tb_jw_key(&w, "classes");
    tb_jw_object(&w);
    for (const struct tb_json *t = tb_json_get(facts, "controllers")->child; t; t = t->next)
        for (const struct tb_json *c = t->child; c; c = c->next) {
            char name[128];
            (void)snprintf(name, sizeof name, "%s/%s", t->key, c->key);
            tb_jw_key(&w, name);
            put_types(&w, tb_json_get(c, "fields"), true);
        }
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
    struct tb_json_doc *doc = tb_json_parse(tb_buffer_text(&text), text.len, TB_JSON_CLIENT, &err);
    assert_non_null(doc);
    tb_buffer_free(&text);
    return doc;
}

/* ---- random forms ---- */

/* How many values the lists of this form have, so that weights are as many. */
static struct {
    const char *name;
    int count;
} lengths[16];
static size_t lengths_len;
static const char *form_pair;

static int length_of(const char *name)
{
    static const char *const same[][2] = {{"buy_amounts_pct", "buy_spreads"},
                                          {"sell_amounts_pct", "sell_spreads"},
                                          {"dca_amounts", "dca_spreads"},
                                          {"dca_amounts_pct", "dca_spreads"}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        for (size_t j = 0; !strcmp(name, same[i][0]) && j < lengths_len; j++)
            if (!strcmp(lengths[j].name, same[i][1]))
                return lengths[j].count;
    return 0;
}

static bool is_weight(const char *name)
{
    return strstr(name, "_amounts") != NULL;
}

static void put_field(struct tb_json_writer *w, const struct tb_json *schema, int index);

static bool must_have(const struct tb_json *schema, const char *name)
{
    for (const struct tb_json *r = tb_json_first(tb_json_get(schema, "required")); r; r = r->next)
        if (!strcmp(tb_json_string(r), name))
            return true;
    return false;
}

static void put_members(struct tb_json_writer *w, const struct tb_json *schema, int index)
{
    tb_jw_object(w);
    for (const struct tb_json *p = tb_json_get(schema, "properties")->child; p; p = p->next) {
        bool weight = is_weight(p->key);
        bool named = !strcmp(p->key, "grid_id") || !strcmp(p->key, "asset");
        if (weight ? !length_of(p->key) && strcmp(p->key, "dca_amounts")
                   : !named && !must_have(schema, p->key) && random_next() % 3 == 0)
            continue;
        if (!strcmp(p->key, "dca_amounts") && !length_of(p->key))
            continue; /* both lists have their defaults */
        if (!strcmp(tb_json_get_string(p, "x-widget"), "price") &&
            !tb_json_get(p, "x-from-mid-pct"))
            continue;
        tb_jw_key(w, p->key);
        put_field(w, p, index);
    }
    tb_jw_end_object(w);
}

static void put_many(struct tb_json_writer *w, const struct tb_json *schema)
{
    const struct tb_json *items = tb_json_get(schema, "items");
    int least = (int)bound(schema, "minItems", 0), count = length_of(schema->key);
    double value = 0, most = bound(items, "maximum", 5);
    if (count == 0)
        count = (int)random_between(least, 3.999);
    if (lengths_len < sizeof lengths / sizeof lengths[0]) {
        lengths[lengths_len].name = schema->key;
        lengths[lengths_len++].count = count;
    }
    tb_jw_array(w);
    for (int i = 0; i < count; i++) {
        value += random_between(0.001, most / 5);
        if (!strcmp(tb_json_get_string(items, "x-widget"), "record"))
            put_members(w, items, i);
        else
            put_decimal(w, items, value);
    }
    tb_jw_end_array(w);
}

static const char *any_of(const char *const *words, size_t n)
{
    return words[random_next() % n];
}

/* Connectors and coins only make sense as they are. */
static void put_word(struct tb_json_writer *w, const struct tb_json *schema, int index)
{
    static const char *const pairs[] = {"ETH-USDT", "BTC-USDT", "SOL-USDT", "XRP-USDT"};
    static const char *const coins[] = {"BTC", "ETH", "SOL"};
    static const char *const spot[] = {"binance", "bitmart", "kucoin"};
    const char *widget = tb_json_get_string(schema, "x-widget"), *name = schema->key;
    const char *usual = tb_json_get_string(schema, "default");
    char text[32];
    if (!strcmp(widget, "connector"))
        tb_jw_string(w, usual && strchr(usual, '-')            ? usual
                        : usual && strstr(usual, "_perpetual") ? "binance_perpetual"
                                                               : any_of(spot, 3));
    else if (!strcmp(widget, "pair"))
        tb_jw_string(w, strcmp(name, "trading_pair") || form_pair == NULL ? any_of(pairs, 4)
                                                                          : form_pair);
    else if (!strcmp(name, "asset")) {
        tb_jw_string(w, coins[index % 3]);
    } else if (!strcmp(name, "grid_id")) {
        (void)snprintf(text, sizeof text, "grid %d", index);
        tb_jw_string(w, text);
    } else {
        tb_jw_string(w, usual ? usual : "BTC");
    }
}

static double mid_of(const char *pair)
{
    double mid = 0;
    (void)tb_json_double(tb_json_get(world("mid"), pair ? pair : "BTC-USDT"), &mid);
    return mid;
}

static void put_price(struct tb_json_writer *w, const struct tb_json *schema)
{
    double part = !strcmp(schema->key, "start_price") ? random_between(0.93, 0.99)
                  : !strcmp(schema->key, "end_price") ? random_between(1.01, 1.07)
                                                      : 0;
    if (part > 0 && form_pair)
        put_decimal(w, schema, mid_of(form_pair) * part);
    else
        tb_jw_null(w); /* from the market */
}

static void put_field(struct tb_json_writer *w, const struct tb_json *schema, int index)
{
    const struct tb_json *values = tb_json_get(schema, "enum");
    const char *widget = tb_json_get_string(schema, "x-widget");
    if (type_is(schema, "null") && random_next() % 3 == 0 && strcmp(widget, "price"))
        tb_jw_null(w);
    else if (!strcmp(widget, "price"))
        put_price(w, schema);
    else if (!strcmp(widget, "record"))
        put_members(w, schema, index);
    else if (values)
        tb_jw_node(w, tb_json_at(values, random_next() % values->len));
    else if (type_is(schema, "array"))
        put_many(w, schema);
    else if (type_is(schema, "boolean"))
        tb_jw_bool(w, random_next() % 2);
    else if (type_is(schema, "integer"))
        tb_jw_int(w, (int64_t)(bound(schema, "minimum", 0) + random_between(0, 20)));
    else if (type_is(schema, "number"))
        put_decimal(w, schema,
                    !strcmp(schema->key, "total_amount_quote") ? random_between(50, 20000)
                                                               : random_number(schema));
    else
        put_word(w, schema, index);
}

/* A market of the form's own first, so that prices can lie around its middle price. */
static void put_form(struct tb_buffer *out, const struct tb_json *schema)
{
    static const char *const pairs[] = {"ETH-USDT", "BTC-USDT", "SOL-USDT", NULL};
    const struct tb_json *own = tb_json_path(schema, "properties", "trading_pair", NULL);
    struct tb_json_writer w;
    lengths_len = 0;
    form_pair = own ? pairs[random_next() % 4] : NULL;
    tb_jw_init(&w, out);
    put_members(&w, schema, 0);
}

/* ---- what was built ---- */

/* Equal in meaning, also inside: decimals are texts on our wire. */
static bool same_deep(const struct tb_json *a, const struct tb_json *b)
{
    const struct tb_json *i, *j;
    if (!a || !b || a->type != b->type || a->len != b->len)
        return a && b && same_param(a, b);
    if (!tb_json_is(a, TB_JSON_OBJECT) && !tb_json_is(a, TB_JSON_ARRAY))
        return same_param(a, b);
    for (i = a->child, j = b->child; i && j; i = i->next, j = j->next)
        if (!same_deep(i, tb_json_is(a, TB_JSON_OBJECT) ? tb_json_get(b, i->key) : j))
            return false;
    return true;
}

static void show(const char *what, const struct tb_json *plan, const char *key)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_json_canonical(tb_json_get(plan, key), &text);
    fail_msg("%s: %s", what, tb_buffer_text(&text));
}

static void check_known(struct bench *b, const char *name, const struct tb_json *plan)
{
    struct tb_json_doc *doc = call_recognise(b, "hummingbot", plan);
    const struct tb_json *found = tb_json_root(doc);
    const char *as = tb_json_get_string(found, "strategy");
    if (!as || strcmp(as, name))
        show("not recognised", plan, "params");
    const struct tb_json *is = tb_json_get(found, "params"), *was = tb_json_get(plan, "params");
    assert_int_equal(is->len, was->len);
    for (const struct tb_json *f = was->child; f; f = f->next)
        if (!same_deep(f, tb_json_get(is, f->key)))
            show(f->key, found, "params");
    assert_int_equal(tb_json_get(found, "unknown")->len, 0);
    tb_json_free(doc);
}

static void check_built(const char *type, const char *name, const struct tb_json *plan)
{
    const struct tb_json *controller = tb_json_at(tb_json_get(plan, "controllers"), 0);
    const char *wrong = "the class";
    char class[128];
    (void)snprintf(class, sizeof class, "%s/%s", type, name);
    assert_string_equal(tb_json_get_string(controller, "type"), type);
    assert_string_equal(tb_json_get_string(controller, "name"), name);
    if (!has_fields(tb_json_get(controller, "config"),
                    tb_json_path(class_file, "classes", class, NULL), &wrong))
        show(wrong, controller, "config");
}

/* The form's values were valid one by one; together, or on this market, they may not be. */
static void check_refusals(const char *form, const struct tb_json *plan)
{
    static const char own[] =
        "order_below_minimum order_rounds_to_zero order_not_contracts not_ordered too_small "
        "too_large required stop_beyond_liquidation margin_short candles_short "
        "position_mode_differs two_routers not_unique other_length";
    for (const struct tb_json *e = tb_json_first(tb_json_get(plan, "errors")); e; e = e->next)
        if (!is_one_of(tb_json_get(e, "code"), own))
            fail_msg("%s: %s %s: %s", form, tb_json_get_string(e, "pointer"),
                     tb_json_get_string(e, "code"), tb_json_get_string(e, "message"));
}

static bool try_form(struct bench *b, const char *type, const char *name, const char *form)
{
    struct tb_error err = {0};
    struct tb_json_doc *params = tb_json_parse(form, strlen(form), TB_JSON_CLIENT, &err);
    assert_non_null(params);
    struct tb_json_doc *doc = call_plan(b, "hummingbot", name, NULL, tb_json_root(params), NULL);
    const struct tb_json *plan = tb_json_root(doc);
    bool ok = tb_json_true(tb_json_get(plan, "ok"));
    if (ok) {
        check_built(type, name, plan);
        check_known(b, name, plan);
    } else {
        check_refusals(form, plan);
    }
    tb_json_free(doc);
    tb_json_free(params);
    return ok;
}

enum { FORMS = 8, ATTEMPTS = 2000 };

static void run_class(struct bench *b, const char *type, const char *name)
{
    char input[128];
    struct tb_buffer form = TB_BUFFER_INIT;
    int built = 0, tried = 0;
    if (!try_form(b, type, name, "{}"))
        fail_msg("%s: the empty form makes no bot", name);
    (void)snprintf(input, sizeof input, "{\"strategy\":\"%s\"}", name);
    struct tb_json_doc *described = call_entry(b, "hummingbot", TB_PLUGIN_SCHEMA, input);
    for (; built < FORMS; tried++) {
        if (tried >= ATTEMPTS)
            fail_msg("%s: only %d of %d forms were built", name, built, tried);
        tb_buffer_clear(&form);
        put_form(&form, tb_json_get(tb_json_root(described), "schema"));
        built += try_form(b, type, name, tb_buffer_text(&form));
    }
    print_message("%s: %d of %d random forms were built\n", name, built, tried);
    tb_json_free(described);
    tb_buffer_free(&form);
}

static void test_every_class(void **state)
{
    struct bench b;
    size_t classes = 0;
    struct tb_error err = {0};
    (void)state;
    struct tb_json_doc *facts = read_fact("schemas.json");
    if (!facts) {
        print_message("skipped: schemas.json is not at hand (TB_SHARED)\n");
        skip();
    }
    struct tb_json_doc *types = types_of(tb_json_root(facts));
    struct tb_json_doc *more = tb_json_parse(changes, strlen(changes), TB_JSON_CLIENT, &err);
    class_file = tb_json_root(types);
    world_changes = tb_json_root(more);
    random_state = 20261123;
    open_bench(&b);
    const struct tb_json *kinds = tb_json_get(tb_json_root(facts), "controllers");
    for (const struct tb_json *t = kinds->child; t; t = t->next)
        for (const struct tb_json *c = t->child; c; c = c->next)
            if (!strchr(c->key, '/')) { /* upstream's examples, which the API never lists */
                run_class(&b, t->key, c->key);
                classes++;
            }
    assert_true(classes > 20);
    close_bench(&b);
    world_changes = NULL;
    tb_json_free(more);
    tb_json_free(types);
    tb_json_free(facts);
}

/* A recorded template under a name that the bridge does not know: its form has the class's fields,
 * and a config made by it alone has the types of the class. */
static void check_template(const char *file, const char *type, const char *name, const char *config)
{
    struct bench b;
    struct tb_error err = {0};
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;
    const char *wrong = "the class";
    char class[128], params[512];
    struct tb_json_doc *recording = read_fact(file), *facts = read_fact("schemas.json");
    if (!recording || !facts) {
        print_message("skipped: the recordings are not at hand (TB_SHARED)\n");
        skip();
    }
    struct tb_json_doc *types = types_of(tb_json_root(facts));
    class_file = tb_json_root(types);
    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    tb_jw_key(&w, "controllers");
    tb_jw_raw(&w, "{\"generic\":[\"my_own\"]}", 22);
    tb_jw_key(&w, "connectors");
    tb_jw_raw(&w, "[\"binance\"]", 11);
    tb_jw_kv_node(&w, "template", tb_json_path(tb_json_root(recording), "response", "body", NULL));
    tb_jw_end_object(&w);
    struct tb_json_doc *more = tb_json_parse(tb_buffer_text(&text), text.len, TB_JSON_CLIENT, &err);
    assert_non_null(more);
    world_changes = tb_json_root(more);
    open_bench(&b);

    struct tb_json_doc *shown =
        call_entry(&b, "hummingbot", TB_PLUGIN_SCHEMA,
                   "{\"strategy\":\"controller\",\"choice\":\"generic/my_own\"}");
    const struct tb_json *form =
        tb_json_path(tb_json_root(shown), "schema", "properties", "config", "properties", NULL);
    (void)snprintf(class, sizeof class, "%s/%s", type, name);
    for (const struct tb_json *f = tb_json_path(class_file, "classes", class, NULL)->child; f;
         f = f->next)
        if (!tb_json_get(form, f->key) &&
            !strstr("controller_name controller_type connector_name trading_pair "
                    "total_amount_quote",
                    f->key))
            fail_msg("the form of %s lacks %s", class, f->key);

    (void)snprintf(params, sizeof params, "{\"controller\":\"generic/my_own\",\"config\":%s}",
                   config);
    struct tb_json_doc *given = tb_json_parse(params, strlen(params), TB_JSON_CLIENT, &err);
    struct tb_json_doc *plan =
        call_plan(&b, "hummingbot", "controller", NULL, tb_json_root(given), NULL);
    if (!tb_json_true(tb_json_get(tb_json_root(plan), "ok")))
        show("refused", tb_json_root(plan), "errors");
    const struct tb_json *built = tb_json_at(tb_json_get(tb_json_root(plan), "controllers"), 0);
    if (!has_fields(tb_json_get(built, "config"), tb_json_path(class_file, "classes", class, NULL),
                    &wrong))
        show(wrong, built, "config");
    tb_json_free(plan);
    tb_json_free(given);
    tb_json_free(shown);
    close_bench(&b);
    world_changes = NULL;
    tb_json_free(more);
    tb_json_free(types);
    tb_json_free(facts);
    tb_json_free(recording);
    tb_buffer_free(&text);
}

static void test_templates(void **state)
{
    (void)state;
    check_template("recordings/http/077-controllers-template-generic.json", "generic", "pmm_mister",
                   "{}");
    check_template("recordings/http/325-controllers-template-grid_strike.json", "generic",
                   "grid_strike",
                   "{\"start_price\":59000,\"end_price\":\"61000\",\"limit_price\":58000}");
    check_template("recordings/http/321-controllers-template-dman_maker_v2.json", "market_making",
                   "dman_maker_v2", "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_class),
        cmocka_unit_test(test_templates),
    };
    return cmocka_run_group_tests(tests, load_world, free_world);
}
