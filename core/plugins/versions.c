/* Versions of plugins in the store: what is in force and by whose order, and the files of every
 * version that ever was, by content. Works without a store too, then nothing is remembered. Under
 * the reload lock. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"
#include "store/store.h"

static const char *const pin_words[] = {
    [TB_PIN_NONE] = NULL, [TB_PIN_ROLLBACK] = "rollback", [TB_PIN_UPLOAD] = "upload"};

const char *tb_pin_word(enum tb_pin pin)
{
    return pin_words[pin];
}

/* ---- states ---- */

struct tb_plugin_state *tb_state_find(struct tb_plugins *host, const char *name)
{
    for (size_t i = 0; i < host->state_count; i++)
        if (strcmp(host->states[i].name, name) == 0)
            return &host->states[i];
    return NULL;
}

struct tb_plugin_state tb_state_of(struct tb_plugins *host, const char *name)
{
    struct tb_plugin_state state = {.pin = TB_PIN_NONE};
    const struct tb_plugin_state *known = tb_state_find(host, name);
    if (known)
        state = *known;
    (void)tb_copy(state.name, sizeof state.name, name);
    return state;
}

static void remember(struct tb_plugins *host, const struct tb_plugin_state *state)
{
    struct tb_plugin_state *known = tb_state_find(host, state->name);
    if (!known) {
        host->states = tb_xrealloc(host->states, (host->state_count + 1) * sizeof *host->states);
        known = &host->states[host->state_count++];
    }
    *known = *state;
}

static void take(char *out, size_t size, const char *text)
{
    (void)tb_copy(out, size, text ? text : "");
}

static void load_state(void *arg, const struct tb_store_plugin_state *row)
{
    struct tb_plugin_state state = {.pin = TB_PIN_NONE};
    take(state.name, sizeof state.name, row->plugin);
    take(state.active, sizeof state.active, row->active);
    take(state.folder, sizeof state.folder, row->folder);
    take(state.waiting, sizeof state.waiting, row->waiting);
    for (size_t i = 0; row->pin && i < sizeof pin_words / sizeof pin_words[0]; i++)
        if (pin_words[i] && strcmp(pin_words[i], row->pin) == 0)
            state.pin = (enum tb_pin)i;
    remember(arg, &state);
}

bool tb_states_load(struct tb_plugins *host, struct tb_error *err)
{
    return !host->config.store ||
           tb_store_plugin_states_each(host->config.store, load_state, host, err);
}

/* ---- files ---- */

/* Lua files need not be UTF-8, JSON texts must. */
static void write_file(struct tb_json_writer *w, const struct tb_script *script)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer probe;
    struct tb_error ignored;
    tb_jw_init(&probe, &text);
    tb_jw_stringn(&probe, script->source, script->source_len);
    struct tb_json_doc *doc =
        tb_json_parse(tb_buffer_text(&text), text.len, TB_JSON_UPSTREAM, &ignored);
    const struct tb_json *read = doc ? tb_json_root(doc) : NULL;
    tb_jw_key(w, script->path);
    if (read && read->len == script->source_len &&
        memcmp(read->text, script->source, read->len) == 0) {
        tb_jw_raw(w, text.data, text.len);
    } else {
        struct tb_buffer bytes = TB_BUFFER_INIT;
        tb_base64_append(&bytes, script->source, script->source_len);
        tb_jw_object(w);
        tb_jw_kv_string(w, "base64", tb_buffer_text(&bytes));
        tb_jw_end_object(w);
        tb_buffer_free(&bytes);
    }
    tb_json_free(doc);
    tb_buffer_free(&text);
}

void tb_version_files(const struct tb_script_set *set, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    for (size_t i = 0; i < set->count; i++)
        write_file(&w, &set->scripts[i]);
    tb_jw_end_object(&w);
}

bool tb_version_set(const char *name, const struct tb_json *files, struct tb_script_set *out,
                    struct tb_error *err)
{
    bool ok = true;
    *out = (struct tb_script_set){0};
    for (const struct tb_json *f = tb_json_first(files); ok && f; f = f->next) {
        const char *coded = tb_json_get_string(f, "base64");
        struct tb_buffer bytes = TB_BUFFER_INIT;
        if (coded)
            ok = tb_base64_decode(&bytes, coded, strlen(coded)) ||
                 tb_fail(err, TB_INVALID, "%s is not base64", f->key);
        else if (tb_json_string(f))
            tb_buffer_append(&bytes, f->text, f->len);
        else
            ok = tb_fail(err, TB_INVALID, "%s is no text", f->key);
        ok = ok && tb_script_set_add(out, name, f->key, tb_buffer_text(&bytes), bytes.len, err);
        tb_buffer_free(&bytes);
    }
    ok = ok && tb_script_set_whole(out, name, err);
    if (!ok)
        tb_script_set_free(out);
    return ok;
}

/* ---- versions ---- */

static const char *or_null(const char *text)
{
    return text[0] ? text : NULL;
}

static void write_cause(const struct tb_version_cause *cause, bool shipped, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "cause", cause->word);
    tb_jw_kv_string(&w, "by", or_null(cause->by));
    tb_jw_kv_bool(&w, "shipped", shipped);
    tb_jw_end_object(&w);
}

bool tb_state_put(struct tb_plugins *host, const struct tb_plugin_state *state,
                  const struct tb_plugin *version, const struct tb_version_cause *cause,
                  struct tb_error *err)
{
    struct tb_buffer files = TB_BUFFER_INIT, doc = TB_BUFFER_INIT;
    int64_t now = tb_wall_ms();
    bool ok = true;
    if (host->config.store && !host->config.look_only) {
        const struct tb_store_plugin_state row = {.plugin = state->name,
                                                  .active = or_null(state->active),
                                                  .pin = tb_pin_word(state->pin),
                                                  .folder = or_null(state->folder),
                                                  .waiting = or_null(state->waiting),
                                                  .updated_at = now};
        struct tb_store_plugin_version its = {.plugin = state->name, .created_at = now};
        struct tb_store_change changes[] = {
            {.kind = TB_STORE_PLUGIN_STATE_PUT, .plugin_state = &row},
            {.kind = TB_STORE_PLUGIN_VERSION_PUT, .plugin_version = &its}};
        if (version) {
            tb_version_files(&version->set, &files);
            write_cause(cause, tb_shipped_is(host, version->name, version->hash), &doc);
            its.hash = version->hash;
            its.version = tb_json_get_string(tb_json_root(version->described), "version");
            its.origin = strcmp(cause->word, "upload") == 0 ? "upload" : "folder";
            its.activated_at = cause->waits ? 0 : now;
            its.files = tb_buffer_text(&files);
            its.doc = tb_buffer_text(&doc);
        }
        ok = tb_store_commit(host->config.store, changes, version ? 2 : 1, err);
        tb_buffer_free(&files);
        tb_buffer_free(&doc);
    }
    if (ok)
        remember(host, state);
    return ok;
}

bool tb_state_delete(struct tb_plugins *host, const char *name, struct tb_error *err)
{
    const struct tb_store_change change = {.kind = TB_STORE_PLUGIN_STATE_DELETE, .plugin = name};
    struct tb_plugin_state *known = tb_state_find(host, name);
    if (host->config.store && !tb_store_commit(host->config.store, &change, 1, err))
        return false;
    if (known)
        *known = host->states[--host->state_count];
    return true;
}

struct tb_plugin *tb_version_read(struct tb_plugins *host, const char *name, const char *hash,
                                  struct tb_error *err)
{
    struct tb_plugin_fault fault;
    struct tb_script_set set;
    char content[TB_SHA256_TEXT];
    struct tb_store_plugin_version *row =
        host->config.store ? tb_store_plugin_version_get(host->config.store, name, hash, err)
                           : NULL;
    if (!row)
        return NULL;
    struct tb_plugin *plugin = NULL;
    struct tb_json_doc *doc = tb_json_parse(row->files, strlen(row->files), TB_JSON_UPSTREAM, err);
    if (doc && tb_version_set(name, tb_json_root(doc), &set, err)) {
        tb_script_set_hash(&set, content);
        if (strcmp(content, row->hash) == 0) {
            plugin = tb_plugin_build(host, name, &set, content, &fault, err);
        } else {
            tb_script_set_free(&set);
            (void)tb_fail(err, TB_STORE_FAILED, "the stored files of %s are not those of %.8s",
                          name, row->hash);
        }
    }
    tb_json_free(doc);
    free(row);
    return plugin;
}

void tb_versions_note(struct tb_plugins *host, const struct tb_generation *now)
{
    static const struct tb_version_cause cause = {.word = "folder", .by = ""};
    for (size_t i = 0; i < now->count; i++) {
        const struct tb_plugin_slot *slot = &now->slots[i];
        const struct tb_plugin_state *known = tb_state_find(host, slot->name);
        struct tb_plugin_state state = {.pin = TB_PIN_NONE};
        struct tb_error err = {0};
        if (!slot->plugin || slot->pin != TB_PIN_NONE || slot->plugin != slot->folder ||
            (known && strcmp(known->active, slot->plugin->hash) == 0))
            continue;
        if (known)
            state = *known;
        (void)tb_copy(state.name, sizeof state.name, slot->name);
        (void)tb_copy(state.active, sizeof state.active, slot->plugin->hash);
        if (!tb_state_put(host, &state, slot->plugin, &cause, &err))
            tb_log(TB_ERROR, "plugin.version", "%s %.8s is live but not kept: %s", slot->name,
                   slot->plugin->hash, err.detail);
    }
}
