/* Generations: what the plugin folder held when it was last read, each plugin checked against the
 * contract. A plugin whose files fail keeps its last good version; a plugin whose files did not
 * change is shared with the generation before. Immutable once published; calls hold a reference, so
 * that they finish on what they began with. Reading is serialised by the host. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"

/* Folders of the repository that are not plugins. */
static const char *const reserved[] = {"sdk", "types", NULL};

enum { NAME_LEN = 40 };

void tb_plugin_release(struct tb_plugin *plugin)
{
    if (!plugin || atomic_fetch_sub(&plugin->refs, 1) != 1)
        return;
    tb_script_set_free(&plugin->set);
    tb_json_free(plugin->described);
    free(plugin);
}

void tb_generation_release(struct tb_generation *generation)
{
    if (!generation || atomic_fetch_sub(&generation->refs, 1) != 1)
        return;
    for (size_t i = 0; i < generation->count; i++)
        tb_plugin_release(generation->slots[i].plugin);
    free(generation->slots);
    free(generation);
}

struct tb_generation *tb_generation_hold(struct tb_plugins *host)
{
    pthread_mutex_lock(&host->lock);
    struct tb_generation *generation = host->current;
    atomic_fetch_add(&generation->refs, 1);
    pthread_mutex_unlock(&host->lock);
    return generation;
}

const struct tb_plugin_slot *tb_generation_find(const struct tb_generation *generation,
                                                const char *name)
{
    for (size_t i = 0; generation && i < generation->count; i++) {
        if (strcmp(generation->slots[i].name, name) == 0)
            return &generation->slots[i];
    }
    return NULL;
}

/* ---- one plugin ---- */

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

/* A new version from the files; NULL with error and place. The set is used up in either case. */
static struct tb_plugin *build_plugin(struct tb_plugins *host, const char *name,
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

static struct tb_plugin *share(struct tb_plugin *plugin)
{
    if (plugin)
        atomic_fetch_add(&plugin->refs, 1);
    return plugin;
}

static void fill_slot(struct tb_plugins *host, struct tb_plugin_slot *slot,
                      const struct tb_plugin_slot *old)
{
    struct tb_script_set set;
    struct tb_error err = {0};
    char hash[TB_SHA256_TEXT];
    struct tb_plugin *good = old ? old->plugin : NULL;
    bool read = tb_script_set_read(host->dir, slot->name, &set, &err);
    if (read)
        tb_script_set_hash(&set, hash);
    if (read && good && strcmp(good->hash, hash) == 0) {
        tb_script_set_free(&set);
        slot->plugin = share(good);
        slot->status = TB_SLOT_UNCHANGED;
        return;
    }
    if (read)
        slot->plugin = build_plugin(host, slot->name, &set, hash, &slot->fault, &err);
    else
        tb_script_set_free(&set);
    slot->status = TB_SLOT_LOADED;
    if (!slot->plugin) {
        slot->plugin = share(good);
        slot->status = good ? TB_SLOT_KEPT : TB_SLOT_FAILED;
        (void)tb_copy(slot->error, sizeof slot->error, err.detail);
    }
}

/* ---- the folder ---- */

static bool plugin_folder(const char *dir, const char *name)
{
    char full[4096];
    struct stat st;
    for (const char *const *r = reserved; *r; r++) {
        if (strcmp(*r, name) == 0)
            return false;
    }
    if (name[0] == '.')
        return false;
    (void)snprintf(full, sizeof full, "%s/%s", dir, name);
    return stat(full, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A folder of another name is listed with this reason: whoever made it looks for it there. */
static bool check_name(struct tb_plugin_slot *slot)
{
    const char *name = slot->name;
    if (strlen(name) <= NAME_LEN && name[0] >= 'a' && name[0] <= 'z' &&
        name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0')
        return true;
    slot->status = TB_SLOT_FAILED;
    (void)snprintf(slot->error, sizeof slot->error,
                   "a plugin's folder is named with lower-case letters, digits and _, at most %d, "
                   "beginning with a letter",
                   NAME_LEN);
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tb_plugin_slot *)a)->name,
                  ((const struct tb_plugin_slot *)b)->name);
}

struct tb_generation *tb_generation_read(struct tb_plugins *host, const struct tb_generation *old,
                                         struct tb_error *err)
{
    DIR *dir = opendir(host->dir);
    if (!dir) {
        (void)tb_fail(err, TB_INTERNAL, "the plugin folder %s cannot be read: %s", host->dir,
                      strerror(errno));
        return NULL;
    }
    struct tb_generation *g = tb_xcalloc(1, sizeof *g);
    atomic_init(&g->refs, 1);
    g->id = old ? old->id + 1 : 1;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (!plugin_folder(host->dir, e->d_name))
            continue;
        g->slots = tb_xrealloc(g->slots, (g->count + 1) * sizeof *g->slots);
        struct tb_plugin_slot *slot = &g->slots[g->count++];
        *slot = (struct tb_plugin_slot){0};
        (void)tb_copy(slot->name, sizeof slot->name, e->d_name);
    }
    closedir(dir);
    if (g->count)
        qsort(g->slots, g->count, sizeof *g->slots, by_name);
    for (size_t i = 0; i < g->count; i++)
        if (check_name(&g->slots[i]))
            fill_slot(host, &g->slots[i], tb_generation_find(old, g->slots[i].name));
    return g;
}
