/* `trading-bridge plugin repl`: a prompt in a plugin's sandbox (plugins/sdk/repl.lua). Every line
 * runs in a fresh state after those before it, so that a saved file is in force at the next line.
 * Main thread. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "commands/plugin_private.h"

struct prompt {
    struct plugin_bench bench;
    const char *plugin;
    bool live, talks;       /* talks: a person sits there */
    struct tb_buffer lines; /* the good ones, as elements of a JSON array */
    struct tb_buffer line;  /* what is being typed, perhaps over several lines */
};

static void write_input(const struct prompt *p, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_key(&w, "lines");
    tb_jw_array(&w);
    if (p->lines.len)
        tb_jw_raw(&w, p->lines.data, p->lines.len);
    tb_jw_string(&w, tb_buffer_text(&p->line));
    tb_jw_end_array(&w);
    tb_jw_kv_bool(&w, "live", p->live);
    tb_jw_key(&w, "ctx");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "account", "master_account");
    tb_jw_kv_time(&w, "now", tb_wall_ms());
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
}

static void keep_line(struct prompt *p)
{
    struct tb_json_writer w;
    if (p->lines.len)
        tb_buffer_putc(&p->lines, ',');
    tb_jw_init(&w, &p->lines);
    tb_jw_string(&w, tb_buffer_text(&p->line));
}

static void print_text(FILE *out, const char *text)
{
    struct tb_buffer clean = TB_BUFFER_INIT;
    tb_escape_control(&clean, text);
    fprintf(out, "%s\n", tb_buffer_text(&clean));
    tb_buffer_free(&clean);
}

/* True when the line is done, good or bad; false when more of it is wanted. */
static bool run_line(struct prompt *p)
{
    struct tb_buffer input = TB_BUFFER_INIT;
    write_input(p, &input);
    struct tb_json_doc *answer = bench_call(&p->bench, p->plugin, TB_PLUGIN_REPL, &input);
    tb_buffer_free(&input);
    if (!answer)
        return true;
    const struct tb_json *root = tb_json_root(answer);
    const char *text = tb_json_get_string(root, "text"), *why = tb_json_get_string(root, "error");
    bool unfinished = tb_json_true(tb_json_get(root, "unfinished"));
    if (!why)
        keep_line(p);
    if (why && !unfinished)
        print_text(stderr, why);
    else if (text && *text)
        print_text(stdout, text);
    tb_json_free(answer);
    return !unfinished;
}

static void talk(struct prompt *p)
{
    char *typed = NULL;
    size_t room = 0;
    for (;;) {
        if (p->talks)
            fputs(p->line.len ? ">> " : "> ", stdout);
        fflush(stdout);
        ssize_t len = getline(&typed, &room, stdin);
        if (len < 0)
            break;
        tb_buffer_append(&p->line, typed, (size_t)len);
        if (strspn(tb_buffer_text(&p->line), " \t\r\n") == p->line.len || run_line(p))
            tb_buffer_clear(&p->line);
    }
    free(typed);
}

int plugin_repl(int argc, char **argv)
{
    struct prompt p = {.talks = isatty(STDIN_FILENO) == 1};
    p.live = argc == 3 && strcmp(argv[2], "--live") == 0;
    if (argc != 2 && !p.live)
        return 2;
    p.plugin = argv[1];
    bool good = bench_open(&p.bench, BENCH_WATCH | BENCH_PROMPT | (p.live ? BENCH_UPSTREAM : 0)) &&
                bench_has(&p.bench, p.plugin);
    if (good && p.talks)
        printf("plugin, plan(strategy, params), market, hb, decimal, json and form are known; the "
               "market is %s. Ctrl-D ends.\n",
               p.live ? "that of the Hummingbot API" : "that of the tests");
    if (good)
        talk(&p);
    tb_buffer_free(&p.lines);
    tb_buffer_free(&p.line);
    bench_close(&p.bench);
    return good ? 0 : 1;
}
