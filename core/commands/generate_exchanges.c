/* `trading-bridge generate DIR`, the pages of the exchanges: docs/exchanges/<name>.md for every
 * plugin below DIR/plugins, made by the SDK (plugins/sdk/docs.lua). Main thread. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/embed.h"
#include "commands/generate_private.h"
#include "plugins/host.h"

enum { PLUGINS_MAX = 64, PAGE_MS = 30000 };

static void write_text(FILE *out, const void *arg)
{
    fputs(arg, out);
}

static bool write_page(struct tb_plugins *host, const char *dir, const char *name)
{
    struct tb_buffer answer = TB_BUFFER_INIT, path = TB_BUFFER_INIT;
    struct tb_plugin_fault fault;
    struct tb_error err = {0};
    struct tb_json_doc *doc = NULL;
    const struct tb_plugin_call call = {.plugin = name,
                                        .entry = TB_PLUGIN_DOCS,
                                        .input = "{}",
                                        .input_len = 2,
                                        .mono_deadline_ms = tb_plugins_deadline(PAGE_MS)};
    if (tb_plugins_call(host, &call, &answer, &fault, &err))
        doc = tb_json_parse(tb_buffer_text(&answer), answer.len, TB_JSON_UPSTREAM, &err);
    const char *text = doc ? tb_json_get_string(tb_json_root(doc), "text") : NULL;
    tb_buffer_printf(&path, "docs/exchanges/%s.md", name);
    bool ok = text && generate_file(dir, tb_buffer_text(&path), write_text, text);
    if (!text)
        fprintf(stderr, "generate: %s: %s\n", name, err.detail);
    tb_json_free(doc);
    tb_buffer_free(&answer);
    tb_buffer_free(&path);
    return ok;
}

bool generate_exchanges(const char *dir)
{
    struct tb_buffer folder = TB_BUFFER_INIT;
    struct tb_error err = {0};
    char names[PLUGINS_MAX][64];
    tb_buffer_printf(&folder, "%s/plugins", dir);
    struct tb_plugins *host = tb_plugins_open(
        &(struct tb_plugins_config){
            .dir = tb_buffer_text(&folder), .sdk = tb_sdk_files, .arenas = 1},
        &err);
    bool ok = host != NULL;
    size_t n = host ? tb_plugins_names(host, names, PLUGINS_MAX) : 0;
    if (!host)
        fprintf(stderr, "generate: %s\n", err.detail);
    for (size_t i = 0; i < n; i++)
        ok = write_page(host, dir, names[i]) && ok;
    if (host)
        tb_plugins_close(host);
    tb_buffer_free(&folder);
    return ok;
}
