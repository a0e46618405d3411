/* The host's public face: opening, reloading, naming plugins, and calling one. Any thread may call;
 * reloads are serialised and swap one pointer, so calls in progress finish on their generation. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"

static const size_t ARENA_BYTES = 16u << 20;
static const unsigned ARENAS = 8;

/* Kernel function of each entry. hook: the entry needs the plugin's Lua only when the plugin has
 * this hook; otherwise the SDK's general answer is the answer, also without any plugin, so that
 * bots of unknown strategies have figures too. */
static const struct {
    const char *name;
    const char *hook;
    bool without_logs;
} entries[] = {
    [TB_PLUGIN_DESCRIBE] = {"describe", NULL, false},
    [TB_PLUGIN_SCHEMA] = {"schema", NULL, false},
    [TB_PLUGIN_TRANSLATE] = {"translate", NULL, false},
    [TB_PLUGIN_PLAN] = {"plan", NULL, false},
    [TB_PLUGIN_STATUS] = {"status", "status", true},
    [TB_PLUGIN_LOG] = {"log", "log", false},
    [TB_PLUGIN_TRADES] = {"trades", "trade", false},
    [TB_PLUGIN_EFFECTS] = {"effects", NULL, false},
    [TB_PLUGIN_DOCS] = {"docs", NULL, false},
    [TB_PLUGIN_REPLAY] = {"replay", NULL, false},
    [TB_PLUGIN_REBUILD] = {"rebuild", NULL, false},
    [TB_PLUGIN_RECOGNISE] = {"recognise", NULL, false},
    [TB_PLUGIN_ACTION] = {"action", NULL, false},
    [TB_PLUGIN_SCAFFOLD] = {"scaffold", "scaffold", false},
    [TB_PLUGIN_REPL] = {"repl", NULL, false},
    [TB_PLUGIN_TEST] = {"test", NULL, false},
};

/* What a status call builds of its input: a bot's log buffers are most of a report and no figure
 * depends on them. */
static const char without_logs[] =
    "{\"bot\":true,\"raw\":{\"*\":true,\"error_logs\":false,\"general_logs\":false}}";

/* ---- arenas ---- */

static void *make_arena(void *user, struct tb_error *err)
{
    const struct tb_plugins *host = user;
    return tb_arena_new(host->config.arena_bytes, err);
}

static void destroy_arena(void *user, void *thing)
{
    (void)user;
    tb_arena_free(thing);
}

/* ---- reloading ---- */

static void swap(struct tb_plugins *host, struct tb_generation *now)
{
    struct tb_generation *drafts = tb_generation_drafts(now);
    pthread_mutex_lock(&host->lock);
    struct tb_generation *before = host->current, *drafts_before = host->drafts;
    host->current = now;
    host->drafts = drafts;
    pthread_mutex_unlock(&host->lock);
    tb_generation_release(before);
    tb_generation_release(drafts_before);
}

bool tb_plugins_read_again(struct tb_plugins *host, struct tb_buffer *report, struct tb_error *err)
{
    struct tb_generation *before = host->current ? tb_generation_hold(host, TB_LANE_LIVE) : NULL;
    struct tb_generation *now = tb_generation_read(host, before, err);
    bool ok = now != NULL;
    bool same = ok && before && tb_generation_same(now, before);
    if (same)
        now->id = before->id;
    if (ok && report)
        tb_report_reload(report, now, before);
    if (same) {
        tb_generation_release(now);
    } else if (ok) {
        tb_versions_note(host, now);
        swap(host, now);
        tb_report_news(host, now, before);
    }
    tb_generation_release(before);
    return ok;
}

/* Who reloads wants the plugins tried again, also those whose files are the same. */
static void reset_breakers(struct tb_plugins *host)
{
    struct tb_generation *g = tb_generation_hold(host, TB_LANE_LIVE);
    for (size_t i = 0; i < g->count; i++)
        if (g->slots[i].plugin)
            tb_breaker_reset(g->slots[i].plugin);
    tb_generation_release(g);
}

bool tb_plugins_reload(struct tb_plugins *host, struct tb_buffer *report_json, struct tb_error *err)
{
    pthread_mutex_lock(&host->reload_lock);
    bool ok = tb_plugins_read_again(host, report_json, err);
    if (ok)
        reset_breakers(host);
    pthread_mutex_unlock(&host->reload_lock);
    return ok;
}

/* ---- opening ---- */

struct tb_plugins *tb_plugins_open(const struct tb_plugins_config *config, struct tb_error *err)
{
    static const struct tb_lease_ops ops = {make_arena, destroy_arena};
    struct tb_plugins *host = tb_xcalloc(1, sizeof *host);
    host->config = *config;
    host->dir = tb_xstrdup(config->dir);
    host->config.dir = host->dir;
    if (!host->config.arena_bytes)
        host->config.arena_bytes = ARENA_BYTES;
    if (!host->config.arenas)
        host->config.arenas = ARENAS;
    pthread_mutex_init(&host->lock, NULL);
    pthread_mutex_init(&host->reload_lock, NULL);
    host->without_logs = tb_json_parse(without_logs, sizeof without_logs - 1, TB_JSON_CLIENT, err);
    host->arenas = tb_lease_pool_new("lua arenas", host->config.arenas, &ops, host);
    host->watchdog = tb_watchdog_start(
        host, config->stuck_ms ? config->stuck_ms : (int64_t)TB_STUCK_MS * TB_BUDGET_FACTOR);
    bool ok =
        host->watchdog || tb_fail(err, TB_INTERNAL, "the watchdog of the plugins cannot start");
    if (!ok || !tb_sdk_compile(config->sdk, &host->sdk, err) || !tb_shipped_load(host, err) ||
        !tb_states_load(host, err) || !tb_plugins_read_again(host, NULL, err)) {
        tb_plugins_close(host);
        return NULL;
    }
    if (config->watch)
        host->watch = tb_folder_watch_start(host, config->poll_ms);
    return host;
}

void tb_plugins_close(struct tb_plugins *host)
{
    if (!host)
        return;
    tb_folder_watch_stop(host->watch);
    tb_watchdog_stop(host->watchdog);
    tb_generation_release(host->current);
    tb_generation_release(host->drafts);
    free(host->states);
    free(host->shipped);
    tb_lease_pool_free(host->arenas);
    tb_script_set_free(&host->sdk);
    tb_json_free(host->without_logs);
    pthread_mutex_destroy(&host->lock);
    pthread_mutex_destroy(&host->reload_lock);
    free(host->dir);
    free(host);
}

/* ---- names ---- */

uint64_t tb_plugins_generation(struct tb_plugins *host)
{
    pthread_mutex_lock(&host->lock);
    uint64_t id = host->current->id;
    pthread_mutex_unlock(&host->lock);
    return id;
}

void tb_plugins_hash(struct tb_plugins *host, const char *plugin, char out[9])
{
    struct tb_generation *g = tb_generation_hold(host, TB_LANE_LIVE);
    tb_generation_hash(g, plugin, out);
    tb_generation_release(g);
}

bool tb_plugins_find(struct tb_plugins *host, const char *word, char name_out[64])
{
    struct tb_generation *g = tb_generation_hold(host, TB_LANE_LIVE);
    bool found = tb_generation_match(g, word, name_out);
    tb_generation_release(g);
    return found;
}

size_t tb_plugins_names(struct tb_plugins *host, char names[][64], size_t max)
{
    struct tb_generation *g = tb_generation_hold(host, TB_LANE_LIVE);
    size_t n = tb_generation_names(g, names, max);
    tb_generation_release(g);
    return n;
}

unsigned tb_plugins_threads_lost(struct tb_plugins *host)
{
    return tb_watchdog_lost(host->watchdog);
}

/* ---- calling ---- */

int64_t tb_plugins_deadline(int64_t ms)
{
    return tb_mono_ms() + tb_clock_machine_ms(ms * TB_BUDGET_FACTOR);
}

static bool missing(const struct tb_plugin_slot *slot, const char *name,
                    struct tb_plugin_fault *fault, struct tb_error *err)
{
    if (!slot)
        return tb_fail(err, TB_NOT_FOUND, "there is no plugin %s", name ? name : "");
    *fault = slot->fault;
    return tb_fail(err, TB_PLUGIN_FAILED, "%s does not load: %s", name, slot->error);
}

static bool has_hook(const struct tb_plugin *plugin, const char *hook)
{
    return tb_json_true(tb_json_path(tb_json_root(plugin->described), "hooks", hook, NULL));
}

/* The version to run the entry with; NULL when the SDK alone can answer, and must, because the
 * plugin does not load or was switched off: figures of a bot that trades are not lost with it. */
static struct tb_plugin *plugin_for(const struct tb_plugin_slot *slot, enum tb_plugin_entry entry)
{
    struct tb_plugin *plugin = slot ? slot->plugin : NULL;
    const char *hook = entries[entry].hook;
    if (!plugin || !hook)
        return plugin;
    if (atomic_load(&plugin->broken) || tb_breaker_open(plugin))
        return NULL;
    return has_hook(plugin, hook) ? plugin : NULL;
}

bool tb_plugins_call(struct tb_plugins *host, const struct tb_plugin_call *call,
                     struct tb_buffer *out, struct tb_plugin_fault *fault, struct tb_error *err)
{
    struct tb_plugin_fault unused;
    fault = fault ? fault : &unused;
    *fault = (struct tb_plugin_fault){0};
    struct tb_generation *held = call->in ? NULL : tb_generation_hold(host, TB_LANE_LIVE);
    const struct tb_generation *g = call->in ? call->in : held;
    const struct tb_plugin_slot *slot = call->plugin ? tb_generation_find(g, call->plugin) : NULL;
    struct tb_vm_job job = {
        .plugin = plugin_for(slot, call->entry),
        .entry = entries[call->entry].name,
        .input = call->input,
        .input_len = call->input_len,
        .projection = entries[call->entry].without_logs ? tb_json_root(host->without_logs) : NULL,
        .mono_deadline_ms = call->mono_deadline_ms,
    };
    const char *hook = entries[call->entry].hook;
    bool ok;
    if (!job.plugin && !hook)
        ok = missing(slot, call->plugin, fault, err);
    else
        ok = tb_vm_run(host, &job, out, fault, err);
    if (hook && job.plugin)
        tb_breaker_result(host, job.plugin, call->entry == TB_PLUGIN_LOG, ok, fault, err);
    fault->untransformed = hook && !job.plugin && call->plugin && call->plugin[0] &&
                           (!slot || !slot->plugin || has_hook(slot->plugin, hook));
    tb_generation_release(held);
    return ok;
}
