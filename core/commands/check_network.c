/* The way to the Hummingbot API, without sending anything: address, proxy, name, port. Main thread.
 */
#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "commands/check_private.h"

#define CONNECT_MS 5000
#define TRIES      3 /* an intermittent connection shows itself */

struct place {
    char host[256];
    char port[8];
    bool tls;
};

static bool read_place(const char *url, const char *port_default, struct place *out)
{
    CURLU *u = curl_url();
    char *host = NULL, *port = NULL, *scheme = NULL;
    bool ok = curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
    if (ok) {
        out->tls = strcmp(scheme, "https") == 0;
        bool given = curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_OK;
        tb_copy(out->port, sizeof out->port,
                given          ? port
                : port_default ? port_default
                : out->tls     ? "443"
                               : "80");
        /* IPv6 literals stand in brackets in a URL only. */
        size_t len = strlen(host);
        bool brackets = host[0] == '[' && len > 2;
        snprintf(out->host, sizeof out->host, "%.*s", (int)(brackets ? len - 2 : len),
                 host + brackets);
    }
    curl_free(host);
    curl_free(port);
    curl_free(scheme);
    curl_url_cleanup(u);
    return ok;
}

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static bool is_proxy(const char *subject)
{
    return strcmp(subject, "proxy") == 0;
}

static const char *dns_remedy(const char *subject, const char *host)
{
    if (is_proxy(subject))
        return "check the spelling in HUMMINGBOT_PROXY, and the DNS of this machine or container";
    if (ends_with(host, ".internal") || ends_with(host, ".local") || ends_with(host, ".lan"))
        return "this is a name of a private network, known only inside it: run the bridge in the "
               "same project and network, or use the public address";
    if (!strchr(host, '.'))
        return "a bare service name is known only inside the same compose project or namespace: "
               "run the bridge there, or use the full host name";
    return "check the spelling in HUMMINGBOT_API_URL, and the DNS of this machine or container";
}

static struct addrinfo *resolve(struct check *check, const char *subject, const struct place *place)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    bool v4 = false;
    int rc = getaddrinfo(place->host, place->port, &hints, &found);
    if (rc != 0) {
        check_line(check, CHECK_FAIL, dns_remedy(subject, place->host),
                   "%s: the name `%s` does not resolve (%s)", subject, place->host,
                   gai_strerror(rc));
        return NULL;
    }
    for (const struct addrinfo *a = found; a; a = a->ai_next)
        v4 = v4 || a->ai_family == AF_INET;
    if (v4)
        check_line(check, CHECK_OK, NULL, "%s: `%s` resolves", subject, place->host);
    else
        check_line(check, CHECK_WARN,
                   "the API must listen on `::` (uvicorn --host ::), and this machine needs IPv6; "
                   "private networks of some platforms are IPv6 only",
                   "%s: `%s` has IPv6 addresses only", subject, place->host);
    return found;
}

/* 0 or errno. */
static int connect_once(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = 0;
    socklen_t len = sizeof error;
    if (fd < 0)
        return errno;
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) {
        error = errno;
    } else {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (poll(&p, 1, CONNECT_MS) < 1)
            error = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
            error = errno;
    }
    close(fd);
    return error;
}

static int connect_any(const struct addrinfo *list)
{
    int error = EADDRNOTAVAIL;
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        int rc = connect_once(a);
        if (rc == 0)
            return 0;
        /* A refusal says more than a missing IPv6 route. */
        if (error != ECONNREFUSED)
            error = rc;
    }
    return error;
}

static bool is_this_machine(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

static const char *tcp_remedy(const char *subject, const struct place *place, int error)
{
    if (error == ETIMEDOUT)
        return "a firewall or the wrong address swallows packets: check security groups, VPN and "
               "the address";
    if (error != ECONNREFUSED)
        return "check the network, the VPN and the address";
    if (is_proxy(subject))
        return "start the proxy on that machine, or correct HUMMINGBOT_PROXY";
    if (is_this_machine(place->host) && access("/.dockerenv", F_OK) == 0)
        return "inside a container this is the container itself: put the service name of the API, "
               "or "
               "host.docker.internal, into HUMMINGBOT_API_URL";
    return "start the Hummingbot API, or correct the port in HUMMINGBOT_API_URL (the API's is "
           "8000)";
}

static bool check_tcp(struct check *check, const char *subject, const struct place *place,
                      const struct addrinfo *list)
{
    int good = 0, error = 0;
    for (int i = 0; i < TRIES; i++) {
        int rc = connect_any(list);
        good += rc == 0;
        error = rc ? rc : error;
        if (rc == ETIMEDOUT && good == 0)
            break; /* waiting three times says nothing new */
    }
    const char *why = error == ECONNREFUSED ? "connection refused"
                      : error == ETIMEDOUT  ? "no connection within 5 s"
                                            : strerror(error);
    if (good == TRIES)
        check_line(check, CHECK_OK, NULL, "%s: %s port %s accepts connections", subject,
                   place->host, place->port);
    else if (good > 0)
        check_line(check, CHECK_WARN, "the network between here and there is not reliable",
                   "%s: intermittent: %d of %d connections to %s port %s failed (%s)", subject,
                   TRIES - good, TRIES, place->host, place->port, why);
    else
        check_line(check, CHECK_FAIL, tcp_remedy(subject, place, error), "%s: %s port %s: %s",
                   subject, place->host, place->port, why);
    return good > 0;
}

static bool reach(struct check *check, const char *name, const char *port,
                  const struct place *place)
{
    struct addrinfo *list = resolve(check, name, place);
    bool ok = list && check_tcp(check, port, place, list);
    if (list)
        freeaddrinfo(list);
    return ok;
}

bool check_network(struct check *check)
{
    const char *url = settings_text(check->settings, SET_API_URL);
    const char *proxy = settings_text(check->settings, SET_PROXY);
    struct place place, through;
    if (!read_place(url, NULL, &place)) {
        check_line(check, CHECK_FAIL, "write it like http://hummingbot-api:8000",
                   "address: HUMMINGBOT_API_URL is not a URL");
        return false;
    }
    if (!proxy)
        return reach(check, "DNS", "TCP", &place);
    if (!read_place(proxy, "1080", &through)) {
        check_line(check, CHECK_FAIL, "write it like socks5h://localhost:1055",
                   "proxy: HUMMINGBOT_PROXY is not a URL");
        return false;
    }
    if (strncmp(proxy, "socks5://", 9) == 0 || strncmp(proxy, "socks4://", 9) == 0)
        check_line(check, CHECK_WARN, "write socks5h:// if the name is known to the proxy only",
                   "proxy: with this scheme names are resolved here, not by the proxy");
    return reach(check, "proxy", "proxy", &through);
}
