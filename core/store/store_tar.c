/* Writing and reading ustar headers and bodies. Sizes beyond 8 GiB, which ustar cannot name, are
 * refused; a checksum that does not fit means that this is no tar or a torn one. */
#include "store/store_tar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define BLOCK        512
#define CHUNK        65536
#define SIZE_MAX_TAR INT64_C(077777777777)

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
    char magic[6], version[2], rest[247];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

static bool write_all(int to, const void *bytes, size_t len, struct tb_error *err)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = write(to, at, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return tb_fail(err, TB_STORE_FAILED, "The backup cannot be written: %m.");
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* Reads exactly len bytes. */
static bool read_all(int from, void *bytes, size_t len, struct tb_error *err)
{
    char *at = bytes;
    while (len > 0) {
        ssize_t n = read(from, at, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return tb_fail(err, TB_STORE_FAILED, "The backup cannot be read: %m.");
        }
        if (n == 0) {
            return tb_fail(err, TB_STORE_FAILED,
                           "The backup ends in its middle: it was not copied as a whole.");
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool copy(int from, int to, int64_t len, struct tb_error *err)
{
    char *chunk = tb_xmalloc(CHUNK);
    bool ok = true;
    while (ok && len > 0) {
        size_t n = len < CHUNK ? (size_t)len : CHUNK;
        ok = read_all(from, chunk, n, err) && (to < 0 || write_all(to, chunk, n, err));
        len -= (int64_t)n;
    }
    free(chunk);
    return ok;
}

static int64_t padding(int64_t size)
{
    return (BLOCK - size % BLOCK) % BLOCK;
}

/* The sum of all bytes, its own field taken as spaces. */
static unsigned sum_of(const struct header *h)
{
    const unsigned char *bytes = (const unsigned char *)h;
    const size_t at = offsetof(struct header, sum);
    unsigned sum = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        sum += i >= at && i < at + sizeof h->sum ? ' ' : bytes[i];
    }
    return sum;
}

bool tb_store_tar_add(int tar, const char *name, int from, int64_t mtime_s, struct tb_error *err)
{
    static const char zeros[BLOCK];
    struct header h = {.type = '0', .magic = "ustar", .version = {'0', '0'}};
    struct stat st;
    if (fstat(from, &st) != 0 || st.st_size > SIZE_MAX_TAR) {
        return tb_fail(err, TB_STORE_FAILED,
                       "%s is too large for a tar; copy the folder while the bridge is stopped.",
                       name);
    }
    snprintf(h.name, sizeof h.name, "%s", name);
    snprintf(h.mode, sizeof h.mode, "%07o", 0600U);
    snprintf(h.uid, sizeof h.uid, "%07o", 0U);
    snprintf(h.gid, sizeof h.gid, "%07o", 0U);
    snprintf(h.size, sizeof h.size, "%011llo", (unsigned long long)st.st_size);
    snprintf(h.mtime, sizeof h.mtime, "%011llo",
             (unsigned long long)(mtime_s > 0 ? mtime_s & SIZE_MAX_TAR : 0));
    snprintf(h.sum, sizeof h.sum, "%06o", sum_of(&h) & 0777777U);
    h.sum[7] = ' ';
    return write_all(tar, &h, sizeof h, err) && copy(from, tar, st.st_size, err) &&
           write_all(tar, zeros, (size_t)padding(st.st_size), err);
}

bool tb_store_tar_end(int tar, struct tb_error *err)
{
    static const char zeros[2 * BLOCK];
    return write_all(tar, zeros, sizeof zeros, err);
}

/* Octal digits, with spaces or zeros around them. */
static bool octal(const char *field, size_t len, int64_t *out)
{
    size_t i = 0;
    *out = 0;
    while (i < len && field[i] == ' ') {
        i++;
    }
    if (i == len || field[i] < '0' || field[i] > '7') {
        return false;
    }
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++) {
        *out = *out * 8 + (field[i] - '0');
    }
    return i == len || field[i] == ' ' || field[i] == '\0';
}

bool tb_store_tar_next(int tar, struct tb_store_tar_entry *out, struct tb_error *err)
{
    static const struct header none;
    struct header h;
    for (;;) {
        int64_t sum = 0;
        out->name[0] = '\0';
        out->size = 0;
        if (!read_all(tar, &h, sizeof h, err)) {
            return false;
        }
        if (memcmp(&h, &none, sizeof h) == 0) {
            return true;
        }
        if (!octal(h.sum, sizeof h.sum, &sum) || sum != (int64_t)sum_of(&h) ||
            !octal(h.size, sizeof h.size, &out->size)) {
            return tb_fail(err, TB_STORE_FAILED, "This is no backup, or a damaged one.");
        }
        if (h.type == '0' || h.type == '\0') {
            memcpy(out->name, h.name, sizeof h.name);
            out->name[sizeof h.name] = '\0';
            return true;
        }
        if (!tb_store_tar_take(tar, out, -1, err)) {
            return false;
        }
    }
}

bool tb_store_tar_take(int tar, const struct tb_store_tar_entry *entry, int to,
                       struct tb_error *err)
{
    return copy(tar, to, entry->size, err) && copy(tar, -1, padding(entry->size), err);
}
