/* One question to the bridge on this machine, for `health`, `token create` and
 * `backup`, and the command
 * `health`. Loopback only, no proxy. Main thread. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "commands/commands_private.h"

#define TIMEOUT_S  4L
#define QUIET_S    120L /* a backup is made before its first byte comes */
#define ANSWER_MAX ((size_t)1 << 20)

static size_t take(char *data, size_t size, size_t n, void *user)
{
    struct tb_buffer *out = user;
    tb_buffer_append(out, data, size * n);
    return out->overflow ? 0 : size * n;
}

static char *address(const struct settings *s, const char *path)
{
    struct tb_buffer url = TB_BUFFER_INIT;
    const char *bind = settings_text(s, SET_BIND);
    tb_buffer_printf(&url, "http://%s:%ld%s", strcmp(bind, "0.0.0.0") == 0 ? "127.0.0.1" : bind,
                     settings_number(s, SET_PORT), path);
    return tb_buffer_steal(&url, NULL);
}

static struct curl_slist *headers_of(const char *token)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (token) {
        struct tb_buffer line = TB_BUFFER_INIT;
        tb_buffer_printf(&line, "Authorization: Bearer %s", token);
        headers = curl_slist_append(headers, line.data);
        tb_buffer_free(&line);
    }
    return headers;
}

struct question {
    const struct settings *settings;
    const char *method, *path, *token, *body;
    curl_write_callback take;
    void *user;
    bool long_one; /* as long as bytes come */
    CURL *curl;
};

static bool ask(struct question *q, int *status_out, struct tb_error *err)
{
    char *url = address(q->settings, q->path);
    struct curl_slist *headers = headers_of(q->token);
    CURL *curl = q->curl = curl_easy_init();
    long status = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (q->body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, TIMEOUT_S);
    if (q->long_one) {
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, QUIET_S);
    } else {
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, q->take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, q->user);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    *status_out = (int)status;
    if (code != CURLE_OK)
        (void)tb_fail(err, TB_UPSTREAM_UNREACHABLE, "The bridge does not answer at %s: %s.", url,
                      curl_easy_strerror(code));
    free(url);
    return code == CURLE_OK;
}

bool ask_bridge(const struct settings *s, const char *method, const char *path, const char *token,
                const char *body, int *status_out, struct tb_buffer *answer, struct tb_error *err)
{
    struct question q = {.settings = s,
                         .method = method,
                         .path = path,
                         .token = token,
                         .body = body,
                         .take = take,
                         .user = answer};
    answer->max = ANSWER_MAX;
    return ask(&q, status_out, err);
}

struct download {
    struct question q;
    int to;
    struct tb_buffer *answer;
};

static size_t take_file(char *data, size_t size, size_t n, void *user)
{
    struct download *d = user;
    long status = 0;
    curl_easy_getinfo(d->q.curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return take(data, size, n, d->answer);
    for (size_t done = 0; done < size * n;) {
        ssize_t wrote = write(d->to, data + done, size * n - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return 0;
        done += (size_t)wrote;
    }
    return size * n;
}

bool ask_bridge_file(const struct settings *s, const char *path, const char *token, int to,
                     int *status_out, struct tb_buffer *answer, struct tb_error *err)
{
    struct download d = {.q = {.settings = s,
                               .method = "GET",
                               .path = path,
                               .token = token,
                               .take = take_file,
                               .long_one = true},
                         .to = to,
                         .answer = answer};
    d.q.user = &d;
    answer->max = ANSWER_MAX;
    return ask(&d.q, status_out, err);
}

int tb_command_health(int argc, char **argv)
{
    struct settings s;
    struct tb_buffer answer = TB_BUFFER_INIT;
    struct tb_error err = {0};
    int status = 0;
    (void)argc;
    (void)argv;
    /* A probe judges the bridge, not the settings: their problems are for `check`. */
    bool clean = settings_load(&s);
    bool asked = ask_bridge(&s, "GET", "/healthz", NULL, NULL, &status, &answer, &err);
    (void)clean;
    if (asked)
        printf("%s\n", tb_buffer_text(&answer));
    else
        fprintf(stderr, "%s\n", err.detail);
    tb_buffer_free(&answer);
    settings_free(&s);
    return asked && status == 200 ? 0 : 1;
}
