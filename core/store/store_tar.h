/* The little of tar (ustar) that a backup needs: whole regular files, one after the other. Used by
 * the store's files only. One thread a descriptor. */
#ifndef TB_STORE_TAR_H
#define TB_STORE_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Appends the whole of `from` under this name, readable by its owner only. */
TB_MUST_CHECK
bool tb_store_tar_add(int tar, const char *name, int from, int64_t mtime_s, struct tb_error *err);
TB_MUST_CHECK
bool tb_store_tar_end(int tar, struct tb_error *err);

/* The next regular file; the descriptor then stands at its first byte. name_out is "" at the end of
 * the tar. What is no regular file is passed over. */
struct tb_store_tar_entry {
    char name[101];
    int64_t size;
};
TB_MUST_CHECK
bool tb_store_tar_next(int tar, struct tb_store_tar_entry *out, struct tb_error *err);
/* Moves the entry's bytes to `to` (-1: passes over them) and stands at the next header. */
TB_MUST_CHECK
bool tb_store_tar_take(int tar, const struct tb_store_tar_entry *entry, int to,
                       struct tb_error *err);

#endif
