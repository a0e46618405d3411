/* Which version of a plugin is in force: the folder's last good one, or the one that the store
 * names because a person activated it, went back to it or uploaded it. Runs inside a reading, under
 * the reload lock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"

enum { READ_TRIES = 3 };

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

/* A version that is at hand already. */
static struct tb_plugin *at_hand(const struct tb_plugin_slot *slot, const char *hash)
{
    struct tb_plugin *const places[] = {slot->plugin, slot->folder, slot->upload};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (tb_plugin_is(places[i], hash))
            return tb_plugin_share(places[i]);
    return NULL;
}

/* ---- the folder's version ---- */

/* again: what failed may pass with the same Lua files. */
static void note_failure(struct tb_plugin_slot *slot, bool again, const struct tb_error *why)
{
    /* That there was no arena, or no time, says nothing about the files. */
    again = again || why->code != TB_PLUGIN_FAILED;
    (void)tb_copy(slot->tried, sizeof slot->tried, again ? "" : slot->holds);
    (void)tb_copy(slot->error, sizeof slot->error, why->detail);
}

/* The files that failed last time are still there: what is known of them stands. */
static void repeat_failure(struct tb_plugin_slot *slot, const struct tb_plugin_slot *old)
{
    slot->fault = old->fault;
    (void)tb_copy(slot->tried, sizeof slot->tried, old->tried);
    (void)tb_copy(slot->error, sizeof slot->error, old->error);
}

/* Compiled, checked and tested; NULL with the failure noted. Without anything to fall back on a
 * plugin that loads is better than none, and what was live before the start was tested then. */
static struct tb_plugin *build_tested(struct tb_plugins *host, struct tb_plugin_slot *slot,
                                      const struct tb_plugin_slot *old,
                                      const struct tb_plugin_state *state,
                                      struct tb_script_set *set)
{
    struct tb_error err = {0};
    bool again = false;
    bool fallback = !host->config.ungated &&
                    ((old && (old->plugin || old->folder)) ||
                     (state && state->active[0] && strcmp(state->active, slot->holds) != 0));
    struct tb_plugin *plugin =
        tb_plugin_build(host, slot->name, set, slot->holds, &slot->fault, &err);
    if (plugin && fallback && !tb_gate_pass(host, plugin, &again, &slot->fault, &err)) {
        tb_plugin_release(plugin);
        plugin = NULL;
    }
    if (!plugin)
        note_failure(slot, again, &err);
    return plugin;
}

/* Golden files are written when people bless them, without any Lua file changing. */
static void look_at_golden_again(struct tb_plugins *host, struct tb_plugin *plugin)
{
    struct tb_plugin_fault fault = {0};
    struct tb_error ignored = {0};
    bool again;
    if (atomic_load(&plugin->golden_differ) > 0)
        (void)!tb_gate_pass(host, plugin, &again, &fault, &ignored);
}

static void read_folder_version(struct tb_plugins *host, struct tb_plugin_slot *slot,
                                const struct tb_plugin_slot *old,
                                const struct tb_plugin_state *state)
{
    struct tb_script_set set;
    struct tb_error err = {0};
    if (!read_settled(host, slot->name, &set, slot->holds, &err)) {
        tb_script_set_free(&set);
        slot->holds[0] = '\0';
        note_failure(slot, false, &err);
    } else if (old && (slot->folder = at_hand(old, slot->holds)) != NULL) {
        tb_script_set_free(&set);
        look_at_golden_again(host, slot->folder);
    } else if (old && old->tried[0] && strcmp(old->tried, slot->holds) == 0) {
        tb_script_set_free(&set);
        repeat_failure(slot, old);
    } else {
        slot->folder = build_tested(host, slot, old, state, &set);
    }
    if (!slot->folder && old)
        slot->folder = tb_plugin_share(old->folder);
}

/* ---- what the store names ---- */

/* NULL: it does not load any more, which is said. */
static struct tb_plugin *stored(struct tb_plugins *host, struct tb_plugin_slot *slot,
                                const struct tb_plugin_slot *old, const char *hash)
{
    struct tb_error err = {0};
    struct tb_plugin *plugin = old ? at_hand(old, hash) : NULL;
    if (!plugin)
        plugin = at_hand(slot, hash);
    if (!plugin && hash[0] && !(plugin = tb_version_read(host, slot->name, hash, &err))) {
        tb_log(TB_WARN, "plugin.version", "%s %.8s of the store does not load: %s", slot->name,
               hash, err.detail);
        if (!slot->error[0])
            (void)snprintf(slot->error, sizeof slot->error,
                           "the version %.8s of the store does not load: %.500s", hash, err.detail);
    }
    return plugin;
}

/* Whoever went back to a version looks at a folder that he is about to repair; once it was changed
 * it speaks again. */
static void clear_rollback(struct tb_plugins *host, const struct tb_plugin_slot *slot,
                           struct tb_plugin_state *state)
{
    struct tb_plugin_state cleared = *state;
    struct tb_error err = {0};
    if (state->pin != TB_PIN_ROLLBACK || !slot->holds[0] || strcmp(slot->holds, state->folder) == 0)
        return;
    cleared.pin = TB_PIN_NONE;
    cleared.folder[0] = '\0';
    if (tb_state_put(host, &cleared, NULL, NULL, &err))
        tb_log(TB_INFO, "plugin.pin", "%s: its folder was changed, so the rollback to %.8s ends",
               slot->name, cleared.active);
    else
        tb_log(TB_ERROR, "plugin.pin", "%s stays at %.8s: %s", slot->name, state->active,
               err.detail);
}

static enum tb_plugin_status status_of(const struct tb_plugin_slot *slot,
                                       const struct tb_plugin_slot *old)
{
    if (slot->error[0])
        return slot->plugin ? TB_SLOT_KEPT : TB_SLOT_FAILED;
    if (!slot->plugin)
        return TB_SLOT_DRAFT;
    return old && old->plugin == slot->plugin ? TB_SLOT_UNCHANGED : TB_SLOT_LOADED;
}

void tb_slot_fill(struct tb_plugins *host, struct tb_plugin_slot *slot,
                  const struct tb_plugin_slot *old, bool in_folder)
{
    struct tb_plugin_state *state = tb_state_find(host, slot->name);
    if (in_folder)
        read_folder_version(host, slot, old, state);
    if (state)
        clear_rollback(host, slot, state);
    slot->pin = state ? state->pin : TB_PIN_NONE;
    bool follows =
        slot->pin == TB_PIN_NONE && (host->config.lane == TB_LANE_LIVE || host->state_count == 0 ||
                                     tb_shipped_follows(host, slot, state));
    const char *active = state ? state->active : "";
    if (state && state->waiting[0])
        slot->upload = stored(host, slot, old, state->waiting);
    if (follows && slot->folder)
        slot->plugin = tb_plugin_share(slot->folder);
    else if (follows && old && old->plugin)
        slot->plugin = tb_plugin_share(old->plugin);
    else
        slot->plugin = stored(host, slot, old, active);
    if (!slot->plugin && active[0])
        slot->plugin = tb_plugin_share(slot->folder);
    slot->status = status_of(slot, old);
}

/* ---- slots ---- */

struct tb_plugin *tb_slot_draft(const struct tb_plugin_slot *slot)
{
    if (slot->upload)
        return slot->upload;
    return slot->folder && !(slot->plugin && tb_plugin_is(slot->folder, slot->plugin->hash))
               ? slot->folder
               : NULL;
}

bool tb_slot_same(const struct tb_plugin_slot *a, const struct tb_plugin_slot *b)
{
    return b && a->plugin == b->plugin && a->folder == b->folder && a->upload == b->upload &&
           a->pin == b->pin && a->in_folder == b->in_folder && strcmp(a->error, b->error) == 0;
}

void tb_slot_free(struct tb_plugin_slot *slot)
{
    tb_plugin_release(slot->plugin);
    tb_plugin_release(slot->folder);
    tb_plugin_release(slot->upload);
}
