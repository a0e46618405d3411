/* `trading-bridge plugin test`: the plugins' own tests in the sandbox, as lines and as JUnit XML.
 * Main thread. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "commands/plugin_private.h"

enum { PLUGINS_MAX = 256, CALL_MS = 60000 };

struct test_options {
    const char *only, *junit;
    bool watch, bless;
};

struct test_run {
    const struct test_options *options;
    struct plugin_bench *bench;
    struct tb_buffer cases; /* JUnit's <testcase> elements */
    size_t tests, failed;
    bool broken; /* something could not be run at all */
};

static void put_attribute(struct tb_buffer *out, const char *name, const char *value)
{
    tb_buffer_printf(out, " %s=\"", name);
    for (const char *c = value; *c; c++) {
        if (*c == '&' || *c == '<' || *c == '>' || *c == '"')
            tb_buffer_printf(out, "&#%d;", *c);
        else
            tb_buffer_putc(out, (unsigned char)*c < ' ' ? ' ' : *c);
    }
    tb_buffer_putc(out, '"');
}

static void put_case(struct test_run *run, const char *file, const char *name, const char *why)
{
    struct tb_buffer line = TB_BUFFER_INIT;
    tb_buffer_printf(&line, "%s  %s  ", why ? "fail" : "ok  ", file);
    tb_escape_control(&line, name);
    if (why) {
        tb_buffer_puts(&line, "\n      ");
        tb_escape_control(&line, why);
    }
    puts(tb_buffer_text(&line));
    tb_buffer_free(&line);
    tb_buffer_puts(&run->cases, "  <testcase");
    put_attribute(&run->cases, "classname", file);
    put_attribute(&run->cases, "name", name);
    if (why) {
        tb_buffer_puts(&run->cases, "><failure");
        put_attribute(&run->cases, "message", why);
        tb_buffer_puts(&run->cases, "/></testcase>\n");
    } else {
        tb_buffer_puts(&run->cases, "/>\n");
    }
    run->tests++;
    run->failed += why != NULL;
}

/* A golden value that a person blesses is no failure. */
static void put_row(struct test_run *run, const struct tb_json *row)
{
    const char *file = tb_json_get_string(row, "file"), *name = tb_json_get_string(row, "name");
    const char *message = tb_json_get_string(row, "message");
    bool ok = tb_json_true(tb_json_get(row, "ok")) ||
              (run->options->bless && tb_json_true(tb_json_get(row, "golden")));
    put_case(run, file ? file : "?", name ? name : "?",
             ok        ? NULL
             : message ? message
                       : "it failed");
}

static void bless(struct test_run *run, const char *plugin, const struct tb_json *golden)
{
    struct tb_error err = {0};
    size_t written = 0;
    if (!tb_plugins_bless(run->bench->host, plugin, golden, &written, &err)) {
        fprintf(stderr, "%s: %s\n", plugin, err.detail);
        run->broken = true;
    } else if (written) {
        printf("      %zu golden files of %s were written; look at their changes before you keep "
               "them\n",
               written, plugin);
    }
}

static void run_plugin(struct test_run *run, const char *plugin)
{
    struct tb_plugin_call call = {.plugin = plugin,
                                  .mono_deadline_ms = tb_plugins_deadline(CALL_MS)};
    struct tb_plugin_fault fault = {0};
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_error err = {0};
    struct tb_json_doc *doc = NULL;
    if (tb_plugins_test(run->bench->host, &call, &out, &fault, &err))
        doc = tb_json_parse(tb_buffer_text(&out), out.len, TB_JSON_UPSTREAM, &err);
    if (!doc) {
        bench_tell(plugin, &fault, &err);
        run->broken = true;
    }
    const struct tb_json *rows = doc ? tb_json_get(tb_json_root(doc), "tests") : NULL;
    if (doc && !tb_json_first(rows))
        printf("none  %s has no tests/*.lua\n", plugin);
    for (const struct tb_json *row = tb_json_first(rows); row; row = row->next)
        put_row(run, row);
    if (doc && run->options->bless)
        bless(run, plugin, tb_json_get(tb_json_root(doc), "golden"));
    tb_json_free(doc);
    tb_buffer_free(&out);
}

static void run_failed_loads(struct test_run *run)
{
    struct plugin_report report = {0};
    struct tb_error err = {0};
    if (!plugin_report(run->bench->dir, run->options->only, &report, &err))
        fprintf(stderr, "plugin: %s\n", err.detail);
    if (report.bad || err.code != TB_OK) {
        fputs(tb_buffer_text(&report.text), stderr);
        run->broken = true;
    }
    tb_buffer_free(&report.text);
}

static bool write_junit(const struct test_run *run)
{
    FILE *file = fopen(run->options->junit, "wbe");
    bool ok = file != NULL;
    if (file) {
        fprintf(file,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                "<testsuite name=\"plugins\" tests=\"%zu\" failures=\"%zu\">\n%s</testsuite>\n",
                run->tests, run->failed, tb_buffer_text(&run->cases));
        ok = fclose(file) == 0;
    }
    if (!ok)
        fprintf(stderr, "plugin: %s cannot be written\n", run->options->junit);
    return ok;
}

static int run_once(struct plugin_bench *bench, const struct test_options *options)
{
    char names[PLUGINS_MAX][64];
    struct test_run run = {.options = options, .bench = bench};
    int64_t began = tb_mono_ms();
    size_t n = tb_plugins_names(bench->host, names, PLUGINS_MAX), met = 0;
    run_failed_loads(&run);
    for (size_t i = 0; i < n; i++) {
        if (options->only && strcmp(options->only, names[i]) != 0)
            continue;
        met++;
        run_plugin(&run, names[i]);
    }
    if (!met && !run.broken)
        run.broken = !bench_has(bench, options->only ? options->only : "(any)");
    printf("%zu tests, %zu failed, %lld ms\n", run.tests, run.failed,
           (long long)(tb_mono_ms() - began));
    if (options->junit && !write_junit(&run))
        run.broken = true;
    tb_buffer_free(&run.cases);
    return run.failed || run.broken ? 1 : 0;
}

int plugin_test(int argc, char **argv)
{
    struct test_options options = {0};
    struct plugin_bench bench;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--watch") == 0)
            options.watch = true;
        else if (strcmp(argv[i], "--bless") == 0)
            options.bless = true;
        else if (strcmp(argv[i], "--junit") == 0 && i + 1 < argc)
            options.junit = argv[++i];
        else if (argv[i][0] != '-' && !options.only)
            options.only = argv[i];
        else
            return 2;
    }
    int status = 1;
    if (bench_open(&bench, options.watch ? BENCH_WATCH : 0)) {
        do {
            uint64_t generation = tb_plugins_generation(bench.host);
            status = run_once(&bench, &options);
            if (options.watch)
                bench_wait(&bench, generation, NULL);
        } while (options.watch);
    }
    bench_close(&bench);
    return status;
}
