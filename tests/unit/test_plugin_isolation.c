/* Nothing leaks between calls, copies, reload, threads and deadlines of the Lua host. */
#include "plugin_place.h"

/* ---- isolation, reload, threads ---- */

static const char leaky[] =
    "local count, seen = 0, {}\n" HEAD "plugin.transforms = { status = function(bot)\n"
    "  count = count + 1 seen[#seen + 1] = bot.id\n"
    "  return { count = count, seen = #seen, id = bot.id }\n"
    "end }\n" TAIL;

static void test_nothing_leaks(void **state)
{
    (void)state;
    struct place place;
    open_place(&place, leaky);
    for (int i = 0; i < 3; i++) {
        struct tb_json_doc *doc = ask(&place, TB_PLUGIN_STATUS, "{\"bot\":{\"id\":7}}");
        ASSERT_AT(doc, "", "{\"count\":1,\"id\":7,\"seen\":1}");
        tb_json_free(doc);
    }
    close_place(&place);
}

/* What a hook changes in its arguments reaches neither the next hook nor the plan. */
static void test_hooks_get_copies(void **state)
{
    static const char greedy[] =
        HEAD "s.form = form.of { form.pair('pair', { default = 'BTC-USDT', connector = 'x' }),\n"
             "  form.list('l', { of = form.integer {}, default = { 1, 2 } }) }\n"
             "s.check = function(ctx, p, market)\n"
             "  p.l[1] = 99 p.pair = 'X-Y' ctx.account = 'other' market.rules('x', "
             "'BTC-USDT').min_value = nil\n"
             "end\n"
             "s.build = function(ctx, p, facts)\n"
             "  facts.mid.x['BTC-USDT'] = nil\n"
             "  return { controllers = { { type = 'a', name = 'b',\n"
             "    config = { l = p.l, pair = p.pair, account = ctx.account } } } }\n"
             "end\n" TAIL;
    (void)state;
    struct place place;
    open_place(&place, greedy);
    struct tb_json_doc *doc =
        ask(&place, TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"ctx\":{\"account\":\"a\"}}");
    ASSERT_AT(doc, "params.l", "[1,2]");
    ASSERT_AT(doc, "controllers.0.config.l", "[1,2]");
    ASSERT_AT(doc, "controllers.0.config.pair", "\"BTC-USDT\"");
    ASSERT_AT(doc, "controllers.0.config.account", "\"a\"");
    ASSERT_AT(doc, "facts.mid.x.BTC-USDT", "\"60052.133864\"");
    ASSERT_AT(doc, "facts.rules.x.BTC-USDT.min_value", "\"5.0\"");
    tb_json_free(doc);
    close_place(&place);
}

/* Folders that are no plugins, files that are no modules, modules in folders. */
static void test_folder(void **state)
{
    (void)state;
    struct place place;
    struct tb_buffer report = TB_BUFFER_INIT;
    struct tb_error err = {0};
    char names[8][64];
    char *big = calloc(1, 300000);
    assert_non_null(big);
    open_place(&place, NULL);
    write_file(place.dir, "sdk/plugin.lua", "return 1");
    write_file(place.dir, "types/plugin.lua", "return 1");
    write_file(place.dir, "Upper/plugin.lua", "return 1");
    write_file(place.dir, ".git/plugin.lua", "return 1");
    write_file(place.dir, "README.md", "text");
    write_file(place.dir, "empty/notes.txt", "text");
    write_file(place.dir, "demo/lib/levels.lua", "return { title = 'From a folder' }");
    write_file(place.dir, "demo/.#plugin.lua", "return (");
    write_file(place.dir, "demo/plugin.lua~", "return (");
    write_file(place.dir, "demo/plugin.lua",
               HEAD "plugin.title = require('lib.levels').title\n" TAIL);
    assert_true(tb_plugins_reload(place.host, &report, &err));
    assert_int_equal(tb_plugins_names(place.host, names, 8), 1);
    struct tb_json_doc *doc = ask(&place, TB_PLUGIN_DESCRIBE, "{}");
    ASSERT_AT(doc, "title", "\"From a folder\"");
    tb_json_free(doc);
    doc = tb_json_parse(report.data, report.len, TB_JSON_CLIENT, &err);
    ASSERT_AT(doc, "plugins.0.name", "\"Upper\"");
    ASSERT_AT(doc, "plugins.0.status", "\"failed\"");
    ASSERT_AT(doc, "plugins.2.name", "\"empty\"");
    ASSERT_AT(doc, "plugins.2.error.message", "\"empty/plugin.lua is missing\"");
    ASSERT_AT(doc, "plugins.3", "absent");
    tb_json_free(doc);
    memset(big, '-', 299999);
    write_file(place.dir, "demo/plugin.lua", big);
    tb_buffer_clear(&report);
    assert_true(tb_plugins_reload(place.host, &report, &err));
    assert_non_null(strstr(report.data, "over 256 KiB"));
    free(big);
    tb_buffer_free(&report);
    close_place(&place);
}

static void versioned(const struct place *place, int version)
{
    char text[1024];
    (void)snprintf(
        text, sizeof text,
        HEAD
        "plugin.version = '%d'\n"
        "s.check = function() require('bridge.hb').gateway.status {} end\n"
        "s.preview = function() return { { version = '%d' } } end\n"
        "s.build = function() return { controllers = { { type = 'a', name = 'b', config = {} } } } "
        "end\n" TAIL,
        version, version);
    write_file(place->dir, "demo/plugin.lua", text);
}

static void reload(struct place *place, const char *status)
{
    struct tb_buffer report = TB_BUFFER_INIT;
    struct tb_error err = {0};
    assert_true(tb_plugins_reload(place->host, &report, &err));
    struct tb_json_doc *doc = tb_json_parse(report.data, report.len, TB_JSON_CLIENT, &err);
    ASSERT_AT(doc, "plugins.0.status", status);
    tb_json_free(doc);
    tb_buffer_free(&report);
}

static void *plan_in_thread(void *arg)
{
    struct tb_json_doc *doc = ask(arg, TB_PLUGIN_PLAN, "{\"strategy\":\"s\"}");
    ASSERT_AT(doc, "preview.0.version", "\"1\"");
    tb_json_free(doc);
    return NULL;
}

static void test_reload(void **state)
{
    (void)state;
    struct place place;
    pthread_t thread;
    open_place(&place, NULL);
    versioned(&place, 1);
    reload(&place, "\"loaded\"");
    reload(&place, "\"unchanged\"");

    /* A plan is in the middle of its check when version 2 comes. */
    upstream.hold = true;
    assert_int_equal(pthread_create(&thread, NULL, plan_in_thread, &place), 0);
    pthread_mutex_lock(&upstream.lock);
    while (upstream.in == 0)
        pthread_cond_wait(&upstream.moved, &upstream.lock);
    pthread_mutex_unlock(&upstream.lock);
    versioned(&place, 2);
    reload(&place, "\"loaded\"");
    uint64_t generation = tb_plugins_generation(place.host);
    pthread_mutex_lock(&upstream.lock);
    upstream.hold = false;
    pthread_cond_broadcast(&upstream.moved);
    pthread_mutex_unlock(&upstream.lock);
    assert_int_equal(pthread_join(thread, NULL), 0);

    write_file(place.dir, "demo/plugin.lua", "return {\n");
    reload(&place, "\"kept\"");
    assert_int_equal(tb_plugins_generation(place.host), generation + 1);
    struct tb_json_doc *doc = ask(&place, TB_PLUGIN_PLAN, "{\"strategy\":\"s\"}");
    ASSERT_AT(doc, "preview.0.version", "\"2\"");
    tb_json_free(doc);
    versioned(&place, 3);
    reload(&place, "\"loaded\"");
    assert_int_equal(unlink(strcat(strcpy((char[128]){0}, place.dir), "/demo/plugin.lua")), 0);
    assert_int_equal(rmdir(strcat(strcpy((char[128]){0}, place.dir), "/demo")), 0);
    reload(&place, "\"removed\"");
    char names[1][64];
    assert_int_equal(tb_plugins_names(place.host, names, 1), 0);
    close_place(&place);
}

enum { THREADS = 8, CALLS = 40 };

struct worker {
    struct place *place;
    int number;
    pthread_t thread;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < CALLS; i++) {
        char input[64], expected[64];
        int id = w->number * 1000 + i;
        struct tb_plugin_fault fault;
        struct tb_error err = {0};
        struct tb_buffer out = TB_BUFFER_INIT;
        (void)snprintf(input, sizeof input, "{\"bot\":{\"id\":%d}}", id);
        (void)snprintf(expected, sizeof expected, "{\"count\":1,\"id\":%d,\"seen\":1}", id);
        if (!call(w->place, TB_PLUGIN_STATUS, input, &out, &fault, &err))
            fail_msg("%s", err.detail);
        assert_string_equal(out.data, expected);
        tb_buffer_free(&out);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct place place;
    struct worker workers[THREADS];
    open_place(&place, leaky);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.place = &place, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        char text[sizeof leaky + 32];
        (void)snprintf(text, sizeof text, "-- %d\n%s", i, leaky);
        write_file(place.dir, "demo/plugin.lua", text);
        reload(&place, "\"loaded\"");
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    close_place(&place);
}

/* ---- deadlines ---- */

static const char slow[] = HEAD
    "plugin.transforms = { status = function() while true do end end }\n"
    "s.check = function(ctx, p, market)\n"
    "  market.rules('x', 'BTC-USDT')\n"
    "  for i = 1, 100000 do end\n"
    "end\n"
    "local function bomb() local t = {} while true do t[#t + 1] = ('x'):rep(1e5) end end\n"
    "local function add(after) return { title = 'A', role = 'admin', needs = { 'accounts.add' },\n"
    "  run = function(ctx, p, hb)\n"
    "    hb.accounts.add({ account_name = 'one' })\n"
    "    for i = 1, 100000 do end\n"
    "    after()\n"
    "  end } end\n"
    "plugin.actions = { add = add(function() end), bomb = add(bomb),\n"
    "  read = { title = 'R', role = 'admin', needs = { 'accounts.list' },\n"
    "    run = function(ctx, p, hb) hb.accounts.list({}) for i = 1, 100000 do end end } }\n" TAIL;

/* A call whose time is up after `ms`; 0: never. */
static bool call_within(struct place *place, enum tb_plugin_entry entry, const char *input,
                        int64_t ms, struct tb_buffer *out, struct tb_plugin_fault *fault,
                        struct tb_error *err)
{
    struct tb_plugin_call c = {.plugin = "demo",
                               .entry = entry,
                               .input = input,
                               .input_len = strlen(input),
                               .mono_deadline_ms = ms ? tb_mono_ms() + ms : 0};
    tb_buffer_clear(out);
    *err = (struct tb_error){0};
    return tb_plugins_call(place->host, &c, out, fault, err);
}

static bool is_broken(struct place *place)
{
    struct tb_buffer list = TB_BUFFER_INIT;
    tb_plugins_list(place->host, &list);
    bool yes = strstr(tb_buffer_text(&list), "\"status\":\"broken\"") != NULL;
    tb_buffer_free(&list);
    return yes;
}

/* A missed deadline is nobody's fault and never counts; an overrun of the budget is the plugin's.
 */
static void test_late_is_not_failed(void **state)
{
    (void)state;
    struct place place;
    struct tb_plugin_fault fault;
    struct tb_error err;
    struct tb_buffer out = TB_BUFFER_INIT;
    open_place(&place, slow);
    for (int i = 0; i < 5; i++) {
        assert_false(call_within(&place, TB_PLUGIN_STATUS, "{\"bot\":{}}", -1, &out, &fault, &err));
        assert_int_equal(err.code, TB_BUSY);
        assert_string_equal(fault.plugin, "");
    }
    assert_false(is_broken(&place));
    for (int i = 0; i < 3; i++) {
        assert_false(call_within(&place, TB_PLUGIN_STATUS, "{\"bot\":{}}", 0, &out, &fault, &err));
        assert_int_equal(err.code, TB_PLUGIN_FAILED);
        assert_string_equal(fault.plugin, "demo");
        assert_true(fault.budget);
    }
    assert_true(is_broken(&place));
    tb_buffer_free(&out);
    close_place(&place);
}

/* Slow reads use the time up; where the plugin was then is said. */
static void test_late_after_reads(void **state)
{
    static const char plan[] = "{\"strategy\":\"s\",\"ctx\":{\"account\":\"a\"}}";
    (void)state;
    struct place place;
    struct tb_plugin_fault fault;
    struct tb_error err;
    struct tb_buffer out = TB_BUFFER_INIT;
    open_place(&place, slow);
    tb_clock_use_virtual(1000000, 1000000);
    upstream.takes_ms = 70000;
    assert_false(call_within(&place, TB_PLUGIN_PLAN, plan, 60000, &out, &fault, &err));
    assert_int_equal(err.code, TB_BUSY);
    assert_non_null(
        strstr(err.detail, "check was not done when the request's time was up, at demo/"));
    assert_string_equal(fault.plugin, "");
    assert_false(
        call_within(&place, TB_PLUGIN_ACTION, "{\"action\":\"read\"}", 60000, &out, &fault, &err));
    assert_int_equal(err.code, TB_BUSY);
    upstream.takes_ms = 0;
    tb_clock_use_real();
    tb_buffer_free(&out);
    close_place(&place);
}

/* Once it has changed something, an action is not cut off by the clock: it says what it did. */
static void test_a_change_is_told(void **state)
{
    (void)state;
    struct place place;
    struct tb_plugin_fault fault;
    struct tb_error err;
    struct tb_buffer out = TB_BUFFER_INIT;
    open_place(&place, slow);
    tb_clock_use_virtual(1000000, 1000000);
    upstream.takes_ms = 70000;
    assert_true(
        call_within(&place, TB_PLUGIN_ACTION, "{\"action\":\"add\"}", 60000, &out, &fault, &err));
    assert_non_null(strstr(tb_buffer_text(&out), "\"state\":\"done\""));
    assert_false(
        call_within(&place, TB_PLUGIN_ACTION, "{\"action\":\"bomb\"}", 60000, &out, &fault, &err));
    assert_int_equal(err.code, TB_PLUGIN_FAILED);
    assert_non_null(strstr(err.detail, "memory; before that it had sent a change"));
    upstream.takes_ms = 0;
    tb_clock_use_real();
    tb_buffer_free(&out);
    close_place(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_leaks),    cmocka_unit_test(test_hooks_get_copies),
        cmocka_unit_test(test_folder),           cmocka_unit_test(test_reload),
        cmocka_unit_test(test_threads),          cmocka_unit_test(test_late_is_not_failed),
        cmocka_unit_test(test_late_after_reads), cmocka_unit_test(test_a_change_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
