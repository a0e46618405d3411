/* Looks after the plugin folder: one thread that reads it again a moment after every save.
 *
 * Folders are watched, never files: editors save by renaming, and a link to the whole folder may be
 * swapped. Before each reading all watches are made anew, so that no folder is missed and nothing
 * that happens while it reads; a queue that overflowed, a folder that vanished and a swapped link
 * need no case of their own then. Where events get lost (network file systems, some desktops'
 * containers) contents are compared every few seconds. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"

enum {
    POLL_MS = 5000,
    QUIET_MS = 60,     /* an editor's save is several events */
    PATIENCE_MS = 300, /* something that never ends writing is read all the same */
    DEPTH = 4,         /* the folder, a plugin, and what its modules may be in */
    WATCHES_MAX = 4096,
};

#define CHANGES                                                                                    \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF |       \
     IN_MOVE_SELF)

struct tb_folder_watch {
    struct tb_plugins *host;
    int64_t poll_ms;
    int stop; /* eventfd */
    pthread_t thread;
};

/* ---- watches ---- */

/* Editors' own files; a mounted volume swaps the link ..data instead of any file. */
static bool ignored(const char *name)
{
    size_t len = strlen(name);
    if (name[0] == '.')
        return strcmp(name, "..data") != 0;
    return len > 0 && (name[len - 1] == '~' || (len > 4 && !strcmp(name + len - 4, ".swp")));
}

static void add_folder(int fd, const char *path, int depth, unsigned *count)
{
    DIR *dir = *count < WATCHES_MAX ? opendir(path) : NULL;
    if (!dir)
        return;
    ++*count;
    (void)inotify_add_watch(fd, path, CHANGES);
    for (struct dirent *e; depth < DEPTH && (e = readdir(dir)) != NULL;) {
        char sub[PATH_MAX];
        struct stat st;
        if (ignored(e->d_name) ||
            snprintf(sub, sizeof sub, "%s/%s", path, e->d_name) >= (int)sizeof sub)
            continue;
        if (stat(sub, &st) == 0 && S_ISDIR(st.st_mode))
            add_folder(fd, sub, depth + 1, count);
    }
    closedir(dir);
}

struct watches {
    int fd;              /* -1: inotify is not to be had, contents are compared all the same */
    int parent;          /* watch of the folder that holds the folder */
    char name[NAME_MAX]; /* the folder's own there: a link of that name may be swapped */
};

static void add_parent(struct watches *all, const char *path)
{
    char parent[PATH_MAX];
    (void)tb_copy(parent, sizeof parent, path);
    size_t len = strlen(parent);
    while (len > 1 && parent[len - 1] == '/')
        parent[--len] = '\0';
    char *slash = strrchr(parent, '/');
    (void)tb_copy(all->name, sizeof all->name, slash ? slash + 1 : parent);
    if (!slash)
        (void)tb_copy(parent, sizeof parent, ".");
    else
        slash[slash == parent] = '\0';
    all->parent = inotify_add_watch(all->fd, parent, IN_MOVED_TO | IN_CREATE | IN_ONLYDIR);
}

static struct watches watch_all(const char *path)
{
    struct watches all = {.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .parent = -1};
    unsigned count = 0;
    if (all.fd < 0)
        return all;
    add_parent(&all, path);
    add_folder(all.fd, path, 1, &count);
    return all;
}

/* ---- waiting ---- */

static bool may_matter(const struct watches *all, const struct inotify_event *event)
{
    if (event->len == 0)
        return true; /* of the watched folder itself, or the queue overflowed */
    if (event->wd == all->parent)
        return strcmp(event->name, all->name) == 0 || strcmp(event->name, "..data") == 0;
    return !ignored(event->name);
}

/* True when the queue told of anything that may matter. */
static bool drain(const struct watches *all)
{
    _Alignas(struct inotify_event) char bytes[8192];
    bool matters = false;
    for (ssize_t n; (n = read(all->fd, bytes, sizeof bytes)) > 0;) {
        for (char *at = bytes; at < bytes + n;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            matters |= may_matter(all, event);
            at += sizeof *event + event->len;
        }
    }
    return matters;
}

enum wake { WAKE_STOP, WAKE_CHANGE, WAKE_TIME };

static enum wake wait_for(const struct tb_folder_watch *w, int fd, int64_t ms)
{
    struct pollfd fds[] = {{.fd = w->stop, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    int n = poll(fds, fd < 0 ? 1 : 2, (int)ms);
    if (fds[0].revents)
        return WAKE_STOP;
    return n > 0 ? WAKE_CHANGE : WAKE_TIME;
}

/* Until the folder was changed and is quiet again, or it is time to compare. False: stop. */
static bool wait_for_change(const struct tb_folder_watch *w, const struct watches *all)
{
    enum wake wake = WAKE_TIME;
    int64_t end = tb_mono_ms() + w->poll_ms, left;
    while ((left = end - tb_mono_ms()) > 0) {
        wake = wait_for(w, all->fd, tb_clock_real_ms(left));
        if (wake == WAKE_STOP)
            return false;
        if (wake == WAKE_CHANGE && drain(all))
            break;
        wake = WAKE_TIME;
    }
    for (int waited = 0; wake == WAKE_CHANGE && waited < PATIENCE_MS; waited += QUIET_MS) {
        wake = wait_for(w, all->fd, QUIET_MS);
        if (wake == WAKE_CHANGE)
            (void)drain(all);
    }
    return wake != WAKE_STOP;
}

/* A breaker stays open: nobody asked for the same files to be tried once more. */
static bool read_folder(struct tb_plugins *host, struct tb_error *err)
{
    pthread_mutex_lock(&host->reload_lock);
    bool ok = tb_plugins_read_again(host, NULL, err);
    pthread_mutex_unlock(&host->reload_lock);
    return ok;
}

static void *run(void *arg)
{
    const struct tb_folder_watch *w = arg;
    bool go_on = true;
    char last[256] = ""; /* what was said of a folder that cannot be read */
    bool told = false;   /* that there are no events */
    while (go_on) {
        struct tb_error err = {0};
        struct watches all = watch_all(w->host->dir);
        if (all.fd < 0 && !told)
            tb_log(TB_WARN, "plugin.watch",
                   "There is no inotify (%s): a save is seen only when contents are compared.",
                   strerror(errno));
        told = told || all.fd < 0;
        if (!read_folder(w->host, &err) && strcmp(err.detail, last) != 0)
            tb_log(TB_ERROR, "plugin.watch", "Plugins are kept as they were: %s", err.detail);
        (void)tb_copy(last, sizeof last, err.detail);
        go_on = wait_for_change(w, &all);
        if (all.fd >= 0)
            close(all.fd);
    }
    return NULL;
}

struct tb_folder_watch *tb_folder_watch_start(struct tb_plugins *host, int64_t poll_ms)
{
    struct tb_folder_watch *w = tb_xcalloc(1, sizeof *w);
    *w = (struct tb_folder_watch){.host = host, .poll_ms = poll_ms ? poll_ms : POLL_MS};
    w->stop = eventfd(0, EFD_CLOEXEC);
    if (w->stop >= 0 && pthread_create(&w->thread, NULL, run, w) == 0)
        return w;
    tb_log(TB_ERROR, "plugin.watch", "The plugin folder is not watched: %s", strerror(errno));
    if (w->stop >= 0)
        close(w->stop);
    free(w);
    return NULL;
}

void tb_folder_watch_stop(struct tb_folder_watch *w)
{
    if (!w)
        return;
    (void)eventfd_write(w->stop, 1);
    pthread_join(w->thread, NULL);
    close(w->stop);
    free(w);
}
