/* What differs between the files of two versions of a plugin, as people read it: unified hunks,
 * file by file. Any thread; owns nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "plugins/plugins_private.h"

enum { CONTEXT = 3, CELLS_MAX = 4 << 20 };

struct line {
    const char *text;
    size_t len;
};

struct lines {
    struct line *line;
    size_t n;
};

/* One line of the outcome: kept (' '), removed ('-') or added ('+'). */
struct edit {
    char kind;
    const struct line *line;
};

struct edits {
    struct edit *edit;
    size_t n;
};

static struct lines split(const struct tb_script *script)
{
    struct lines all = {0};
    const char *at = script ? script->source : NULL;
    const char *end = script ? at + script->source_len : NULL;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = stop ? (size_t)(stop - at) : (size_t)(end - at);
        if (all.n % 256 == 0)
            all.line = tb_xrealloc(all.line, (all.n + 256) * sizeof *all.line);
        all.line[all.n++] = (struct line){at, len};
        at += len + 1;
    }
    return all;
}

static bool same_line(const struct line *a, const struct line *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static void put(struct edits *out, char kind, const struct line *line)
{
    if (out->n % 256 == 0)
        out->edit = tb_xrealloc(out->edit, (out->n + 256) * sizeof *out->edit);
    out->edit[out->n++] = (struct edit){kind, line};
}

/* Lengths of the longest common part of the two rests, for every pair of positions. */
static uint32_t *common_lengths(const struct line *a, size_t n, const struct line *b, size_t m)
{
    uint32_t *length = tb_xcalloc((n + 1) * (m + 1), sizeof *length);
    for (size_t i = n; i-- > 0;) {
        for (size_t j = m; j-- > 0;) {
            uint32_t down = length[(i + 1) * (m + 1) + j], right = length[i * (m + 1) + j + 1];
            length[i * (m + 1) + j] = same_line(&a[i], &b[j])
                                          ? length[(i + 1) * (m + 1) + j + 1] + 1
                                          : (down > right ? down : right);
        }
    }
    return length;
}

/* The part between the common beginning and the common end. */
static void edit_middle(struct edits *out, const struct line *a, size_t n, const struct line *b,
                        size_t m)
{
    size_t i = 0, j = 0;
    /* Files that share next to nothing: the one goes, the other comes. */
    uint32_t *length = (n + 1) * (m + 1) <= CELLS_MAX ? common_lengths(a, n, b, m) : NULL;
    while (length && i < n && j < m) {
        if (same_line(&a[i], &b[j])) {
            put(out, ' ', &a[i]);
            i++, j++;
        } else if (length[(i + 1) * (m + 1) + j] >= length[i * (m + 1) + j + 1]) {
            put(out, '-', &a[i++]);
        } else {
            put(out, '+', &b[j++]);
        }
    }
    while (i < n)
        put(out, '-', &a[i++]);
    while (j < m)
        put(out, '+', &b[j++]);
    free(length);
}

static struct edits compare(const struct lines *a, const struct lines *b)
{
    struct edits out = {0};
    size_t head = 0, tail = 0;
    while (head < a->n && head < b->n && same_line(&a->line[head], &b->line[head]))
        put(&out, ' ', &a->line[head++]);
    while (tail < a->n - head && tail < b->n - head &&
           same_line(&a->line[a->n - 1 - tail], &b->line[b->n - 1 - tail]))
        tail++;
    edit_middle(&out, a->line + head, a->n - head - tail, b->line + head, b->n - head - tail);
    for (size_t i = a->n - tail; i < a->n; i++)
        put(&out, ' ', &a->line[i]);
    return out;
}

/* Is there a change within the context of this position? */
static bool near_change(const struct edits *all, size_t at)
{
    size_t from = at > CONTEXT ? at - CONTEXT : 0;
    size_t to = at + CONTEXT < all->n ? at + CONTEXT : all->n - 1;
    for (size_t i = from; i <= to; i++)
        if (all->edit[i].kind != ' ')
            return true;
    return false;
}

static void write_hunks(const struct edits *all, struct tb_buffer *out)
{
    size_t old_line = 1, new_line = 1;
    bool open = false;
    for (size_t i = 0; i < all->n; i++) {
        const struct edit *e = &all->edit[i];
        bool shown = near_change(all, i);
        if (shown && !open)
            tb_buffer_printf(out, "@@ -%zu +%zu @@\n", old_line, new_line);
        if (shown)
            tb_buffer_printf(out, "%c%.*s\n", e->kind, (int)e->line->len, e->line->text);
        open = shown;
        old_line += e->kind != '+';
        new_line += e->kind != '-';
    }
}

static void write_diff(struct tb_json_writer *w, const char *path, const struct tb_script *from,
                       const struct tb_script *to)
{
    struct lines a = split(from), b = split(to);
    struct edits all = compare(&a, &b);
    struct tb_buffer hunks = TB_BUFFER_INIT;
    int64_t added = 0, removed = 0;
    for (size_t i = 0; i < all.n; i++) {
        added += all.edit[i].kind == '+';
        removed += all.edit[i].kind == '-';
    }
    if (all.n)
        write_hunks(&all, &hunks);
    tb_jw_object(w);
    tb_jw_kv_string(w, "path", path);
    tb_jw_kv_string(w, "change", !from ? "added" : !to ? "removed" : "changed");
    tb_jw_kv_int(w, "added", added);
    tb_jw_kv_int(w, "removed", removed);
    tb_jw_kv_string(w, "text", tb_buffer_text(&hunks));
    tb_jw_end_object(w);
    tb_buffer_free(&hunks);
    free(all.edit);
    free(a.line);
    free(b.line);
}

static bool same_file(const struct tb_script *a, const struct tb_script *b)
{
    return a && b && a->source_len == b->source_len &&
           memcmp(a->source, b->source, a->source_len) == 0;
}

void tb_diff_write(struct tb_json_writer *w, const struct tb_script_set *from,
                   const struct tb_script_set *to)
{
    size_t i = 0, j = 0;
    tb_jw_array(w);
    while (i < from->count || j < to->count) {
        const struct tb_script *a = i < from->count ? &from->scripts[i] : NULL;
        const struct tb_script *b = j < to->count ? &to->scripts[j] : NULL;
        int order = !a ? 1 : !b ? -1 : strcmp(a->path, b->path);
        i += order <= 0;
        j += order >= 0;
        a = order <= 0 ? a : NULL;
        b = order >= 0 ? b : NULL;
        if (!same_file(a, b))
            write_diff(w, a ? a->path : b->path, a, b);
    }
    tb_jw_end_array(w);
}
