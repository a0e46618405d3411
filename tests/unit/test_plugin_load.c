/* What is refused when a plugin is loaded, with its file and line; the names plugins may have. */
#include "plugin_place.h"

/* ---- loading ---- */

struct load_row {
    const char *name, *file, *text; /* one more file beside plugin.lua, or plugin.lua itself */
    const char *says, *where;
    int line;
};

static const struct load_row bad_plugins[] = {
    {"syntax", NULL, "return {\n  api = = 1\n}\n", "unexpected symbol near '='", "demo/plugin.lua",
     2},
    {"syntax elsewhere", "grid.lua", "local x = = 1\n", "unexpected symbol", "demo/grid.lua", 1},
    {"bytecode", NULL, "\x1bLua", "attempt to load a binary chunk", "demo/plugin.lua", 1},
    {"run time", NULL, HEAD "local n = nil\nlocal m = n.x\n" TAIL, "attempt to index a nil value",
     "demo/plugin.lua", 7},
    {"no value", NULL, "local x = 1\n", "exactly one value", "demo/plugin.lua", 0},
    {"two values", NULL, "return 1, 2\n", "exactly one value", "demo/plugin.lua", 0},
    {"not a table", NULL, "return 1\n", "must return a table", "demo/plugin.lua", 1},
    {"missing title", NULL, HEAD "plugin.title = nil\n" TAIL, "lacks title", "demo/plugin.lua", 0},
    {"unknown key", NULL, HEAD "plugin.stategies = {}\n" TAIL,
     "unknown key stategies, did you mean strategies?", "demo/plugin.lua", 6},
    {"wrong type", NULL, HEAD "plugin.connectors = 'x'\n" TAIL,
     "connectors must be an array of texts", "demo/plugin.lua", 0},
    {"other api", NULL, HEAD "plugin.api = 2\n" TAIL, "api must be 1", "demo/plugin.lua", 0},
    {"other name", NULL, HEAD "plugin.name = 'other'\n" TAIL, "its folder is demo",
     "demo/plugin.lua", 0},
    {"no strategy", NULL, HEAD "plugin.strategies = {}\n" TAIL, "no strategy", "demo/plugin.lua",
     0},
    {"strategy lacks build", NULL, HEAD "s.build = nil\n" TAIL, "strategy s lacks build",
     "demo/plugin.lua", 0},
    {"strategy key", NULL, HEAD "s.chek = function() end\n" TAIL, "did you mean check?",
     "demo/plugin.lua", 6},
    {"arity", NULL, HEAD "s.check = function(a, b, c, d, e) end\n" TAIL,
     "check takes 5 parameters, the contract gives it 4", "demo/plugin.lua", 6},
    {"arity of recognise", NULL, HEAD "s.recognise = function(a, b, c) end\n" TAIL,
     "recognise takes 3 parameters, the contract gives it 2", "demo/plugin.lua", 6},
    {"risk", NULL, HEAD "s.risk = 'wild'\n" TAIL, "low, medium or high", "demo/plugin.lua", 0},
    {"executors", NULL, HEAD "s.executors = { 'positions' }\n" TAIL, "executors must be of",
     "demo/plugin.lua", 0},
    {"field option", NULL, HEAD "form.decimal('x', { minimum = '1' })\n" TAIL,
     "unknown option minimum, did you mean min?", "demo/plugin.lua", 6},
    {"float in a form", NULL, HEAD "form.decimal('x', { min = 0.1 })\n" TAIL, "written as text",
     "demo/plugin.lua", 6},
    {"bad default", NULL, HEAD "form.decimal('x', { min = '1', default = '0.5' })\n" TAIL,
     "the default is refused", "demo/plugin.lua", 6},
    {"form needs a value", NULL, HEAD "s.form = form.of { form.decimal('x', {}) }\n" TAIL,
     "must accept {}", "demo/plugin.lua", 0},
    {"preset", NULL, HEAD "s.presets = { bold = { nope = 1 } }\n" TAIL, "preset bold is refused",
     "demo/plugin.lua", 6},
    {"undeclared code", NULL,
     HEAD "plugin.messages = { too_low = 'x' }\ns.check = function(ctx, p, market, report)\n"
          "  report:error('pair', 'too_lo', {})\nend\n" TAIL,
     "the code too_lo is not declared in messages, did you mean too_low?", "demo/plugin.lua", 8},
    {"missing data", NULL,
     HEAD
     "plugin.messages = { low = 'at least {least}' }\ns.check = function(ctx, p, market, report)\n"
     "  report:error({ 'a', 1 }, 'low', { last = 1 })\nend\n" TAIL,
     "the message of low needs data.least", "demo/plugin.lua", 8},
    {"alias to nowhere", NULL, HEAD "plugin.aliases = { strategies = { x = { to = 'y' } } }\n" TAIL,
     "leads to y", "demo/plugin.lua", 6},
    {"limit of no budget", NULL, HEAD "s.risk_defaults = nil\n" TAIL, "budget names no field",
     "demo/plugin.lua", 3},
    {"circle", "a.lua", "return require('b')\n", "required in a circle", "demo/b.lua", 1},
    {"outside", NULL, "return require('../bitmart/plugin')\n", "no file of this plugin",
     "demo/plugin.lua", 1},
    {"global", NULL, "helper = 1\n", "the global 'helper' is not declared", "demo/plugin.lua", 1},
};

static void test_bad_plugins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_plugins / sizeof *bad_plugins; i++) {
        const struct load_row *row = &bad_plugins[i];
        struct place place;
        struct tb_buffer list = TB_BUFFER_INIT;
        struct tb_error err = {0};
        open_place(&place, row->file ? "require('a')\nreturn 1\n" : row->text);
        if (row->file) {
            write_file(place.dir, "demo/b.lua", "return require('a')\n");
            char path[64];
            (void)snprintf(path, sizeof path, "demo/%s", row->file);
            write_file(place.dir, path, row->text);
            assert_true(tb_plugins_reload(place.host, &list, &err));
            tb_buffer_clear(&list);
        }
        tb_plugins_list(place.host, &list);
        struct tb_json_doc *doc = tb_json_parse(list.data, list.len, TB_JSON_CLIENT, &err);
        const struct tb_json *e =
            tb_json_get(tb_json_at(tb_json_get(tb_json_root(doc), "plugins"), 0), "error");
        const char *message = tb_json_get_string(e, "message"),
                   *file = tb_json_get_string(e, "file");
        int64_t line = 0;
        (void)tb_json_int64(tb_json_get(e, "line"), &line);
        ASSERT_AT(doc, "plugins.0.status", "\"failed\"");
        if (!message || !strstr(message, row->says))
            fail_msg("%s: says %s", row->name, message);
        if (row->line && (!file || strcmp(file, row->where) != 0 || line != row->line))
            fail_msg("%s: at %s:%d, %s", row->name, file, (int)line, message);
        if (row->line && !tb_json_get_string(e, "excerpt"))
            fail_msg("%s: no excerpt", row->name);
        struct tb_plugin_fault fault;
        struct tb_buffer out = TB_BUFFER_INIT;
        assert_false(call(&place, TB_PLUGIN_DESCRIBE, "{}", &out, &fault, &err));
        assert_int_equal(err.code, TB_PLUGIN_FAILED);
        tb_json_free(doc);
        tb_buffer_free(&list);
        tb_buffer_free(&out);
        close_place(&place);
    }
}

static void test_names(void **state)
{
    (void)state;
    struct place place;
    char name[64] = "", names[4][64], hash[9];
    struct tb_plugin_fault fault;
    struct tb_error err = {0};
    struct tb_buffer out = TB_BUFFER_INIT;
    open_place(&place, trivial);
    assert_true(tb_plugins_find(place.host, "demo_spot", name));
    assert_string_equal(name, "demo");
    assert_true(tb_plugins_find(place.host, "demo", name));
    assert_false(tb_plugins_find(place.host, "nope", name));
    assert_int_equal(tb_plugins_names(place.host, names, 4), 1);
    tb_plugins_hash(place.host, "demo", hash);
    assert_int_equal(strlen(hash), 8);
    tb_plugins_hash(place.host, "nope", hash);
    assert_string_equal(hash, "");
    struct tb_plugin_call c = {
        .plugin = "nope", .entry = TB_PLUGIN_DESCRIBE, .input = "{}", .input_len = 2};
    assert_false(tb_plugins_call(place.host, &c, &out, &fault, &err));
    assert_int_equal(err.code, TB_NOT_FOUND);
    c.plugin = "demo";
    assert_false(call(&place, TB_PLUGIN_SCHEMA, "{\"strategy\":\"t\"}", &out, &fault, &err));
    assert_int_equal(err.code, TB_NOT_FOUND);
    tb_buffer_free(&out);
    close_place(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_plugins),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
