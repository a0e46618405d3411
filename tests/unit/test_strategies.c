/* The plugins that ship, in words and decisions: every form accepts {}, every message of a plugin
 * is provoked by a case of plugins/<name>/tests/cases.json, golden plans stay as they are, aliases
 * and effects say what they should. */
#include "simulator/simulator.h"
#include "strategies.h"

static const char *const plugins[] = {"bitmart", "jupiter"};
#define PLUGINS (sizeof plugins / sizeof plugins[0])

/* ---- {} ---- */

static void test_empty_forms(void **state)
{
    (void)state;
    struct bench b;
    world_changes = NULL;
    open_bench(&b);
    for (size_t i = 0; i < STRATEGIES; i++) {
        struct tb_json_doc *plan =
            call_plan(&b, strategies[i].plugin, strategies[i].strategy, NULL, NULL, NULL);
        const struct tb_json *root = tb_json_root(plan);
        same_json("errors", tb_json_get(root, "errors"), tb_json_get(root, "dropped"));
        assert_true(tb_json_true(tb_json_get(root, "ok")));
        assert_int_equal(tb_json_get(root, "controllers")->len, 1);
        assert_true(tb_json_get(root, "effects")->len > 0);
        assert_true(tb_json_get(root, "preview")->len > 0);
        tb_json_free(plan);
    }
    close_bench(&b);
}

/* The demo's way: {} against the simulator's default world, without an error. */
static void test_simulator(void **state)
{
    (void)state;
    struct bench b = {.host = NULL};
    char url[64];
    struct tb_error err = {0};
    struct tb_simulator *simulator =
        tb_simulator_start(&(struct tb_simulator_config){.seed = 7}, &err);
    if (!simulator)
        fail_msg("%s", err.detail);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", tb_simulator_port(simulator));
    open_host(&b, &(struct tb_hb_config){.url = url, .username = "admin", .password = "admin"});
    for (size_t i = 0; i < STRATEGIES; i++) {
        struct tb_json_doc *plan =
            call_plan(&b, strategies[i].plugin, strategies[i].strategy, NULL, NULL, NULL);
        const struct tb_json *first = tb_json_get(tb_json_root(plan), "errors")->child;
        if (first)
            fail_msg("%s: %s", strategies[i].strategy, tb_json_get_string(first, "message"));
        assert_int_equal(tb_json_get(tb_json_root(plan), "controllers")->len, 1);
        tb_json_free(plan);
    }
    close_host(&b);
    tb_simulator_stop(simulator);
}

/* ---- the table of messages ---- */

/* Where a case expects its code: which array of the plan, which pointer. */
static const struct tb_json *find_code(const struct tb_json *plan, const char *in, const char *code)
{
    const struct tb_json *rows = tb_json_get(plan, in);
    for (const struct tb_json *row = rows ? rows->child : NULL; row; row = row->next) {
        const char *word = tb_json_get_string(row, "code");
        if (word && !strcmp(word, code))
            return row;
    }
    return NULL;
}

static void check_expectation(const char *name, const struct tb_json *plan,
                              const struct tb_json *expected)
{
    const char *code = tb_json_get_string(expected, "code");
    const char *in = tb_json_get_string(expected, "in");
    const char *pointer = tb_json_get_string(expected, "pointer");
    const char *message = tb_json_get_string(expected, "message");
    const char *hint = tb_json_get_string(expected, "hint");
    const struct tb_json *row = find_code(plan, in ? in : "errors", code);
    if (!row) {
        struct tb_buffer text = TB_BUFFER_INIT;
        tb_json_canonical(plan, &text);
        fail_msg("%s: no %s in %s of %s", name, code, in ? in : "errors", tb_buffer_text(&text));
    }
    if (pointer && strcmp(pointer, tb_json_get_string(row, "pointer")))
        fail_msg("%s: %s points at %s", name, code, tb_json_get_string(row, "pointer"));
    if (message && strcmp(message, tb_json_get_string(row, "message")))
        fail_msg("%s: %s says: %s", name, code, tb_json_get_string(row, "message"));
    if (hint && strcmp(hint, tb_json_get_string(row, "hint")))
        fail_msg("%s: %s hints: %s", name, code, tb_json_get_string(row, "hint"));
    assert_non_null(tb_json_get_string(row, "message"));
    bool passed = in && !strcmp(in, "checks");
    if (!passed && !tb_json_get_string(row, "hint"))
        fail_msg("%s: %s has no hint", name, code);
}

static void run_case(const char *plugin, const struct tb_json *c)
{
    struct bench b;
    const char *name = tb_json_get_string(c, "name");
    world_changes = tb_json_get(c, "world");
    other_bots = tb_json_get(c, "others");
    open_bench(&b);
    struct tb_json_doc *plan = call_plan(&b, plugin, tb_json_get_string(c, "strategy"),
                                         tb_json_get_string(c, "hummingbot"),
                                         tb_json_get(c, "params"), tb_json_get(c, "risk"));
    const struct tb_json *root = tb_json_root(plan);
    bool refused = tb_json_get(root, "errors")->len > 0;
    assert_int_equal(refused, !tb_json_true(tb_json_get(root, "ok")));
    if (refused && tb_json_get(root, "controllers")->len > 0)
        fail_msg("%s: refused and built all the same", name);
    for (const struct tb_json *e = tb_json_get(c, "expect")->child; e; e = e->next) {
        check_expectation(name, root, e);
        const char *in = tb_json_get_string(e, "in");
        if (!refused && !in)
            fail_msg("%s: expected to be refused", name);
    }
    if (tb_json_true(tb_json_get(c, "built")) && refused)
        fail_msg("%s: refused: %s", name,
                 tb_json_get_string(tb_json_get(root, "errors")->child, "message"));
    for (const struct tb_json *q = tb_json_first(tb_json_get(c, "quiet")); q; q = q->next) {
        if (find_code(root, "warnings", tb_json_string(q)))
            fail_msg("%s: %s was said", name, tb_json_string(q));
    }
    tb_json_free(plan);
    other_bots = NULL;
    close_bench(&b);
}

/* Does a case of the file expect the code, or an alias refuse with it? */
static bool is_provoked(const struct tb_json *cases, const char *code)
{
    for (const struct tb_json *c = tb_json_get(cases, "plans")->child; c; c = c->next) {
        for (const struct tb_json *e = tb_json_get(c, "expect")->child; e; e = e->next) {
            if (!strcmp(tb_json_get_string(e, "code"), code))
                return true;
        }
    }
    for (const struct tb_json *c = tb_json_get(cases, "translations")->child; c; c = c->next) {
        const char *refused = tb_json_get_string(c, "refused");
        if (refused && !strcmp(refused, code))
            return true;
    }
    return false;
}

/* Every `  code = ` line of the SDK's messages is a code that a case of some plugin provokes. */
static void check_all_provoked(struct tb_json_doc *const *cases)
{
    char path[1024], code[64];
    size_t len, count = 0, missing = 0;
    (void)snprintf(path, sizeof path, "%s/plugins/sdk/strategies/messages.lua", source_dir());
    char *text = read_text(path, &len);
    assert_non_null(text);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (sscanf(line, "  %63[a-z0-9_] =", code) != 1 || line[2] == ' ' || strncmp(line, "  ", 2))
            continue;
        bool found = false;
        count++;
        for (size_t i = 0; i < PLUGINS; i++)
            found = found || is_provoked(tb_json_root(cases[i]), code);
        if (!found)
            print_message("no case provokes %s\n", code);
        missing += !found;
    }
    assert_int_equal(missing, 0);
    assert_true(count > 100);
    free(text);
}

static void test_messages(void **state)
{
    struct tb_json_doc *docs[PLUGINS];
    (void)state;
    for (size_t i = 0; i < PLUGINS; i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "plugins/%s/tests/cases.json", plugins[i]);
        docs[i] = read_json(name);
        const struct tb_json *cases = tb_json_root(docs[i]);
        for (const struct tb_json *c = tb_json_get(cases, "plans")->child; c; c = c->next)
            run_case(plugins[i], c);
    }
    check_all_provoked(docs);
    for (size_t i = 0; i < PLUGINS; i++)
        tb_json_free(docs[i]);
}

/* ---- aliases, effects ---- */

static void run_translation(struct bench *b, const char *plugin, const struct tb_json *c)
{
    struct tb_buffer input = TB_BUFFER_INIT;
    struct tb_json_writer w;
    tb_jw_init(&w, &input);
    tb_jw_object(&w);
    tb_jw_kv_node(&w, "request", tb_json_get(c, "request"));
    tb_jw_end_object(&w);
    struct tb_json_doc *doc = call_entry(b, plugin, TB_PLUGIN_TRANSLATE, tb_buffer_text(&input));
    const struct tb_json *root = tb_json_root(doc);
    const char *refused = tb_json_get_string(c, "refused");
    if (refused) {
        const struct tb_json *error = tb_json_get(root, "error");
        assert_string_equal(tb_json_get_string(error, "code"), refused);
        assert_non_null(tb_json_get_string(error, "message"));
        assert_non_null(tb_json_get_string(error, "hint"));
        const char *pointer = tb_json_get_string(c, "pointer");
        assert_string_equal(tb_json_get_string(error, "pointer"), pointer ? pointer : "/strategy");
    } else {
        same_json("the request", tb_json_get(root, "request"), tb_json_get(c, "becomes"));
        size_t told = 0;
        for (const struct tb_json *row = tb_json_get(root, "warnings")->child; row; row = row->next)
            told += tb_json_get_string(row, "pointer") != NULL;
        int64_t wanted = -1;
        assert_true(tb_json_int64(tb_json_get(c, "warnings"), &wanted));
        assert_int_equal(told, wanted);
    }
    tb_json_free(doc);
    tb_buffer_free(&input);
}

static void test_translations(void **state)
{
    (void)state;
    struct bench b;
    world_changes = NULL;
    open_bench(&b);
    for (size_t i = 0; i < PLUGINS; i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "plugins/%s/tests/cases.json", plugins[i]);
        struct tb_json_doc *doc = read_json(name);
        const struct tb_json *list = tb_json_get(tb_json_root(doc), "translations");
        for (const struct tb_json *c = list->child; c; c = c->next)
            run_translation(&b, plugins[i], c);
        tb_json_free(doc);
    }
    close_bench(&b);
}

static const struct {
    const char *plugin, *input, *needle; /* a word of one of the sentences, or NULL: exactly one */
} effect_rows[] = {
    {"bitmart", "{\"strategy\":\"spot_grid\",\"params\":{},\"verb\":\"stop\"}",
     "sold with a market order"},
    {"bitmart", "{\"strategy\":\"spot_grid\",\"params\":{},\"verb\":\"start\"}", "stored ones"},
    {"bitmart", "{\"strategy\":\"spot_mm\",\"params\":{},\"verb\":\"stop\"}",
     "closed with market orders"},
    {"bitmart", "{\"strategy\":\"spot_mm\",\"params\":{},\"verb\":\"stop\"}", NULL},
    {"bitmart", "{\"strategy\":\"spot_mm\",\"params\":{\"buy_inventory\":true},\"verb\":\"stop\"}",
     "stay in the account"},
    {"bitmart", "{\"strategy\":\"spot_mm\",\"params\":{\"buy_inventory\":true},\"verb\":\"start\"}",
     "bought with a market order"},
    {"jupiter", "{\"strategy\":\"arbitrage\",\"params\":{},\"verb\":\"stop\"}",
     "nothing is moved back"},
};

static void test_effects(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    for (size_t i = 0; i < sizeof effect_rows / sizeof effect_rows[0]; i++) {
        struct tb_json_doc *doc =
            call_entry(&b, effect_rows[i].plugin, TB_PLUGIN_EFFECTS, effect_rows[i].input);
        const struct tb_json *list = tb_json_get(tb_json_root(doc), "effects");
        bool found = !effect_rows[i].needle && list->len == 1;
        for (const struct tb_json *s = list->child; s && effect_rows[i].needle; s = s->next)
            found = found || strstr(tb_json_string(s), effect_rows[i].needle);
        if (!found)
            fail_msg("%s: not as expected", effect_rows[i].input);
        tb_json_free(doc);
    }
    close_bench(&b);
}

/* ---- golden plans ---- */

static void test_golden(void **state)
{
    static const char *const parts[] = {"params",       "risk",      "controllers", "script",
                                        "effects",      "connector", "pair",        "quotes",
                                        "budget_quote", "risk_class"};
    (void)state;
    struct bench b;
    world_changes = NULL;
    open_bench(&b);
    for (size_t i = 0; i < STRATEGIES; i++) {
        char name[256];
        (void)snprintf(name, sizeof name, "plugins/%s/tests/golden/%s.json", strategies[i].plugin,
                       strategies[i].strategy);
        struct tb_json_doc *golden = read_json(name);
        const struct tb_json *root = tb_json_root(golden);
        struct tb_json_doc *plan =
            call_plan(&b, strategies[i].plugin, strategies[i].strategy, NULL,
                      tb_json_get(root, "params"), tb_json_get(root, "risk"));
        for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++) {
            char what[320];
            (void)snprintf(what, sizeof what, "%s: %s", name, parts[k]);
            same_json(what, tb_json_get(tb_json_root(plan), parts[k]),
                      tb_json_path(root, "plan", parts[k], NULL));
        }
        tb_json_free(plan);
        tb_json_free(golden);
    }
    close_bench(&b);
}

/* ---- presets ---- */

static void test_presets(void **state)
{
    static const char *const names[] = {"careful", "usual", "bold"};
    (void)state;
    struct bench b;
    world_changes = NULL;
    open_bench(&b);
    for (size_t i = 0; i < STRATEGIES; i++) {
        char input[64];
        (void)snprintf(input, sizeof input, "{\"strategy\":\"%s\"}", strategies[i].strategy);
        struct tb_json_doc *schema = call_entry(&b, strategies[i].plugin, TB_PLUGIN_SCHEMA, input);
        for (size_t k = 0; k < 3; k++) {
            const struct tb_json *preset =
                tb_json_path(tb_json_root(schema), "presets", names[k], NULL);
            assert_non_null(preset);
            struct tb_json_doc *plan =
                call_plan(&b, strategies[i].plugin, strategies[i].strategy, NULL, preset, NULL);
            if (!tb_json_true(tb_json_get(tb_json_root(plan), "ok")))
                fail_msg("%s: the preset %s is refused", strategies[i].strategy, names[k]);
            tb_json_free(plan);
        }
        tb_json_free(schema);
    }
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_forms), cmocka_unit_test(test_simulator),
        cmocka_unit_test(test_messages),    cmocka_unit_test(test_translations),
        cmocka_unit_test(test_effects),     cmocka_unit_test(test_golden),
        cmocka_unit_test(test_presets),
    };
    return cmocka_run_group_tests(tests, load_world, free_world);
}
