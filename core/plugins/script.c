/* Lua files as the host keeps them: source for excerpts and hashes, bytecode for instantiation.
 *
 * Files are read with caps on size and number and compiled by us from text only; nothing a plugin
 * ships is ever loaded as bytecode. Compiling uses a throw-away state on the C heap. Any thread; a
 * set is immutable once published. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "plugins/plugins_private.h"

enum { FILE_MAX = 256 << 10, SET_BYTES_MAX = 1 << 20, SET_FILES_MAX = 64, FOLDER_DEPTH_MAX = 3 };
enum { EXCERPT_WIDTH = 100 };

void tb_script_set_free(struct tb_script_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->scripts[i].source);
        free(set->scripts[i].bytecode);
    }
    free(set->scripts);
    *set = (struct tb_script_set){0};
}

const struct tb_script *tb_script_find(const struct tb_script_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->scripts[i].name, name) == 0)
            return &set->scripts[i];
    }
    return NULL;
}

/* ---- compiling ---- */

static int dump_to_buffer(lua_State *L, const void *bytes, size_t len, void *ud)
{
    (void)L;
    tb_buffer_append(ud, bytes, len);
    return 0;
}

struct compile_job {
    struct tb_script *script;
    struct tb_buffer bytecode;
};

static int compile_protected(lua_State *L)
{
    struct compile_job *job = lua_touserdata(L, 1);
    char chunk[sizeof job->script->path + 2];
    (void)snprintf(chunk, sizeof chunk, "@%s", job->script->path);
    if (luaL_loadbufferx(L, job->script->source, job->script->source_len, chunk, "t") != LUA_OK)
        return lua_error(L);
    /* Not stripped: error messages need the lines. */
    lua_dump(L, dump_to_buffer, &job->bytecode, 0);
    return 0;
}

/* "path:3: what" -> the line and the rest; the whole text when it does not begin so. */
static const char *after_position(const char *message, const char *path, int *line)
{
    size_t len = strlen(path);
    if (strncmp(message, path, len) != 0 || message[len] != ':')
        return message;
    char *end;
    long n = strtol(message + len + 1, &end, 10);
    if (*end != ':')
        return message;
    *line = (int)n;
    return end + 1 + strspn(end + 1, " ");
}

static bool compile_failed(const struct tb_script *script, const char *message,
                           struct tb_plugin_fault *fault, struct tb_error *err)
{
    int line = 1;
    const char *what = after_position(message, script->path, &line);
    const struct tb_script_set one = {(struct tb_script *)script, 1};
    *fault = (struct tb_plugin_fault){.line = line};
    (void)tb_copy(fault->file, sizeof fault->file, script->path);
    tb_script_excerpt(&one, script->path, line, what, fault->excerpt, sizeof fault->excerpt);
    return tb_fail(err, TB_PLUGIN_FAILED, "%s:%d: %s", script->path, line, what);
}

bool tb_script_compile(struct tb_script *script, struct tb_plugin_fault *fault,
                       struct tb_error *err)
{
    struct compile_job job = {script, TB_BUFFER_INIT};
    lua_State *L = luaL_newstate();
    if (!L)
        return tb_fail(err, TB_INTERNAL, "there is no memory to compile a plugin");
    lua_pushcfunction(L, compile_protected);
    lua_pushlightuserdata(L, &job);
    bool ok = lua_pcall(L, 1, 0, 0) == LUA_OK;
    if (ok)
        script->bytecode = tb_buffer_steal(&job.bytecode, &script->bytecode_len);
    else
        (void)compile_failed(script, lua_isstring(L, -1) ? lua_tostring(L, -1) : "?", fault, err);
    tb_buffer_free(&job.bytecode);
    lua_close(L);
    return ok;
}

/* ---- excerpts ---- */

static const char *line_start(const char *source, int line)
{
    for (int n = 1; n < line; n++) {
        source = strchr(source, '\n');
        if (!source)
            return NULL;
        source++;
    }
    return *source ? source : NULL;
}

/* Where in the line the message points: at the first word it quotes that stands there, else at the
 * first character that is no blank. Lua knows no columns. */
static int caret_column(const char *line, int len, const char *message)
{
    char word[64];
    for (const char *p = message; (p = strchr(p, '\'')) != NULL; p++) {
        int n = (int)strcspn(p + 1, "'");
        if (n == 0 || n >= (int)sizeof word || p[n + 1] != '\'')
            continue;
        (void)snprintf(word, sizeof word, "%.*s", n, p + 1);
        const char *found = strstr(line, word);
        if (found && found - line + n <= len)
            return (int)(found - line);
    }
    int blank = (int)strspn(line, " \t");
    return blank < len ? blank : 0;
}

/* Appends one line of the source; what would steer a terminal, and tabs, become blanks. */
static void add_line(struct tb_buffer *out, const char *text, int len, int number, bool marked,
                     const char *message)
{
    len = len < EXCERPT_WIDTH ? len : EXCERPT_WIDTH;
    tb_buffer_printf(out, "%s%c%4d | ", out->len ? "\n" : "", marked ? '>' : ' ', number);
    for (int i = 0; i < len; i++)
        tb_buffer_putc(out, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i]);
    if (marked)
        tb_buffer_printf(out, "\n      | %*s^", caret_column(text, len, message), "");
}

void tb_script_excerpt(const struct tb_script_set *set, const char *path, int line,
                       const char *message, char *out, size_t size)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    for (size_t i = 0; i < set->count && line > 0; i++) {
        const struct tb_script *script = &set->scripts[i];
        if (strcmp(script->path, path) != 0)
            continue;
        for (int n = line > 1 ? line - 1 : 1; n <= line + 1; n++) {
            const char *start = line_start(script->source, n);
            if (start)
                add_line(&text, start, (int)strcspn(start, "\r\n"), n, n == line, message);
        }
        break;
    }
    (void)tb_copy(out, size, tb_buffer_text(&text));
    tb_buffer_free(&text);
}

/* ---- reading ---- */

static void take_bytes(struct tb_script *script, char *bytes, size_t len)
{
    bytes[len] = '\0';
    script->source = bytes;
    script->source_len = len;
}

static bool take_file(const char *full, struct tb_script *script, struct tb_error *err)
{
    FILE *file = fopen(full, "rb");
    if (!file)
        return tb_fail(err, TB_PLUGIN_FAILED, "%s cannot be read: %s", script->path,
                       strerror(errno));
    char *bytes = tb_xmalloc(FILE_MAX + 2);
    size_t len = fread(bytes, 1, FILE_MAX + 1, file);
    bool bad = ferror(file) != 0;
    fclose(file);
    if (bad || len > FILE_MAX) {
        free(bytes);
        return tb_fail(err, TB_PLUGIN_FAILED, bad ? "%s cannot be read" : "%s is over 256 KiB",
                       script->path);
    }
    take_bytes(script, tb_xrealloc(bytes, len + 1), len);
    return true;
}

/* A file or folder name that can be part of a module's name. */
static bool module_word(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            return false;
    }
    return len > 0;
}

static struct tb_script *grow(struct tb_script_set *set)
{
    set->scripts = tb_xrealloc(set->scripts, (set->count + 1) * sizeof *set->scripts);
    struct tb_script *script = &set->scripts[set->count++];
    *script = (struct tb_script){0};
    return script;
}

static struct tb_script *new_file(struct tb_script_set *set, const char *path, const char *module,
                                  struct tb_error *err)
{
    if (set->count >= SET_FILES_MAX) {
        (void)tb_fail(err, TB_PLUGIN_FAILED, "%s: a plugin has at most %d files", path,
                      SET_FILES_MAX);
        return NULL;
    }
    struct tb_script *script = grow(set);
    if (tb_copy(script->path, sizeof script->path, path) &&
        tb_copy(script->name, sizeof script->name, module))
        return script;
    (void)tb_fail(err, TB_PLUGIN_FAILED, "%.100s…: the path is too long", path);
    return NULL;
}

static bool fits(const struct tb_script_set *set, const char *path, struct tb_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < set->count; i++)
        total += set->scripts[i].source_len;
    return total <= SET_BYTES_MAX ||
           tb_fail(err, TB_PLUGIN_FAILED, "%s: the plugin is over 1 MiB", path);
}

static bool add_file(struct tb_script_set *set, const char *full, const char *path,
                     const char *module, struct tb_error *err)
{
    struct tb_script *script = new_file(set, path, module, err);
    return script && take_file(full, script, err) && fits(set, path, err);
}

/* full: on disk; path: as shown; prefix: module name with its final dot, or "". */
static bool read_folder(struct tb_script_set *set, const char *full, const char *path,
                        const char *prefix, int depth, struct tb_error *err)
{
    DIR *dir = opendir(full);
    if (!dir)
        return tb_fail(err, TB_PLUGIN_FAILED, "%s cannot be read: %s", path, strerror(errno));
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(dir)) != NULL;) {
        struct stat st;
        char sub_full[4096], sub_path[512], module[512];
        size_t len = strlen(e->d_name);
        bool lua = len > 4 && strcmp(e->d_name + len - 4, ".lua") == 0;
        if (!module_word(e->d_name, lua ? len - 4 : len))
            continue; /* editors' and systems' own files among them */
        (void)snprintf(sub_full, sizeof sub_full, "%s/%s", full, e->d_name);
        (void)snprintf(sub_path, sizeof sub_path, "%s/%s", path, e->d_name);
        (void)snprintf(module, sizeof module, "%s%.*s%s", prefix, (int)(lua ? len - 4 : len),
                       e->d_name, lua ? "" : ".");
        if (stat(sub_full, &st) != 0)
            continue; /* gone since; the next look will see it */
        if (lua && S_ISREG(st.st_mode))
            ok = add_file(set, sub_full, sub_path, module, err);
        else if (!lua && S_ISDIR(st.st_mode) && depth < FOLDER_DEPTH_MAX)
            ok = read_folder(set, sub_full, sub_path, module, depth + 1, err);
    }
    closedir(dir);
    return ok;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct tb_script *)a)->path, ((const struct tb_script *)b)->path);
}

bool tb_script_set_whole(struct tb_script_set *set, const char *name, struct tb_error *err)
{
    if (set->count)
        qsort(set->scripts, set->count, sizeof *set->scripts, by_path);
    return tb_script_find(set, "plugin") ||
           tb_fail(err, TB_PLUGIN_FAILED, "%s/plugin.lua is missing", name);
}

/* "demo/lib/x.lua" -> "lib.x"; false when it is no path of a module of this plugin. */
static bool module_of(const char *path, const char *name, char *out, size_t size)
{
    size_t len = strlen(name), used = 0;
    int depth = 0;
    if (strncmp(path, name, len) != 0 || path[len] != '/')
        return false;
    for (const char *at = path + len + 1;; depth++) {
        size_t n = strcspn(at, "/.");
        bool last = strcmp(at + n, ".lua") == 0;
        if (!module_word(at, n) || (!last && at[n] != '/') || depth > FOLDER_DEPTH_MAX ||
            used + n + 2 > size)
            return false;
        used += (size_t)snprintf(out + used, size - used, "%s%.*s", depth ? "." : "", (int)n, at);
        if (last)
            return true;
        at += n + 1;
    }
}

bool tb_script_set_add(struct tb_script_set *set, const char *name, const char *path,
                       const char *bytes, size_t len, struct tb_error *err)
{
    char module[128];
    struct tb_script *script;
    if (!module_of(path, name, module, sizeof module))
        return tb_fail(err, TB_INVALID, "%.100s is no Lua file of a plugin named %s", path, name);
    if (len > FILE_MAX)
        return tb_fail(err, TB_PLUGIN_FAILED, "%s is over 256 KiB", path);
    if (tb_script_find(set, module))
        return tb_fail(err, TB_INVALID, "%s is there twice", path);
    if (!(script = new_file(set, path, module, err)))
        return false;
    char *copy = tb_xmalloc(len + 1);
    memcpy(copy, bytes, len);
    take_bytes(script, copy, len);
    return fits(set, path, err);
}

bool tb_script_set_read(const char *dir, const char *name, struct tb_script_set *out,
                        struct tb_error *err)
{
    char full[4096];
    *out = (struct tb_script_set){0};
    (void)snprintf(full, sizeof full, "%s/%s", dir, name);
    bool ok = read_folder(out, full, name, "", 0, err);
    return tb_script_set_whole(out, name, ok ? err : NULL) && ok;
}

void tb_script_set_hash(const struct tb_script_set *set, char out[TB_SHA256_TEXT])
{
    struct tb_buffer all = TB_BUFFER_INIT;
    for (size_t i = 0; i < set->count; i++) {
        tb_buffer_printf(&all, "%s %zu ", set->scripts[i].path, set->scripts[i].source_len);
        tb_buffer_append(&all, set->scripts[i].source, set->scripts[i].source_len);
    }
    tb_sha256_hex(tb_buffer_text(&all), all.len, out);
    tb_buffer_free(&all);
}

bool tb_sdk_compile(const struct tb_embedded *files, struct tb_script_set *out,
                    struct tb_error *err)
{
    struct tb_plugin_fault fault;
    *out = (struct tb_script_set){0};
    for (; files->name; files++) {
        struct tb_script *script = grow(out);
        size_t len = strlen(files->name);
        (void)snprintf(script->path, sizeof script->path, "sdk/%s", files->name);
        (void)snprintf(script->name, sizeof script->name, "%.*s", (int)(len > 4 ? len - 4 : len),
                       files->name);
        for (char *p = script->name; *p; p++)
            *p = *p == '/' ? '.' : *p;
        script->source_len = (size_t)(files->end - files->start);
        script->source = tb_xstrndup((const char *)files->start, script->source_len);
        if (!tb_script_compile(script, &fault, err))
            return false;
    }
    return true;
}
