/* From a backup back to a store. Everything happens in <path>.restore, a folder beside the place;
 * series.db is moved to its place first and bridge.db last, so an interrupted restore never leaves
 * a store that does not know that it was restored. The process's only thread. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "store/store_private.h"
#include "store/store_tar.h"

static char *joined(const char *folder, const char *name)
{
    struct tb_buffer path = TB_BUFFER_INIT;
    tb_buffer_printf(&path, "%s/%s", folder, name);
    return tb_buffer_steal(&path, NULL);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The file of ours that a name in a tar means; packed by hand it may begin with a folder. */
static const char *ours(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : name;
    for (int i = 0; i < TB_FILE_COUNT; i++) {
        if (strcmp(last, tb_store_files[i].label) == 0) {
            return tb_store_files[i].label;
        }
    }
    return NULL;
}

static int create_private(const char *path, struct tb_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        tb_fail(err, TB_STORE_FAILED, "%s cannot be made: %m.", path);
    }
    return fd;
}

static bool unpack_one(int tar, const struct tb_store_tar_entry *entry, const char *folder,
                       const char *name, struct tb_error *err)
{
    char *path = joined(folder, name);
    int fd = create_private(path, err);
    bool ok = fd >= 0 && tb_store_tar_take(tar, entry, fd, err);
    if (ok && fsync(fd) != 0) {
        ok = tb_fail(err, TB_STORE_FAILED, "%s cannot be kept: %m.", path);
    }
    if (fd >= 0) {
        close(fd);
    }
    free(path);
    return ok;
}

bool tb_store_unpack(int tar, const char *folder, struct tb_error *err)
{
    struct tb_store_tar_entry entry;
    bool bridge = false;
    bool ok = mkdir(folder, 0700) == 0 || errno == EEXIST ||
              tb_fail(err, TB_STORE_FAILED, "The folder %s cannot be made: %m.", folder);
    while (ok && (ok = tb_store_tar_next(tar, &entry, err)) && entry.name[0]) {
        const char *name = ours(entry.name);
        ok = name ? unpack_one(tar, &entry, folder, name, err)
                  : tb_store_tar_take(tar, &entry, -1, err);
        bridge |= name && strcmp(name, tb_store_files[TB_FILE_BRIDGE].label) == 0;
    }
    return ok && (bridge || tb_fail(err, TB_STORE_FAILED, "There is no bridge.db in the backup."));
}

/* By SQLite, since a file that was copied together with its -wal has its newest commits there. */
static bool copy_file(const char *from, const char *name, const char *folder, struct tb_error *err)
{
    char *source = joined(from, name);
    char *target = joined(folder, name);
    const struct tb_store_file *file =
        &tb_store_files[strcmp(name, "bridge.db") == 0 ? TB_FILE_BRIDGE : TB_FILE_SERIES];
    bool there = access(source, F_OK) == 0;
    bool ok = there || file->id == TB_FILE_SERIES ||
              tb_fail(err, TB_NOT_FOUND, "There is no bridge.db in %s.", from);
    if (there) {
        struct tb_store_db *db = tb_store_db_plain(file, source, SQLITE_OPEN_READWRITE, err);
        ok = db && tb_store_copy_into(db, target, err);
        tb_store_db_close(db);
    }
    free(source);
    free(target);
    return ok;
}

static bool gather(const char *from, const char *folder, struct tb_error *err)
{
    if (is_folder(from)) {
        return copy_file(from, "bridge.db", folder, err) &&
               copy_file(from, "series.db", folder, err);
    }
    int tar = open(from, O_RDONLY | O_CLOEXEC);
    if (tar < 0) {
        return tb_fail(err, TB_NOT_FOUND, "%s cannot be read: %m.", from);
    }
    bool ok = tb_store_unpack(tar, folder, err);
    close(tar);
    return ok;
}

/* Opens what was gathered: refuses what is damaged or newer, migrates what is older, and leaves the
 * mark by which the next bridge knows. */
static bool mark(const char *bridge, int64_t now, struct tb_error *err)
{
    char text[24];
    struct tb_store *store = tb_store_open(bridge, err);
    snprintf(text, sizeof text, "%lld", (long long)now);
    bool ok = store && tb_store_meta_put(store, TB_STORE_RESTORED, text, err);
    tb_store_close(store);
    return ok;
}

static bool move(const char *from, const char *to, struct tb_error *err)
{
    return rename(from, to) == 0 ||
           tb_fail(err, TB_STORE_FAILED, "%s cannot be moved to %s: %m.", from, to);
}

static void sync_folder_of(const char *path)
{
    char *folder = tb_xstrdup(path);
    char *slash = strrchr(folder, '/');
    if (slash) {
        slash[slash == folder ? 1 : 0] = '\0';
    }
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(folder);
}

/* Only what a restore puts there; a folder with anything else in it stays. */
static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "bridge.db", 9) == 0 ||
            strncmp(entry->d_name, "series.db", 9) == 0) {
            char *path = joined(folder, entry->d_name);
            (void)unlink(path);
            free(path);
        }
    }
    if (dir) {
        closedir(dir);
    }
    (void)rmdir(folder);
}

static bool must_be_empty(const char *path, const char *series, struct tb_error *err)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    const char *const files[] = {path, series};
    for (size_t f = 0; f < 2; f++) {
        for (size_t e = 0; e < 3; e++) {
            struct tb_buffer name = TB_BUFFER_INIT;
            tb_buffer_printf(&name, "%s%s", files[f], endings[e]);
            bool there = access(tb_buffer_text(&name), F_OK) == 0;
            if (there) {
                tb_fail(err, TB_CONFLICT,
                        "%s exists. A restore needs an empty place: stop the bridge and move the "
                        "old files away (do not delete them), or give another BRIDGE_STORE.",
                        tb_buffer_text(&name));
            }
            tb_buffer_free(&name);
            if (there) {
                return false;
            }
        }
    }
    return true;
}

static bool restore_through(const char *from, const char *path, const char *folder, int64_t now,
                            struct tb_error *err)
{
    char *series = tb_store_series_path(path);
    char *new_bridge = joined(folder, "bridge.db");
    char *new_series = joined(folder, "series.db");
    bool ok = must_be_empty(path, series, err) && tb_store_make_folders(path, err) &&
              (mkdir(folder, 0700) == 0 ||
               tb_fail(err, TB_STORE_FAILED, "The folder %s cannot be made: %m.", folder)) &&
              gather(from, folder, err) && mark(new_bridge, now, err) &&
              move(new_series, series, err) && move(new_bridge, path, err);
    if (ok) {
        sync_folder_of(path);
    }
    free(series);
    free(new_bridge);
    free(new_series);
    return ok;
}

bool tb_store_restore(const char *from, const char *path, int64_t now, struct tb_error *err)
{
    if (!path || !*path || strstr(path, "://") || strcmp(path, ":memory:") == 0) {
        return tb_fail(err, TB_INVALID, "A backup is restored into a file: BRIDGE_STORE.");
    }
    struct tb_buffer folder = TB_BUFFER_INIT;
    tb_buffer_printf(&folder, "%s.restore", path);
    /* The lock keeps a bridge from being started on the place meanwhile. */
    bool ok = tb_store_make_folders(path, err);
    int lock = ok ? tb_store_lock(path, err) : -1;
    ok = lock >= 0;
    if (ok) {
        remove_folder(tb_buffer_text(&folder));
        ok = restore_through(from, path, tb_buffer_text(&folder), now, err);
        remove_folder(tb_buffer_text(&folder));
    }
    tb_store_unlock(lock);
    tb_buffer_free(&folder);
    return ok;
}
