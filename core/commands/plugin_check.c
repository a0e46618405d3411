/* `trading-bridge plugin check [NAME]`: loads the plugin folder as the bridge would and prints what
 * is wrong, with file and line. Sends nothing anywhere. Main thread. */
#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "commands/plugin_private.h"

static void print_one(const struct tb_json *plugin, struct plugin_report *report)
{
    const char *name = tb_json_get_string(plugin, "name");
    const struct tb_json *error = tb_json_get(plugin, "error");
    const char *version = tb_json_get_string(plugin, "version");
    if (!tb_json_is(error, TB_JSON_OBJECT)) {
        report->good++;
        tb_buffer_printf(&report->text, "ok    %s %s\n", name ? name : "?", version ? version : "");
        return;
    }
    const char *message = tb_json_get_string(error, "message");
    const char *file = tb_json_get_string(error, "file");
    const char *excerpt = tb_json_get_string(error, "excerpt");
    int64_t line = 0;
    bool placed = file && *file && tb_json_int64(tb_json_get(error, "line"), &line) && line > 0;
    report->bad++;
    tb_buffer_printf(&report->text, "fail  %s", name ? name : "?");
    if (placed)
        tb_buffer_printf(&report->text, "  %s:%lld", file, (long long)line);
    tb_buffer_printf(&report->text, "  %s\n", message ? message : "it does not load");
    if (excerpt && *excerpt)
        tb_buffer_printf(&report->text, "%s\n", excerpt);
}

bool plugin_report(const char *dir, const char *only, struct plugin_report *report,
                   struct tb_error *err)
{
    struct tb_buffer list = TB_BUFFER_INIT;
    struct tb_plugins *host = tb_plugins_open(
        &(struct tb_plugins_config){.dir = dir, .sdk = tb_sdk_files, .arenas = 1}, err);
    if (!host)
        return false;
    tb_plugins_list(host, &list);
    struct tb_json_doc *doc = tb_json_parse(tb_buffer_text(&list), list.len, TB_JSON_UPSTREAM, err);
    const struct tb_json *all = doc ? tb_json_get(tb_json_root(doc), "plugins") : NULL;
    for (const struct tb_json *p = all ? all->child : NULL; p; p = p->next) {
        const char *name = tb_json_get_string(p, "name");
        if (!only || (name && strcmp(name, only) == 0))
            print_one(p, report);
    }
    bool ok = doc != NULL;
    tb_json_free(doc);
    tb_buffer_free(&list);
    tb_plugins_close(host);
    return ok;
}

int plugin_check(int argc, char **argv)
{
    struct settings s;
    struct tb_error err = {0};
    struct plugin_report report = {0};
    const char *only = argc > 1 ? argv[1] : NULL;
    int status = 1;
    if (argc > 2)
        return 2;
    if (command_settings(&s)) {
        const char *dir = place_plugins(&s);
        if (!plugin_report(dir, only, &report, &err))
            fprintf(stderr, "plugin: %s\n", err.detail);
        else if (report.good + report.bad == 0)
            fprintf(stderr, "plugin: there is no plugin%s%s in %s\n", only ? " " : "",
                    only ? only : "", dir);
        else
            status = report.bad > 0;
        fputs(tb_buffer_text(&report.text), stdout);
    }
    tb_buffer_free(&report.text);
    settings_free(&s);
    return status;
}
