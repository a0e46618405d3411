/* The plugins that come with this program. In the draft lane, where a save waits for a person, they
 * follow the program all the same: whoever put another release in place asked for its plugins.
 * Known by content, so that a changed copy of one is a draft like any other. Opening and readings,
 * under the reload lock. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "plugins/plugins_private.h"
#include "store/store.h"

/* Embedded paths are "bitmart/lib/x.lua", sorted by the folder. */
static void folder_of(const struct tb_embedded *file, char out[TB_PLUGIN_NAME])
{
    size_t len = strcspn(file->name, "/");
    (void)tb_copy(out, TB_PLUGIN_NAME, "");
    if (len < TB_PLUGIN_NAME) {
        memcpy(out, file->name, len);
        out[len] = '\0';
    }
}

bool tb_shipped_load(struct tb_plugins *host, struct tb_error *err)
{
    const struct tb_embedded *file = host->config.shipped;
    while (file && file->name) {
        struct tb_script_set set = {0};
        struct tb_shipped one;
        bool ok = true;
        folder_of(file, one.name);
        for (char in[TB_PLUGIN_NAME]; file->name; file++) {
            folder_of(file, in);
            if (strcmp(in, one.name) != 0)
                break;
            ok = ok && tb_script_set_add(&set, one.name, file->name, (const char *)file->start,
                                         (size_t)(file->end - file->start), err);
        }
        ok = ok && tb_script_set_whole(&set, one.name, err);
        tb_script_set_hash(&set, one.hash);
        tb_script_set_free(&set);
        if (!ok)
            return false;
        host->shipped = tb_xrealloc(host->shipped, (host->shipped_count + 1) * sizeof one);
        host->shipped[host->shipped_count++] = one;
    }
    return true;
}

bool tb_shipped_is(const struct tb_plugins *host, const char *name, const char *hash)
{
    for (size_t i = 0; i < host->shipped_count; i++)
        if (strcmp(host->shipped[i].name, name) == 0)
            return strcmp(host->shipped[i].hash, hash) == 0;
    return false;
}

/* Did a release put this version in force, or a person a release's? Not when somebody chose it in
 * the place of a newer one, or chose a version of his own. */
static bool was_of_a_release(struct tb_plugins *host, const char *name, const char *hash)
{
    struct tb_error ignored = {0};
    struct tb_store_plugin_version *row =
        tb_store_plugin_version_get(host->config.store, name, hash, &ignored);
    struct tb_json_doc *doc =
        row ? tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, &ignored) : NULL;
    const struct tb_json *root = doc ? tb_json_root(doc) : NULL;
    const char *cause = tb_json_get_string(root, "cause");
    bool follows =
        cause && (strcmp(cause, "folder") == 0 ||
                  (strcmp(cause, "rollback") != 0 && tb_json_true(tb_json_get(root, "shipped"))));
    tb_json_free(doc);
    free(row);
    return follows;
}

bool tb_shipped_follows(struct tb_plugins *host, const struct tb_plugin_slot *slot,
                        const struct tb_plugin_state *state)
{
    if (!slot->folder || !tb_shipped_is(host, slot->name, slot->folder->hash))
        return false;
    return !state || !state->active[0] || strcmp(state->active, slot->folder->hash) == 0 ||
           !host->config.store || was_of_a_release(host, slot->name, state->active);
}
