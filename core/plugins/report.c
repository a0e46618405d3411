/* What people are told of the plugins: the list, the answer of a reload, log lines and events. Any
 * thread; owns nothing. */
#include <string.h>

#include "base/log.h"
#include "plugins/plugins_private.h"

static const char *const status_words[] = {
    [TB_SLOT_LOADED] = "loaded", [TB_SLOT_UNCHANGED] = "unchanged", /* in answers of a reload */
    [TB_SLOT_KEPT] = "kept",     [TB_SLOT_FAILED] = "failed",       [TB_SLOT_DRAFT] = "draft",
};

/* The part of the caller's document that a hook was given. */
static const char *pointer_of(const char *hook)
{
    static const char *const of_params[] = {"form",    "facts",   "check", "build",
                                            "preview", "effects", NULL};
    for (const char *const *h = of_params; *h; h++)
        if (strcmp(*h, hook) == 0)
            return "/params";
    return NULL;
}

void tb_fault_write(struct tb_json_writer *w, const struct tb_plugin_fault *fault)
{
    const char *hook = fault->spent.phase;
    tb_jw_kv_string(w, "file", fault->file[0] ? fault->file : NULL);
    tb_jw_key(w, "line");
    if (fault->line)
        tb_jw_int(w, fault->line);
    else
        tb_jw_null(w);
    tb_jw_kv_string(w, "excerpt", fault->excerpt[0] ? fault->excerpt : NULL);
    tb_jw_kv_string(w, "hook", hook[0] ? hook : NULL);
    tb_jw_kv_string(w, "pointer", pointer_of(hook));
    tb_jw_key(w, "frames");
    tb_jw_array(w);
    for (unsigned i = 0; i < fault->frames; i++) {
        const struct tb_plugin_frame *f = &fault->frame[i];
        tb_jw_object(w);
        tb_jw_kv_string(w, "file", f->file);
        tb_jw_kv_int(w, "line", f->line);
        tb_jw_kv_string(w, "function", f->function[0] ? f->function : NULL);
        tb_jw_end_object(w);
    }
    tb_jw_end_array(w);
}

void tb_plugin_fault_json(const struct tb_plugin_fault *fault, struct tb_buffer *out)
{
    struct tb_json_writer w;
    if (!fault->plugin[0] || fault->upstream)
        return;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", fault->plugin);
    tb_jw_kv_string(&w, "generation", fault->generation);
    tb_fault_write(&w, fault);
    tb_jw_end_object(&w);
}

void tb_plugin_untransformed(const struct tb_generation *generation, const char *plugin,
                             struct tb_json_writer *w)
{
    const struct tb_plugin_slot *slot = tb_generation_find(generation, plugin);
    tb_breaker_write(w, slot ? slot->plugin : NULL);
}

static void write_error(struct tb_json_writer *w, const struct tb_plugin_slot *slot)
{
    if (!slot->error[0])
        return;
    tb_jw_key(w, "error");
    tb_jw_object(w);
    tb_jw_kv_string(w, "message", slot->error);
    tb_fault_write(w, &slot->fault);
    tb_jw_end_object(w);
}

static void write_outcome(struct tb_json_writer *w, const char *name, const char *status,
                          const struct tb_plugin_slot *slot)
{
    tb_jw_object(w);
    tb_jw_kv_string(w, "name", name);
    tb_jw_kv_string(w, "status", status);
    if (slot)
        write_error(w, slot);
    tb_jw_end_object(w);
}

void tb_report_reload(struct tb_buffer *out, const struct tb_generation *read,
                      const struct tb_generation *before)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_int(&w, "generation", (int64_t)read->id);
    tb_jw_key(&w, "plugins");
    tb_jw_array(&w);
    for (size_t i = 0; i < read->count; i++)
        write_outcome(&w, read->slots[i].name, status_words[read->slots[i].status],
                      &read->slots[i]);
    for (size_t i = 0; before && i < before->count; i++) {
        if (!tb_generation_find(read, before->slots[i].name))
            write_outcome(&w, before->slots[i].name, "removed", NULL);
    }
    tb_jw_end_array(&w);
    tb_jw_end_object(&w);
}

/* ---- news ---- */

/* What is, not what happened at the last reading. */
static const char *list_word(const struct tb_plugin_slot *slot)
{
    if (slot->plugin && (atomic_load(&slot->plugin->broken) || tb_breaker_open(slot->plugin)))
        return "broken";
    return status_words[slot->status == TB_SLOT_UNCHANGED ? TB_SLOT_LOADED : slot->status];
}

static void tell(struct tb_plugins *host, const char *name, const char *status,
                 const struct tb_plugin_slot *slot)
{
    struct tb_buffer json = TB_BUFFER_INIT;
    struct tb_json_writer w;
    tb_jw_init(&w, &json);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", name);
    tb_jw_kv_string(&w, "status", status);
    tb_jw_key(&w, "generation");
    if (slot && slot->plugin)
        tb_jw_stringn(&w, slot->plugin->hash, 8);
    else
        tb_jw_null(&w);
    if (slot)
        write_error(&w, slot);
    tb_jw_end_object(&w);
    tb_events_publish(host->config.events, "plugin.changed", json.data, json.len);
    tb_buffer_free(&json);
}

/* What happened: a version went live, a draft came, or the files fail. */
static const char *news_word(const struct tb_plugin_slot *slot, const struct tb_plugin_slot *before)
{
    bool swapped = !before || slot->plugin != before->plugin;
    if (slot->error[0])
        return status_words[slot->status];
    return !swapped && tb_slot_draft(slot) ? "draft" : list_word(slot);
}

static void log_loaded(struct tb_plugin *plugin)
{
    unsigned ran = atomic_load(&plugin->tests), golden = atomic_load(&plugin->golden_differ);
    struct tb_buffer tests = TB_BUFFER_INIT;
    if (ran)
        tb_buffer_printf(&tests, ", %u tests pass", ran - golden);
    if (golden)
        tb_buffer_printf(&tests, ", %u golden differ", golden);
    tb_log(golden ? TB_WARN : TB_INFO, "plugin.loaded", "%s %.8s%s", plugin->name, plugin->hash,
           tb_buffer_text(&tests));
    tb_buffer_free(&tests);
}

/* Does another version serve than the one of this release, which is in the folder? */
static bool holds_release(const struct tb_plugins *host, const struct tb_plugin_slot *slot)
{
    return slot->plugin && slot->folder && tb_plugin_is(slot->folder, slot->holds) &&
           !tb_plugin_is(slot->plugin, slot->holds) && tb_shipped_is(host, slot->name, slot->holds);
}

static void log_slot(const struct tb_plugins *host, const struct tb_plugin_slot *slot,
                     const char *word)
{
    const struct tb_plugin *draft = tb_slot_draft(slot);
    if (slot->error[0])
        tb_log(TB_WARN, "plugin.failed", "%s (%s): %s", slot->name, status_words[slot->status],
               slot->error);
    else if (slot->plugin && strcmp(word, "draft") != 0)
        log_loaded(slot->plugin);
    if (draft)
        tb_log(holds_release(host, slot) ? TB_WARN : TB_INFO, "plugin.draft",
               "%s %.8s%s waits for POST /plugins/%s/activate; %.8s serves%s%s", slot->name,
               draft->hash, holds_release(host, slot) ? ", which comes with this release," : "",
               slot->name, slot->plugin ? slot->plugin->hash : "nothing",
               slot->pin == TB_PIN_NONE ? "" : ", pinned by ",
               slot->pin == TB_PIN_NONE ? "" : tb_pin_word(slot->pin));
}

void tb_report_news(struct tb_plugins *host, const struct tb_generation *now,
                    const struct tb_generation *before)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct tb_plugin_slot *slot = &now->slots[i];
        const struct tb_plugin_slot *old = tb_generation_find(before, slot->name);
        if (old && tb_slot_same(slot, old))
            continue;
        const char *word = news_word(slot, old);
        log_slot(host, slot, word);
        if (before && host->config.events)
            tell(host, slot->name, word, slot);
    }
    for (size_t i = 0; before && i < before->count; i++) {
        const char *name = before->slots[i].name;
        if (tb_generation_find(now, name))
            continue;
        tb_log(TB_INFO, "plugin.removed", "%s", name);
        if (host->config.events)
            tell(host, name, "removed", NULL);
    }
}

/* ---- the list ---- */

/* The draft beside what is live, and why the folder may not be what is live. */
static void write_versions(struct tb_json_writer *w, const struct tb_plugins *host,
                           const struct tb_plugin_slot *slot)
{
    const struct tb_plugin *draft = tb_slot_draft(slot);
    struct tb_buffer why = TB_BUFFER_INIT;
    tb_jw_kv_string(w, "pin", tb_pin_word(slot->pin));
    tb_jw_key(w, "draft");
    if (draft) {
        tb_jw_object(w);
        tb_jw_key(w, "hash");
        tb_jw_stringn(w, draft->hash, 8);
        tb_jw_kv_node(w, "version", tb_json_get(tb_json_root(draft->described), "version"));
        tb_jw_kv_string(w, "origin", draft == slot->upload ? "upload" : "folder");
        tb_jw_end_object(w);
    } else {
        tb_jw_null(w);
    }
    if (slot->plugin && !slot->in_folder)
        tb_buffer_puts(&why, "There is no folder of this name; the version of the store serves.");
    else if (slot->plugin && slot->pin != TB_PIN_NONE && !tb_plugin_is(slot->plugin, slot->holds))
        tb_buffer_printf(&why,
                         "The folder holds %.8s, but %.8s is pinned by %s%s and serves; activate "
                         "the draft to change that.",
                         slot->holds[0] ? slot->holds : "nothing readable", slot->plugin->hash,
                         slot->pin == TB_PIN_UPLOAD ? "an " : "a ", tb_pin_word(slot->pin));
    else if (holds_release(host, slot))
        tb_buffer_printf(
            &why,
            "The folder holds %.8s, which comes with this release, but %.8s serves, "
            "since a person chose it; activate the draft to follow the releases again.",
            slot->holds, slot->plugin->hash);
    tb_jw_kv_bool(w, "shipped",
                  slot->plugin && tb_shipped_is(host, slot->name, slot->plugin->hash));
    tb_jw_kv_string(w, "shadowed", why.len ? tb_buffer_text(&why) : NULL);
    tb_buffer_free(&why);
}

static void write_plugin(struct tb_json_writer *w, const struct tb_plugins *host,
                         const struct tb_plugin_slot *slot)
{
    const struct tb_plugin *plugin = slot->plugin;
    const struct tb_json *d = plugin ? tb_json_root(plugin->described) : NULL;
    tb_jw_object(w);
    tb_jw_kv_string(w, "name", slot->name);
    tb_jw_kv_node(w, "title", tb_json_get(d, "title"));
    tb_jw_kv_node(w, "version", tb_json_get(d, "version"));
    tb_jw_kv_string(w, "status", list_word(slot));
    tb_jw_kv_node(w, "connectors", tb_json_get(d, "connectors"));
    tb_jw_kv_node(w, "strategies", tb_json_get(d, "strategies"));
    write_error(w, slot);
    write_versions(w, host, slot);
    tb_jw_kv_int(w, "golden_differ", plugin ? atomic_load(&plugin->golden_differ) : 0);
    tb_breaker_write(w, plugin);
    tb_jw_kv_time(w, "loaded_at", plugin ? plugin->loaded_wall_ms : 0);
    tb_jw_key(w, "hash");
    if (plugin)
        tb_jw_stringn(w, plugin->hash, 8);
    else
        tb_jw_null(w);
    tb_jw_end_object(w);
}

void tb_plugins_list(struct tb_plugins *host, struct tb_buffer *out)
{
    struct tb_generation *g = tb_generation_hold(host, TB_LANE_LIVE);
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_int(&w, "generation", (int64_t)g->id);
    tb_jw_key(&w, "plugins");
    tb_jw_array(&w);
    for (size_t i = 0; i < g->count; i++)
        write_plugin(&w, host, &g->slots[i]);
    tb_jw_end_array(&w);
    tb_jw_end_object(&w);
    tb_generation_release(g);
}
