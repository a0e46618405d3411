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
        if (tb_json_is(tb_json_get(data, "performance"), TB_JSON_OBJECT))
            traded += check_slice(&b, name, data);
        else if (tb_json_is(data, TB_JSON_OBJECT)) /* the status of all bots: a slice for each */
            for (const struct tb_json *slice = data->child; slice; slice = slice->next)
                if (tb_json_is(slice, TB_JSON_OBJECT))
                    traded += check_slice(&b, name, slice);
        tb_json_free(doc);
    }
    closedir(dir);
    assert_true(traded >= 20);
    close_bench(&b);
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
        tb_json_free(told);
        tb_buffer_free(&input);
    }
    close_bench(&b);
    tb_json_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_figures),
                                       cmocka_unit_test(test_recordings),
                                       cmocka_unit_test(test_logs)};
    return cmocka_run_group_tests(tests, load_world, free_world);
}
