/* The jail: Lua snippets that try to run for ever, eat the memory, reach out of the sandbox or
 * leave something behind, each with the outcome it must have within its budget. A snippet runs as
 * the body of transforms.status, the hook with the smallest budget; `top` runs when the plugin
 * loads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/embed.h"
#include "plugins/host.h"

enum outcome {
    RUNS,   /* returns; anything wrong inside is an assert of the snippet */
    ERROR,  /* an error of the plugin whose text contains `says` */
    BUDGET, /* stopped by the run budget */
    ANSWER, /* like ERROR, but found after the hook returned: no line to blame */
    MEMORY, /* stopped by the memory cap */
};

struct row {
    const char *name, *top, *body;
    enum outcome outcome;
    const char *says;
};

static const struct row rows[] = {
    /* what a count hook cannot see */
    {"rep of nothing", "", "string.rep('', math.maxinteger)", ERROR, "string.rep"},
    {"rep by method", "", "local s = ('').rep('', math.maxinteger)", ERROR, "string.rep"},
    {"rep too long", "", "string.rep('x', 1 << 40)", ERROR, "string.rep"},
    {"rep with separator", "", "string.rep('', 1 << 30, 'xyz')", ERROR, "string.rep"},
    {"move", "", "table.move({}, 1, 1 << 40, 2)", ERROR, "table.move"},
    {"move over the whole range", "", "table.move({}, math.mininteger, math.maxinteger, 1)", ERROR,
     "table.move"},
    {"endless finalizer", "", "setmetatable({}, { __gc = function() while true do end end })",
     ERROR, "__gc"},
    {"finalizer set to false", "", "setmetatable({}, { __gc = true })", ERROR, "__gc"},
    {"coroutine of the load", "local co = coroutine.create(function() while true do end end)",
     "coroutine.resume(co)", BUDGET, NULL},
    {"pattern that starts over everywhere", "", "('a'):rep(65536):find('a*b')", ERROR,
     "too many steps"},
    {"pattern with many ways", "", "('a'):rep(2000):find('.-.-.-b')", ERROR, "too many steps"},
    {"innocent pattern", "", "('a'):rep(20000):gsub('a*b', '')", ERROR, "too many steps"},
    {"patterns in a loop", "", "while true do ('a'):rep(300):match('a-b') end", BUDGET, NULL},
    {"gsub of nothing by nothing", "", "('x'):rep(60000):gsub('(x-)', ('%1'):rep(60000))", BUDGET,
     NULL},
    {"plain search", "", "local s = ('a'):rep(1 << 18) s:find(('a'):rep(1 << 17) .. 'b', 1, true)",
     RUNS, NULL},
    {"wide format", "", "string.format('%100d', 1)", ERROR, "invalid conversion"},
    {"many captures", "", "('x'):find(('('):rep(100000))", ERROR, "captures"},
    {"concat with __index", "",
     "table.concat(setmetatable({}, { __index = function() while true do end end, __len = "
     "function() "
     "return 9 end }))",
     BUDGET, NULL},
    {"concat of a claimed length", "",
     "table.concat(setmetatable({}, { __len = function() return 1 << 40 end }))", ERROR,
     "table.concat"},
    {"insert into a claimed length", "",
     "table.insert(setmetatable({}, { __len = function() return 1 << 40 end }), 1, 0)", ERROR,
     "claims"},
    {"remove from a claimed length", "",
     "table.remove(setmetatable({}, { __len = function() return 1 << 40 end }), 1)", ERROR,
     "claims"},
    {"unpack", "", "table.unpack({}, 1, 1e8)", ERROR, "table.unpack"},
    {"sort with a comparator", "", "table.sort({ 3, 2, 1 }, function() while true do end end)",
     BUDGET, NULL},
    {"sort of many numbers", "",
     "local t = {} for i = 1, 1000000 do t[i] = (i * 7919) % 1000003 end table.sort(t)", MEMORY,
     NULL},
    {"deep __index", "",
     "local t = {} for i = 1, 5000 do t = setmetatable({}, { __index = t }) end return t.x", ERROR,
     "loop"},

    /* loops and swallowed errors */
    {"loop", "", "while true do end", BUDGET, NULL},
    {"loop at load", "while true do end", "", BUDGET, NULL},
    {"pcall swallows", "", "while true do pcall(function() while true do end end) end", BUDGET,
     NULL},
    {"pcall of pcall", "", "local function f() return pcall(f) end while true do f() end", BUDGET,
     NULL},
    {"swallowed once", "", "pcall(function() while true do end end)", BUDGET, NULL},
    {"swallowed by a coroutine", "",
     "coroutine.resume(coroutine.create(function() while true do end "
     "end))",
     BUDGET, NULL},
    {"handler loops", "",
     "xpcall(function() while true do end end, function() while true do end end)", BUDGET, NULL},
    {"handler swallows", "", "xpcall(function() while true do end end, function() return 1 end)",
     BUDGET, NULL},
    {"handler of a plain error", "",
     "local ok, m = xpcall(error, function(e) return e .. '!' end, 'a') assert(m == 'a!')", RUNS,
     NULL},
    {"close loops", "",
     "local function f() local x <close> = setmetatable({}, { __close = function() while true do "
     "end "
     "end }) while true do end end f()",
     BUDGET, NULL},
    {"close in a dead coroutine", "",
     "coroutine.wrap(function() local x <close> = setmetatable({}, { __close = function() while "
     "true "
     "do end end }) while true do end end)()",
     BUDGET, NULL},
    {"generic for closes", "",
     "for _ in next, {}, nil, setmetatable({}, { __close = function() while true do end end }) do "
     "end",
     BUDGET, NULL},
    {"tostring", "",
     "tostring(setmetatable({}, { __tostring = function() while true do end end }))", BUDGET, NULL},
    {"print", "", "print(setmetatable({}, { __tostring = function() while true do end end }))",
     BUDGET, NULL},
    {"gsub callback", "", "('aaa'):gsub('a', function() while true do end end)", BUDGET, NULL},
    {"pairs metamethod", "",
     "pairs(setmetatable({}, { __pairs = function() while true do end end }))", BUDGET, NULL},
    {"answer with __index", "",
     "return setmetatable({}, { __index = function() while true do end end })", RUNS, NULL},
    {"wrap in wrap", "", "local function f() coroutine.wrap(f)() end while true do pcall(f) end",
     ERROR, ""},

    /* memory */
    {"table bomb", "", "local t = {} while true do t[#t + 1] = {} end", MEMORY, NULL},
    {"string bomb", "", "local s = 'x' while true do s = s .. s end", MEMORY, NULL},
    {"pcall and bomb", "",
     "local keep = {} while true do pcall(function() keep[#keep + 1] = ('x'):rep(1 << 20) end) end",
     MEMORY, NULL},
    {"recursion", "", "local function f() return 1 + f() end f()", MEMORY, NULL},
    {"coroutines", "",
     "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end", MEMORY, NULL},
    {"garbage is collected", "", "for i = 1, 36 do local s = ('x'):rep(1 << 17) .. i end", RUNS,
     NULL},

    /* reach */
    {"global write", "", "answer = 42", ERROR, "the global 'answer' is not declared"},
    {"global function", "function helper() end", "", ERROR, "the global 'helper' is not declared"},
    {"unknown global", "", "return foo.bar", ERROR, "there is no global 'foo'"},
    {"load", "", "load('return 1')", ERROR, "'load'"},
    {"loadstring", "", "loadstring('return 1')", ERROR, "'loadstring'"},
    {"dofile", "", "dofile('/etc/passwd')", ERROR, "'dofile'"},
    {"loadfile", "", "loadfile('/etc/passwd')", ERROR, "'loadfile'"},
    {"debug", "", "debug.sethook()", ERROR, "'debug'"},
    {"io", "", "io.open('/etc/passwd')", ERROR, "'io'"},
    {"package", "", "return package.path", ERROR, "'package'"},
    {"collectgarbage", "", "collectgarbage('stop')", ERROR, "'collectgarbage'"},
    {"_G", "", "return _G", ERROR, "'_G'"},
    {"rawset", "", "rawset(string, 'rep', nil)", ERROR, "'rawset'"},
    {"os.execute", "", "os.execute('true')", ERROR, "nil value"},
    {"os.exit", "", "os.exit(1)", ERROR, "nil value"},
    {"os.getenv", "", "os.getenv('HOME')", ERROR, "nil value"},
    {"os.time without a time", "", "return os.time()", ERROR, "os.time"},
    {"string.dump", "", "string.dump(print)", ERROR, "nil value"},
    {"string.dump by method", "", "('').dump(print)", ERROR, "nil value"},
    {"string.pack", "", "string.pack('i', 1)", ERROR, "nil value"},
    {"random", "", "math.random()", ERROR, "nil value"},
    {"coroutine.close", "", "coroutine.close(coroutine.create(print))", ERROR, "nil value"},
    {"coroutine.running", "", "coroutine.running()", ERROR, "nil value"},
    {"library write", "", "string.rep = nil", ERROR, "read-only"},
    {"SDK write", "", "require('bridge.form').of = nil", ERROR, "read-only"},
    {"string metatable", "", "getmetatable('').__index = {}", ERROR, "table expected"},
    {"library metatable", "", "assert(getmetatable(string) == false)", RUNS, NULL},
    {"library metatable write", "", "setmetatable(string, {})", ERROR, "protected"},
    {"environment metatable", "", "setmetatable(_ENV, {})", ERROR, "protected"},
    {"decimal metatable", "", "getmetatable(require('bridge.decimal')('1'))", ERROR,
     "table expected"},
    {"kernel", "", "require('bridge.kernel')", ERROR, "not for plugins"},
    {"market module", "", "require('bridge.market')", ERROR, "not for plugins"},
    {"unknown SDK module", "", "require('bridge.nope')", ERROR, "there is no bridge.nope"},
    {"path", "", "require('../secret')", ERROR, "no file of this plugin"},
    {"absolute path", "", "require('/etc/passwd')", ERROR, "no file of this plugin"},
    {"SDK by its bare name", "", "require('kernel')", ERROR, "no file of this plugin"},
    {"read in a transform", "", "require('bridge.hb').bots.status {}", ERROR, "during status"},
    {"write row", "", "require('bridge.hb').docker.stop { container_name = 'x' }", ERROR,
     "not a read"},

    /* cjson as it is given */
    {"cjson", "",
     "local c = require('cjson') assert(c.decode('{\"a\":[1,null]}').a[2] == c.null) "
     "assert(c.encode({ b = 1, a = { 'x' } }) == '{\"a\":[\"x\"],\"b\":1}')",
     RUNS, NULL},
    {"cjson NaN", "", "require('cjson').decode('[NaN]')", ERROR, ""},
    {"cjson depth", "", "require('cjson').decode(('['):rep(65) .. (']'):rep(65))", ERROR, "nested"},
    {"cjson size", "", "require('cjson').decode('[' .. ('1,'):rep(400000) .. '1]')", ERROR,
     "too long"},
    {"encode cycle", "", "local t = {} t.t = t require('cjson').encode(t)", ERROR, ""},
    {"encode function", "", "require('cjson').encode({ print })", ERROR, ""},
    {"function in the answer", "", "return { f = print }", ANSWER, "function"},
    {"cycle in the answer", "", "local t = {} t.t = t return t", ANSWER, "contains itself"},
};

/* ---- running them ---- */

struct jail {
    char dir[64];
    struct tb_plugins *host;
    struct tb_error open_error;
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void write_plugin(const struct jail *jail, const char *top, const char *body)
{
    char path[128], text[4096];
    (void)snprintf(path, sizeof path, "%s/demo", jail->dir);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%s/demo/plugin.lua", jail->dir);
    int len = snprintf(
        text, sizeof text,
        "local form = require('bridge.form')\n"
        "%s\n"
        "return { api = 1, name = 'demo', title = 'D', version = '1', connectors = { 'x' },\n"
        "  transforms = { status = function(bot, raw, figures)\n"
        "%s\n"
        "  end },\n"
        "  strategies = { { name = 's', revision = 1, title = 'S', summary = 'S', risk = "
        "'low',\n"
        "    executors = { 'position' }, form = form.of {}, risk_defaults = { max_loss_quote = "
        "'20', "
        "max_controller_loss_quote = '20' }, build = function() return {} "
        "end } } }\n",
        top, body);
    assert_true(len > 0 && (size_t)len < sizeof text);
    write_file(path, text);
}

static void open_jail(struct jail *jail, const char *top, const char *body)
{
    (void)snprintf(jail->dir, sizeof jail->dir, "/tmp/tb-jail-XXXXXX");
    assert_non_null(mkdtemp(jail->dir));
    write_plugin(jail, top, body);
    struct tb_plugins_config config = {
        .dir = jail->dir, .sdk = tb_sdk_files, .arena_bytes = 4 << 20, .arenas = 1};
    jail->host = tb_plugins_open(&config, &jail->open_error);
    if (!jail->host)
        fail_msg("%s", jail->open_error.detail);
}

static void close_jail(struct jail *jail)
{
    char command[128];
    tb_plugins_close(jail->host);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", jail->dir);
    assert_int_equal(system(command), 0);
}

static bool call_entry(struct jail *jail, enum tb_plugin_entry entry, struct tb_plugin_fault *fault,
                       struct tb_error *err)
{
    static const char input[] = "{\"bot\":{},\"raw\":{}}";
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_plugin_call call = {.plugin = "demo",
                                  .entry = entry,
                                  .input = input,
                                  .input_len = sizeof input - 1,
                                  .mono_deadline_ms = tb_mono_ms() + 60000};
    bool ok = tb_plugins_call(jail->host, &call, &out, fault, err);
    tb_buffer_free(&out);
    return ok;
}

static unsigned failures;

static void complain(const struct row *row, const char *what, const struct tb_error *err)
{
    failures++;
    print_message("%s: %s: %s\n", row->name, what, err->detail);
}

static void check_row(const struct row *row, struct jail *jail)
{
    struct tb_plugin_fault fault;
    struct tb_error err = {0};
    bool ok = call_entry(jail, *row->body ? TB_PLUGIN_STATUS : TB_PLUGIN_DESCRIBE, &fault, &err);
    if (ok != (row->outcome == RUNS))
        complain(row, ok ? "ran" : "failed", &err);
    if (ok)
        return;
    if (err.code != TB_PLUGIN_FAILED)
        complain(row, tb_code_word(err.code), &err);
    if ((row->outcome == ERROR || row->outcome == ANSWER) && !strstr(err.detail, row->says))
        complain(row, "other words", &err);
    if (row->outcome == BUDGET && !(fault.budget && strstr(err.detail, "ran longer")))
        complain(row, "no budget breach", &err);
    if (row->outcome == MEMORY && !(fault.budget && strstr(err.detail, "memory")))
        complain(row, "no memory breach", &err);
    if (!*row->top && row->outcome != ANSWER &&
        (strcmp(fault.file, "demo/plugin.lua") != 0 || fault.line < 1))
        complain(row, "no place", &err);
}

static int64_t thread_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_rows(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__)
    /* One thread only, and TSan keeps our frames that Lua's longjmp leaves: it runs out of room for
     * them where a snippet raises for ever. */
    skip();
#endif
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct jail jail;
        open_jail(&jail, rows[i].top, rows[i].body);
        int64_t before = thread_ms();
        check_row(&rows[i], &jail);
        int64_t used = thread_ms() - before;
        /* Twenty times the budget with and without sanitizers: far below "for ever". */
        if (used > 4000)
            fail_msg("%s: took %d ms", rows[i].name, (int)used);
        close_jail(&jail);
    }
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
