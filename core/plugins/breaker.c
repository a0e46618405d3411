/* A plugin whose transform fails or overruns three times in a row is switched to untransformed: the
 * SDK's general figures go on without it, marked as such, until it has a new version or somebody
 * reloads. Upstream's failures and a missed deadline are never counted. Any thread. */
#include "base/log.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"

enum { FAILURES_MAX = 3 };

/* Over what is said of the breakers of all plugins; taken for a copy. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

bool tb_breaker_open(const struct tb_plugin *plugin)
{
    return atomic_load(&plugin->breaker.open);
}

void tb_breaker_reset(struct tb_plugin *plugin)
{
    for (size_t i = 0; i < TB_BREAKER_HOOKS; i++)
        atomic_store(&plugin->breaker.failures[i], 0);
    atomic_store(&plugin->breaker.open, false);
}

static void write_reason(struct tb_json_writer *w, const struct tb_breaker *b)
{
    tb_jw_object(w);
    tb_jw_kv_string(w, "message", b->message);
    tb_fault_write(w, &b->fault);
    tb_jw_end_object(w);
}

void tb_breaker_write(struct tb_json_writer *w, const struct tb_plugin *plugin)
{
    bool open = plugin && tb_breaker_open(plugin);
    tb_jw_key(w, "untransformed");
    pthread_mutex_lock(&lock);
    if (open)
        write_reason(w, &plugin->breaker);
    else
        tb_jw_null(w);
    pthread_mutex_unlock(&lock);
}

static void tell(struct tb_plugins *host, const struct tb_plugin *plugin)
{
    struct tb_buffer json = TB_BUFFER_INIT;
    struct tb_json_writer w;
    tb_jw_init(&w, &json);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", plugin->name);
    tb_jw_key(&w, "generation");
    tb_jw_stringn(&w, plugin->hash, 8);
    tb_breaker_write(&w, plugin);
    tb_jw_end_object(&w);
    if (host->config.events)
        tb_events_publish(host->config.events, "plugin.untransformed", json.data, json.len);
    tb_buffer_free(&json);
    tb_log(TB_ERROR, "plugin.untransformed",
           "%s: failed %d times in a row, the last time with: %s; its bots are shown with the "
           "SDK's general figures until it has a new version or is reloaded",
           plugin->name, FAILURES_MAX, plugin->breaker.message);
}

void tb_breaker_result(struct tb_plugins *host, struct tb_plugin *plugin, unsigned hook, bool ok,
                       const struct tb_plugin_fault *fault, const struct tb_error *err)
{
    struct tb_breaker *b = &plugin->breaker;
    if (ok) {
        atomic_store(&b->failures[hook], 0);
        return;
    }
    if (err->code != TB_PLUGIN_FAILED || fault->upstream ||
        atomic_fetch_add(&b->failures[hook], 1) + 1 != FAILURES_MAX)
        return;
    pthread_mutex_lock(&lock);
    bool already = atomic_load(&b->open);
    if (!already) {
        b->fault = *fault;
        (void)tb_copy(b->message, sizeof b->message, err->detail);
        atomic_store(&b->open, true);
    }
    pthread_mutex_unlock(&lock);
    if (!already)
        tell(host, plugin);
}
