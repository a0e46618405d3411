/* A version of a plugin by name, to plan with: the live one, or an earlier one out of the store.
 * What was never in force is not to be had here, since nobody has said yes to it. Any thread; owns
 * nothing. */
#include <stdlib.h>
#include <string.h>

#include "plugins/plugins_private.h"

enum { LISTED = 8 };

struct listing {
    struct tb_buffer *out;
    const struct tb_plugin *live;
    size_t n;
};

static void list_one(void *arg, const struct tb_store_plugin_version *row)
{
    struct listing *list = arg;
    bool live = tb_plugin_is(list->live, row->hash);

    if (!row->activated_at || list->n == LISTED)
        return;
    tb_buffer_printf(list->out, "%s%.8s (version %.24s%s)", list->n++ ? ", " : "", row->hash,
                     row->version ? row->version : "unknown", live ? ", live" : "");
}

static struct tb_generation *nothing(struct tb_plugins *host, const char *plugin,
                                     const struct tb_plugin *live, const char *generation,
                                     struct tb_error *err)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct listing list = {.out = &text, .live = live};
    bool ok = !host->config.store ||
              tb_store_plugin_versions_each(host->config.store, plugin, 0, list_one, &list, err);
    if (ok)
        (void)tb_fail(err, TB_NOT_FOUND,
                      "No version of the plugin %.64s that was in force is named \"%.64s\" (%d or "
                      "more digits of its generation). There %s %s.",
                      plugin, generation, TB_GENERATION_DIGITS, list.n == 1 ? "is" : "are",
                      list.n ? tb_buffer_text(&text) : "none");
    tb_buffer_free(&text);
    return NULL;
}

/* The stored one, if it ever was in force; NULL with TB_OK when there is none such. */
static struct tb_plugin *stored(struct tb_plugins *host, const char *plugin, const char *generation,
                                struct tb_error *err)
{
    struct tb_store_plugin_version *row =
        host->config.store
            ? tb_store_plugin_version_get(host->config.store, plugin, generation, err)
            : NULL;
    struct tb_plugin *found = NULL;

    if (row && row->activated_at)
        found = tb_version_read(host, plugin, row->hash, err);
    else if (row || !host->config.store || err->code == TB_NOT_FOUND)
        err->code = TB_OK;
    free(row);
    return found;
}

struct tb_generation *tb_generation_kept(struct tb_plugins *host, const char *plugin,
                                         const char *generation, struct tb_error *err)
{
    struct tb_generation *now = tb_generation_hold(host, TB_LANE_LIVE), *found = NULL;
    const struct tb_plugin_slot *slot = tb_generation_find(now, plugin);
    const struct tb_plugin *live = slot ? slot->plugin : NULL;
    bool whole = strlen(generation) >= TB_GENERATION_DIGITS;
    struct tb_plugin *kept;

    *err = (struct tb_error){0};
    if (whole && live && strncmp(live->hash, generation, strlen(generation)) == 0) {
        found = tb_generation_share(now);
    } else if (whole && (kept = stored(host, plugin, generation, err)) != NULL) {
        found = tb_generation_of(plugin, kept);
        tb_plugin_release(kept);
    } else if (err->code == TB_OK) {
        found = nothing(host, plugin, live, generation, err);
    }
    tb_generation_release(now);
    return found;
}
