/* A plugin host for the tools, and how they tell a failure. Main thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "commands/plugin_private.h"

enum { CALL_MS = 60000, LOOK_MS = 50, FILE_MAX = 8 << 20 };

bool bench_open(struct plugin_bench *b, unsigned flags)
{
    struct tb_error err = {0};
    memset(b, 0, sizeof *b);
    if (!command_settings(&b->settings))
        return false;
    b->dir = place_plugins(&b->settings);
    if (flags & BENCH_UPSTREAM) {
        struct tb_hb_config config = place_hummingbot(&b->settings);
        b->hb = tb_hb_open(&config, &err);
    }
    if (b->hb || !(flags & BENCH_UPSTREAM))
        b->host = tb_plugins_open(&(struct tb_plugins_config){.dir = b->dir,
                                                              .sdk = tb_sdk_files,
                                                              .arenas = 1,
                                                              .hb = b->hb,
                                                              .watch = flags & BENCH_WATCH,
                                                              .prompt = flags & BENCH_PROMPT,
                                                              .ungated = true},
                                  &err);
    if (!b->host)
        fprintf(stderr, "plugin: %s\n", err.detail);
    return b->host != NULL;
}

void bench_close(struct plugin_bench *b)
{
    tb_plugins_close(b->host);
    tb_hb_close(b->hb);
    settings_free(&b->settings);
}

static void print_clean(const char *text)
{
    struct tb_buffer clean = TB_BUFFER_INIT;
    tb_escape_control(&clean, text);
    fputs(tb_buffer_text(&clean), stderr);
    tb_buffer_free(&clean);
}

/* Each line of an excerpt by itself: an escaped newline would make one line of it. */
static void print_excerpt(const char *excerpt)
{
    struct tb_buffer copy = TB_BUFFER_INIT;
    tb_buffer_puts(&copy, excerpt);
    char *rest = copy.data;
    for (char *line = rest ? strsep(&rest, "\n") : NULL; line; line = strsep(&rest, "\n")) {
        fputs("  ", stderr);
        print_clean(line);
        fputc('\n', stderr);
    }
    tb_buffer_free(&copy);
}

void bench_tell(const char *what, const struct tb_plugin_fault *fault, const struct tb_error *err)
{
    fprintf(stderr, "%s: ", what);
    print_clean(err->detail);
    fputc('\n', stderr);
    if (fault->excerpt[0])
        print_excerpt(fault->excerpt);
}

bool bench_has(struct plugin_bench *b, const char *plugin)
{
    char hash[9];
    struct plugin_report report = {0};
    struct tb_error err = {0};
    tb_plugins_hash(b->host, plugin, hash);
    if (hash[0])
        return true;
    if (!plugin_report(b->dir, plugin, &report, &err))
        fprintf(stderr, "plugin: %s\n", err.detail);
    else if (report.good + report.bad == 0)
        fprintf(stderr, "plugin: there is no plugin %s in %s\n", plugin, b->dir);
    fputs(tb_buffer_text(&report.text), stderr);
    tb_buffer_free(&report.text);
    return false;
}

struct tb_json_doc *bench_call(struct plugin_bench *b, const char *plugin,
                               enum tb_plugin_entry entry, const struct tb_buffer *input)
{
    struct tb_plugin_call call = {.plugin = plugin,
                                  .entry = entry,
                                  .input = tb_buffer_text(input),
                                  .input_len = input->len,
                                  .mono_deadline_ms = tb_plugins_deadline(CALL_MS)};
    struct tb_plugin_fault fault = {0};
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_error err = {0};
    struct tb_json_doc *doc = NULL;
    if (tb_plugins_call(b->host, &call, &out, &fault, &err))
        doc = tb_json_parse(tb_buffer_text(&out), out.len, TB_JSON_UPSTREAM, &err);
    if (!doc)
        bench_tell(plugin, &fault, &err);
    tb_buffer_free(&out);
    return doc;
}

static bool is_newer(const char *file, const struct stat *than)
{
    struct stat now = {0};
    return file && stat(file, &now) == 0 &&
           (now.st_mtim.tv_sec != than->st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != than->st_mtim.tv_nsec || now.st_size != than->st_size);
}

void bench_wait(struct plugin_bench *b, uint64_t generation, const char *file)
{
    struct stat before = {0};
    if (file && stat(file, &before) != 0)
        memset(&before, 0, sizeof before);
    fflush(stdout);
    while (tb_plugins_generation(b->host) == generation && !is_newer(file, &before))
        tb_sleep_ms(LOOK_MS);
}

char *bench_read(const char *path, size_t *len_out)
{
    bool own = strcmp(path, "-") != 0;
    FILE *file = own ? fopen(path, "rbe") : stdin;
    if (!file) {
        fprintf(stderr, "plugin: %s cannot be read: %s\n", path, strerror(errno));
        return NULL;
    }
    char *text = tb_xmalloc(FILE_MAX + 1);
    size_t len = fread(text, 1, FILE_MAX + 1, file);
    if (own)
        fclose(file);
    if (len > FILE_MAX) {
        fprintf(stderr, "plugin: %s is over 8 MiB\n", path);
        free(text);
        return NULL;
    }
    text[len] = '\0';
    *len_out = len;
    return text;
}
