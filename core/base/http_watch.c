/* The server's helper thread: cuts connections whose request body is late, and wakes civetweb's
 * acceptor when the server stops.
 *
 * mg_read has no overall deadline: it starts again with every byte, so a client that drips one
 * every second would hold a worker for ever (a chunk header alone for two minutes). A worker
 * therefore enters its connection here while it reads; at the deadline the receiving side of the
 * socket is shut down, which ends the read at once, and the worker can still answer. The socket
 * cannot change hands meanwhile: only the worker closes it, and it leaves the list first.
 *
 * civetweb's acceptor looks at its stop flag every 2 s; connections to our own port wake it.
 *
 * The lock guards the list and the state; it is held over the look-up of a late socket only. */
#include "base/http_private.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define KNOCK_PAUSE_US  5000
#define FALLBACK_MAX_FD 1024

/* Is `fd` our end of the connection? The four numbers of a TCP connection are unique, so a hit is
 * the socket that civetweb holds. */
static bool is_connection(int fd, const struct tb_http_peer *peer)
{
    struct sockaddr_in at = {0};
    socklen_t len = sizeof at;
    if (getpeername(fd, (struct sockaddr *)&at, &len) != 0 || at.sin_family != AF_INET ||
        ntohs(at.sin_port) != peer->remote_port || at.sin_addr.s_addr != peer->remote_address)
        return false;
    len = sizeof at;
    return getsockname(fd, (struct sockaddr *)&at, &len) == 0 &&
           ntohs(at.sin_port) == peer->local_port;
}

/* civetweb 1.15 does not tell its sockets, so they are looked up among our descriptors: only when
 * a request waits, is late, or is refused with its body unread. */
int tb_http_peer_socket(const struct tb_http_peer *peer)
{
    DIR *dir = opendir("/proc/self/fd");
    int found = -1;
    if (!dir) {
        for (int fd = 0; fd < FALLBACK_MAX_FD && found < 0; fd++)
            found = is_connection(fd, peer) ? fd : -1;
        return found;
    }
    for (const struct dirent *entry; found < 0 && (entry = readdir(dir));) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] != '.' && is_connection(fd, peer))
            found = fd;
    }
    closedir(dir);
    return found;
}

/* Cuts what is late; the next deadline. */
static int64_t cut_late(struct tb_http_watch *watch)
{
    int64_t now = tb_mono_ms();
    int64_t next = INT64_MAX;
    for (struct tb_http_reading *r = watch->first; r; r = r->next) {
        if (!r->cut && r->deadline_ms <= now) {
            int fd = tb_http_peer_socket(&r->peer);
            r->cut = true;
            if (fd >= 0)
                (void)shutdown(fd, SHUT_RD);
        } else if (!r->cut && r->deadline_ms < next) {
            next = r->deadline_ms;
        }
    }
    return next;
}

static void knock(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    (void)connect(fd, (const struct sockaddr *)address, sizeof *address);
    close(fd);
}

static void *watch_main(void *arg)
{
    struct tb_http_watch *watch = arg;
    pthread_mutex_lock(&watch->lock);
    while (watch->state != TB_HTTP_WATCH_ENDED) {
        int64_t next = cut_late(watch);
        watch->wakes_ms = next;
        if (watch->state == TB_HTTP_WATCH_KNOCKING) {
            pthread_mutex_unlock(&watch->lock);
            knock(&watch->address);
            usleep(KNOCK_PAUSE_US);
            pthread_mutex_lock(&watch->lock);
        } else if (next == INT64_MAX) {
            pthread_cond_wait(&watch->changed, &watch->lock);
        } else {
            (void)tb_cond_wait_until(&watch->changed, &watch->lock, next);
        }
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

bool tb_http_watch_start(struct tb_http_watch *watch, struct tb_error *err)
{
    pthread_mutex_init(&watch->lock, NULL);
    tb_cond_init(&watch->changed);
    watch->first = NULL;
    watch->wakes_ms = INT64_MAX;
    watch->state = TB_HTTP_WATCH_READING;
    if (pthread_create(&watch->thread, NULL, watch_main, watch) == 0)
        return true;
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    return tb_fail(err, TB_INTERNAL, "Cannot start the HTTP server's helper thread.");
}

void tb_http_watch_add(struct tb_http_watch *watch, struct tb_http_reading *reading)
{
    pthread_mutex_lock(&watch->lock);
    reading->cut = false;
    reading->previous = NULL;
    reading->next = watch->first;
    if (watch->first)
        watch->first->previous = reading;
    watch->first = reading;
    /* Mostly it wakes early enough anyway: for a body read before, long done. */
    if (reading->deadline_ms < watch->wakes_ms)
        pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}

bool tb_http_watch_remove(struct tb_http_watch *watch, struct tb_http_reading *reading)
{
    pthread_mutex_lock(&watch->lock);
    if (reading->previous)
        reading->previous->next = reading->next;
    else
        watch->first = reading->next;
    if (reading->next)
        reading->next->previous = reading->previous;
    bool cut = reading->cut;
    pthread_mutex_unlock(&watch->lock);
    return cut;
}

static void enter_state(struct tb_http_watch *watch, enum tb_http_watch_state state)
{
    pthread_mutex_lock(&watch->lock);
    watch->state = state;
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}

void tb_http_watch_knock(struct tb_http_watch *watch, const char *bind_address, int port)
{
    watch->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, bind_address, &watch->address.sin_addr) != 1 ||
        watch->address.sin_addr.s_addr == htonl(INADDR_ANY))
        watch->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    enter_state(watch, TB_HTTP_WATCH_KNOCKING);
}

void tb_http_watch_end(struct tb_http_watch *watch)
{
    enter_state(watch, TB_HTTP_WATCH_ENDED);
    pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
}
