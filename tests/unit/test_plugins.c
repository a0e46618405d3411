/* The Lua host with plugin folders made in a temporary directory: loading and its errors, the
 * sandbox, budgets, reload, isolation, threads, the decimal library. */
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
#include "base/json.h"
#include "base/log.h"
#include "plugins/host.h"

/* ---- folders ---- */

struct place {
    char dir[64];
    struct tb_plugins *host;
};

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        (void)mkdir(path, 0700);
        *p = '/';
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static const char trivial[] =
    "local form = require('bridge.form')\n"
    "return {\n"
    "  api = 1, name = 'demo', title = 'Demo', version = '1.0.0',\n"
    "  connectors = { 'demo' },\n"
    "  strategies = { {\n"
    "    name = 's', revision = 1, title = 'S', summary = 'Sum', risk = 'low',\n"
    "    executors = { 'position' },\n"
    "    form = form.of { form.pair('pair', { default = 'BTC-USDT' }),\n"
    "      form.decimal('budget_quote', { default = '200', min = '20', unit = 'quote' }) },\n"
    "    build = function(ctx, p, facts)\n"
    "      return { controllers = { { type = 'generic', name = 'x',\n"
    "        config = { total_amount_quote = p.budget_quote, trading_pair = p.pair } } } }\n"
    "    end,\n"
    "  } },\n"
    "}\n";

static void open_place(struct place *place, const char *plugin_lua)
{
    (void)snprintf(place->dir, sizeof place->dir, "/tmp/tb-plugins-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    if (plugin_lua)
        write_file(place->dir, "demo/plugin.lua", plugin_lua);
    struct tb_plugins_config config = {.dir = place->dir, .sdk = tb_sdk_files, .arenas = 8};
    struct tb_error err = {0};
    place->host = tb_plugins_open(&config, &err);
    if (!place->host)
        fail_msg("%s", err.detail);
}

static void close_place(struct place *place)
{
    char command[128];
    tb_plugins_close(place->host);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", place->dir);
    assert_int_equal(system(command), 0);
}

static bool call(struct place *place, enum tb_plugin_entry entry, const char *input,
                 struct tb_buffer *out, struct tb_plugin_fault *fault, struct tb_error *err)
{
    struct tb_plugin_call c = {.plugin = "demo",
                               .entry = entry,
                               .input = input,
                               .input_len = strlen(input),
                               .mono_deadline_ms = tb_mono_ms() + 60000};
    tb_buffer_clear(out);
    return tb_plugins_call(place->host, &c, out, fault, err);
}

static void call_ok(struct place *place, enum tb_plugin_entry entry, const char *input,
                    struct tb_buffer *out)
{
    struct tb_plugin_fault fault;
    struct tb_error err = {0};
    if (!call(place, entry, input, out, &fault, &err))
        fail_msg("%s [%s]", err.detail, fault.excerpt);
}

static void test_trivial(void **state)
{
    (void)state;
    struct place place;
    struct tb_buffer out = TB_BUFFER_INIT;
    open_place(&place, trivial);
    call_ok(&place, TB_PLUGIN_DESCRIBE, "{}", &out);
    printf("%s\n", out.data);
    call_ok(&place, TB_PLUGIN_SCHEMA, "{\"strategy\":\"s\"}", &out);
    printf("%s\n", out.data);
    call_ok(&place, TB_PLUGIN_PLAN, "{\"strategy\":\"s\",\"params\":{\"budget_quote\":100.50}}",
            &out);
    printf("%s\n", out.data);
    tb_buffer_free(&out);
    close_place(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trivial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
