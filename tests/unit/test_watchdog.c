/* A call that hangs inside a C function: no hook can reach it, so it is counted lost, replaced, and
 * its plugin switched off. No library function that plugins have can hang; the hang is the test's
 * own. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/embed.h"
#include "plugins/plugins_private.h"

enum { STUCK_MS = 200, PATIENCE_MS = 30000 };

struct place {
    char dir[64];
    struct tb_plugins *host;
    struct tb_plugin *plugin;
    atomic_bool go_on; /* what the hanging call waits for */
    atomic_bool returned_lost;
};

static const char demo[] =
    "local form = require('bridge.form')\n"
    "return { api = 1, name = 'demo', title = 'D', version = '1', connectors = { 'x' },\n"
    "  transforms = { status = function(bot, raw, figures) return { mine = true } end },\n"
    "  strategies = { { name = 's', revision = 1, title = 'S', summary = 'S', risk = 'low',\n"
    "    executors = { 'position' }, form = form.of {}, build = function() return {} end,\n"
    "    risk_defaults = { max_loss_quote = '20', max_controller_loss_quote = '20' } } } }\n";

static void write_plugin(const struct place *place, const char *before)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/demo", place->dir);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%s/demo/plugin.lua", place->dir);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(before, file) >= 0 && fputs(demo, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void open_place(struct place *place)
{
    struct tb_error err = {0};
    (void)snprintf(place->dir, sizeof place->dir, "/tmp/tb-watchdog-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    write_plugin(place, "");
    struct tb_plugins_config config = {
        .dir = place->dir, .sdk = tb_sdk_files, .arenas = 1, .stuck_ms = STUCK_MS};
    place->host = tb_plugins_open(&config, &err);
    if (!place->host)
        fail_msg("%s", err.detail);
    struct tb_generation *g = tb_generation_hold(place->host, TB_LANE_LIVE);
    place->plugin = g->slots[0].plugin;
    atomic_fetch_add(&place->plugin->refs, 1);
    tb_generation_release(g);
}

static void close_place(struct place *place)
{
    char command[128];
    tb_plugin_release(place->plugin);
    tb_plugins_close(place->host);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", place->dir);
    assert_int_equal(system(command), 0);
}

/* A call that takes the only arena and uses run time without a sign of life. */
static void *hang(void *arg)
{
    struct place *place = arg;
    struct tb_error err = {0};
    struct tb_vm vm = {.host = place->host, .plugin = place->plugin, .entry = "status"};
    vm.arena = tb_lease_take(place->host->arenas, tb_mono_ms() + PATIENCE_MS, &err);
    if (!vm.arena)
        return NULL;
    atomic_store(&vm.tick_us, tb_run_us());
    (void)pthread_getcpuclockid(pthread_self(), &vm.thread_clock);
    tb_watchdog_enter(place->host->watchdog, &vm);
    while (!atomic_load(&place->go_on))
        continue;
    bool lost = tb_watchdog_leave(place->host->watchdog, &vm);
    atomic_store(&place->returned_lost, lost);
    if (lost)
        tb_arena_free(vm.arena);
    else
        tb_lease_return(place->host->arenas, vm.arena, false);
    return NULL;
}

static bool call(struct place *place, enum tb_plugin_entry entry, struct tb_buffer *out,
                 struct tb_error *err)
{
    static const char input[] = "{\"bot\":{},\"raw\":{}}";
    struct tb_plugin_fault fault;
    struct tb_plugin_call what = {.plugin = "demo",
                                  .entry = entry,
                                  .input = input,
                                  .input_len = sizeof input - 1,
                                  .mono_deadline_ms = tb_mono_ms() + PATIENCE_MS};
    tb_buffer_clear(out);
    return tb_plugins_call(place->host, &what, out, &fault, err);
}

static void test_stuck(void **state)
{
    (void)state;
    struct place place = {.dir = ""};
    struct tb_error err = {0};
    struct tb_buffer out = TB_BUFFER_INIT;
    pthread_t thread;
    open_place(&place);
    assert_int_equal(pthread_create(&thread, NULL, hang, &place), 0);
    int64_t give_up = tb_mono_ms() + PATIENCE_MS;
    while (tb_plugins_threads_lost(place.host) == 0 && tb_mono_ms() < give_up)
        tb_sleep_ms(10);
    assert_int_equal(tb_plugins_threads_lost(place.host), 1);

    /* The only arena is inside the stuck call; another one must be there. */
    assert_true(call(&place, TB_PLUGIN_STATUS, &out, &err));
    assert_null(strstr(out.data, "mine")); /* by the SDK alone */
    assert_false(call(&place, TB_PLUGIN_DESCRIBE, &out, &err));
    assert_int_equal(err.code, TB_PLUGIN_FAILED);
    assert_non_null(strstr(err.detail, "switched off"));
    tb_buffer_clear(&out);
    tb_plugins_list(place.host, &out);
    assert_non_null(strstr(out.data, "\"status\":\"broken\""));
    write_plugin(&place, "-- mended\n");
    tb_buffer_clear(&out);
    assert_true(tb_plugins_reload(place.host, &out, &err));
    assert_non_null(strstr(out.data, "\"loaded\""));
    assert_true(call(&place, TB_PLUGIN_STATUS, &out, &err));
    assert_non_null(strstr(out.data, "mine"));

    atomic_store(&place.go_on, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(atomic_load(&place.returned_lost));
    assert_int_equal(tb_plugins_threads_lost(place.host), 0);
    assert_true(call(&place, TB_PLUGIN_STATUS, &out, &err));
    tb_buffer_free(&out);
    close_place(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stuck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
