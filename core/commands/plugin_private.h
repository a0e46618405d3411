/* What the tools for plugin authors share: a host over the plugin folder as the bridge would open
 * it, a call whose failure is told as a person wants it, JSON as lines. Not for other rooms. */
#ifndef TB_COMMANDS_PLUGIN_PRIVATE_H
#define TB_COMMANDS_PLUGIN_PRIVATE_H

#include <stdio.h>

#include "base/json.h"
#include "commands/commands_private.h"
#include "commands/plugin.h"
#include "plugins/host.h"

/* ---- plugin_bench.c ---- */
struct plugin_bench {
    struct settings settings;
    const char *dir;
    struct tb_hb *hb; /* NULL: there is no upstream */
    struct tb_plugins *host;
};
enum { BENCH_WATCH = 1, BENCH_UPSTREAM = 2, BENCH_PROMPT = 4 };
/* Tells on stderr what is wrong. bench_close in either case. */
TB_MUST_CHECK
bool bench_open(struct plugin_bench *bench, unsigned flags);
void bench_close(struct plugin_bench *bench);
/* Says on stderr why this plugin is not there, and true when it is. */
bool bench_has(struct plugin_bench *bench, const char *plugin);
/* A call's failure on stderr: file:line, what, excerpt. */
void bench_tell(const char *what, const struct tb_plugin_fault *fault, const struct tb_error *err);
/* One call with a minute's deadline; its failure is told. The answer is the caller's to free. */
TB_MUST_CHECK
struct tb_json_doc *bench_call(struct plugin_bench *bench, const char *plugin,
                               enum tb_plugin_entry entry, const struct tb_buffer *input);
/* Waits until the folder differs from what `generation` was or `file` (may be NULL) is newer than
 * it was; for ever otherwise. */
void bench_wait(struct plugin_bench *bench, uint64_t generation, const char *file);
/* A whole text file, "-" for standard input; malloc'd, NULL told on stderr. */
char *bench_read(const char *path, size_t *len_out);

/* ---- plugin_lines.c: "path = value" lines, to print and to compare ---- */
struct plugin_lines {
    struct plugin_line {
        char *path, *value;
    } * line;
    size_t count, room;
};
void lines_free(struct plugin_lines *lines);
void lines_add(struct plugin_lines *lines, const char *path, const char *value);
/* Every leaf below node, its path beginning with `path`. */
void lines_add_json(struct plugin_lines *lines, const char *path, const struct tb_json *node);
void lines_print(FILE *out, const struct plugin_lines *lines);
/* Only what differs: "+" new, "-" gone, "~" another value. Returns how many. */
size_t lines_print_changes(FILE *out, const struct plugin_lines *before,
                           const struct plugin_lines *now);

/* ---- the tools: argv[0] is the tool's word; exit status ---- */
int plugin_new(int argc, char **argv);
int plugin_check(int argc, char **argv);
int plugin_test(int argc, char **argv);
int plugin_plan(int argc, char **argv);
int plugin_diff_bots(int argc, char **argv);
int plugin_run(int argc, char **argv);
int plugin_repl(int argc, char **argv);
int plugin_fixture(int argc, char **argv);
int plugin_jail(int argc, char **argv);

#endif
