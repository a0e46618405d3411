/* An uploaded plugin: a tar of its folder, or {files: {path: text}}. Only Lua files of modules are
 * taken; test data and texts beside them are passed over; anything else, and whatever could reach
 * outside the plugin or grow without end, refuses the whole. Nothing is written to any disk here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"

enum { BLOCK = 512, ENTRIES_MAX = 512, SHOWN = 80 };

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

struct bundle {
    const char *plugin;
    struct tb_script_set *set;
};

/* ---- one entry ---- */

static bool refuse(const char *path, const char *why, struct tb_error *err)
{
    struct tb_buffer shown = TB_BUFFER_INIT;
    tb_escape_control(&shown, path);
    (void)tb_fail(err, TB_INVALID, "The bundle is refused: `%.*s` %s.", SHOWN,
                  tb_buffer_text(&shown), why);
    tb_buffer_free(&shown);
    return false;
}

/* Each segment a plain name: no way out of the folder. */
static bool plain_path(const char *path)
{
    if (path[0] == '/' || strchr(path, '\\'))
        return false;
    for (const char *at = path; *at;) {
        size_t n = strcspn(at, "/");
        if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += n + (at[n] == '/');
    }
    return path[0] != '\0';
}

static bool has_end(const char *path, const char *end)
{
    size_t len = strlen(path), n = strlen(end);
    return len > n && strcmp(path + len - n, end) == 0;
}

static bool take(const struct bundle *b, const char *path, const char *bytes, size_t len,
                 struct tb_error *err)
{
    size_t n = strlen(b->plugin);
    char full[256];
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    if (!plain_path(path))
        return refuse(path, "is no path inside the plugin's folder", err);
    bool named = strncmp(path, b->plugin, n) == 0 && path[n] == '/';
    if (snprintf(full, sizeof full, "%s%s%s", named ? "" : b->plugin, named ? "" : "/", path) >=
        (int)sizeof full)
        return refuse(path, "is too long", err);
    if (has_end(path, ".lua"))
        return tb_script_set_add(b->set, b->plugin, full, bytes, len, err);
    return has_end(path, ".json") || has_end(path, ".md") || has_end(path, ".txt") ||
           refuse(path, "is neither a Lua file nor test data (.json) nor a text (.md, .txt)", err);
}

/* ---- tar ---- */

static bool octal(const char *field, size_t len, size_t *out)
{
    size_t i = 0;
    *out = 0;
    while (i < len && field[i] == ' ')
        i++;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        *out = *out * 8 + (size_t)(field[i] - '0');
    return i == len || field[i] == ' ' || field[i] == '\0';
}

static bool sum_is_good(const struct header *h)
{
    const unsigned char *bytes = (const unsigned char *)h;
    const size_t at = offsetof(struct header, sum);
    size_t said, sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= at && i < at + sizeof h->sum ? ' ' : bytes[i];
    return octal(h->sum, sizeof h->sum, &said) && said == sum;
}

/* Extended headers may rename what follows; times and owners are of no interest. */
static bool renames(const char *bytes, size_t len)
{
    static const char *const words[] = {" path=", " linkpath=", " size="};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (memmem(bytes, len, words[i], strlen(words[i])))
            return true;
    return false;
}

static bool take_entry(const struct bundle *b, const struct header *h, const char *bytes,
                       size_t size, struct tb_error *err)
{
    char path[sizeof h->prefix + sizeof h->name + 2];
    bool ustar = memcmp(h->magic, "ustar", 6) == 0 && h->prefix[0];
    (void)snprintf(path, sizeof path, "%.*s%s%.*s", ustar ? (int)sizeof h->prefix : 0, h->prefix,
                   ustar ? "/" : "", (int)sizeof h->name, h->name);
    switch (h->type) {
    case '0':
    case '\0':
        return take(b, path, bytes, size, err);
    case '5':
        return strcmp(path, "./") == 0 ||
               plain_path(path + (strncmp(path, "./", 2) == 0 ? 2 : 0)) ||
               refuse(path, "is no folder inside the plugin's", err);
    case 'x':
    case 'g':
        return !renames(bytes, size) || refuse(path, "has a name that is too long", err);
    default:
        return refuse(path, "is a link, a device or another thing that is no file", err);
    }
}

static bool read_tar(const struct bundle *b, const char *bytes, size_t len, struct tb_error *err)
{
    static const char zeros[BLOCK];
    size_t at = 0, size;
    for (int entries = 0; at + BLOCK <= len; entries++) {
        struct header h;
        memcpy(&h, bytes + at, BLOCK);
        if (memcmp(&h, zeros, BLOCK) == 0)
            return true;
        if (!sum_is_good(&h) || !octal(h.size, sizeof h.size, &size) || size > len - at - BLOCK)
            return tb_fail(err, TB_INVALID,
                           "The bundle is no whole tar; send it uncompressed, or as JSON.");
        if (entries == ENTRIES_MAX)
            return tb_fail(err, TB_INVALID, "The bundle has more than %d entries.", ENTRIES_MAX);
        if (!take_entry(b, &h, bytes + at + BLOCK, size, err))
            return false;
        at += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
        if (at > len)
            at = len;
    }
    return at > 0 || tb_fail(err, TB_INVALID, "The bundle is empty.");
}

/* ---- JSON ---- */

static bool read_json(const struct bundle *b, const struct tb_json *body, struct tb_error *err)
{
    const struct tb_json *files = tb_json_get(body, "files");
    if (!tb_json_is(files, TB_JSON_OBJECT) || body->len != 1)
        return tb_fail(err, TB_INVALID,
                       "The body is {\"files\": {path: text}}, or a tar with the header "
                       "`Content-Type: application/x-tar`.");
    for (const struct tb_json *f = tb_json_first(files); f; f = f->next) {
        if (strlen(f->key) != f->key_len)
            return refuse(f->key, "has a NUL in its name", err);
        if (f->type != TB_JSON_STRING)
            return refuse(f->key, "is no text", err);
        if (!take(b, f->key, f->text, f->len, err))
            return false;
    }
    return true;
}

bool tb_bundle_read(const char *plugin, const struct tb_plugin_bundle *bundle,
                    struct tb_script_set *out, struct tb_error *err)
{
    const struct bundle b = {.plugin = plugin, .set = out};
    *out = (struct tb_script_set){0};
    bool ok = (bundle->json ? read_json(&b, bundle->json, err)
                            : read_tar(&b, bundle->tar, bundle->tar_len, err)) &&
              tb_script_set_whole(out, plugin, err);
    if (!ok)
        tb_script_set_free(out);
    return ok;
}
