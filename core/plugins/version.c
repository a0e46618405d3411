/* One version of one plugin: its files compiled, checked against the contract, and what it says of
 * itself. Shared by count; immutable but for `broken`. Any thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"

/* Folders of the repository that are not plugins. */
const char *const tb_reserved_names[] = {"sdk", "types", NULL};

enum { NAME_LEN = 40 };

void tb_plugin_release(struct tb_plugin *plugin)
{
    if (!plugin || atomic_fetch_sub(&plugin->refs, 1) != 1)
        return;
    tb_script_set_free(&plugin->set);
    tb_json_free(plugin->described);
    free(plugin);
}

static bool compile_all(struct tb_plugin *plugin, struct tb_plugin_fault *fault,
                        struct tb_error *err)
{
    for (size_t i = 0; i < plugin->set.count; i++) {
        if (!tb_script_compile(&plugin->set.scripts[i], fault, err))
            return false;
    }
    return true;
}

/* Runs the top level and the contract check; keeps what the plugin says of itself. */
static bool check_contract(struct tb_plugins *host, struct tb_plugin *plugin,
                           struct tb_plugin_fault *fault, struct tb_error *err)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    char input[TB_PLUGIN_NAME + 16];
    int len = snprintf(input, sizeof input, "{\"name\":\"%s\"}", plugin->name);
    struct tb_vm_job job = {
        .plugin = plugin, .entry = "contract", .input = input, .input_len = (size_t)len};
    bool ok = tb_vm_run(host, &job, &out, fault, err);
    if (ok) {
        plugin->described = tb_json_parse(tb_buffer_text(&out), out.len, TB_JSON_CLIENT, err);
        ok = plugin->described != NULL;
    }
    tb_buffer_free(&out);
    return ok;
}

struct tb_plugin *tb_plugin_build(struct tb_plugins *host, const char *name,
                                  struct tb_script_set *set, const char *hash,
                                  struct tb_plugin_fault *fault, struct tb_error *err)
{
    struct tb_plugin *plugin = tb_xcalloc(1, sizeof *plugin);
    atomic_init(&plugin->refs, 1);
    (void)tb_copy(plugin->name, sizeof plugin->name, name);
    (void)tb_copy(plugin->hash, sizeof plugin->hash, hash);
    plugin->set = *set;
    plugin->loaded_wall_ms = tb_wall_ms();
    if (compile_all(plugin, fault, err) && check_contract(host, plugin, fault, err))
        return plugin;
    tb_plugin_release(plugin);
    return NULL;
}

struct tb_plugin *tb_plugin_share(struct tb_plugin *plugin)
{
    if (plugin)
        atomic_fetch_add(&plugin->refs, 1);
    return plugin;
}

bool tb_plugin_name_is_good(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    for (const char *const *r = tb_reserved_names; *r; r++)
        if (strcmp(*r, name) == 0)
            return false;
    return strlen(name) <= NAME_LEN && name[0] >= 'a' && name[0] <= 'z' &&
           name[strspn(name, letters)] == '\0';
}

bool tb_plugin_is(const struct tb_plugin *plugin, const char *hash)
{
    return plugin && hash[0] && strcmp(plugin->hash, hash) == 0;
}
