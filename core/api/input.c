/* What a request brings: query, Prefer, Idempotency-Key, JSON body. Its words are checked before
 * any handler sees them; bodies are never echoed, logged or stored, only hashed. Any thread. */
#include "api/api_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"

#define BODY_WAIT_MS 15000
#define KEY_MAX      128
#define WAIT_MAX_S   120

bool api_is_writing(const char *method)
{
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
           strcmp(method, "OPTIONS") != 0;
}

/* ---- query ---- */

static bool word_in(const char *words, const char *word)
{
    size_t len = strlen(word);
    while (*words) {
        size_t n = strcspn(words, " ");
        if (n == len && strncmp(words, word, n) == 0)
            return true;
        words += n + (words[n] == ' ');
    }
    return false;
}

static bool check_query(const struct call *call, struct tb_error *err)
{
    for (size_t i = 0; i < call->req->queries; i++) {
        const char *name = call->req->query[i].name;
        if (word_in(call->row->query, name))
            continue;
        struct tb_buffer shown = TB_BUFFER_INIT;
        tb_escape_control(&shown, name);
        (void)tb_fail(err, TB_BAD_REQUEST, "There is no query parameter `%.64s` here; %s%s.",
                      tb_buffer_text(&shown),
                      call->row->query[0] ? "there are: " : "there are none", call->row->query);
        tb_buffer_free(&shown);
        return false;
    }
    return true;
}

bool api_query_count(const struct call *call, const char *name, size_t max, size_t fallback,
                     size_t *out, struct tb_error *err)
{
    const char *text = tb_http_query(call->req, name);
    *out = fallback;
    if (!text || !*text)
        return true;
    size_t len = strspn(text, "0123456789");
    unsigned long value = len > 0 && len < 10 && !text[len] ? strtoul(text, NULL, 10) : 0;
    if (value < 1 || value > max)
        return tb_fail(err, TB_BAD_REQUEST,
                       "The query parameter `%s` must be a whole number from 1 to %zu.", name, max);
    *out = value;
    return true;
}

bool api_query_cursor(const struct call *call, const char **out, struct tb_error *err)
{
    const char *text = tb_http_query(call->req, "cursor");
    *out = text && *text ? text : NULL;
    if (*out && !tb_ulid_is(text))
        return tb_fail(
            err, TB_BAD_REQUEST,
            "The query parameter `cursor` is no `next_cursor` of an earlier answer; leave "
            "it out to begin anew.");
    return true;
}

/* ---- Prefer ---- */

static void read_preference(struct call *call, const char *text, size_t len)
{
    if (len == 16 && strncasecmp(text, "handling=lenient", len) == 0) {
        call->lenient = true;
    } else if (len > 5 && strncasecmp(text, "wait=", 5) == 0) {
        long wait = strtol(text + 5, NULL, 10);
        call->wait_s = wait < 0 ? 0 : wait > WAIT_MAX_S ? WAIT_MAX_S : wait;
    }
}

/* What is not understood is ignored, as RFC 7240 wants. */
static void read_preferences(struct call *call)
{
    const char *p = tb_http_header(call->req, "Prefer");
    while (p && *p) {
        p += strspn(p, ",; \t");
        size_t len = strcspn(p, ",; \t");
        read_preference(call, p, len);
        p += len;
    }
}

/* ---- Idempotency-Key ---- */

static bool read_key(struct call *call, struct tb_error *err)
{
    const char *key =
        (call->row->flags & API_KEY) ? tb_http_header(call->req, "Idempotency-Key") : NULL;
    if (!key)
        return true;
    size_t len = strlen(key);
    for (size_t i = 0; i < len; i++) {
        if (key[i] <= ' ' || key[i] > '~')
            len = 0;
    }
    if (len < 1 || len > KEY_MAX)
        return tb_fail(err, TB_BAD_REQUEST,
                       "An Idempotency-Key is 1 to %d visible ASCII characters.", KEY_MAX);
    call->key = key;
    call->idempotency =
        (struct tb_idempotency){.method = call->req->method, .route = call->row->name, .key = key};
    memcpy(call->idempotency.body_sha256, call->body_sha256, TB_SHA256_TEXT);
    return true;
}

/* ---- body ---- */

static bool is_json(const char *type)
{
    if (!type)
        return false;
    size_t len = strcspn(type, "; \t");
    return (len == 16 && strncasecmp(type, "application/json", len) == 0) ||
           (len > 17 && strncasecmp(type, "application/", 12) == 0 &&
            strncasecmp(type + len - 5, "+json", 5) == 0);
}

/* The same key for another bot is another request, so the path's values belong to the hash; so does
 * the lane. */
static void hash_input(struct call *call)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_json_canonical(call->body, &text);
    for (size_t i = 0; i < TB_HTTP_ARGS && call->req->arg[i]; i++)
        tb_buffer_printf(&text, "\n%s", call->req->arg[i]);
    if (api_lane(call))
        tb_buffer_printf(&text, "\nlane=%s", api_lane(call));
    tb_sha256_hex(tb_buffer_text(&text), text.len, call->body_sha256);
    tb_buffer_free(&text);
}

static bool read_body(struct call *call, struct tb_error *err)
{
    struct tb_http_request *req = call->req;
    if (!tb_http_read_body(req, call->row->body_max, tb_mono_ms() + BODY_WAIT_MS, err))
        return false;
    const char *type = tb_http_header(req, "Content-Type");
    call->tar = (call->row->flags & API_TAR) && type && strcasecmp(type, "application/x-tar") == 0;
    bool empty = call->tar || req->body_len == strspn(req->body, " \t\r\n");
    if (!empty && !is_json(type))
        return tb_fail(err, TB_MEDIA_TYPE,
                       "The body must be JSON, sent with the header `Content-Type: "
                       "application/json`.");
    call->doc =
        tb_json_parse(empty ? "{}" : req->body, empty ? 2 : req->body_len, TB_JSON_CLIENT, err);
    if (!call->doc)
        return false;
    call->body = tb_json_root(call->doc);
    if (call->body->type != TB_JSON_OBJECT)
        return tb_fail(err, TB_BAD_REQUEST, "The body must be a JSON object.");
    hash_input(call);
    return true;
}

bool api_read_input(struct call *call, struct tb_error *err)
{
    if (!check_query(call, err))
        return false;
    if (!api_is_writing(call->req->method))
        return true;
    read_preferences(call);
    return read_body(call, err) && read_key(call, err);
}
