/* The table of settings and its one reader. Real deployments lost days to a space before a name and
 * one after a password, so names that nobody reads and white space at the ends are said aloud. Main
 * thread only; owns the values. */
#include "commands/settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/nearest.h"

#define SPACE     " \t\r\n\v\f"
#define FILE_MAX  ((size_t)64 << 10)
#define TOKEN_MIN 32

static const struct setting_row ROWS[SETTING_COUNT] = {
    [SET_API_URL] = {"HUMMINGBOT_API_URL", 0, "http://127.0.0.1:8000", 0, 0,
                     "Address of the Hummingbot API, with its port."},
    [SET_API_USERNAME] = {"HUMMINGBOT_API_USERNAME", SETTING_EXACT | SETTING_LIVE, "admin", 0, 0,
                          "Its user (USERNAME in the API's .env)."},
    [SET_API_PASSWORD] = {"HUMMINGBOT_API_PASSWORD", SETTING_SECRET | SETTING_LIVE, "admin", 0, 0,
                          "Its password (PASSWORD in the API's .env)."},
    [SET_API_KEY] = {"HUMMINGBOT_API_KEY", SETTING_SECRET | SETTING_LIVE, NULL, 0, 0,
                     "Sent as `X-API-KEY`, for a gateway in front of the API; the API itself has "
                     "no keys."},
    [SET_API_HEADERS] = {"HUMMINGBOT_API_HEADERS", SETTING_SECRET | SETTING_LIVE, NULL, 0, 0,
                         "Further request headers, `Name: value`, separated by newlines or `;;`; "
                         "for ngrok's free tier `ngrok-skip-browser-warning: true`."},
    [SET_PROXY] = {"HUMMINGBOT_PROXY", SETTING_SECRET | SETTING_LIVE, NULL, 0, 0,
                   "Proxy on the way to the API, for instance `socks5h://localhost:1055` of "
                   "Tailscale."},
    [SET_API_CA] =
        {"HUMMINGBOT_API_CA", SETTING_LONG | SETTING_LIVE, NULL, 0, 0,
         "Certificates in PEM form, usually given as HUMMINGBOT_API_CA_FILE: with them "
         "only what they sign is trusted, for an API behind a private authority. Without "
         "it the system's authorities are."},
    [SET_BROKER_URL] = {"HUMMINGBOT_BROKER_URL", SETTING_SECRET | SETTING_LATER, NULL, 0, 0,
                        "Address of the bots' MQTT broker, for live news."},
    [SET_BACKTEST_URL] = {"BRIDGE_BACKTEST_URL", 0, NULL, 0, 0,
                          "Address of a second Hummingbot API that runs no bots, for backtests; "
                          "they would freeze the one that does. Proxy and certificates are those "
                          "of the first one."},
    [SET_BACKTEST_USERNAME] = {"BRIDGE_BACKTEST_USERNAME", SETTING_EXACT | SETTING_LIVE, "admin", 0,
                               0, "Its user."},
    [SET_BACKTEST_PASSWORD] = {"BRIDGE_BACKTEST_PASSWORD", SETTING_SECRET | SETTING_LIVE, "admin",
                               0, 0, "Its password."},
    [SET_PORT] = {"PORT", SETTING_NUMBER, "8080", 0, 65535,
                  "Port the bridge serves on; 0 takes any free one. It never widens the bind."},
    [SET_BIND] = {"BRIDGE_BIND", 0, "127.0.0.1", 0, 0,
                  "IPv4 address the bridge serves on; 0.0.0.0 for all of them."},
    [SET_ADMIN_TOKEN] = {"BRIDGE_ADMIN_TOKEN", SETTING_SECRET | SETTING_LIVE, NULL, 0, 0,
                         "Token of the administrator, 32 or more visible ASCII characters. Without "
                         "it one is generated into the file `admin-token` beside the store."},
    [SET_CORS_ORIGINS] = {"BRIDGE_CORS_ORIGINS", 0, NULL, 0, 0,
                          "Origins of front ends that are served from elsewhere, exactly as a "
                          "browser names them, separated by commas."},
    [SET_STORE] = {"BRIDGE_STORE", 0, "./data/bridge.db", 0, 0,
                   "Path of `bridge.db`; `series.db` and `admin-token` are beside it."},
    [SET_ALLOW_EPHEMERAL] = {"BRIDGE_ALLOW_EPHEMERAL", SETTING_NUMBER, "0", 0, 1,
                             "1 allows bots to be created though the store is in a container's own "
                             "layer or in memory, where a redeploy forgets them; for trials."},
    [SET_PLUGINS] = {"BRIDGE_PLUGINS", 0, NULL, 0, 0,
                     "Folder of the Lua plugins, one folder each. Without it `./plugins` if it "
                     "exists, else the installed one."},
    [SET_PLUGINS_LANE] = {"BRIDGE_PLUGINS_LANE", 0, NULL, 0, 0,
                          "`live`: a saved plugin is live at once; `draft`: it is a draft until a "
                          "developer activates it. Without it `live` when BRIDGE_BIND is a "
                          "loopback address, else `draft`."},
    [SET_PLUGIN_GATE] = {"BRIDGE_PLUGIN_GATE", 0, NULL, 0, 0,
                         "`strict`: a saved plugin whose plans differ from its golden files keeps "
                         "its last good version, as one whose tests fail always does."},
    [SET_PLUGIN_UPLOAD] = {"BRIDGE_PLUGIN_UPLOAD", SETTING_NUMBER, "0", 0, 1,
                           "1 lets developers upload plugins (`PUT /plugins/{plugin}`); give that "
                           "right only to whom you would give the API's password."},
    [SET_PLUGIN_VERSIONS] = {"BRIDGE_PLUGIN_VERSIONS", SETTING_NUMBER, "100", 2, 10000,
                             "Versions of each plugin that are kept to go back to; older ones are "
                             "deleted within a day, but never one that serves, waits or is pinned, "
                             "nor one that a bot was made with."},
    [SET_BOT_IMAGES] = {"BRIDGE_BOT_IMAGES", 0, "hummingbot/hummingbot:*", 0, 0,
                        "Images that bots may run, separated by commas; `*` at the end matches the "
                        "rest."},
    [SET_THREADS] = {"BRIDGE_THREADS", SETTING_NUMBER, "32", 2, 256,
                     "Requests served at once; further ones are answered 503."},
    [SET_STREAMS] = {"BRIDGE_STREAMS", SETTING_NUMBER | SETTING_LATER, "64", 0, 4096,
                     "Event streams served at once."},
    [SET_ARENA] = {"BRIDGE_ARENA", SETTING_NUMBER, "16", 1, 256,
                   "Memory of one plugin call in MiB."},
    [SET_LOG] = {"BRIDGE_LOG", 0, "text,info", 0, 0,
                 "`text` or `json`, then optionally a level: `,debug`, `,info`, `,warn`, "
                 "`,error`."},
};

extern char **environ;

const struct setting_row *setting_row(enum setting id)
{
    return &ROWS[id];
}

static void complain(struct settings *s, enum setting_severity severity, const char *remedy,
                     const char *format, ...) TB_PRINTF(4, 5);

static void complain(struct settings *s, enum setting_severity severity, const char *remedy,
                     const char *format, ...)
{
    if (s->problems == SETTING_PROBLEMS)
        return;
    struct setting_problem *p = &s->problem[s->problems++];
    p->severity = severity;
    va_list args;
    va_start(args, format);
    vsnprintf(p->what, sizeof p->what, format, args);
    va_end(args);
    tb_copy(p->remedy, sizeof p->remedy, remedy);
}

/* ---- values ---- */

/* The file's text without its last newline, which editors add. NULL: it cannot be read. */
static char *read_file(struct settings *s, const char *name, const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t len = 0;
    if (file) {
        text = tb_xmalloc(FILE_MAX + 1);
        len = fread(text, 1, FILE_MAX + 1, file);
        if (ferror(file) || len > FILE_MAX) {
            free(text);
            text = NULL;
        }
    }
    if (!text) {
        complain(s, SETTING_FATAL, "give the path of a readable file that holds the value",
                 "%s_FILE names a file that cannot be read (%s)", name,
                 file ? "it is too large or no file" : strerror(errno));
    } else {
        text[len] = '\0';
        if (len > 0 && text[len - 1] == '\n')
            text[--len] = '\0';
        if (len > 0 && text[len - 1] == '\r')
            text[--len] = '\0';
    }
    if (file)
        fclose(file);
    return text;
}

static void check_space(struct settings *s, const struct setting_row *row, char *value)
{
    size_t len = strlen(value);
    size_t before = strspn(value, SPACE);
    size_t end = len;
    while (end > before && strchr(SPACE, value[end - 1]))
        end--;
    if (before == 0 && end == len)
        return;
    const char *where = before == 0 ? "end" : end == len ? "beginning" : "beginning and end";
    if (row->flags & (SETTING_SECRET | SETTING_EXACT)) {
        complain(s, SETTING_WARNING,
                 "remove it, unless it really belongs to the value; it is sent as it is",
                 "the value of %s has white space at its %s", row->name, where);
        return;
    }
    complain(s, SETTING_WARNING, "remove it; the value is used without it",
             "the value of %s has white space at its %s", row->name, where);
    memmove(value, value + before, end - before);
    value[end - before] = '\0';
}

static void check_number(struct settings *s, const struct setting_row *row, const char *value)
{
    char *end;
    char remedy[96];
    errno = 0;
    long n = strtol(value, &end, 10);
    if (!errno && *end == '\0' && end != value && n >= row->min && n <= row->max)
        return;
    snprintf(remedy, sizeof remedy, "give a whole number from %ld to %ld", row->min, row->max);
    complain(s, SETTING_FATAL, remedy, "%s is `%.40s`", row->name, value);
}

static void check_admin_token(struct settings *s, const char *value)
{
    bool visible = true;
    for (const char *p = value; *p; p++)
        visible = visible && *p > ' ' && *p <= '~';
    if (strlen(value) < TOKEN_MIN || !visible)
        complain(
            s, SETTING_FATAL,
            "give 32 or more visible ASCII characters, for instance from `openssl rand -hex 32`",
            "BRIDGE_ADMIN_TOKEN is too short or holds other characters than visible ASCII");
}

/* Debian 12's civetweb is built without IPv6 and says only "invalid port spec". */
static void check_bind(struct settings *s, const char *value)
{
    struct in_addr address;
    if (inet_pton(AF_INET, value, &address) != 1)
        complain(s, SETTING_FATAL, "give 127.0.0.1, 0.0.0.0 or an IPv4 address of this machine",
                 "BRIDGE_BIND is not an IPv4 address: \"%.64s\"", value);
}

static void check_gate(struct settings *s, const char *value)
{
    if (strcmp(value, "strict") != 0)
        complain(s, SETTING_FATAL, "give `strict` or leave it unset",
                 "BRIDGE_PLUGIN_GATE is `%.40s`", value);
}

static void check_lane(struct settings *s, const char *value)
{
    if (strcmp(value, "live") != 0 && strcmp(value, "draft") != 0)
        complain(s, SETTING_FATAL, "give `live` or `draft`", "BRIDGE_PLUGINS_LANE is `%.40s`",
                 value);
}

/* Without scheme and the slashes at its end; localhost has two names. */
static void server_of(const char *url, char *out, size_t size)
{
    const char *at = strstr(url, "://");
    at = at ? at + 3 : url;
    bool local = strncasecmp(at, "localhost", 9) == 0 && strchr(":/", at[9]);
    (void)snprintf(out, size, "%s%s", local ? "127.0.0.1" : "", local ? at + 9 : at);
    for (size_t len = strlen(out); len > 0 && out[len - 1] == '/'; len--)
        out[len - 1] = '\0';
}

/* Another name of the same server is found out when it is asked: it has bots. */
static void check_second_server(struct settings *s)
{
    const char *first = s->value[SET_API_URL], *second = s->value[SET_BACKTEST_URL];
    char a[512], b[512];
    if (!first || !second)
        return;
    server_of(first, a, sizeof a);
    server_of(second, b, sizeof b);
    if (strcasecmp(a, b) == 0)
        complain(
            s, SETTING_FATAL,
            "give the address of a second Hummingbot API without bots, or "
            "leave it unset",
            "BRIDGE_BACKTEST_URL is the API that runs the bots, which a backtest would freeze");
}

static void check_value(struct settings *s, enum setting id)
{
    const struct setting_row *row = &ROWS[id];
    char *value = s->value[id];
    check_space(s, row, value);
    if (row->flags & SETTING_NUMBER)
        check_number(s, row, value);
    if (row->flags & SETTING_LATER)
        complain(s, SETTING_WARNING, "nothing needs to be done", "%s has no effect in this version",
                 row->name);
    if (id == SET_ADMIN_TOKEN)
        check_admin_token(s, value);
    if (id == SET_BIND)
        check_bind(s, value);
    if (id == SET_PLUGIN_GATE)
        check_gate(s, value);
    if (id == SET_PLUGINS_LANE)
        check_lane(s, value);
    if (id == SET_STORE && strncmp(value, "postgres", 8) == 0)
        complain(s, SETTING_FATAL, "give the path of a file",
                 "BRIDGE_STORE names PostgreSQL, which this "
                 "version does not support");
    /* A published default is no secret, and its word must stay readable. */
    if ((row->flags & SETTING_SECRET) && (!row->fallback || strcmp(value, row->fallback) != 0))
        tb_log_secret(value);
}

static void load_one(struct settings *s, enum setting id)
{
    const struct setting_row *row = &ROWS[id];
    char file_name[80];
    snprintf(file_name, sizeof file_name, "%s_FILE", row->name);
    const char *direct = getenv(row->name);
    const char *path = getenv(file_name);
    if (path && *path) {
        if (direct && *direct)
            complain(s, SETTING_FATAL, "remove one of the two", "%s and %s are both set", row->name,
                     file_name);
        s->value[id] = read_file(s, row->name, path);
        s->source[id] = SETTING_FILE;
    } else if (direct && *direct) {
        s->value[id] = tb_xstrdup(direct);
        s->source[id] = SETTING_ENVIRONMENT;
    }
    if (s->value[id] && !*s->value[id]) {
        free(s->value[id]);
        s->value[id] = NULL;
    }
    if (s->value[id])
        check_value(s, id);
    else if (row->fallback)
        s->value[id] = tb_xstrdup(row->fallback);
}

/* ---- names ---- */

/* The setting of this name or of its _FILE form; -1: none. */
static int find_name(const char *name, size_t len)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        size_t n = strlen(ROWS[i].name);
        if (len >= n && strncmp(name, ROWS[i].name, n) == 0 &&
            (len == n || (len == n + 5 && strncmp(name + n, "_FILE", 5) == 0)))
            return i;
    }
    return -1;
}

static bool is_ours(const char *name)
{
    return strncasecmp(name, "BRIDGE_", 7) == 0 || strncasecmp(name, "HUMMINGBOT_", 11) == 0;
}

static void check_name(struct settings *s, const char *name, size_t len)
{
    char shown[96], remedy[200];
    const char *words[SETTING_COUNT + 1] = {0};
    size_t before = strspn(name, SPACE);
    size_t end = len;
    while (end > before && strchr(SPACE, name[end - 1]))
        end--;
    snprintf(shown, sizeof shown, "%.*s", (int)(end - before < 80 ? end - before : 80),
             name + before);
    int found = find_name(shown, strlen(shown));
    if (found >= 0 && (before > 0 || end < len)) {
        complain(s, SETTING_WRONG, "write the name without it",
                 "the NAME of a variable has a space at its "
                 "%s, so nobody reads it: `%.*s`",
                 before > 0 ? "beginning" : "end", (int)(len < 80 ? len : 80), name);
        return;
    }
    if (found >= 0 || !is_ours(shown))
        return;
    for (int i = 0; i < SETTING_COUNT; i++)
        words[i] = ROWS[i].name;
    const char *near = tb_nearest(shown, words);
    if (near)
        snprintf(remedy, sizeof remedy, "did you mean %s?", near);
    else
        snprintf(remedy, sizeof remedy,
                 "docs/settings.md lists the settings; remove what is not "
                 "one");
    complain(s, SETTING_WARNING, remedy, "the variable %s is not a setting", shown);
}

bool settings_load(struct settings *s)
{
    *s = (struct settings){0};
    for (char **entry = environ; *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        if (equals)
            check_name(s, *entry, (size_t)(equals - *entry));
    }
    for (int i = 0; i < SETTING_COUNT; i++)
        load_one(s, (enum setting)i);
    check_second_server(s);
    for (size_t i = 0; i < s->problems; i++) {
        if (s->problem[i].severity == SETTING_FATAL)
            return false;
    }
    return true;
}

void settings_free(struct settings *s)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        free(s->value[i]);
    *s = (struct settings){0};
}

const char *settings_text(const struct settings *s, enum setting id)
{
    return s->value[id];
}

long settings_number(const struct settings *s, enum setting id)
{
    return s->value[id] ? strtol(s->value[id], NULL, 10) : 0;
}

void settings_show(const struct settings *s, enum setting id, struct tb_buffer *out)
{
    static const char *const origins[] = {" (default)", "", " (from its file)"};
    const char *value = s->value[id];
    tb_buffer_printf(out, "%s = ", ROWS[id].name);
    if (!value)
        tb_buffer_puts(out, "unset");
    else if (ROWS[id].flags & (SETTING_SECRET | SETTING_LONG))
        tb_buffer_printf(out, "*** (%zu characters)", strlen(value));
    else
        tb_escape_control(out, value);
    tb_buffer_puts(out, value ? origins[s->source[id]] : "");
}
