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

enum { NAME_LEN = 40, READ_TRIES = 3 };

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

struct tb_generation *tb_generation_hold(struct tb_plugins *host, enum tb_plugin_lane lane)
{
    (void)lane;
    pthread_mutex_lock(&host->lock);
    struct tb_generation *generation = host->current;
    atomic_fetch_add(&generation->refs, 1);
    pthread_mutex_unlock(&host->lock);
    return generation;
}

struct tb_generation *tb_generation_share(const struct tb_generation *generation)
{
    struct tb_generation *shared = (struct tb_generation *)generation; /* its count of readers */
    atomic_fetch_add(&shared->refs, 1);
    return shared;
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

/* ---- names ---- */

void tb_generation_hash(const struct tb_generation *generation, const char *plugin, char out[9])
{
    const struct tb_plugin_slot *slot = tb_generation_find(generation, plugin);
    (void)tb_copy(out, 9, slot && slot->plugin ? slot->plugin->hash : "");
}

static bool has_connector(const struct tb_plugin *plugin, const char *word)
{
    const struct tb_json *list = tb_json_get(tb_json_root(plugin->described), "connectors");
    for (const struct tb_json *c = list ? list->child : NULL; c; c = c->next) {
        const char *name = tb_json_string(c);
        if (name && strcmp(name, word) == 0)
            return true;
    }
    return false;
}

bool tb_generation_match(const struct tb_generation *generation, const char *word,
                         char name_out[64])
{
    const struct tb_plugin_slot *slot = tb_generation_find(generation, word);
    if (!slot || !slot->plugin) {
        slot = NULL;
        for (size_t i = 0; i < generation->count && !slot; i++) {
            const struct tb_plugin *plugin = generation->slots[i].plugin;
            if (plugin && has_connector(plugin, word))
                slot = &generation->slots[i];
        }
    }
    if (slot)
        (void)tb_copy(name_out, 64, slot->name);
    return slot != NULL;
}

size_t tb_generation_names(const struct tb_generation *generation, char names[][64], size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < generation->count && n < max; i++) {
        if (generation->slots[i].plugin)
            (void)tb_copy(names[n++], 64, generation->slots[i].name);
    }
    return n;
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

/* The files that failed last time are still there: what is known of them stands. */
static void keep_failure(struct tb_plugin_slot *slot, const struct tb_plugin_slot *old)
{
    slot->plugin = share(old->plugin);
    slot->status = old->status;
    slot->fault = old->fault;
    (void)tb_copy(slot->tried, sizeof slot->tried, old->tried);
    (void)tb_copy(slot->error, sizeof slot->error, old->error);
}

static void fail_slot(struct tb_plugin_slot *slot, struct tb_plugin *good, const char *tried,
                      const struct tb_error *why)
{
    slot->plugin = share(good);
    slot->status = good ? TB_SLOT_KEPT : TB_SLOT_FAILED;
    (void)tb_copy(slot->tried, sizeof slot->tried, tried);
    (void)tb_copy(slot->error, sizeof slot->error, why->detail);
}

/* Files that change while they are read are no version: two readings must agree. */
static bool read_settled(struct tb_plugins *host, const char *name, struct tb_script_set *set,
                         char hash[TB_SHA256_TEXT], struct tb_error *err)
{
    char again[TB_SHA256_TEXT];
    for (int tries = 0; tries < READ_TRIES; tries++) {
        struct tb_script_set second;
        if (!tb_script_set_read(host->dir, name, set, err))
            return false;
        tb_script_set_hash(set, hash);
        bool read = tb_script_set_read(host->dir, name, &second, err);
        if (read)
            tb_script_set_hash(&second, again);
        tb_script_set_free(&second);
        if (read && strcmp(hash, again) == 0)
            return true;
        tb_script_set_free(set);
    }
    return tb_fail(err, TB_BUSY, "%s changes while it is read", name);
}

static void fill_slot(struct tb_plugins *host, struct tb_plugin_slot *slot,
                      const struct tb_plugin_slot *old)
{
    struct tb_script_set set;
    struct tb_error err = {0};
    char hash[TB_SHA256_TEXT] = "";
    struct tb_plugin *good = old ? old->plugin : NULL;
    bool read = read_settled(host, slot->name, &set, hash, &err);
    if (read && good && strcmp(good->hash, hash) == 0) {
        tb_script_set_free(&set);
        slot->plugin = share(good);
        slot->status = TB_SLOT_UNCHANGED;
    } else if (read && old && strcmp(old->tried, hash) == 0) {
        tb_script_set_free(&set);
        keep_failure(slot, old);
    } else if (read &&
               (slot->plugin = build_plugin(host, slot->name, &set, hash, &slot->fault, &err))) {
        slot->status = TB_SLOT_LOADED;
    } else {
        if (!read)
            tb_script_set_free(&set);
        /* A full pool of arenas says nothing about the files. */
        fail_slot(slot, good, err.code == TB_PLUGIN_FAILED ? hash : "", &err);
    }
}

static bool same_slot(const struct tb_plugin_slot *a, const struct tb_plugin_slot *b)
{
    return b && a->plugin == b->plugin && strcmp(a->error, b->error) == 0;
}

bool tb_generation_same(const struct tb_generation *now, const struct tb_generation *old)
{
    bool same = now->count == old->count;
    for (size_t i = 0; same && i < now->count; i++)
        same = same_slot(&now->slots[i], tb_generation_find(old, now->slots[i].name));
    return same;
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
