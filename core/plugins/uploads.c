/* Plugins that come by HTTP: built and tested like a save, then in force and pinned, or waiting for
 * a person; and taking such a plugin away again. What is in the folder is never touched. Any
 * thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"

static struct tb_plugin *build(struct tb_plugins *host, const struct tb_plugin_order *order,
                               const struct tb_plugin_bundle *bundle, struct tb_plugin_fault *fault,
                               struct tb_error *err)
{
    struct tb_script_set set;
    char hash[TB_SHA256_TEXT];
    bool again;
    if (!tb_plugin_name_is_good(order->plugin)) {
        (void)tb_fail(err, TB_INVALID, "`%.64s` is no name for a plugin; " TB_PLUGIN_NAME_RULE ".",
                      order->plugin);
        return NULL;
    }
    if (!tb_bundle_read(order->plugin, bundle, &set, err))
        return NULL;
    tb_script_set_hash(&set, hash);
    struct tb_plugin *plugin = tb_plugin_build(host, order->plugin, &set, hash, fault, err);
    if (plugin && tb_gate_pass(host, plugin, &again, fault, err))
        return plugin;
    tb_plugin_release(plugin);
    return NULL;
}

/* Who must say yes before it is in force; NULL: nobody. */
static const char *waits_for(const struct tb_plugins *host, const struct tb_plugin_order *order,
                             const struct tb_plugin *live, const struct tb_plugin *to)
{
    if (!order->admin && tb_needs_grow(live, to, NULL))
        return "admin";
    return host->config.lane == TB_LANE_DRAFT ? "developer" : NULL;
}

static bool keep(struct tb_plugins *host, const struct tb_plugin_order *order,
                 const struct tb_plugin *to, const char *holds, bool waits, struct tb_error *err)
{
    const struct tb_version_cause cause = {.word = "upload", .by = order->by, .waits = waits};
    struct tb_plugin_state state = tb_state_of(host, order->plugin);
    if (waits) {
        (void)tb_copy(state.waiting, sizeof state.waiting, to->hash);
    } else {
        (void)tb_copy(state.active, sizeof state.active, to->hash);
        (void)tb_copy(state.folder, sizeof state.folder, holds);
        state.waiting[0] = '\0';
        state.pin = TB_PIN_UPLOAD;
    }
    return tb_state_put(host, &state, to, &cause, err) && tb_plugins_read_again(host, NULL, err);
}

bool tb_plugins_put(struct tb_plugins *host, const struct tb_plugin_order *order,
                    const struct tb_plugin_bundle *bundle, bool dry_run,
                    struct tb_plugin_comparison *out, struct tb_json_writer *w,
                    struct tb_plugin_fault *fault, struct tb_error *err)
{
    memset(fault, 0, sizeof *fault);
    *out = (struct tb_plugin_comparison){0};
    struct tb_plugin *to = build(host, order, bundle, fault, err);
    if (!to) {
        if (err->code == TB_PLUGIN_FAILED)
            err->code = TB_INVALID; /* what was sent is at fault, not what serves */
        return false;
    }
    pthread_mutex_lock(&host->reload_lock);
    struct tb_generation *g = tb_generation_hold(host, TB_LANE_LIVE);
    const struct tb_plugin_slot *slot = tb_generation_find(g, order->plugin);
    struct tb_plugin *live = slot ? slot->plugin : NULL;
    const char *who = waits_for(host, order, live, to);
    bool ok = dry_run || keep(host, order, to, slot ? slot->holds : "", who != NULL, err);
    if (ok) {
        tb_comparison_write(order->plugin, live, to, out, w);
        tb_jw_kv_string(w, "waits_for", who);
    }
    if (ok && !dry_run)
        tb_log(TB_INFO, "plugin.order", "%s %.8s was uploaded by %s%s%s", order->plugin, to->hash,
               order->by, who ? " and waits for a " : "", who ? who : "");
    tb_plugin_release(to);
    tb_generation_release(g);
    pthread_mutex_unlock(&host->reload_lock);
    return ok;
}

/* ---- taking it away ---- */

/* What serves when the upload is gone; NULL: nothing. */
static struct tb_plugin *left(const struct tb_plugin_slot *slot,
                              const struct tb_plugin_state *known)
{
    return !slot->in_folder ? NULL : known->pin == TB_PIN_UPLOAD ? slot->folder : slot->plugin;
}

/* In the draft lane the folder puts a version in force that nobody activated, so it needs as much
 * as an activation. */
static bool needs_admin(const struct tb_plugins *host, const struct tb_plugin_slot *slot,
                        const struct tb_plugin *to, const struct tb_plugin_order *order)
{
    return to && host->config.lane == TB_LANE_DRAFT && !order->admin &&
           tb_needs_grow(slot->plugin, to, NULL);
}

static bool forget(struct tb_plugins *host, const struct tb_plugin_slot *slot,
                   const struct tb_plugin_state *known, struct tb_plugin *to,
                   const struct tb_plugin_order *order, struct tb_error *err)
{
    struct tb_plugin_state state = *known;
    const struct tb_version_cause cause = {.word = "folder", .by = ""};
    bool replace = known->pin == TB_PIN_UPLOAD;
    if (!slot->in_folder)
        return tb_state_delete(host, slot->name, err);
    if (needs_admin(host, slot, to, order) && !tb_may_grow(slot, to, order, err))
        return false;
    state.waiting[0] = '\0';
    if (replace) {
        state.pin = TB_PIN_NONE;
        (void)tb_copy(state.active, sizeof state.active, to ? to->hash : "");
    }
    return tb_state_put(host, &state, replace ? to : NULL, &cause, err);
}

static bool take_away(struct tb_plugins *host, const struct tb_plugin_slot *slot,
                      const struct tb_plugin_order *order, bool dry_run,
                      struct tb_plugin_comparison *out, struct tb_json_writer *w,
                      struct tb_error *err)
{
    const struct tb_plugin_state *state = tb_state_find(host, slot->name);
    struct tb_plugin *to;
    bool admin;
    if (!state || (state->pin != TB_PIN_UPLOAD && !state->waiting[0] && slot->in_folder))
        return tb_fail(err, TB_STATE,
                       "%s comes from its folder, not from an upload; remove the folder.",
                       slot->name);
    to = left(slot, state);
    admin = needs_admin(host, slot, to, order);
    if (!dry_run &&
        !(forget(host, slot, state, to, order, err) && tb_plugins_read_again(host, NULL, err)))
        return false;
    tb_comparison_write(slot->name, slot->plugin, to, out, w);
    tb_jw_kv_string(w, "waits_for", admin ? "admin" : NULL);
    if (!dry_run)
        tb_log(TB_INFO, "plugin.order", "the upload of %s was deleted by %s", order->plugin,
               order->by);
    return true;
}

bool tb_plugins_delete(struct tb_plugins *host, const struct tb_plugin_order *order, bool dry_run,
                       struct tb_plugin_comparison *out, struct tb_json_writer *w,
                       struct tb_error *err)
{
    *out = (struct tb_plugin_comparison){0};
    pthread_mutex_lock(&host->reload_lock);
    struct tb_generation *g = tb_generation_hold(host, TB_LANE_LIVE);
    const struct tb_plugin_slot *slot = tb_generation_find(g, order->plugin);
    bool ok = slot ? take_away(host, slot, order, dry_run, out, w, err)
                   : tb_fail(err, TB_NOT_FOUND, "There is no plugin `%.64s`.", order->plugin);
    tb_generation_release(g);
    pthread_mutex_unlock(&host->reload_lock);
    return ok;
}
