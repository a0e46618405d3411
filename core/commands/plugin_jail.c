/* `trading-bridge plugin jail [DIR]`: runs every case of the jail suite (tests/jail) in the real
 * sandbox and prints one row each. tests/jail/README.md says what a case is. Main thread; a case
 * that is one file gets a plugin around it in a temporary folder. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/embed.h"
#include "base/log.h"
#include "base/memory.h"
#include "commands/plugin_private.h"
#include "plugins/host.h"

enum { SOURCE_MAX = 256 << 10, CALL_DEADLINE_MS = 120000 };

/* The plugin around a case of one file. */
static const char wrapper[] =
    "local form = require('bridge.form')\n"
    "local case = require('case')\n"
    "local function build()\n"
    "  return { controllers = { { type = 'generic', name = 'x', config = {} } } }\n"
    "end\n"
    "return { api = 1, name = 'jailed', title = 'Jailed', version = '1', connectors = { 'x' },\n"
    "  messages = case.messages, log = case.log, transforms = { status = case.status },\n"
    "  strategies = { { name = 'case', revision = 1, title = 'Case', summary = 'Case',\n"
    "    risk = 'low', executors = { 'position' }, form = case.form or form.of {},\n"
    "    check = case.check, build = case.build or build, preview = case.preview,\n"
    "    risk_defaults = { max_loss_quote = '20', max_controller_loss_quote = '20' } } } }\n";

/* What a case says of itself in its first comment lines. */
struct jail_case {
    char name[64];
    char expect[16]; /* stopped, refused, bounded */
    char says[128];  /* part of the refusal or of the answer */
    char lacks[128]; /* no part of either */
    char hook[16];   /* load, status, log, plan */
    int calls;
};

struct jail_result {
    const char *outcome;
    double ms, allowed_ms;
    struct tb_buffer text; /* error or answer of the last call */
    bool late;
};

static const struct {
    const char *hook;
    enum tb_plugin_entry entry;
    const char *input;
} hooks[] = {
    {"load", TB_PLUGIN_DESCRIBE, "{}"},
    {"status", TB_PLUGIN_STATUS, "{\"bot\":{},\"raw\":{}}"},
    {"log", TB_PLUGIN_LOG,
     "{\"lines\":[{\"level_name\":\"ERROR\",\"msg\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}"},
    {"plan", TB_PLUGIN_PLAN, "{\"strategy\":\"case\",\"params\":{},\"ctx\":{\"account\":\"a\"}}"},
};

/* ---- reading a case ---- */

static char *read_source(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = tb_xcalloc(1, SOURCE_MAX + 1);
    size_t n = fread(text, 1, SOURCE_MAX, file);
    fclose(file);
    text[n] = '\0';
    return text;
}

/* "-- key: value" of the leading comment. */
static void read_field(const char *source, const char *key, char *out, size_t size)
{
    size_t len = strlen(key);
    for (const char *line = source; strncmp(line, "--", 2) == 0;) {
        const char *word = line + 2 + strspn(line + 2, " ");
        if (strncmp(word, key, len) == 0 && word[len] == ':') {
            const char *value = word + len + 1 + strspn(word + len + 1, " ");
            (void)snprintf(out, size, "%.*s", (int)strcspn(value, "\r\n"), value);
            return;
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
}

static bool read_case(const char *source, struct jail_case *c, struct tb_error *err)
{
    char calls[8] = "1";
    (void)tb_copy(c->hook, sizeof c->hook, "status");
    read_field(source, "expect", c->expect, sizeof c->expect);
    read_field(source, "says", c->says, sizeof c->says);
    read_field(source, "lacks", c->lacks, sizeof c->lacks);
    read_field(source, "hook", c->hook, sizeof c->hook);
    read_field(source, "calls", calls, sizeof calls);
    c->calls = (int)strtol(calls, NULL, 10);
    if (strcmp(c->expect, "stopped") != 0 && strcmp(c->expect, "refused") != 0 &&
        strcmp(c->expect, "bounded") != 0)
        return tb_fail(err, TB_INVALID,
                       "its first lines do not say expect: stopped, refused or "
                       "bounded");
    return c->calls > 0 || tb_fail(err, TB_INVALID, "calls must be a number above 0");
}

/* ---- running a case ---- */

static const char *outcome_of(bool ok, const struct tb_plugin_fault *fault,
                              const struct tb_buffer *answer)
{
    if (!ok)
        return fault->budget ? "stopped" : "refused";
    return answer->len && strstr(answer->data, "\"ok\":false") ? "refused" : "bounded";
}

static void add_time(struct jail_result *r, int64_t run_us, int64_t allowed_us)
{
    if ((double)run_us / 1000 > r->ms) {
        r->ms = (double)run_us / 1000;
        r->allowed_ms = (double)allowed_us / 1000;
    }
    r->late = r->late || run_us > allowed_us;
}

static void call_once(struct tb_plugins *host, const char *plugin, size_t hook,
                      struct jail_result *r)
{
    struct tb_buffer answer = TB_BUFFER_INIT;
    struct tb_plugin_fault fault;
    struct tb_error err = {0};
    struct tb_plugin_call call = {.plugin = plugin,
                                  .entry = hooks[hook].entry,
                                  .input = hooks[hook].input,
                                  .input_len = strlen(hooks[hook].input),
                                  .mono_deadline_ms = tb_plugins_deadline(CALL_DEADLINE_MS)};
    bool ok = tb_plugins_call(host, &call, &answer, &fault, &err);
    r->outcome = outcome_of(ok, &fault, &answer);
    tb_buffer_clear(&r->text);
    tb_buffer_puts(&r->text, ok ? tb_buffer_text(&answer) : err.detail);
    add_time(r, fault.spent.run_us, fault.spent.budget_us + fault.spent.grace_us);
    tb_buffer_free(&answer);
}

/* Without its plugin the SDK would answer alone, and nothing would be tried. */
static bool all_load(const struct tb_json *plugins, struct tb_error *err)
{
    for (const struct tb_json *p = tb_json_first(plugins); p; p = p->next) {
        const char *message = tb_json_get_string(tb_json_get(p, "error"), "message");
        if (message)
            return tb_fail(err, TB_INVALID, "it does not load: %s", message);
    }
    return true;
}

/* Calls every plugin of the folder in the order of their names; the last outcome counts. */
static bool run_case(const char *dir, const struct jail_case *c, struct jail_result *r,
                     struct tb_error *err)
{
    size_t hook = 0;
    while (hook < sizeof hooks / sizeof *hooks && strcmp(hooks[hook].hook, c->hook) != 0)
        hook++;
    if (hook == sizeof hooks / sizeof *hooks)
        return tb_fail(err, TB_INVALID, "there is no hook %s", c->hook);
    struct tb_buffer list = TB_BUFFER_INIT;
    struct tb_plugins *host = tb_plugins_open(
        &(struct tb_plugins_config){.dir = dir, .sdk = tb_sdk_files, .arenas = 1}, err);
    if (!host)
        return false;
    tb_plugins_list(host, &list);
    struct tb_json_doc *doc = tb_json_parse(tb_buffer_text(&list), list.len, TB_JSON_UPSTREAM, err);
    const struct tb_json *all = doc ? tb_json_get(tb_json_root(doc), "plugins") : NULL;
    bool ok = strcmp(c->hook, "load") == 0 || all_load(all, err);
    for (int i = 0; i < c->calls && ok; i++)
        for (const struct tb_json *p = tb_json_first(all); p; p = p->next)
            call_once(host, tb_json_get_string(p, "name"), hook, r);
    if (ok && (!r->outcome || tb_plugins_threads_lost(host) > 0))
        ok = tb_fail(err, TB_INVALID, "there is no plugin in it, or its thread was lost");
    tb_json_free(doc);
    tb_buffer_free(&list);
    tb_plugins_close(host);
    return ok;
}

static bool write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && fputs(text, file) >= 0;
    return file && fclose(file) == 0 && ok;
}

/* Puts the wrapper around the case and runs it. */
static bool run_file(const char *source, const struct jail_case *c, struct jail_result *r,
                     struct tb_error *err)
{
    const char *tmp = getenv("TMPDIR");
    char dir[256], folder[300], plugin[320], body[320];
    (void)snprintf(dir, sizeof dir, "%.200s/tb-jail-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return tb_fail(err, TB_INTERNAL, "no temporary folder: %s", strerror(errno));
    (void)snprintf(folder, sizeof folder, "%s/jailed", dir);
    (void)snprintf(plugin, sizeof plugin, "%s/plugin.lua", folder);
    (void)snprintf(body, sizeof body, "%s/case.lua", folder);
    bool ok = mkdir(folder, 0700) == 0 && write_text(plugin, wrapper) && write_text(body, source);
    ok = ok ? run_case(dir, c, r, err) : tb_fail(err, TB_INTERNAL, "%s cannot be written", folder);
    (void)unlink(plugin);
    (void)unlink(body);
    (void)rmdir(folder);
    (void)rmdir(dir);
    return ok;
}

/* ---- the report ---- */

static bool judge(const struct jail_case *c, const struct jail_result *r, struct tb_error *err)
{
    const char *text = tb_buffer_text(&r->text);
    if (!r->outcome || strcmp(r->outcome, c->expect) != 0)
        return tb_fail(err, TB_INVALID, "it was %s, not %s: %.300s",
                       r->outcome ? r->outcome : "lost", c->expect, text);
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' && *p != '\n' && *p != '\t')
            return tb_fail(err, TB_INVALID, "it lets a control character through: %.300s", text);
    if (c->says[0] && !strstr(text, c->says))
        return tb_fail(err, TB_INVALID, "it does not say \"%s\": %.300s", c->says, text);
    if (c->lacks[0] && strstr(text, c->lacks))
        return tb_fail(err, TB_INVALID, "it lets through \"%s\": %.300s", c->lacks, text);
    if (r->late)
        return tb_fail(err, TB_INVALID, "it ran for %.1f ms; %.0f are its budget and grace", r->ms,
                       r->allowed_ms);
    return true;
}

/* The source whose first lines tell of the case: the file, or the last plugin's plugin.lua. */
static char *source_of(const char *path, bool folder)
{
    struct dirent **entries = NULL;
    char *source = NULL, file[4096];
    if (!folder)
        return read_source(path);
    int n = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        (void)snprintf(file, sizeof file, "%s/%s/plugin.lua", path, entries[i]->d_name);
        char *found = entries[i]->d_name[0] == '.' ? NULL : read_source(file);
        if (found) {
            free(source);
            source = found;
        }
        free(entries[i]);
    }
    free(entries);
    return source;
}

static bool run_one(const char *dir, const char *entry, bool folder)
{
    char path[4096];
    struct jail_case c = {.calls = 1};
    struct jail_result r = {.text = TB_BUFFER_INIT};
    struct tb_error err = {0};
    (void)snprintf(path, sizeof path, "%s/%s", dir, entry);
    (void)snprintf(c.name, sizeof c.name, "%.*s", (int)(strlen(entry) - (folder ? 0 : 4)), entry);
    char *source = source_of(path, folder);
    bool ok = source ? read_case(source, &c, &err) : tb_fail(&err, TB_INVALID, "it cannot be read");
    ok = ok && (folder ? run_case(path, &c, &r, &err) : run_file(source, &c, &r, &err)) &&
         judge(&c, &r, &err);
    printf("%-36s %-8s %9.1f ms", c.name, r.outcome ? r.outcome : "-", r.ms);
    if (!ok) {
        struct tb_buffer plain = TB_BUFFER_INIT;
        tb_escape_control(&plain, err.detail);
        printf("  ESCAPED: %s", tb_buffer_text(&plain));
        tb_buffer_free(&plain);
    }
    putchar('\n');
    (void)fflush(stdout);
    free(source);
    tb_buffer_free(&r.text);
    return ok;
}

/* A case is a .lua file or a folder; anything else in DIR is none. */
static bool is_case(const char *dir, const char *entry, bool *folder)
{
    char path[4096];
    struct stat st;
    size_t len = strlen(entry);
    (void)snprintf(path, sizeof path, "%s/%s", dir, entry);
    if (entry[0] == '.' || stat(path, &st) != 0)
        return false;
    *folder = S_ISDIR(st.st_mode);
    return *folder || (len > 4 && strcmp(entry + len - 4, ".lua") == 0);
}

int plugin_jail(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "tests/jail";
    struct dirent **entries = NULL;
    unsigned cases = 0, escaped = 0;
    if (argc > 2)
        return 2;
    int n = scandir(dir, &entries, NULL, alphasort);
    if (n < 0) {
        fprintf(stderr, "plugin jail: %s cannot be read: %s\n", dir, strerror(errno));
        return 2;
    }
    for (int i = 0; i < n; i++) {
        bool folder;
        if (is_case(dir, entries[i]->d_name, &folder)) {
            cases++;
            escaped += !run_one(dir, entries[i]->d_name, folder);
        }
        free(entries[i]);
    }
    free(entries);
    printf("%u cases, %u escaped\n", cases, escaped);
    return cases == 0 || escaped > 0;
}
