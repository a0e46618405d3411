/* A plugin's own tests: its tests/ folder's Lua files run in the sandbox against a market of their
 * own (plugins/sdk/test.lua), beside the golden files of tests/golden, which are read and, when a
 * person blesses them, written here. Any thread. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "plugins/plugins_private.h"

#define FILE_WORD "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

enum { GOLDEN_MAX = 1 << 20, GOLDEN_FILES_MAX = 1000 };

static char *golden_folder(const struct tb_plugins *host, const char *plugin)
{
    struct tb_buffer path = TB_BUFFER_INIT;
    tb_buffer_printf(&path, "%s/%s/tests/golden", host->dir, plugin);
    return tb_buffer_steal(&path, NULL);
}

static bool put_golden(struct tb_json_writer *w, const char *path, const char *name,
                       struct tb_error *err)
{
    struct tb_error why = {0};
    FILE *file = fopen(path, "rbe");
    if (!file)
        return tb_fail(err, TB_PLUGIN_FAILED, "%s cannot be read: %s", path, strerror(errno));
    char *text = tb_xmalloc(GOLDEN_MAX + 1);
    size_t len = fread(text, 1, GOLDEN_MAX + 1, file);
    fclose(file);
    struct tb_json_doc *doc =
        len > GOLDEN_MAX ? NULL : tb_json_parse(text, len, TB_JSON_CLIENT, &why);
    free(text);
    if (!doc)
        return tb_fail(err, TB_PLUGIN_FAILED, "%s is no golden file: %s", path,
                       len > GOLDEN_MAX ? "it is over 1 MiB" : why.detail);
    tb_jw_kv_node(w, name, tb_json_root(doc));
    tb_json_free(doc);
    return true;
}

/* The members of "golden": what each file holds, by its name without ".json". */
static bool put_all_golden(struct tb_json_writer *w, const char *folder, struct tb_error *err)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        char *name = entries[i]->d_name, *end = strrchr(name, '.');
        if (ok && name[0] != '.' && end && strcmp(end, ".json") == 0 && i < GOLDEN_FILES_MAX) {
            struct tb_buffer path = TB_BUFFER_INIT;
            tb_buffer_printf(&path, "%s/%s", folder, name);
            *end = '\0';
            ok = put_golden(w, tb_buffer_text(&path), name, err);
            tb_buffer_free(&path);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return ok;
}

bool tb_plugins_test(struct tb_plugins *host, const struct tb_plugin_call *call,
                     struct tb_buffer *out, struct tb_plugin_fault *fault, struct tb_error *err)
{
    struct tb_buffer input = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_plugin_call filled = *call;
    char *folder = golden_folder(host, call->plugin);
    memset(fault, 0, sizeof *fault);
    tb_jw_init(&w, &input);
    tb_jw_object(&w);
    tb_jw_key(&w, "golden");
    tb_jw_object(&w);
    bool ok = put_all_golden(&w, folder, err);
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
    filled.entry = TB_PLUGIN_TEST;
    filled.input = tb_buffer_text(&input);
    filled.input_len = input.len;
    ok = ok && tb_plugins_call(host, &filled, out, fault, err);
    tb_buffer_free(&input);
    free(folder);
    return ok;
}

/* ---- blessing ---- */

/* Written beside and moved into place, so that no reader sees half of it. */
static bool write_file(const char *path, const struct tb_buffer *text, struct tb_error *err)
{
    struct tb_buffer beside = TB_BUFFER_INIT;
    tb_buffer_printf(&beside, "%s.new", path);
    FILE *file = fopen(beside.data, "wbe");
    bool ok = file && fwrite(text->data, 1, text->len, file) == text->len;
    ok = (!file || fclose(file) == 0) && ok && rename(beside.data, path) == 0;
    if (!ok)
        (void)tb_fail(err, TB_PLUGIN_FAILED, "%s cannot be written: %s", path, strerror(errno));
    tb_buffer_free(&beside);
    return ok;
}

bool tb_plugins_bless(struct tb_plugins *host, const char *plugin, const struct tb_json *golden,
                      size_t *written_out, struct tb_error *err)
{
    char *folder = golden_folder(host, plugin);
    bool ok = mkdir(folder, 0777) == 0 || errno == EEXIST ||
              tb_fail(err, TB_PLUGIN_FAILED, "%s cannot be made: %s", folder, strerror(errno));
    *written_out = 0;
    for (const struct tb_json *g = tb_json_first(golden); g && ok; g = g->next) {
        struct tb_buffer path = TB_BUFFER_INIT, text = TB_BUFFER_INIT;
        if (strspn(g->key, FILE_WORD) != g->key_len)
            continue; /* the SDK lets no other name through */
        tb_buffer_printf(&path, "%s/%s.json", folder, g->key);
        tb_json_pretty(g, &text);
        ok = write_file(path.data, &text, err);
        *written_out += ok;
        tb_buffer_free(&path);
        tb_buffer_free(&text);
    }
    free(folder);
    return ok;
}
