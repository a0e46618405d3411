/* The address of a call, built from checked parts only.
 *
 * Path arguments are matched against the alphabet of their parameter, never just escaped: upstream
 * accepts `..` and encoded slashes as names and then crosses folders, and lower-cases or splits
 * what it does not expect. Queries are percent-encoded and must be named in the row. Any thread. */
#include <ctype.h>
#include <curl/curl.h>
#include <string.h>

#include "base/memory.h"
#include "hummingbot/client_private.h"

/* What may stand in a path argument, by the name in the path's braces. */
struct alphabet {
    const char *parameter; /* NULL: every other */
    const char *extra;     /* allowed beside letters, digits, `_` and `-` */
    size_t max;
    bool folders; /* `/` separates segments, each checked */
    const char *words;
};

static const struct alphabet ALPHABETS[] = {
    {"db_path", ".", 512, true, "letters, digits, `_`, `-`, `.` and `/`"},
    {"trading_pair", ".:$+", 64, false, "letters, digits and `_-.:$+`"},
    {"token_address", ".:", 128, false, "letters, digits and `_-.:`"},
    {"pool_address", ".:", 128, false, "letters, digits and `_-.:`"},
    {"position_address", ".:", 128, false, "letters, digits and `_-.:`"},
    {"transaction_hash", ".:", 128, false, "letters, digits and `_-.:`"},
    {"address", ".:", 128, false, "letters, digits and `_-.:`"},
    {NULL, "", 128, false, "letters, digits, `_` and `-`"},
};

static const struct alphabet *alphabet_of(const char *name, size_t len)
{
    const struct alphabet *a = ALPHABETS;
    while (a->parameter && (strlen(a->parameter) != len || memcmp(a->parameter, name, len) != 0))
        a++;
    return a;
}

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool dots_only(const char *s, size_t len)
{
    return len == 0 || (len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.');
}

static bool segment_fits(const struct alphabet *a, const char *value)
{
    size_t len = strlen(value);
    size_t start = 0;
    if (len == 0 || len > a->max)
        return false;
    for (size_t i = 0; i <= len; i++) {
        if (i == len || (a->folders && value[i] == '/')) {
            if (dots_only(value + start, i - start))
                return false;
            start = i + 1;
        } else if (!plain(value[i]) && !strchr(a->extra, value[i])) {
            return false;
        }
    }
    return true;
}

static void append_encoded(struct tb_buffer *out, const char *text, const char *also)
{
    for (; *text; text++) {
        if (plain(*text) || *text == '.' || *text == '~' || (also && strchr(also, *text)))
            tb_buffer_putc(out, *text);
        else
            tb_buffer_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

static bool append_path(const struct tb_hb_endpoint_row *row, const struct tb_hb_call *call,
                        struct tb_buffer *out, struct tb_error *err)
{
    size_t used = 0;
    for (const char *p = row->path; *p;) {
        if (*p != '{') {
            tb_buffer_putc(out, *p++);
            continue;
        }
        const char *end = strchr(p, '}');
        int len = (int)(end - p - 1);
        const struct alphabet *a = alphabet_of(p + 1, (size_t)len);
        const char *value = used < TB_HB_PATH_ARGS ? call->arg[used] : NULL;
        used++;
        if (!value)
            return tb_fail(err, TB_INVALID, "%s needs a value for %.*s", row->name, len, p + 1);
        if (!segment_fits(a, value))
            return tb_fail(err, TB_INVALID,
                           "%s: `%.*s` must be 1 to %zu characters of %s, and neither `.` nor `..`",
                           row->name, len, p + 1, a->max, a->words);
        append_encoded(out, value, a->folders ? "/" : NULL);
        p = end + 1;
    }
    for (; used < TB_HB_PATH_ARGS; used++) {
        if (call->arg[used])
            return tb_fail(err, TB_INVALID, "%s takes %zu path values, more were given", row->name,
                           used);
    }
    return true;
}

static bool word_in(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = words; len > 0 && (p = strstr(p, word)); p += len) {
        if ((p == words || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
            return true;
    }
    return false;
}

bool tb_hb_url(const char *base, const struct tb_hb_call *call, struct tb_buffer *out,
               struct tb_error *err)
{
    const struct tb_hb_endpoint_row *row = tb_hb_endpoint(call->endpoint);
    tb_buffer_puts(out, base);
    if (!append_path(row, call, out, err))
        return false;
    if (call->queries > TB_HB_QUERIES)
        return tb_fail(err, TB_INVALID, "%s: more than %d query parameters", row->name,
                       TB_HB_QUERIES);
    char separator = '?';
    for (size_t i = 0; i < call->queries; i++) {
        const struct tb_hb_pair *pair = &call->query[i];
        if (!pair->name || !word_in(row->query, pair->name))
            return tb_fail(err, TB_INVALID, "%s has no query parameter `%.64s`; it takes: %s",
                           row->name, pair->name ? pair->name : "",
                           row->query[0] ? row->query : "none");
        if (!pair->value)
            continue; /* left out on purpose: upstream's default applies */
        tb_buffer_putc(out, separator);
        tb_buffer_puts(out, pair->name);
        tb_buffer_putc(out, '=');
        append_encoded(out, pair->value, NULL);
        separator = '&';
    }
    return true;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool present = curl_url_get(url, part, &text, 0) == CURLUE_OK && text && *text;
    curl_free(text);
    return present;
}

static bool base_is_sound(CURLU *u, const char *url, struct tb_error *err)
{
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
        return tb_fail(err, TB_INVALID,
                       "HUMMINGBOT_API_URL is not a URL; write it like http://localhost:8000");
    if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
        return tb_fail(err, TB_INVALID,
                       "HUMMINGBOT_API_URL must not hold a user or password; set "
                       "HUMMINGBOT_API_USERNAME and HUMMINGBOT_API_PASSWORD instead");
    if (has_part(u, CURLUPART_QUERY) || has_part(u, CURLUPART_FRAGMENT))
        return tb_fail(err, TB_INVALID,
                       "HUMMINGBOT_API_URL must end after the host, port and an optional "
                       "prefix: no `?` and no `#`");
    return true;
}

char *tb_hb_base_url(const char *url, struct tb_error *err)
{
    if (!url || !*url) {
        (void)tb_fail(err, TB_INVALID, "HUMMINGBOT_API_URL is empty");
        return NULL;
    }
    for (const char *p = url; *p; p++) {
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f) {
            (void)tb_fail(err, TB_INVALID,
                          "HUMMINGBOT_API_URL holds a space, a control character or a "
                          "non-ASCII character; check HUMMINGBOT_API_URL");
            return NULL;
        }
    }
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) {
        (void)tb_fail(err, TB_INVALID, "HUMMINGBOT_API_URL must begin with http:// or https://");
        return NULL;
    }
    CURLU *u = curl_url();
    char *out = NULL;
    if (u && base_is_sound(u, url, err)) {
        out = tb_xstrdup(url);
        for (size_t len = strlen(out); len > 0 && out[len - 1] == '/'; len--)
            out[len - 1] = '\0';
    }
    curl_url_cleanup(u);
    return out;
}
