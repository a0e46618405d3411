/* Copies of a store in use: one file into another by way of SQLite, both into one tar.
 *
 * A copy is a read transaction of its own connection, so writers go on and the copy is what one
 * commit left. Any thread; one backup at a time, since each takes the disk's time and room. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "store/store_private.h"
#include "store/store_tar.h"

bool tb_store_copy_into(struct tb_store_db *db, const char *to, struct tb_error *err)
{
    /* Made by us, so that it is private from its first byte; SQLite fills an empty file. */
    (void)unlink(to);
    int fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return tb_fail(err, TB_STORE_FAILED, "%s cannot be made: %m.", to);
    }
    char *sql = sqlite3_mprintf("VACUUM INTO %Q", to);
    bool ok = tb_store_exec(db, sql, err);
    sqlite3_free(sql);
    if (ok && fsync(fd) != 0) {
        ok = tb_fail(err, TB_STORE_FAILED, "%s cannot be kept: %m.", to);
    }
    close(fd);
    if (!ok) {
        (void)unlink(to);
    }
    return ok;
}

static bool copy_side(const struct tb_store_side *side, const char *to, struct tb_error *err)
{
    struct tb_store_db *db = tb_store_db_plain(side->file, side->path, SQLITE_OPEN_READONLY, err);
    if (!db) {
        return false;
    }
    sqlite3_busy_timeout(db->sqlite, 2000);
    bool ok = tb_store_copy_into(db, to, err);
    tb_store_db_close(db);
    return ok;
}

static bool add_side(const struct tb_store_side *side, int tar, struct tb_error *err)
{
    struct tb_buffer copy = TB_BUFFER_INIT;
    tb_buffer_printf(&copy, "%s.copy", side->path);
    bool ok = copy_side(side, tb_buffer_text(&copy), err);
    if (ok) {
        int fd = open(tb_buffer_text(&copy), O_RDONLY | O_CLOEXEC);
        (void)unlink(tb_buffer_text(&copy));
        ok = fd >= 0
                 ? tb_store_tar_add(tar, side->file->label, fd, tb_wall_ms() / 1000, err)
                 : tb_fail(err, TB_STORE_FAILED, "%s cannot be read: %m.", tb_buffer_text(&copy));
        if (fd >= 0) {
            close(fd);
        }
    }
    tb_buffer_free(&copy);
    return ok;
}

/* A file without a name, beside the store: there is the room, and nothing is left after a crash. */
static int nameless_file(const char *beside, struct tb_error *err)
{
    struct tb_buffer name = TB_BUFFER_INIT;
    tb_buffer_printf(&name, "%s.tar", beside);
    (void)unlink(tb_buffer_text(&name));
    int fd = open(tb_buffer_text(&name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        tb_fail(err, TB_STORE_FAILED, "%s cannot be made: %m.", tb_buffer_text(&name));
    } else {
        (void)unlink(tb_buffer_text(&name));
    }
    tb_buffer_free(&name);
    return fd;
}

int tb_store_backup(struct tb_store *store, int64_t *bytes_out, struct tb_error *err)
{
    const struct tb_store_side *bridge = &store->sides[TB_FILE_BRIDGE];
    const struct tb_store_side *series = &store->sides[TB_FILE_SERIES];
    if (!bridge->path) {
        tb_fail(err, TB_NOT_IMPLEMENTED, "A store in memory has nothing to back up.");
        return -1;
    }
    if (pthread_mutex_trylock(&store->backup) != 0) {
        tb_fail(err, TB_BUSY, "Another backup is being made; try again when it is done.");
        return -1;
    }
    int tar = nameless_file(bridge->path, err);
    off_t end = -1;
    /* What is queued for the curves belongs to the moment before. */
    bool ok = tar >= 0 && tb_store_writer_flush(series->writer, err) == TB_VERDICT_SAVED &&
              add_side(series, tar, err) && add_side(bridge, tar, err) &&
              tb_store_tar_end(tar, err);
    if (ok && ((end = lseek(tar, 0, SEEK_END)) < 0 || lseek(tar, 0, SEEK_SET) != 0)) {
        ok = tb_fail(err, TB_STORE_FAILED, "The backup cannot be read again: %m.");
    }
    pthread_mutex_unlock(&store->backup);
    if (!ok && tar >= 0) {
        close(tar);
    }
    *bytes_out = end;
    return ok ? tar : -1;
}
