/* Hot reload: what the watch of the plugin folder sees, what a swap leaves alone, and that no call
 * among many notices a reload. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/embed.h"
#include "base/json.h"
#include "plugins/host.h"

enum { NEVER_MS = 3600 * 1000, SEEN_MS = 20000, LOOK_MS = 5 };

struct place {
    char root[64], dir[80];
    struct tb_plugins *host;
    struct tb_events *events;
};

/* ---- files ---- */

static void command(const struct place *place, const char *words)
{
    struct tb_buffer line = TB_BUFFER_INIT;
    tb_buffer_printf(&line, "cd '%s' && %s", place->root, words);
    assert_int_equal(system(tb_buffer_text(&line)), 0);
    tb_buffer_free(&line);
}

static void write_text(const struct place *place, const char *path, const char *text)
{
    char full[256];
    (void)snprintf(full, sizeof full, "%s/%s", place->root, path);
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* A plugin of this name and version; its summary comes from another file, which says the same
 * version, so that a mixture of two saves is seen. */
static void write_plugin(const struct place *place, const char *folder, const char *name,
                         int version)
{
    char text[1024], path[160];
    (void)snprintf(path, sizeof path, "mkdir -p %s/lib", folder);
    command(place, path);
    (void)snprintf(path, sizeof path, "%s/lib/words.lua", folder);
    (void)snprintf(text, sizeof text, "return { summary = 'of %d' }\n", version);
    write_text(place, path, text);
    (void)snprintf(path, sizeof path, "%s/plugin.lua", folder);
    (void)snprintf(
        text, sizeof text,
        "local form = require('bridge.form')\n"
        "return { api = 1, name = '%s', title = 'T', version = '%d', connectors = { '%s' },\n"
        "  strategies = { { name = 's', revision = 1, title = 'S', risk = 'low',\n"
        "    summary = require('lib.words').summary, executors = { 'position' },\n"
        "    form = form.of { form.decimal('budget_quote', { default = '200', min = '%d' }) },\n"
        "    build = function() end } } }\n",
        name, version, name, version);
    write_text(place, path, text);
}

static void open_place(struct place *place, bool linked, int64_t poll_ms)
{
    struct tb_error err = {0};
    *place = (struct place){0};
    (void)snprintf(place->root, sizeof place->root, "/tmp/tb-reload-XXXXXX");
    assert_non_null(mkdtemp(place->root));
    (void)snprintf(place->dir, sizeof place->dir, "%s/plugins", place->root);
    write_plugin(place, "plugins/other", "other", 1);
    write_plugin(place, linked ? "v" : "plugins/demo", "demo", 1);
    if (linked)
        command(place, "ln -s ../v plugins/demo");
    place->events = tb_events_new(256, 1);
    place->host = tb_plugins_open(&(struct tb_plugins_config){.dir = place->dir,
                                                              .sdk = tb_sdk_files,
                                                              .arenas = 4,
                                                              .events = place->events,
                                                              .watch = true,
                                                              .poll_ms = poll_ms},
                                  &err);
    if (!place->host)
        fail_msg("%s", err.detail);
}

static void close_place(struct place *place)
{
    tb_plugins_close(place->host);
    tb_events_free(place->events);
    command(place, "rm -rf '$PWD/plugins' && rm -rf *");
    assert_int_equal(rmdir(place->root), 0);
}

/* ---- what is served ---- */

static struct tb_json_doc *ask(struct place *place, const struct tb_generation *in,
                               const char *plugin, enum tb_plugin_entry entry, const char *input,
                               struct tb_error *err)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_json_doc *doc = NULL;
    struct tb_plugin_call call = {.plugin = plugin,
                                  .entry = entry,
                                  .input = input,
                                  .input_len = strlen(input),
                                  .mono_deadline_ms = tb_mono_ms() + 60000,
                                  .in = in};
    if (tb_plugins_call(place->host, &call, &out, NULL, err))
        doc = tb_json_parse(out.data, out.len, TB_JSON_CLIENT, err);
    tb_buffer_free(&out);
    return doc;
}

/* The version that is served; 0: none. */
static int served(struct place *place, const char *plugin)
{
    struct tb_error err = {0};
    struct tb_json_doc *doc = ask(place, NULL, plugin, TB_PLUGIN_DESCRIBE, "{}", &err);
    const char *text = doc ? tb_json_get_string(tb_json_root(doc), "version") : NULL;
    int version = text ? atoi(text) : 0;
    tb_json_free(doc);
    return version;
}

static void wait_for(struct place *place, const char *plugin, int version)
{
    int64_t end = tb_mono_ms() + SEEN_MS;
    while (served(place, plugin) != version) {
        if (tb_mono_ms() > end)
            fail_msg("%s stays at version %d instead of %d", plugin, served(place, plugin),
                     version);
        tb_sleep_ms(LOOK_MS);
    }
}

/* A member of the plugin's row in the list, as text; free it. */
static char *listed(struct place *place, const char *plugin, const char *member)
{
    struct tb_buffer list = TB_BUFFER_INIT, text = TB_BUFFER_INIT;
    struct tb_error err = {0};
    tb_plugins_list(place->host, &list);
    struct tb_json_doc *doc = tb_json_parse(list.data, list.len, TB_JSON_CLIENT, &err);
    assert_non_null(doc);
    const struct tb_json *all = tb_json_get(tb_json_root(doc), "plugins");
    for (const struct tb_json *p = all->child; p; p = p->next)
        if (strcmp(tb_json_get_string(p, "name"), plugin) == 0)
            tb_json_canonical(tb_json_get(p, member), &text);
    tb_json_free(doc);
    tb_buffer_free(&list);
    return tb_buffer_steal(&text, NULL);
}

static void wait_listed(struct place *place, const char *plugin, const char *member,
                        const char *value)
{
    int64_t end = tb_mono_ms() + SEEN_MS;
    for (;;) {
        char *is = listed(place, plugin, member);
        bool same = strcmp(is, value) == 0;
        if (!same && tb_mono_ms() > end)
            fail_msg("%s of %s stays %s", member, plugin, is);
        free(is);
        if (same)
            return;
        tb_sleep_ms(LOOK_MS);
    }
}

/* ---- the watch ---- */

static const struct {
    const char *how;
    const char *words; /* after ready/demo was written with the next version */
} saves[] = {
    {"in place", "cat ready/demo/plugin.lua > plugins/demo/plugin.lua && "
                 "cat ready/demo/lib/words.lua > plugins/demo/lib/words.lua"},
    {"by renaming, as editors do", "cp ready/demo/plugin.lua plugins/demo/.p.tmp && "
                                   "mv plugins/demo/.p.tmp plugins/demo/plugin.lua"},
    {"again by renaming", "cp ready/demo/plugin.lua plugins/demo/x~ && "
                          "mv plugins/demo/x~ plugins/demo/plugin.lua"},
    {"the plugin's folder as a whole", "mv plugins/demo old1 && mv ready/demo plugins/demo"},
    {"in the new folder", "cp ready/demo/plugin.lua plugins/demo/plugin.lua"},
    {"a link in the place of the folder", "mv plugins/demo old2 && mkdir -p away && "
                                          "mv ready/demo away/a && ln -s ../away/a plugins/demo"},
    {"a swapped link", "mv ready/demo away/b && ln -s ../away/b plugins/.new && "
                       "mv -T plugins/.new plugins/demo"},
    {"a link in the place of all plugins", "cp -r plugins all1 && rm all1/demo && "
                                           "mv ready/demo all1/demo && mv plugins old3 && "
                                           "ln -s all1 plugins"},
    {"that link swapped", "cp -r all1 all2 && cp -r ready/demo all2/ && ln -s all2 new && "
                          "mv -T new plugins"},
    {"in the swapped folder", "cp ready/demo/plugin.lua plugins/demo/plugin.lua"},
};

static void test_saves(void **state)
{
    (void)state;
    struct place place;
    open_place(&place, false, NEVER_MS);
    for (size_t i = 0; i < sizeof saves / sizeof saves[0]; i++) {
        print_message("%s\n", saves[i].how);
        write_plugin(&place, "ready/demo", "demo", (int)i + 2);
        command(&place, saves[i].words);
        wait_for(&place, "demo", (int)i + 2);
    }
    write_plugin(&place, "plugins/third", "third", 7);
    wait_for(&place, "third", 7);
    command(&place, "rm -r plugins/third");
    wait_for(&place, "third", 0);
    assert_int_equal(served(&place, "other"), 1);
    close_place(&place);
}

/* What no event tells of: a module that is a link to a file elsewhere. */
static void test_poll(void **state)
{
    (void)state;
    struct place place;
    open_place(&place, false, 50);
    write_plugin(&place, "away/demo", "demo", 2);
    command(&place, "ln -sf ../../away/demo/plugin.lua plugins/demo/plugin.lua");
    wait_for(&place, "demo", 2);
    write_plugin(&place, "away/demo", "demo", 3);
    wait_for(&place, "demo", 3);
    close_place(&place);
}

static void count_event(void *arg, uint64_t id, const char *type, const char *json, size_t len)
{
    (void)id;
    (void)len;
    if (strcmp(type, "plugin.changed") == 0 && strstr(json, "\"kept\""))
        ++*(int *)arg;
}

static int failures_told(const struct place *place)
{
    int n = 0;
    bool gap;
    (void)tb_events_read(place->events, 0, count_event, &n, &gap);
    return n;
}

/* A broken save is told once, beside the version that goes on serving; the neighbour is not built
 * again. */
static void test_broken_save(void **state)
{
    (void)state;
    struct place place;
    open_place(&place, false, 30);
    char *loaded_at = listed(&place, "other", "loaded_at");
    write_text(&place, "plugins/demo/plugin.lua", "return {\n  api = = 1 }\n");
    wait_listed(&place, "demo", "status", "\"kept\"");
    assert_int_equal(served(&place, "demo"), 1);
    uint64_t generation = tb_plugins_generation(place.host);
    /* Polls go by: another plugin's save is read by one of them. */
    write_plugin(&place, "plugins/third", "third", 1);
    wait_for(&place, "third", 1);
    assert_int_equal(failures_told(&place), 1);
    assert_true(tb_plugins_generation(place.host) > generation);
    wait_listed(&place, "demo", "status", "\"kept\"");
    char *error = listed(&place, "demo", "error");
    assert_non_null(strstr(error, "\"line\":2"));
    assert_non_null(strstr(error, "api = = 1"));
    free(error);
    write_plugin(&place, "plugins/demo", "demo", 2);
    wait_for(&place, "demo", 2);
    wait_listed(&place, "demo", "error", "null");
    char *later = listed(&place, "other", "loaded_at");
    assert_string_equal(later, loaded_at);
    free(loaded_at);
    free(later);
    close_place(&place);
}

/* ---- many calls, many reloads ---- */

enum { CALLERS = 4, CALLS = 10000, RELOADS = 50 };

struct storm {
    struct place *place;
    atomic_int calls, reloads;
};

/* One request: two questions to one generation, whose every part says one version. */
static void one_request(struct place *place)
{
    struct tb_error err = {0};
    char summary[32];
    struct tb_generation *in = tb_generation_hold(place->host, TB_LANE_LIVE);
    struct tb_json_doc *described = ask(place, in, "demo", TB_PLUGIN_DESCRIBE, "{}", &err);
    struct tb_json_doc *schema =
        ask(place, in, "demo", TB_PLUGIN_SCHEMA, "{\"strategy\":\"s\"}", &err);
    if (!described || !schema)
        fail_msg("a call failed: %s", err.detail);
    const char *version = tb_json_get_string(tb_json_root(described), "version");
    const struct tb_json *s = tb_json_at(tb_json_get(tb_json_root(described), "strategies"), 0);
    (void)snprintf(summary, sizeof summary, "of %s", version);
    assert_string_equal(tb_json_get_string(s, "summary"), summary);
    assert_string_equal(tb_json_get_string(tb_json_root(schema), "summary"), summary);
    struct tb_buffer minimum = TB_BUFFER_INIT;
    tb_json_canonical(
        tb_json_path(tb_json_root(schema), "schema", "properties", "budget_quote", "minimum", NULL),
        &minimum);
    assert_string_equal(tb_buffer_text(&minimum), version);
    tb_buffer_free(&minimum);
    tb_json_free(described);
    tb_json_free(schema);
    tb_generation_release(in);
}

static void *calling(void *arg)
{
    struct storm *storm = arg;
    while (atomic_fetch_add(&storm->calls, 2) < CALLS || atomic_load(&storm->reloads) < RELOADS)
        one_request(storm->place);
    return NULL;
}

static bool is_broken(struct place *place)
{
    struct tb_buffer list = TB_BUFFER_INIT;
    tb_plugins_list(place->host, &list);
    bool yes = strstr(tb_buffer_text(&list), "\"status\":\"broken\"") != NULL;
    tb_buffer_free(&list);
    return yes;
}

/* What reads the folder by itself never tries a plugin again that was set aside; a person does. */
static void test_set_aside_stays(void **state)
{
    static const char input[] = "{\"bot\":{},\"raw\":{}}";
    struct place place;
    struct tb_buffer report = TB_BUFFER_INIT;
    struct tb_error err = {0};
    (void)state;
    open_place(&place, false, NEVER_MS);
    write_text(
        &place, "plugins/demo/plugin.lua",
        "local form = require('bridge.form')\n"
        "return { api = 1, name = 'demo', title = 'T', version = '2', connectors = { 'x' },\n"
        "  transforms = { status = function() error('boom') end }, strategies = { {\n"
        "    name = 's', revision = 1, title = 'S', summary = 'S', risk = 'low',\n"
        "    executors = { 'position' }, form = form.of {}, build = function() end,\n"
        "    risk_defaults = { max_loss_quote = '20', max_controller_loss_quote = '20' }\n"
        "  } } }\n");
    wait_for(&place, "demo", 2);
    for (int i = 0; i < 3; i++)
        assert_null(ask(&place, NULL, "demo", TB_PLUGIN_STATUS, input, &err));
    assert_true(is_broken(&place));
    for (int version = 2; version < 4; version++) { /* the second is read after the first was */
        write_plugin(&place, "plugins/other", "other", version);
        wait_for(&place, "other", version);
    }
    assert_true(is_broken(&place));
    assert_true(tb_plugins_reload(place.host, &report, &err));
    assert_false(is_broken(&place));
    tb_buffer_free(&report);
    close_place(&place);
}

static void test_storm(void **state)
{
    (void)state;
    struct place place;
    pthread_t threads[CALLERS];
    open_place(&place, true, NEVER_MS);
    struct storm storm = {.place = &place};
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, calling, &storm), 0);
    for (int i = 0; i < RELOADS; i++) {
        write_plugin(&place, "ready/demo", "demo", i + 2);
        char words[160];
        (void)snprintf(words, sizeof words,
                       "mv ready/demo v%d && ln -s ../v%d plugins/.new && "
                       "mv -T plugins/.new plugins/demo",
                       i, i);
        command(&place, words);
        wait_for(&place, "demo", i + 2);
        atomic_fetch_add(&storm.reloads, 1);
    }
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(atomic_load(&storm.calls) >= CALLS);
    close_place(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saves),       cmocka_unit_test(test_poll),
        cmocka_unit_test(test_broken_save), cmocka_unit_test(test_set_aside_stays),
        cmocka_unit_test(test_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
