/* `trading-bridge plugin plan`: what a form becomes, as "path = value" lines, and what changed in
 * them at each save; and `plugin run`: one hook with one document. Main thread. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "commands/plugin_private.h"

#define IMAGE   "hummingbot/hummingbot:version-2.16.0"
#define VERSION "2.16.0"

struct plan_options {
    const char *plugin, *strategy, *form;
    bool live, watch, json;
};

/* The input of the plan entry. The form file holds params, or a whole request with `params`. */
static void write_input(const struct plan_options *o, const struct tb_json *form,
                        struct tb_buffer *out)
{
    struct tb_json_writer w;
    const struct tb_json *params = tb_json_get(form, "params");
    bool request = tb_json_is(params, TB_JSON_OBJECT);
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    if (!o->live) {
        tb_jw_key(&w, "plan");
        tb_jw_object(&w);
    }
    tb_jw_kv_string(&w, "strategy", o->strategy);
    tb_jw_kv_node(&w, "params", request ? params : form);
    if (request)
        tb_jw_kv_node(&w, "risk", tb_json_get(form, "risk"));
    tb_jw_key(&w, "ctx");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "bot", "plan");
    tb_jw_kv_string(&w, "account", "master_account");
    tb_jw_kv_string(&w, "image", IMAGE);
    tb_jw_kv_string(&w, "hummingbot", VERSION);
    tb_jw_kv_string(&w, "server", "default");
    if (o->live) /* else the tests' own time: the same form gives the same lines */
        tb_jw_kv_time(&w, "now", tb_wall_ms());
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
    if (!o->live)
        tb_jw_end_object(&w);
}

/* A problem is one line: what is at fault is its path, so that a mended one is a line that goes. */
static void add_problems(struct plugin_lines *lines, const char *kind, const struct tb_json *rows)
{
    for (const struct tb_json *row = tb_json_first(rows); row; row = row->next) {
        struct tb_buffer path = TB_BUFFER_INIT, value = TB_BUFFER_INIT;
        const char *pointer = tb_json_get_string(row, "pointer");
        const char *code = tb_json_get_string(row, "code"),
                   *message = tb_json_get_string(row, "message"),
                   *hint = tb_json_get_string(row, "hint");
        tb_buffer_printf(&path, "%s %s %s", kind, pointer ? pointer : "", code ? code : "");
        tb_buffer_printf(&value, "%s%s%s%s", message ? message : "", hint ? " (" : "",
                         hint ? hint : "", hint ? ")" : "");
        lines_add(lines, tb_buffer_text(&path), tb_buffer_text(&value));
        tb_buffer_free(&path);
        tb_buffer_free(&value);
    }
}

static void make_lines(const struct tb_json *plan, struct plugin_lines *lines)
{
    static const char *const problems[][2] = {
        {"errors", "error"}, {"warnings", "warning"}, {"checks", "check"}};
    for (const struct tb_json *part = tb_json_first(plan); part; part = part->next) {
        size_t i = 0;
        while (i < 3 && strcmp(problems[i][0], part->key) != 0)
            i++;
        if (i < 3)
            add_problems(lines, problems[i][1], part);
        else
            lines_add_json(lines, part->key, part);
    }
}

/* The plan of this moment; NULL when there is none, which was told. */
static struct tb_json_doc *make_plan(struct plugin_bench *bench, const struct plan_options *o)
{
    struct tb_error err = {0};
    struct tb_buffer input = TB_BUFFER_INIT;
    struct tb_json_doc *form = NULL, *answer = NULL;
    size_t len = 2;
    char *text = o->form ? bench_read(o->form, &len) : tb_xstrdup("{}");
    if (text)
        form = tb_json_parse(text, len, TB_JSON_CLIENT, &err);
    if (text && !form)
        fprintf(stderr, "%s: %s\n", o->form, err.detail);
    if (form && bench_has(bench, o->plugin)) {
        write_input(o, tb_json_root(form), &input);
        answer = bench_call(bench, o->plugin, o->live ? TB_PLUGIN_PLAN : TB_PLUGIN_TEST, &input);
    }
    tb_buffer_free(&input);
    tb_json_free(form);
    free(text);
    return answer;
}

static bool show(const struct plan_options *o, const struct tb_json_doc *answer,
                 struct plugin_lines *before)
{
    const struct tb_json *root = tb_json_root(answer);
    const struct tb_json *plan = o->live ? root : tb_json_get(root, "plan");
    if (o->json) {
        struct tb_buffer text = TB_BUFFER_INIT;
        tb_json_pretty(plan, &text);
        fputs(tb_buffer_text(&text), stdout);
        tb_buffer_free(&text);
    } else {
        struct plugin_lines now = {0};
        make_lines(plan, &now);
        if (before->count == 0)
            lines_print(stdout, &now);
        else
            printf("%zu lines changed\n", lines_print_changes(stdout, before, &now));
        lines_free(before);
        *before = now;
    }
    return tb_json_true(tb_json_get(plan, "ok"));
}

static bool read_options(int argc, char **argv, struct plan_options *o)
{
    const char **places[] = {&o->plugin, &o->strategy, &o->form};
    size_t place = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--live") == 0)
            o->live = true;
        else if (strcmp(argv[i], "--watch") == 0)
            o->watch = true;
        else if (strcmp(argv[i], "--json") == 0)
            o->json = true;
        else if (argv[i][0] == '-' && argv[i][1])
            return false;
        else if (place < 3)
            *places[place++] = argv[i];
        else
            return false;
    }
    return place >= 2 && !(o->watch && o->form && strcmp(o->form, "-") == 0);
}

int plugin_plan(int argc, char **argv)
{
    struct plan_options o = {0};
    struct plugin_bench bench;
    struct plugin_lines before = {0};
    int status = 1;
    if (!read_options(argc, argv, &o))
        return 2;
    if (bench_open(&bench, (o.watch ? BENCH_WATCH : 0) | (o.live ? BENCH_UPSTREAM : 0))) {
        do {
            uint64_t generation = tb_plugins_generation(bench.host);
            struct tb_json_doc *answer = make_plan(&bench, &o);
            status = answer && show(&o, answer, &before) ? 0 : 1;
            tb_json_free(answer);
            if (o.watch)
                bench_wait(&bench, generation, o.form);
        } while (o.watch);
    }
    lines_free(&before);
    bench_close(&bench);
    return status;
}

/* ---- run ---- */

static const struct {
    const char *word;
    enum tb_plugin_entry entry;
} HOOKS[] = {
    {"describe", TB_PLUGIN_DESCRIBE},   {"schema", TB_PLUGIN_SCHEMA},
    {"translate", TB_PLUGIN_TRANSLATE}, {"plan", TB_PLUGIN_PLAN},
    {"status", TB_PLUGIN_STATUS},       {"log", TB_PLUGIN_LOG},
    {"trades", TB_PLUGIN_TRADES},       {"effects", TB_PLUGIN_EFFECTS},
    {"recognise", TB_PLUGIN_RECOGNISE},
};

#define HOOK_COUNT (sizeof HOOKS / sizeof HOOKS[0])

static bool find_hook(const char *word, enum tb_plugin_entry *out)
{
    const char *words[HOOK_COUNT + 1] = {0};
    for (size_t i = 0; i < HOOK_COUNT; i++) {
        words[i] = HOOKS[i].word;
        if (strcmp(HOOKS[i].word, word) == 0) {
            *out = HOOKS[i].entry;
            return true;
        }
    }
    const char *near = tb_nearest(word, words);
    fprintf(stderr, "plugin: there is no hook %s; hooks:", word);
    for (size_t i = 0; i < HOOK_COUNT; i++)
        fprintf(stderr, " %s", HOOKS[i].word);
    fprintf(stderr, "%s%s%s\n", near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return false;
}

int plugin_run(int argc, char **argv)
{
    bool live = argc == 4 && strcmp(argv[3], "--live") == 0;
    enum tb_plugin_entry entry = TB_PLUGIN_DESCRIBE;
    struct plugin_bench bench;
    struct tb_buffer input = TB_BUFFER_INIT, out = TB_BUFFER_INIT;
    struct tb_json_doc *answer = NULL;
    if (argc != 3 && !live)
        return 2;
    if (!find_hook(argv[2], &entry))
        return 1;
    char *text = bench_read("-", &input.len);
    input.data = text;
    if (bench_open(&bench, live ? BENCH_UPSTREAM : 0) && text && bench_has(&bench, argv[1]))
        answer = bench_call(&bench, argv[1], entry, &input);
    if (answer) {
        tb_json_pretty(tb_json_root(answer), &out);
        fputs(tb_buffer_text(&out), stdout);
    }
    bool good = answer != NULL;
    tb_json_free(answer);
    tb_buffer_free(&out);
    free(text);
    bench_close(&bench);
    return good ? 0 : 1;
}
