/* Generations: what the plugin folder held when it was last read, each plugin checked against the
 * contract (version.c), and which version of each is in force (resolve.c). Immutable once
 * published; calls hold a reference, so that they finish on what they began with. Reading is
 * serialised by the host. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "plugins/plugins_private.h"

void tb_generation_release(struct tb_generation *generation)
{
    if (!generation || atomic_fetch_sub(&generation->refs, 1) != 1)
        return;
    for (size_t i = 0; i < generation->count; i++)
        tb_slot_free(&generation->slots[i]);
    free(generation->slots);
    free(generation);
}

struct tb_generation *tb_generation_hold(struct tb_plugins *host, enum tb_plugin_lane lane)
{
    pthread_mutex_lock(&host->lock);
    struct tb_generation *generation = lane == TB_LANE_DRAFT ? host->drafts : host->current;
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

/* A plugin for whatever connector a person names: it is found by its own name only, and asked last.
 */
#define ANY_CONNECTOR "*"

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
            if (plugin && strcmp(word, ANY_CONNECTOR) != 0 && has_connector(plugin, word))
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
    for (int general = 0; general < 2; general++)
        for (size_t i = 0; i < generation->count && n < max; i++) {
            const struct tb_plugin *plugin = generation->slots[i].plugin;
            if (plugin && has_connector(plugin, ANY_CONNECTOR) == general)
                (void)tb_copy(names[n++], 64, generation->slots[i].name);
        }
    return n;
}

bool tb_generation_same(const struct tb_generation *now, const struct tb_generation *old)
{
    bool same = now->count == old->count;
    for (size_t i = 0; same && i < now->count; i++)
        same = tb_slot_same(&now->slots[i], tb_generation_find(old, now->slots[i].name));
    return same;
}

/* ---- the folder ---- */

static bool plugin_folder(const char *dir, const char *name)
{
    char full[4096];
    struct stat st;
    for (const char *const *r = tb_reserved_names; *r; r++) {
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
    if (tb_plugin_name_is_good(slot->name))
        return true;
    slot->status = TB_SLOT_FAILED;
    (void)tb_copy(slot->error, sizeof slot->error, TB_PLUGIN_NAME_RULE);
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tb_plugin_slot *)a)->name,
                  ((const struct tb_plugin_slot *)b)->name);
}

void tb_generation_add(struct tb_generation *g, const char *name)
{
    if (tb_generation_find(g, name))
        return;
    g->slots = tb_xrealloc(g->slots, (g->count + 1) * sizeof *g->slots);
    struct tb_plugin_slot *slot = &g->slots[g->count++];
    *slot = (struct tb_plugin_slot){0};
    (void)tb_copy(slot->name, sizeof slot->name, name);
}

/* Plugins whose version does not come from the folder are there without one, too. */
static void add_stored(struct tb_plugins *host, struct tb_generation *g)
{
    for (size_t i = 0; i < host->state_count; i++) {
        const struct tb_plugin_state *state = &host->states[i];
        bool kept = state->pin != TB_PIN_NONE || host->config.lane == TB_LANE_DRAFT;
        if ((kept && state->active[0]) || state->waiting[0])
            tb_generation_add(g, state->name);
    }
}

struct tb_generation *tb_generation_read(struct tb_plugins *host, const struct tb_generation *old,
                                         struct tb_error *err)
{
    DIR *dir = opendir(host->dir);
    if (!dir) {
        (void)tb_fail(
            err, TB_INTERNAL,
            "the plugin folder %s cannot be read (%s); make a folder ./plugins here, or set "
            "BRIDGE_PLUGINS to the one that is meant",
            host->dir, strerror(errno));
        return NULL;
    }
    struct tb_generation *g = tb_xcalloc(1, sizeof *g);
    atomic_init(&g->refs, 1);
    g->id = old ? old->id + 1 : 1;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (plugin_folder(host->dir, e->d_name))
            tb_generation_add(g, e->d_name);
    }
    closedir(dir);
    for (size_t i = 0; i < g->count; i++)
        g->slots[i].in_folder = true;
    add_stored(host, g);
    if (g->count)
        qsort(g->slots, g->count, sizeof *g->slots, by_name);
    for (size_t i = 0; i < g->count; i++)
        if (check_name(&g->slots[i]))
            tb_slot_fill(host, &g->slots[i], tb_generation_find(old, g->slots[i].name),
                         g->slots[i].in_folder);
    return g;
}

struct tb_generation *tb_generation_of(const char *name, struct tb_plugin *plugin)
{
    struct tb_generation *g = tb_xcalloc(1, sizeof *g);
    atomic_init(&g->refs, 1);
    tb_generation_add(g, name);
    g->slots[0].plugin = tb_plugin_share(plugin);
    g->slots[0].status = TB_SLOT_LOADED;
    if (!plugin)
        (void)tb_copy(g->slots[0].error, sizeof g->slots[0].error, "nothing of it is live");
    return g;
}

struct tb_generation *tb_generation_drafts(const struct tb_generation *generation)
{
    struct tb_generation *g = tb_xcalloc(1, sizeof *g);
    atomic_init(&g->refs, 1);
    g->id = generation->id;
    for (size_t i = 0; i < generation->count; i++) {
        const struct tb_plugin_slot *from = &generation->slots[i];
        struct tb_plugin *draft = tb_slot_draft(from);
        tb_generation_add(g, from->name);
        struct tb_plugin_slot *to = &g->slots[g->count - 1];
        to->plugin = tb_plugin_share(draft ? draft : from->plugin);
        to->status = to->plugin ? TB_SLOT_LOADED : TB_SLOT_FAILED;
        to->fault = from->fault;
        (void)tb_copy(to->error, sizeof to->error, from->error);
    }
    return g;
}
