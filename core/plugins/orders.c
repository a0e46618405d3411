/* What people order of versions: putting a draft in force, going back to an earlier one, and seeing
 * first what that would change. An order is in the store before anything is swapped, so that it
 * holds after a crash; the swap itself is a reading like any other. Any thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"
#include "store/store.h"

/* ---- which version is meant ---- */

struct before_live {
    const char *live;
    char found[TB_SHA256_TEXT];
};

static void find_before(void *arg, const struct tb_store_plugin_version *version)
{
    struct before_live *looked = arg;
    if (!looked->found[0] && version->activated_at && strcmp(version->hash, looked->live) != 0)
        (void)tb_copy(looked->found, sizeof looked->found, version->hash);
}

static bool has_prefix(const char *hash, const char *prefix)
{
    size_t len = strlen(prefix);
    return len >= TB_GENERATION_DIGITS && strncmp(hash, prefix, len) == 0;
}

static struct tb_plugin *meant_draft(const struct tb_plugin_slot *slot,
                                     const struct tb_plugin_order *order, struct tb_error *err)
{
    struct tb_plugin *draft = tb_slot_draft(slot);
    if (!draft)
        (void)tb_fail(err, TB_STATE, "There is no draft of %s: what is in its folder is live.",
                      slot->name);
    else if (order->generation && !has_prefix(draft->hash, order->generation))
        (void)tb_fail(err, TB_CONFLICT,
                      "The draft of %s is %.8s by now, not %.8s; look at it again.", slot->name,
                      draft->hash, order->generation);
    else
        return tb_plugin_share(draft);
    return NULL;
}

static struct tb_plugin *meant_earlier(struct tb_plugins *host, const struct tb_plugin_slot *slot,
                                       const struct tb_plugin_order *order, struct tb_error *err)
{
    const char *live = slot->plugin ? slot->plugin->hash : "";
    struct before_live looked = {.live = live};
    const char *hash = order->generation;
    if (!host->config.store) {
        (void)tb_fail(err, TB_STATE, "Versions are not kept here.");
        return NULL;
    }
    if (!hash && !tb_store_plugin_versions_each(host->config.store, slot->name, 0, find_before,
                                                &looked, err))
        return NULL;
    hash = hash ? hash : looked.found;
    if (strlen(hash) < TB_GENERATION_DIGITS)
        (void)tb_fail(err, TB_NOT_FOUND, "There is no earlier version of %s.", slot->name);
    else if (has_prefix(live, hash))
        (void)tb_fail(err, TB_STATE, "The version %.8s of %s is in force already.", live,
                      slot->name);
    else
        return tb_version_read(host, slot->name, hash, err);
    return NULL;
}

static const struct tb_plugin_slot *slot_of(const struct tb_generation *g, const char *name,
                                            struct tb_error *err)
{
    const struct tb_plugin_slot *slot = tb_generation_find(g, name);
    if (!slot)
        (void)tb_fail(err, TB_NOT_FOUND, "There is no plugin `%.64s`.", name);
    return slot;
}

/* The version that the order means; a reference of the caller's. */
static struct tb_plugin *meant(struct tb_plugins *host, enum tb_plugin_verb verb,
                               const struct tb_plugin_slot *slot,
                               const struct tb_plugin_order *order, struct tb_error *err)
{
    if (order->generation && strlen(order->generation) < TB_GENERATION_DIGITS) {
        (void)tb_fail(err, TB_INVALID, "A generation is named by its first %d or more digits.",
                      TB_GENERATION_DIGITS);
        return NULL;
    }
    return verb == TB_PLUGIN_ACTIVATE ? meant_draft(slot, order, err)
                                      : meant_earlier(host, slot, order, err);
}

/* ---- needs ---- */

static bool listed(const struct tb_json *list, const char *word)
{
    for (const struct tb_json *i = tb_json_first(list); i; i = i->next)
        if (tb_json_string(i) && strcmp(tb_json_string(i), word) == 0)
            return true;
    return false;
}

static const struct tb_json *needs_of(const struct tb_plugin *plugin)
{
    return plugin ? tb_json_get(tb_json_root(plugin->described), "needs") : NULL;
}

bool tb_needs_grow(const struct tb_plugin *from, const struct tb_plugin *to,
                   struct tb_buffer *added)
{
    bool grow = false;
    for (const struct tb_json *i = tb_json_first(needs_of(to)); i; i = i->next) {
        const char *word = tb_json_string(i);
        if (!word || listed(needs_of(from), word))
            continue;
        if (added)
            tb_buffer_printf(added, "%s%s", grow ? ", " : "", word);
        grow = true;
    }
    return grow;
}

/* ---- looking first ---- */

static void write_version(struct tb_json_writer *w, const char *key, const struct tb_plugin *plugin)
{
    tb_jw_key(w, key);
    if (!plugin) {
        tb_jw_null(w);
        return;
    }
    tb_jw_object(w);
    tb_jw_key(w, "generation");
    tb_jw_stringn(w, plugin->hash, TB_GENERATION_DIGITS);
    tb_jw_kv_node(w, "version", tb_json_get(tb_json_root(plugin->described), "version"));
    tb_jw_end_object(w);
}

static void write_needs(struct tb_json_writer *w, const struct tb_plugin *from,
                        const struct tb_plugin *to)
{
    tb_jw_key(w, "needs_added");
    tb_jw_array(w);
    for (const struct tb_json *i = tb_json_first(needs_of(to)); i; i = i->next)
        if (tb_json_string(i) && !listed(needs_of(from), tb_json_string(i)))
            tb_jw_node(w, i);
    tb_jw_end_array(w);
}

void tb_comparison_write(const char *name, struct tb_plugin *from, struct tb_plugin *to,
                         struct tb_plugin_comparison *out, struct tb_json_writer *w)
{
    static const struct tb_script_set nothing = {0};
    (void)tb_copy(out->to, sizeof out->to, to ? to->hash : "");
    out->before = tb_generation_of(name, from);
    out->after = tb_generation_of(name, to);
    tb_jw_kv_string(w, "plugin", name);
    write_version(w, "from", from);
    write_version(w, "to", to);
    write_needs(w, from, to);
    tb_jw_key(w, "diff");
    tb_diff_write(w, from ? &from->set : &nothing, to ? &to->set : &nothing);
}

bool tb_plugins_compare(struct tb_plugins *host, enum tb_plugin_verb verb,
                        const struct tb_plugin_order *order, struct tb_plugin_comparison *out,
                        struct tb_json_writer *w, struct tb_error *err)
{
    struct tb_generation *g = tb_generation_hold(host, TB_LANE_LIVE);
    const struct tb_plugin_slot *slot = slot_of(g, order->plugin, err);
    struct tb_plugin *to = slot ? meant(host, verb, slot, order, err) : NULL;
    *out = (struct tb_plugin_comparison){0};
    if (to)
        tb_comparison_write(slot->name, slot->plugin, to, out, w);
    tb_plugin_release(to);
    tb_generation_release(g);
    return out->after != NULL;
}

void tb_plugin_comparison_free(struct tb_plugin_comparison *comparison)
{
    tb_generation_release(comparison->before);
    tb_generation_release(comparison->after);
    *comparison = (struct tb_plugin_comparison){0};
}

/* ---- doing it ---- */

/* Does this version come from an upload? Then only people replace it. */
static bool was_uploaded(struct tb_plugins *host, const char *name, const char *hash)
{
    struct tb_error ignored = {0};
    struct tb_store_plugin_version *row =
        host->config.store ? tb_store_plugin_version_get(host->config.store, name, hash, &ignored)
                           : NULL;
    bool uploaded = row && strcmp(row->origin, "upload") == 0;
    free(row);
    return uploaded;
}

bool tb_may_grow(const struct tb_plugin_slot *slot, const struct tb_plugin *to,
                 const struct tb_plugin_order *order, struct tb_error *err)
{
    struct tb_buffer added = TB_BUFFER_INIT;
    bool may = order->admin || !tb_needs_grow(slot->plugin, to, &added);
    if (!may)
        (void)tb_fail(err, TB_FORBIDDEN,
                      "The actions of this version want more of the Hummingbot API (%s): an "
                      "admin must activate it.",
                      tb_buffer_text(&added));
    tb_buffer_free(&added);
    return may;
}

static bool put_in_force(struct tb_plugins *host, enum tb_plugin_verb verb,
                         const struct tb_plugin_slot *slot, struct tb_plugin *to,
                         const struct tb_plugin_order *order, struct tb_error *err)
{
    static const char *const words[] = {
        [TB_PLUGIN_ACTIVATE] = "activate", [TB_PLUGIN_ROLLBACK] = "rollback"};
    const struct tb_version_cause cause = {.word = words[verb], .by = order->by};
    struct tb_plugin_state state = tb_state_of(host, slot->name);
    bool folder =
        tb_plugin_is(slot->folder, to->hash) && to != slot->upload && verb == TB_PLUGIN_ACTIVATE;
    if (!tb_may_grow(slot, to, order, err))
        return false;
    (void)tb_copy(state.active, sizeof state.active, to->hash);
    (void)tb_copy(state.folder, sizeof state.folder, slot->holds);
    if (strcmp(state.waiting, to->hash) == 0)
        state.waiting[0] = '\0';
    state.pin = folder                                     ? TB_PIN_NONE
                : was_uploaded(host, slot->name, to->hash) ? TB_PIN_UPLOAD
                                                           : TB_PIN_ROLLBACK;
    return tb_state_put(host, &state, to, &cause, err) && tb_plugins_read_again(host, NULL, err);
}

bool tb_plugins_order(struct tb_plugins *host, enum tb_plugin_verb verb,
                      const struct tb_plugin_order *order, struct tb_error *err)
{
    pthread_mutex_lock(&host->reload_lock);
    struct tb_generation *g = tb_generation_hold(host, TB_LANE_LIVE);
    const struct tb_plugin_slot *slot = slot_of(g, order->plugin, err);
    struct tb_plugin *to = slot ? meant(host, verb, slot, order, err) : NULL;
    bool ok = to && put_in_force(host, verb, slot, to, order, err);
    if (ok)
        tb_log(TB_INFO, "plugin.order", "%s %.8s is in force by order of %s", order->plugin,
               to->hash, order->by);
    tb_plugin_release(to);
    tb_generation_release(g);
    pthread_mutex_unlock(&host->reload_lock);
    return ok;
}

/* ---- what there is ---- */

struct listing {
    struct tb_json_writer *w;
    const struct tb_plugin_slot *slot;
};

static void write_row(void *arg, const struct tb_store_plugin_version *version)
{
    struct listing *list = arg;
    struct tb_error ignored;
    struct tb_json_writer *w = list->w;
    struct tb_json_doc *doc =
        tb_json_parse(version->doc, strlen(version->doc), TB_JSON_UPSTREAM, &ignored);
    const struct tb_json *cause = doc ? tb_json_root(doc) : NULL;
    tb_jw_object(w);
    tb_jw_key(w, "generation");
    tb_jw_stringn(w, version->hash, TB_GENERATION_DIGITS);
    tb_jw_kv_string(w, "hash", version->hash);
    tb_jw_kv_string(w, "version", version->version);
    tb_jw_kv_string(w, "origin", version->origin);
    tb_jw_kv_bool(w, "live", list->slot && tb_plugin_is(list->slot->plugin, version->hash));
    tb_jw_kv_time(w, "created_at", version->created_at);
    tb_jw_kv_time(w, "activated_at", version->activated_at);
    tb_jw_kv_node(w, "cause", tb_json_get(cause, "cause"));
    tb_jw_kv_node(w, "by", tb_json_get(cause, "by"));
    tb_jw_end_object(w);
    tb_json_free(doc);
}

bool tb_plugins_generations(struct tb_plugins *host, const char *plugin, size_t limit,
                            struct tb_json_writer *w, struct tb_error *err)
{
    struct tb_generation *g = tb_generation_hold(host, TB_LANE_LIVE);
    struct listing list = {.w = w, .slot = slot_of(g, plugin, err)};
    bool ok = list.slot != NULL;
    tb_jw_array(w);
    if (ok && host->config.store)
        ok = tb_store_plugin_versions_each(host->config.store, plugin, (int64_t)limit, write_row,
                                           &list, err);
    tb_jw_end_array(w);
    tb_generation_release(g);
    return ok;
}

/* A version by its hash: one at hand, else one of the store. */
static struct tb_plugin *any_version(struct tb_plugins *host, const struct tb_plugin_slot *slot,
                                     const char *hash, struct tb_error *err)
{
    struct tb_plugin *const places[] = {slot->plugin, slot->folder, slot->upload};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (places[i] && has_prefix(places[i]->hash, hash))
            return tb_plugin_share(places[i]);
    return tb_version_read(host, slot->name, hash, err);
}

bool tb_plugins_diff(struct tb_plugins *host, const char *plugin, const char *from, const char *to,
                     struct tb_json_writer *w, struct tb_error *err)
{
    struct tb_generation *g = tb_generation_hold(host, TB_LANE_LIVE);
    const struct tb_plugin_slot *slot = slot_of(g, plugin, err);
    struct tb_plugin *a = slot ? any_version(host, slot, from, err) : NULL;
    struct tb_plugin *b = a ? any_version(host, slot, to, err) : NULL;
    if (b) {
        write_version(w, "from", a);
        write_version(w, "to", b);
        tb_jw_key(w, "diff");
        tb_diff_write(w, &a->set, &b->set);
    }
    bool ok = b != NULL;
    tb_plugin_release(a);
    tb_plugin_release(b);
    tb_generation_release(g);
    return ok;
}
