/* One question to the bridge on this machine, for `health` and `token create`, and the command
 * `health`. Loopback only, no proxy. Main thread. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "commands/commands_private.h"

#define TIMEOUT_S  4L
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

bool ask_bridge(const struct settings *s, const char *method, const char *path, const char *token,
                const char *body, int *status_out, struct tb_buffer *answer, struct tb_error *err)
{
    char *url = address(s, path);
    struct curl_slist *headers = headers_of(token);
    CURL *curl = curl_easy_init();
    long status = 0;
    answer->max = ANSWER_MAX;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
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
