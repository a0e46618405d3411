/* The configured extra header lines, checked: what the client sets itself cannot be set twice, and
 * nothing can smuggle a second header in. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "hummingbot/client_private.h"

#define HEADERS_MAX 16
/* Values shorter than this ("true", "1") are ordinary words and would blot out the log. */
#define SECRET_MIN 16

/* Set by the client or by curl; a second one would be dropped, merged or believed by somebody. */
static const char *const OURS[] = {
    "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Content-Type",
    "Accept",         "Upgrade",           "TE"};

static bool is_name(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~",
                    s[i]))
            return false;
    }
    return len > 0;
}

static bool line_is_sound(const struct tb_hb_config *config, const char *line, struct tb_error *err)
{
    const char *colon = strchr(line, ':');
    size_t name = colon ? (size_t)(colon - line) : 0;
    if (!colon || !is_name(line, name))
        return tb_fail(err, TB_INVALID,
                       "HUMMINGBOT_API_HEADERS: a header must be written `Name: value`");
    for (const char *p = colon; *p; p++) {
        if ((unsigned char)*p < ' ' && *p != '\t')
            return tb_fail(err, TB_INVALID,
                           "HUMMINGBOT_API_HEADERS: the value of `%.*s` holds a control character",
                           (int)name, line);
    }
    for (size_t i = 0; i < sizeof OURS / sizeof *OURS; i++) {
        if (strlen(OURS[i]) == name && strncasecmp(OURS[i], line, name) == 0)
            return tb_fail(err, TB_INVALID,
                           "HUMMINGBOT_API_HEADERS: `%s` is set by the bridge itself", OURS[i]);
    }
    bool basic = config->username && *config->username;
    if (basic && name == 13 && strncasecmp("Authorization", line, name) == 0)
        return tb_fail(err, TB_INVALID,
                       "HUMMINGBOT_API_HEADERS: an Authorization header would replace the user and "
                       "password that are configured; remove one of the two");
    return true;
}

static void keep_secret(const char *line)
{
    const char *value = strchr(line, ':') + 1;
    value += strspn(value, " \t");
    if (strlen(value) >= SECRET_MIN)
        tb_log_secret(value);
}

static char *trimmed(const char *start, size_t len)
{
    while (len > 0 && strchr(" \t\r", start[0])) {
        start++;
        len--;
    }
    while (len > 0 && strchr(" \t\r", start[len - 1]))
        len--;
    return tb_xstrndup(start, len);
}

static bool split(const struct tb_hb_config *config, char **lines, struct tb_error *err)
{
    size_t n = 0;
    for (const char *p = config->headers ? config->headers : ""; *p;) {
        size_t newline = strcspn(p, "\n");
        const char *pair = strstr(p, ";;");
        size_t len = pair && (size_t)(pair - p) < newline ? (size_t)(pair - p) : newline;
        size_t skip = len == newline ? 1 : 2;
        char *line = trimmed(p, len);
        p += len;
        p += *p ? skip : 0;
        if (!*line) {
            free(line);
            continue;
        }
        if (n == HEADERS_MAX) {
            free(line);
            return tb_fail(err, TB_INVALID, "HUMMINGBOT_API_HEADERS: more than %d headers",
                           HEADERS_MAX);
        }
        lines[n++] = line;
        if (!line_is_sound(config, line, err))
            return false;
        keep_secret(line);
    }
    return true;
}

static bool add_api_key(const char *key, char **slot, struct tb_error *err)
{
    if (!key || !*key)
        return true;
    for (const char *p = key; *p; p++) {
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            return tb_fail(err, TB_INVALID,
                           "HUMMINGBOT_API_KEY holds a space or a character that cannot stand in a "
                           "header");
    }
    struct tb_buffer line = TB_BUFFER_INIT;
    tb_buffer_printf(&line, "X-API-KEY: %s", key);
    *slot = tb_buffer_steal(&line, NULL);
    tb_log_secret(key);
    return true;
}

char **tb_hb_headers_parse(const struct tb_hb_config *config, struct tb_error *err)
{
    char **lines = tb_xcalloc(HEADERS_MAX + 2, sizeof *lines);
    if (split(config, lines, err)) {
        size_t n = 0;
        while (lines[n])
            n++;
        if (add_api_key(config->api_key, &lines[n], err))
            return lines;
    }
    tb_hb_headers_free(lines);
    return NULL;
}

void tb_hb_headers_free(char **lines)
{
    for (char **p = lines; p && *p; p++)
        free(*p);
    free(lines);
}
