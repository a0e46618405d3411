/* The gate before a new version of a plugin goes live: its own tests. A test that fails keeps the
 * version before; a plan that differs from its golden file is published and said, unless the gate
 * is strict, for a developer may mean just that difference. Runs inside a reading. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"

enum { TESTS_MS = 10000 };

static bool has_tests(const struct tb_plugin *plugin)
{
    for (size_t i = 0; i < plugin->set.count; i++)
        if (strncmp(plugin->set.scripts[i].name, "tests.", 6) == 0)
            return true;
    return false;
}

static struct tb_json_doc *run(struct tb_plugins *host, struct tb_plugin *plugin,
                               struct tb_plugin_fault *fault, struct tb_error *err)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_json_doc *doc = NULL;
    struct tb_generation *in = tb_generation_of(plugin->name, plugin);
    const struct tb_plugin_call call = {
        .plugin = plugin->name, .mono_deadline_ms = tb_plugins_deadline(TESTS_MS), .in = in};
    if (tb_plugins_test(host, &call, &out, fault, err))
        doc = tb_json_parse(tb_buffer_text(&out), out.len, TB_JSON_UPSTREAM, err);
    tb_generation_release(in);
    tb_buffer_free(&out);
    return doc;
}

static const char *text_of(const struct tb_json *row, const char *key)
{
    const char *text = tb_json_get_string(row, key);
    return text ? text : "";
}

struct outcome {
    unsigned ran, failed, golden;
    const struct tb_json *first, *first_golden;
};

static struct outcome count(const struct tb_json *rows)
{
    struct outcome o = {0};
    for (const struct tb_json *row = tb_json_first(rows); row; row = row->next) {
        o.ran++;
        if (tb_json_true(tb_json_get(row, "ok")))
            continue;
        bool golden = tb_json_true(tb_json_get(row, "golden"));
        o.golden += golden;
        o.failed += !golden;
        if (golden && !o.first_golden)
            o.first_golden = row;
        if (!golden && !o.first)
            o.first = row;
    }
    return o;
}

static bool refuse(unsigned n, const char *what, const struct outcome *o, const struct tb_json *row,
                   struct tb_plugin_fault *fault, struct tb_error *err)
{
    (void)tb_copy(fault->file, sizeof fault->file, text_of(row, "file"));
    return tb_fail(err, TB_PLUGIN_FAILED, "%u of its %u tests %s: %s: %s: %s", n, o->ran, what,
                   text_of(row, "file"), text_of(row, "name"), text_of(row, "message"));
}

bool tb_gate_pass(struct tb_plugins *host, struct tb_plugin *plugin, bool *again_out,
                  struct tb_plugin_fault *fault, struct tb_error *err)
{
    *again_out = false;
    if (!has_tests(plugin))
        return true;
    struct tb_json_doc *doc = run(host, plugin, fault, err);
    if (!doc)
        return false;
    struct outcome o = count(tb_json_get(tb_json_root(doc), "tests"));
    bool ok = o.failed == 0 || refuse(o.failed, "fail", &o, o.first, fault, err);
    if (ok && o.golden && host->config.strict) {
        *again_out = true;
        ok = refuse(o.golden, "differ from their golden files", &o, o.first_golden, fault, err);
    }
    atomic_store(&plugin->tests, o.ran);
    atomic_store(&plugin->golden_differ, o.golden);
    tb_json_free(doc);
    return ok;
}
