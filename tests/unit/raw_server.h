/* A tiny HTTP server on a raw socket for client tests: it counts what is really delivered, and each
 * test decides per request how the connection ends. One thread a connection; everything shared is
 * under one mutex. */
#ifndef TB_TESTS_RAW_SERVER_H
#define TB_TESTS_RAW_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RAW_CONNECTIONS 128
#define RAW_REQUEST_MAX 16384

struct raw_server;

struct raw_request {
    char head[RAW_REQUEST_MAX]; /* request line and headers, NUL-terminated */
    char body[RAW_REQUEST_MAX];
    int number; /* 1 for the first request of this server */
};

/* Answers (or not). True keeps the connection, false closes it. */
typedef bool raw_handler(struct raw_server *s, const struct raw_request *r, int fd);

struct raw_server {
    int listener;
    int port;
    char url[64];
    raw_handler *handler;
    pthread_t acceptor;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t threads[RAW_CONNECTIONS];
    int fds[RAW_CONNECTIONS];
    int connections;
    int delivered; /* whole requests received */
    int posts;     /* those that are not GET */
    int inside, most_inside;
    bool gate_open, stopping;
    struct raw_request last;
};

static inline bool raw_read_more(int fd, char *buffer, size_t *len)
{
    ssize_t n = recv(fd, buffer + *len, RAW_REQUEST_MAX - 1 - *len, 0);
    if (n <= 0)
        return false;
    *len += (size_t)n;
    buffer[*len] = '\0';
    return true;
}

static inline bool raw_read_request(int fd, struct raw_request *r)
{
    char buffer[RAW_REQUEST_MAX] = "";
    size_t len = 0;
    char *end;
    while (!(end = strstr(buffer, "\r\n\r\n"))) {
        if (!raw_read_more(fd, buffer, &len))
            return false;
    }
    size_t head = (size_t)(end + 4 - buffer);
    const char *field = strcasestr(buffer, "\r\nContent-Length:");
    size_t body = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
    while (len < head + body) {
        if (!raw_read_more(fd, buffer, &len))
            return false;
    }
    memcpy(r->head, buffer, head);
    r->head[head] = '\0';
    memcpy(r->body, buffer + head, body);
    r->body[body] = '\0';
    return true;
}

struct raw_connection {
    struct raw_server *server;
    int fd;
};

static inline void *raw_serve(void *arg)
{
    struct raw_connection c = *(struct raw_connection *)arg;
    struct raw_server *s = c.server;
    free(arg);
    struct raw_request *r = calloc(1, sizeof *r);
    bool keep = r != NULL;
    while (keep && raw_read_request(c.fd, r)) {
        pthread_mutex_lock(&s->mutex);
        r->number = ++s->delivered;
        s->posts += strncmp(r->head, "GET ", 4) != 0;
        s->inside++;
        if (s->inside > s->most_inside)
            s->most_inside = s->inside;
        s->last = *r;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->mutex);
        keep = s->handler(s, r, c.fd);
        pthread_mutex_lock(&s->mutex);
        s->inside--;
        pthread_mutex_unlock(&s->mutex);
    }
    free(r);
    /* Only the connection's end is told here; the number is given back when the server stops. */
    shutdown(c.fd, SHUT_RDWR);
    return NULL;
}

static inline void *raw_accept(void *arg)
{
    struct raw_server *s = arg;
    for (;;) {
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        pthread_mutex_lock(&s->mutex);
        struct raw_connection *c = malloc(sizeof *c);
        if (!c || s->stopping || s->connections == RAW_CONNECTIONS) {
            free(c);
            close(fd);
        } else {
            *c = (struct raw_connection){s, fd};
            s->fds[s->connections] = fd;
            pthread_create(&s->threads[s->connections++], NULL, raw_serve, c);
        }
        pthread_mutex_unlock(&s->mutex);
    }
}

static inline void raw_start(struct raw_server *s, raw_handler *handler)
{
    memset(s, 0, sizeof *s);
    s->handler = handler;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->changed, NULL);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&a, sizeof a) != 0 ||
        listen(s->listener, 64) != 0 || getsockname(s->listener, (struct sockaddr *)&a, &len) != 0)
        abort();
    s->port = ntohs(a.sin_port);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", s->port);
    pthread_create(&s->acceptor, NULL, raw_accept, s);
}

static inline void raw_open_gate(struct raw_server *s)
{
    pthread_mutex_lock(&s->mutex);
    s->gate_open = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

static inline void raw_stop(struct raw_server *s)
{
    pthread_mutex_lock(&s->mutex);
    s->stopping = true;
    s->gate_open = true;
    pthread_cond_broadcast(&s->changed);
    for (int i = 0; i < s->connections; i++)
        shutdown(s->fds[i], SHUT_RDWR);
    pthread_mutex_unlock(&s->mutex);
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->acceptor, NULL);
    for (int i = 0; i < s->connections; i++) {
        shutdown(s->fds[i], SHUT_RDWR);
        pthread_join(s->threads[i], NULL);
        close(s->fds[i]);
    }
    close(s->listener);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->mutex);
}

/* For handlers: hold this request until the test opens the gate. */
static inline void raw_wait_gate(struct raw_server *s)
{
    pthread_mutex_lock(&s->mutex);
    while (!s->gate_open)
        pthread_cond_wait(&s->changed, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
}

/* For tests: until so many requests have arrived; a test that waits in vain is wrong. */
static inline void raw_wait_delivered(struct raw_server *s, int count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&s->mutex);
    while (s->delivered < count) {
        if (pthread_cond_timedwait(&s->changed, &s->mutex, &until) == ETIMEDOUT) {
            fprintf(stderr, "%d requests expected, %d delivered\n", count, s->delivered);
            abort();
        }
    }
    pthread_mutex_unlock(&s->mutex);
}

/* The request delivered last. */
static inline const struct raw_request *raw_last(struct raw_server *s)
{
    static struct raw_request copy;
    pthread_mutex_lock(&s->mutex);
    copy = s->last;
    pthread_mutex_unlock(&s->mutex);
    return &copy;
}

static inline int raw_count(struct raw_server *s, const int *counter)
{
    pthread_mutex_lock(&s->mutex);
    int n = *counter;
    pthread_mutex_unlock(&s->mutex);
    return n;
}

static inline void raw_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
    }
}

static inline bool raw_answer(int fd, int status, const char *headers, const char *body)
{
    char head[1024];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%sContent-Length: "
                     "%zu\r\n\r\n",
                     status, headers, strlen(body));
    raw_send(fd, head, (size_t)n);
    raw_send(fd, body, strlen(body));
    return true;
}

/* A reset instead of a proper end. */
static inline void raw_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    (void)connect(fd, &unspecified, sizeof unspecified); /* disconnects a TCP socket with RST */
}

#endif
