/* `trading-bridge backup` and `restore`. A backup asks the running bridge, which holds the store;
 * it opens the store itself only when no bridge does. Main thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "commands/commands_private.h"
#include "store/store.h"

static bool names_tar(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".tar") == 0;
}

/* ---- backup ---- */

static bool refused(const struct tb_buffer *answer, int status, struct tb_error *err)
{
    struct tb_json_doc *doc =
        tb_json_parse(tb_buffer_text(answer), answer->len, TB_JSON_UPSTREAM, NULL);
    const char *detail = doc ? tb_json_get_string(tb_json_root(doc), "detail") : NULL;
    (void)tb_fail(err, TB_STORE_FAILED, "The bridge answered %d: %.300s", status,
                  detail ? detail : "without a reason");
    tb_json_free(doc);
    return false;
}

/* The running bridge's tar, into `to`. */
static bool download(const struct settings *s, int to, struct tb_error *err)
{
    struct tb_buffer answer = TB_BUFFER_INIT;
    int status = 0;
    char *admin = place_admin_token(s, false, NULL, err);
    bool ok = admin && ask_bridge_file(s, "/backup", admin, to, &status, &answer, err);
    if (ok && status != 200)
        ok = refused(&answer, status, err);
    tb_buffer_free(&answer);
    free(admin);
    return ok;
}

static bool copy(int from, int to, struct tb_error *err)
{
    static char piece[1 << 16];
    ssize_t n;
    while ((n = read(from, piece, sizeof piece)) > 0) {
        for (ssize_t done = 0; done < n;) {
            ssize_t wrote = write(to, piece + done, (size_t)(n - done));
            if (wrote < 0 && errno == EINTR)
                continue;
            if (wrote <= 0)
                return tb_fail(err, TB_STORE_FAILED, "The backup cannot be written: %s.",
                               strerror(errno));
            done += wrote;
        }
    }
    return n == 0 ||
           tb_fail(err, TB_STORE_FAILED, "The backup cannot be read: %s.", strerror(errno));
}

static bool make(const struct settings *s, int to, struct tb_error *err)
{
    const char *path = settings_text(s, SET_STORE);
    int64_t bytes = 0;
    if (access(path, F_OK) != 0)
        return tb_fail(err, TB_NOT_FOUND, "There is no store at %s (BRIDGE_STORE).", path);
    struct tb_store *store = tb_store_open(path, err);
    if (!store)
        return err->code == TB_BUSY && download(s, to, err);
    int tar = tb_store_backup(store, &bytes, err);
    bool ok = tar >= 0 && copy(tar, to, err);
    if (tar >= 0)
        close(tar);
    tb_store_close(store);
    return ok;
}

static bool kept(int fd, const char *part, const char *target, struct tb_error *err)
{
    bool dir = !names_tar(target);
    if (fsync(fd) != 0 || (dir && lseek(fd, 0, SEEK_SET) != 0))
        return tb_fail(err, TB_STORE_FAILED, "%s cannot be kept: %s.", part, strerror(errno));
    if (dir)
        return tb_store_unpack(fd, target, err);
    /* link does not replace: a backup never takes the place of an older one */
    return link(part, target) == 0 ||
           tb_fail(err, TB_STORE_FAILED, "%s cannot be made: %s.", target, strerror(errno));
}

static bool backup(const struct settings *s, const char *target, struct tb_error *err)
{
    struct tb_buffer part = TB_BUFFER_INIT;
    struct stat st;
    bool ok;
    if (names_tar(target) && lstat(target, &st) == 0)
        return tb_fail(err, TB_CONFLICT, "%s exists; give another name.", target);
    tb_buffer_printf(&part, "%s.part", target);
    (void)unlink(part.data);
    int fd = open(part.data, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        ok = tb_fail(err, TB_STORE_FAILED, "%s cannot be made: %s.", part.data, strerror(errno));
    } else {
        ok = make(s, fd, err) && kept(fd, part.data, target, err);
        (void)unlink(part.data);
        close(fd);
    }
    tb_buffer_free(&part);
    return ok;
}

/* "dir/" and "dir" are one folder; its .part file is beside it. */
static char *without_slashes(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return tb_xstrndup(path, n);
}

int tb_command_backup(int argc, char **argv)
{
    struct settings s;
    struct tb_error err = {0};
    bool ok = false;
    if (argc != 2 || !argv[1][0]) {
        fputs("usage: trading-bridge backup FILE.tar|DIR\n", stderr);
        return 2;
    }
    if (command_settings(&s)) {
        char *target = without_slashes(argv[1]);
        ok = backup(&s, target, &err);
        if (ok)
            printf("backup of %s written to %s\n", settings_text(&s, SET_STORE), target);
        else
            fprintf(stderr, "backup: %s\n", err.detail);
        free(target);
    }
    settings_free(&s);
    return ok ? 0 : 1;
}

/* ---- restore ---- */

int tb_command_restore(int argc, char **argv)
{
    struct settings s;
    struct tb_error err = {0};
    bool ok = false;
    if (argc != 2 || !argv[1][0]) {
        fputs("usage: trading-bridge restore FILE.tar|DIR (BRIDGE_STORE names the empty place)\n",
              stderr);
        return 2;
    }
    if (command_settings(&s)) {
        const char *path = settings_text(&s, SET_STORE);
        ok = tb_store_restore(argv[1], path, tb_wall_ms(), &err);
        if (ok)
            printf("%s was restored to %s\n"
                   "The bridge will only observe: it reads and shows, but creates and starts "
                   "nothing, until an\nadministrator has compared its bots with what runs and "
                   "says POST /hummingbot/resume.\n"
                   "Tokens that were revoked after the backup are valid again: look at "
                   "GET /tokens.\n",
                   argv[1], path);
        else
            fprintf(stderr, "restore: %s\n", err.detail);
    }
    settings_free(&s);
    return ok ? 0 : 1;
}
