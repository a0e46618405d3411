/* The advisory lock: one bridge per store. The kernel drops it with the process, however it dies,
 * so there is never a stale one. The file stays: removing it would let two hold "the" lock. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buffer.h"
#include "store/store_private.h"

static bool refuse_taken(int fd, const char *path, struct tb_error *err)
{
    char pid[32] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? n : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    if (pid[0]) {
        return tb_fail(err, TB_BUSY,
                       "The store %s is in use by process %s. Only one Trading Bridge may use a "
                       "store: stop that one, or ask it instead.",
                       path, pid);
    }
    return tb_fail(err, TB_BUSY,
                   "The store %s is in use by another process. Only one Trading Bridge may use a "
                   "store: stop that one, or ask it instead.",
                   path);
}

static bool take(int fd, const char *path, struct tb_error *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return refuse_taken(fd, path, err);
        }
        return tb_fail(err, TB_STORE_FAILED,
                       "%s.lock cannot be locked: %m. The store needs a file system with locks.",
                       path);
    }
    /* The pid only serves the message above; a full disk must not keep the bridge from starting. */
    if (ftruncate(fd, 0) == 0) {
        (void)!dprintf(fd, "%ld\n", (long)getpid());
    }
    return true;
}

int tb_store_lock(const char *path, struct tb_error *err)
{
    struct tb_buffer name = TB_BUFFER_INIT;
    tb_buffer_printf(&name, "%s.lock", path);
    int fd = open(tb_buffer_text(&name), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        tb_fail(err, TB_STORE_FAILED,
                "%s cannot be opened: %m. The bridge's user must be able to write that folder.",
                tb_buffer_text(&name));
    } else if (!take(fd, path, err)) {
        close(fd);
        fd = -1;
    }
    tb_buffer_free(&name);
    return fd;
}

void tb_store_unlock(int fd)
{
    if (fd < 0) {
        return;
    }
    (void)!ftruncate(fd, 0);
    close(fd);
}
