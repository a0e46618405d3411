/* Figures and log lines of running bots as the plugins tell them: hand-computed numbers on slices
 * of status documents (recorded ones among them), NaN, numbers as text, farewells; log lines in
 * plain words. The cases are in tests/lua/figures.json, which holds NaN as upstream writes it. */
#include <dirent.h>
#include <math.h>

#include "strategies.h"

static struct tb_json_doc *read_cases(void)
{
    char path[1024];
    size_t len;
    struct tb_error err = {0};
    (void)snprintf(path, sizeof path, "%s/tests/lua/figures.json", source_dir());
    char *text = read_text(path, &len);
    if (!text)
        fail_msg("%s is missing", path);
    struct tb_json_doc *doc = tb_json_parse(text, len, TB_JSON_UPSTREAM, &err);
    free(text);
    if (!doc)
        fail_msg("%s", err.detail);
    return doc;
}

static void check_flags(const char *name, const struct tb_json *flags, const struct tb_json *wanted)
{
    if (flags->len != wanted->len)
        fail_msg("%s: %zu flags, %zu expected", name, flags->len, wanted->len);
    const struct tb_json *flag = flags->child;
    for (const struct tb_json *word = wanted->child; word; word = word->next, flag = flag->next) {
        assert_string_equal(tb_json_get_string(flag, "code"), tb_json_string(word));
        assert_non_null(tb_json_get_string(flag, "message"));
    }
}

/* The slice of a case is the recorded one: its first controller's performance is the same. */
static void check_recording(const struct tb_json *c)
{
    char name[256];
    const char *file = tb_json_get_string(c, "recording");
    if (!file)
        return;
    (void)snprintf(name, sizeof name, "recordings/http/%s", file);
    struct tb_json_doc *doc = read_fact(name);
    if (!doc) {
        print_message("not compared with %s: it is not at hand (TB_SHARED)\n", file);
        return;
    }
    const struct tb_json *data = tb_json_path(tb_json_root(doc), "response", "body", "data", NULL);
    const struct tb_json *performance = tb_json_get(data, "performance");
    if (!performance) /* the status of all bots: a slice for each */
        performance = tb_json_get(data->child, "performance");
    same_json(file, tb_json_get(performance->child, "performance"),
              tb_json_get(tb_json_path(c, "raw", "performance", NULL)->child, "performance"));
    tb_json_free(doc);
}

static void test_figures(void **state)
{
    (void)state;
    struct bench b;
    struct tb_json_doc *doc = read_cases();
    open_bench(&b);
    assert_true(tb_json_nulled(doc) > 0);
    for (const struct tb_json *c = tb_json_get(tb_json_root(doc), "figures")->child; c;
         c = c->next) {
        const char *name = tb_json_get_string(c, "name");
        struct tb_buffer input = TB_BUFFER_INIT;
        struct tb_json_writer w;
        tb_jw_init(&w, &input);
        tb_jw_object(&w);
        tb_jw_kv_node(&w, "bot", tb_json_get(c, "bot"));
        tb_jw_kv_node(&w, "raw", tb_json_get(c, "raw"));
        tb_jw_end_object(&w);
        struct tb_json_doc *figures = call_entry(&b, tb_json_get_string(c, "plugin"),
                                                 TB_PLUGIN_STATUS, tb_buffer_text(&input));
        for (const struct tb_json *part = tb_json_get(c, "expect")->child; part;
             part = part->next) {
            char what[256];
            (void)snprintf(what, sizeof what, "%s: %s", name, part->key);
            same_json(what, tb_json_get(tb_json_root(figures), part->key), part);
        }
        check_flags(name, tb_json_get(tb_json_root(figures), "flags"), tb_json_get(c, "flags"));
        check_recording(c);
        tb_json_free(figures);
        tb_buffer_free(&input);
    }
    close_bench(&b);
    tb_json_free(doc);
}

static double number_of(const struct tb_json *node)
{
    double value = 0;
    const char *text = tb_json_string(node);
    return text ? strtod(text, NULL) : tb_json_double(node, &value) ? value : 0;
}

/* Every error that a real bot logged is told in plain words: none is passed on as it is. Returns
 * how many kinds there are. */
static size_t check_log(struct bench *b, const char *file, const struct tb_json *slice)
{
    struct tb_buffer input = TB_BUFFER_INIT;
    struct tb_json_writer w;
    tb_jw_init(&w, &input);
    tb_jw_object(&w);
    tb_jw_kv_node(&w, "lines", tb_json_get(slice, "error_logs"));
    tb_jw_end_object(&w);
    struct tb_json_doc *told = call_entry(b, "bitmart", TB_PLUGIN_LOG, tb_buffer_text(&input));
    const struct tb_json *errors = tb_json_get(tb_json_root(told), "errors");
    for (const struct tb_json *e = errors->child; e; e = e->next)
        if (!strcmp(tb_json_get_string(e, "code"), "log"))
            fail_msg("%s: nobody knows: %s", file, tb_json_get_string(e, "text"));
    size_t kinds = errors->len;
    tb_json_free(told);
    tb_buffer_free(&input);
    return kinds;
}

/* One recorded slice: upstream's own sum of realised and unrealised is the oracle, since nothing in
 * the recordings is held. Returns how many of its controllers had traded. */
static int check_slice(struct bench *b, const char *file, const struct tb_json *slice)
{
    double wanted = 0, volume = 0;
    size_t reported = 0;
    int traded = 0;
    for (const struct tb_json *c = tb_json_first(tb_json_get(slice, "performance")); c;
         c = c->next) {
        const struct tb_json *performance = tb_json_get(c, "performance");
        reported += tb_json_first(performance) != NULL;
        wanted += number_of(tb_json_get(performance, "global_pnl_quote"));
        volume += number_of(tb_json_get(performance, "volume_traded"));
        traded += number_of(tb_json_get(performance, "volume_traded")) > 0;
    }
    struct tb_buffer input = TB_BUFFER_INIT;
    struct tb_json_writer w;
    tb_buffer_printf(&input, "{\"bot\":{\"quotes\":[\"USDT\"]},\"raw\":");
    tb_jw_init(&w, &input);
    tb_jw_node(&w, slice);
    tb_buffer_printf(&input, "}");
    struct tb_json_doc *figures =
        call_entry(b, "bitmart", TB_PLUGIN_STATUS, tb_buffer_text(&input));
    const struct tb_json *rows = tb_json_get(tb_json_root(figures), "pnl");
    const struct tb_json *row = tb_json_first(rows);
    if (rows->len != (reported ? 1 : 0))
        fail_msg("%s: %zu rows", file, rows->len);
    if (row && (fabs(number_of(tb_json_get(row, "net")) - wanted) > 1e-9 ||
                fabs(number_of(tb_json_get(row, "volume")) - volume) > 1e-6))
        fail_msg("%s: net %s, upstream's own sum %.12g", file, tb_json_get_string(row, "net"),
                 wanted);
    tb_json_free(figures);
    tb_buffer_free(&input);
    return traded;
}

static void test_recordings(void **state)
{
    (void)state;
    struct bench b;
    char path[1024];
    int traded = 0;
    size_t kinds = 0;
    const char *shared = getenv("TB_SHARED");
    (void)snprintf(path, sizeof path, "%s%s/knowledge/hummingbot/recordings/http",
                   shared ? shared : source_dir(), shared ? "" : "/../shared");
    DIR *dir = opendir(path);
    if (!dir) {
        print_message("skipped: the recordings are not at hand (TB_SHARED)\n");
        skip();
    }
    open_bench(&b);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char name[512];
        if (!strstr(entry->d_name, "status"))
            continue;
        (void)snprintf(name, sizeof name, "recordings/http/%.255s", entry->d_name);
        struct tb_json_doc *doc = read_fact(name);
        const struct tb_json *data =
            doc ? tb_json_path(tb_json_root(doc), "response", "body", "data", NULL) : NULL;
        bool one = tb_json_is(tb_json_get(data, "performance"), TB_JSON_OBJECT);
        const struct tb_json *slice = one ? data : tb_json_first(data); /* or one for each bot */
        for (; slice; slice = one ? NULL : slice->next) {
            if (!tb_json_is(slice, TB_JSON_OBJECT))
                continue;
            traded += check_slice(&b, name, slice);
            if (tb_json_is(tb_json_get(slice, "error_logs"), TB_JSON_ARRAY))
                kinds += check_log(&b, name, slice);
        }
        tb_json_free(doc);
    }
    closedir(dir);
    assert_true(traded >= 20);
    assert_true(kinds >= 50);
    close_bench(&b);
}

static void test_trades(void **state)
{
    (void)state;
    struct bench b;
    struct tb_json_doc *doc = read_cases();
    open_bench(&b);
    for (const struct tb_json *c = tb_json_get(tb_json_root(doc), "trades")->child; c;
         c = c->next) {
        struct tb_buffer input = TB_BUFFER_INIT;
        tb_json_canonical(tb_json_get(c, "input"), &input);
        struct tb_json_doc *read = call_entry(&b, tb_json_get_string(c, "plugin"), TB_PLUGIN_TRADES,
                                              tb_buffer_text(&input));
        same_json(tb_json_get_string(c, "name"), tb_json_root(read), tb_json_get(c, "expect"));
        tb_json_free(read);
        tb_buffer_free(&input);
    }
    close_bench(&b);
    tb_json_free(doc);
}

static void test_logs(void **state)
{
    (void)state;
    struct bench b;
    struct tb_json_doc *doc = read_cases();
    open_bench(&b);
    for (const struct tb_json *c = tb_json_get(tb_json_root(doc), "logs")->child; c; c = c->next) {
        struct tb_buffer input = TB_BUFFER_INIT;
        struct tb_json_writer w;
        tb_jw_init(&w, &input);
        tb_jw_object(&w);
        tb_jw_key(&w, "lines");
        tb_jw_array(&w);
        tb_jw_object(&w);
        tb_jw_kv_string(&w, "level_name", "ERROR");
        tb_jw_kv_string(&w, "msg", tb_json_get_string(c, "line"));
        tb_jw_end_object(&w);
        tb_jw_end_array(&w);
        tb_jw_end_object(&w);
        struct tb_json_doc *told =
            call_entry(&b, tb_json_get_string(c, "plugin"), TB_PLUGIN_LOG, tb_buffer_text(&input));
        const struct tb_json *row = tb_json_at(tb_json_get(tb_json_root(told), "errors"), 0);
        const char *code = tb_json_get_string(row, "code");
        if (!code || strcmp(code, tb_json_get_string(c, "code")))
            fail_msg("%s is told as %s", tb_json_get_string(c, "line"), code ? code : "nothing");
        const char *message = tb_json_get_string(c, "message");
        if (message)
            assert_string_equal(tb_json_get_string(row, "message"), message);
        tb_json_free(told);
        tb_buffer_free(&input);
    }
    close_bench(&b);
    tb_json_free(doc);
}

/* Every row of a table has its test line: the values of `match =` and `line =` come in pairs. */
static void test_every_row_has_a_line(void **state)
{
    static const char *const tables[] = {"plugins/bitmart/log.lua", "plugins/jupiter/log.lua",
                                         NULL};
    (void)state;
    for (const char *const *table = tables; *table; table++) {
        char path[1024];
        size_t len, rows = 0, lines = 0;
        (void)snprintf(path, sizeof path, "%s/%s", source_dir(), *table);
        char *text = read_text(path, &len);
        assert_non_null(text);
        for (const char *at = text; (at = strstr(at, "match = \"")) != NULL; at++)
            rows++;
        for (const char *at = text; (at = strstr(at, "line = ")) != NULL; at++)
            lines++;
        assert_true(rows > 0);
        assert_int_equal(rows, lines);
        free(text);
    }
}

static struct tb_json_doc *told_of(struct bench *b, struct tb_buffer *lines)
{
    struct tb_buffer input = TB_BUFFER_INIT;
    tb_buffer_printf(&input, "{\"lines\":[%s]}", tb_buffer_text(lines));
    struct tb_json_doc *told = call_entry(b, "bitmart", TB_PLUGIN_LOG, tb_buffer_text(&input));
    tb_buffer_free(&input);
    tb_buffer_free(lines);
    return told;
}

/* A hundred lines that differ in ids are one entry, and no bot shows more than 20 kinds: those that
 * were seen last, in order of appearance. */
static void test_repeats_and_kinds(void **state)
{
    (void)state;
    struct bench b;
    struct tb_buffer lines = TB_BUFFER_INIT;
    open_bench(&b);
    for (int i = 0; i < 100; i++)
        tb_buffer_printf(&lines,
                         "%s{\"level_name\":\"%s\",\"timestamp\":%d.5,\"msg\":\"%s x-MG%d. "
                         "Retrying %d/10\"}",
                         i ? "," : "", i % 2 ? "NETWORK" : "CRITICAL", i,
                         i < 50 ? "Open order failed" : "Nobody knows", i, i % 10);
    struct tb_json_doc *told = told_of(&b, &lines);
    const struct tb_json *errors = tb_json_get(tb_json_root(told), "errors");
    assert_int_equal(errors->len, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct tb_json *row = tb_json_at(errors, i);
        int64_t count = 0, at = 0;
        assert_string_equal(tb_json_get_string(row, "code"), i ? "log" : "order_failed");
        assert_true(tb_json_int64(tb_json_get(row, "count"), &count) && count == 50);
        assert_true(tb_json_int64(tb_json_get(row, "last_at"), &at));
        assert_int_equal(at, i ? 99500 : 49500);
    }
    assert_string_equal(tb_json_get_string(tb_json_at(errors, 1), "text"),
                        "Nobody knows x-MG99. Retrying 9/10");
    tb_json_free(told);
    for (int i = 0; i < 60; i++)
        tb_buffer_printf(&lines,
                         "%s{\"level_name\":\"ERROR\",\"timestamp\":%d,\"msg\":\"kind %.*s\"}",
                         i ? "," : "", i == 3 ? 1000 : i, i + 1,
                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    told = told_of(&b, &lines);
    errors = tb_json_get(tb_json_root(told), "errors");
    assert_int_equal(errors->len, 20);
    assert_string_equal(tb_json_get_string(tb_json_at(errors, 0), "message"), "kind aaaa");
    assert_int_equal(strlen(tb_json_get_string(tb_json_at(errors, 1), "message")), 5 + 42);
    assert_int_equal(strlen(tb_json_get_string(tb_json_at(errors, 19), "message")), 5 + 60);
    tb_json_free(told);
    for (int i = 0; i < 200; i++) { /* both buffers full of long lines: within its time */
        tb_buffer_printf(&lines, "%s{\"level_name\":\"ERROR\",\"msg\":\"slow %d\\n", i ? "," : "",
                         i);
        for (int k = 0; k < 400; k++)
            tb_buffer_printf(&lines, "File %d abc", i);
        tb_buffer_printf(&lines, "\"}");
    }
    told = told_of(&b, &lines);
    assert_int_equal(tb_json_get(tb_json_root(told), "errors")->len, 1);
    tb_json_free(told);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_figures),
                                       cmocka_unit_test(test_recordings),
                                       cmocka_unit_test(test_trades),
                                       cmocka_unit_test(test_logs),
                                       cmocka_unit_test(test_every_row_has_a_line),
                                       cmocka_unit_test(test_repeats_and_kinds)};
    return cmocka_run_group_tests(tests, load_world, free_world);
}
