/* `trading-bridge serve`: starts the rooms from the bottom up, waits for signals, stops them from
 * the top down. Main thread; all other threads are born with the signals blocked. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/embed.h"
#include "base/events.h"
#include "base/log.h"
#include "bots/backtest.h"
#include "bots/bots.h"
#include "commands/commands_private.h"
#include "plugins/host.h"
#include "store/store.h"

#define EVENTS_KEPT 4096
#define LOOK_MS     50
#define GRACE_MS    25000 /* for the requests inside, at the end */

#define PRUNE_EVERY_MS (INT64_C(3600) * 1000)
#define SERIES_KEPT_MS (INT64_C(90) * 24 * 3600 * 1000) /* curves, log lines */

/* Ids of events never repeat, so that a reader can go on after a restart. Events are not stored one
 * by one: each start takes a block of ids that is larger than any process can use up. */
#define EVENT_BLOCK    (INT64_C(1) << 32)
#define META_EVENT_IDS "event_ids" /* the first id of the next block */

struct bridge {
    struct settings settings;
    char *admin_token;
    struct tb_store *store;
    struct tb_hb *hb;
    struct tb_plugins *plugins;
    struct tb_events *events;
    struct tb_bots *bots;
    struct tb_hb *backtest_hb; /* NULL: no server is marked */
    struct tb_backtests *backtests;
    struct tb_api *api;
};

/* ---- start ---- */

static bool open_events(struct bridge *b, struct tb_error *err)
{
    int64_t last;
    char next[24];
    if (!tb_store_event_last(b->store, &last, err))
        return false;
    char *block = tb_store_meta_get(b->store, META_EVENT_IDS, err);
    if (!block && err->code != TB_NOT_FOUND)
        return false;
    long long first = block ? strtoll(block, NULL, 10) : 1;
    free(block);
    if (first <= last)
        first = last + 1;
    snprintf(next, sizeof next, "%lld", first + (long long)EVENT_BLOCK);
    b->events = tb_events_new(EVENTS_KEPT, (uint64_t)first);
    return tb_store_meta_put(b->store, META_EVENT_IDS, next, err);
}

static void prune(struct bridge *b)
{
    struct tb_error err = {0};
    int64_t now = tb_wall_ms();
    if (!tb_store_prune(b->store, now, now - SERIES_KEPT_MS,
                        settings_number(&b->settings, SET_PLUGIN_VERSIONS), &err))
        tb_log(TB_WARN, "serve.prune", "What is old was not deleted: %s", err.detail);
}

/* A store that a redeploy empties: said at every start; creates are refused unless forced. */
static bool ephemeral(const struct settings *s)
{
    const char *path = settings_text(s, SET_STORE);
    bool forced = settings_number(s, SET_ALLOW_EPHEMERAL) == 1;
    switch (place_store_lasting(s)) {
    case PLACE_GOES_WITH_CONTAINER:
        tb_log(
            TB_WARN, "serve.ephemeral",
            "The store %s is in the container's own layer or in memory: a redeploy forgets every "
            "bot while it trades. %s Put BRIDGE_STORE on a volume.",
            path, forced ? "BRIDGE_ALLOW_EPHEMERAL allows it." : "Creates are refused.");
        return !forced;
    case PLACE_IN_MEMORY:
        tb_log(TB_WARN, "serve.ephemeral",
               "The store %s is in memory: a reboot forgets every bot. Put BRIDGE_STORE on a disk.",
               path);
        return false;
    case PLACE_LASTS:
        break;
    }
    return false;
}

static bool open_plugins(struct bridge *b, struct tb_error *err)
{
    const struct settings *s = &b->settings;
    b->plugins = tb_plugins_open(
        &(struct tb_plugins_config){
            .dir = place_plugins(s),
            .sdk = tb_sdk_files,
            .shipped = tb_shipped_files,
            .arena_bytes = (size_t)settings_number(s, SET_ARENA) << 20,
            .arenas = (unsigned)settings_number(s, SET_THREADS),
            .hb = b->hb,
            .events = b->events,
            .store = b->store,
            .strict = settings_text(s, SET_PLUGIN_GATE) != NULL,
            .lane = place_saves_drafts(s) ? TB_LANE_DRAFT : TB_LANE_LIVE,
            .watch = true,
        },
        err);
    return b->plugins != NULL;
}

static bool open_bots(struct bridge *b, struct tb_error *err)
{
    b->bots = tb_bots_open(
        &(struct tb_bots_config){
            .store = b->store,
            .hb = b->hb,
            .plugins = b->plugins,
            .events = b->events,
            .image_pattern = settings_text(&b->settings, SET_BOT_IMAGES),
            .ephemeral = ephemeral(&b->settings),
        },
        err);
    return b->bots != NULL;
}

/* A second server that is not there is no reason not to start: it is asked when it is needed. */
static bool open_backtests(struct bridge *b, struct tb_error *err)
{
    struct tb_hb_config second = place_backtests(&b->settings);
    if (second.url && !(b->backtest_hb = tb_hb_open(&second, err)))
        return false;
    b->backtests = tb_backtests_open(
        &(struct tb_backtests_config){.store = b->store, .hb = b->backtest_hb}, err);
    return b->backtests != NULL;
}

static bool open_api(struct bridge *b, struct tb_error *err)
{
    const struct settings *s = &b->settings;
    b->api = tb_api_start(
        &(struct tb_api_config){
            .bind = settings_text(s, SET_BIND),
            .port = (int)settings_number(s, SET_PORT),
            .workers = (unsigned)settings_number(s, SET_THREADS),
            .admin_token = b->admin_token,
            .cors_origins = settings_text(s, SET_CORS_ORIGINS),
            .store = b->store,
            .plugins = b->plugins,
            .bots = b->bots,
            .backtests = b->backtests,
            .uploads = settings_number(s, SET_PLUGIN_UPLOAD) == 1,
            .web = tb_web_files,
        },
        err);
    return b->api != NULL;
}

static bool start(struct bridge *b, bool *generated_out, struct tb_error *err)
{
    struct tb_hb_config hummingbot = place_hummingbot(&b->settings);
    b->store = tb_store_open(settings_text(&b->settings, SET_STORE), err);
    if (!b->store)
        return false;
    b->admin_token = place_admin_token(&b->settings, true, generated_out, err);
    if (!b->admin_token)
        return false;
    b->hb = tb_hb_open(&hummingbot, err);
    return b->hb && open_events(b, err) && open_plugins(b, err) && open_bots(b, err) &&
           open_backtests(b, err) && open_api(b, err);
}

/* The token is shown where only the person who started us looks. */
static void announce(const struct bridge *b, bool generated)
{
    const char *bind = settings_text(&b->settings, SET_BIND);
    bool loopback = strncmp(bind, "127.", 4) == 0;
    if (generated) {
        char *path = place_beside_store(&b->settings, "admin-token");
        tb_log(loopback ? TB_INFO : TB_WARN, "serve.admin_token",
               "BRIDGE_ADMIN_TOKEN is not set: the administrator's token is the one in %s.%s", path,
               loopback ? "" : " The bridge is reachable from other machines.");
        if (isatty(STDOUT_FILENO))
            printf("administrator's token: %s\n", b->admin_token);
        free(path);
    }
    printf("trading-bridge ready on http://%s:%d\n",
           strcmp(bind, "0.0.0.0") == 0 ? "127.0.0.1" : bind, tb_api_port(b->api));
    fflush(stdout);
}

/* ---- signals ---- */

static void report_problems(const struct settings *s)
{
    for (size_t i = 0; i < s->problems; i++)
        tb_log(s->problem[i].severity == SETTING_WARNING ? TB_WARN : TB_ERROR, "serve.setting",
               "%s; %s.", s->problem[i].what, s->problem[i].remedy);
}

static void reload_admin_token(struct bridge *b, const struct settings *fresh)
{
    struct tb_error err = {0};
    char *token = place_admin_token(fresh, true, NULL, &err);
    if (!token) {
        tb_log(TB_ERROR, "serve.reload", "The administrator's token is kept. %s", err.detail);
        return;
    }
    tb_api_set_admin_token(b->api, token);
    free(b->admin_token);
    b->admin_token = token;
}

static void reload_access(struct bridge *b, const struct settings *fresh)
{
    struct tb_hb_config config = place_hummingbot(fresh), second = place_backtests(fresh);
    struct tb_error err = {0};
    if (b->backtest_hb && !tb_hb_set_access(b->backtest_hb, &second, &err))
        tb_log(TB_ERROR, "serve.reload", "The way to the second server is kept as it was: %s.",
               err.detail);
    if (!tb_hb_set_access(b->hb, &config, &err))
        tb_log(TB_ERROR, "serve.reload", "The way to the Hummingbot API is kept as it was: %s.",
               err.detail);
}

/* What is not taken over must not look as if it were. */
static void name_unused(const struct settings *used, const struct settings *fresh)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        const char *now = settings_text(used, (enum setting)i);
        const char *then = settings_text(fresh, (enum setting)i);
        const struct setting_row *row = setting_row((enum setting)i);
        if (!(row->flags & SETTING_LIVE) && strcmp(now ? now : "", then ? then : "") != 0)
            tb_log(TB_WARN, "serve.reload", "%s has changed; that takes a new start.", row->name);
    }
}

/* Only what the table marks as live is taken over. */
static void reload_settings(struct bridge *b)
{
    struct settings fresh;
    bool good = settings_load(&fresh);
    report_problems(&fresh);
    if (good) {
        reload_access(b, &fresh);
        reload_admin_token(b, &fresh);
        name_unused(&b->settings, &fresh);
        tb_log(TB_INFO, "serve.reload", "Passwords, tokens and headers were read again.");
    } else {
        tb_log(TB_ERROR, "serve.reload", "The settings are kept as they were.");
    }
    settings_free(&fresh);
}

static void reload_plugins(struct bridge *b)
{
    struct tb_buffer report = TB_BUFFER_INIT;
    struct tb_error err = {0};
    if (tb_plugins_reload(b->plugins, &report, &err))
        tb_log(TB_INFO, "serve.reload", "Plugins were read again: %s", tb_buffer_text(&report));
    else
        tb_log(TB_ERROR, "serve.reload", "Plugins are kept as they were: %s", err.detail);
    tb_buffer_free(&report);
}

static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
}

static void wait_for_end(struct bridge *b, const sigset_t *signals)
{
    int got = 0;
    int64_t prune_at = tb_mono_ms();
    while (got != SIGTERM && got != SIGINT) {
        if (tb_mono_ms() >= prune_at) {
            prune(b);
            prune_at = tb_mono_ms() + PRUNE_EVERY_MS;
        }
        int64_t wait = tb_clock_real_ms(prune_at - tb_mono_ms());
        const struct timespec limit = {.tv_sec = wait / 1000, .tv_nsec = wait % 1000 * 1000000};
        got = sigtimedwait(signals, NULL, &limit);
        if (got == SIGHUP) {
            reload_settings(b);
            reload_plugins(b);
        }
    }
    tb_log(TB_INFO, "serve.draining", "%s: finishing what was begun.",
           got == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* ---- stop ---- */

/* What was sent is waited for, however long it takes: cutting a deploy would leave its outcome
 * unknown. Meanwhile health still answers. */
static void finish_writes(struct tb_hb *hb)
{
    struct tb_hb_status status;
    for (tb_hb_status(hb, &status); status.writes_in_flight > 0; tb_hb_status(hb, &status))
        tb_sleep_ms(LOOK_MS);
}

/* A thread that a plugin holds inside a C function can neither be ended nor joined. Everything that
 * matters is on the disk by then, as it must be for kill -9 too. */
static void leave_lost_threads(const struct bridge *b)
{
    unsigned lost = b->plugins ? tb_plugins_threads_lost(b->plugins) : 0;
    if (lost == 0)
        return;
    tb_log(TB_WARN, "serve.lost_threads",
           "%u threads are held by plugins and never come back; ending without them.", lost);
    _exit(0);
}

/* Health says 503 first, so that nobody new is sent here; writes in flight are finished; the store
 * closes last. */
static void stop(struct bridge *b)
{
    if (b->api)
        tb_api_drain(b->api);
    if (b->events)
        tb_events_wake(b->events);
    if (b->bots)
        tb_bots_drain(b->bots);
    if (b->backtests)
        tb_backtests_drain(b->backtests);
    if (b->backtest_hb) {
        tb_hb_drain(b->backtest_hb);
        finish_writes(b->backtest_hb);
    }
    if (b->hb) {
        tb_hb_drain(b->hb);
        finish_writes(b->hb);
    }
    leave_lost_threads(b);
    if (b->api)
        tb_api_stop(b->api, tb_mono_ms() + GRACE_MS);
    if (b->backtests)
        tb_backtests_close(b->backtests);
    if (b->backtest_hb)
        tb_hb_close(b->backtest_hb);
    if (b->bots)
        tb_bots_close(b->bots);
    if (b->plugins)
        tb_plugins_close(b->plugins);
    if (b->hb)
        tb_hb_close(b->hb);
    if (b->events)
        tb_events_free(b->events);
    if (b->store)
        tb_store_close(b->store);
    free(b->admin_token);
    settings_free(&b->settings);
}

int tb_command_serve(int argc, char **argv)
{
    struct bridge b = {0};
    struct tb_error err = {0};
    sigset_t signals;
    bool generated = false;
    (void)argv;
    if (argc > 1) {
        fputs("usage: trading-bridge serve (settings come from the environment)\n", stderr);
        return 2;
    }
    block_signals(&signals);
    bool good = settings_load(&b.settings);
    if (!tb_log_configure(settings_text(&b.settings, SET_LOG), &err)) {
        fprintf(stderr, "BRIDGE_LOG: %s\n", err.detail);
        good = false;
    }
    report_problems(&b.settings);
    good = good && start(&b, &generated, &err);
    if (good) {
        announce(&b, generated);
        wait_for_end(&b, &signals);
    } else {
        tb_log(TB_ERROR, "serve.failed", "The bridge cannot start. %s", err.detail);
    }
    stop(&b);
    return good ? 0 : 1;
}
