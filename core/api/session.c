/* The page's sessions: a random id in an HttpOnly cookie, bound in memory to the hash of a token.
 * The cookie never holds the token; a restart, a revoked token or 12 hours end the session. When
 * all places are taken the one that ends first gives way. Any thread, under api->lock. */
#include "api/api_private.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define COOKIE      "tb_session"
#define COOKIE_TEXT 65 /* 32 random bytes in hex + NUL */
#define LIFE_MS     (INT64_C(12) * 3600 * 1000)

/* The hash of the cookie's value; false when there is no such cookie. */
static bool cookie_sha256(const struct tb_http_request *req, char out[TB_SHA256_TEXT])
{
    const char *p = tb_http_header(req, "Cookie");
    while (p && *p) {
        p += strspn(p, "; ");
        size_t len = strcspn(p, ";");
        if (len > sizeof COOKIE && strncmp(p, COOKIE "=", sizeof COOKIE) == 0) {
            tb_sha256_hex(p + sizeof COOKIE, len - sizeof COOKIE, out);
            return true;
        }
        p += len;
    }
    return false;
}

/* Under the lock. */
static struct session *find(struct tb_api *api, const char *id_sha256)
{
    int64_t now = tb_mono_ms();
    for (size_t i = 0; i < API_SESSIONS; i++) {
        struct session *s = &api->sessions[i];
        if (s->ends_ms > now &&
            tb_equal_constant_time(s->id_sha256, TB_SHA256_TEXT - 1, id_sha256, TB_SHA256_TEXT - 1))
            return s;
    }
    return NULL;
}

bool api_session_find(struct tb_api *api, const struct tb_http_request *req,
                      char token_sha256_out[TB_SHA256_TEXT])
{
    char id[TB_SHA256_TEXT];
    if (!cookie_sha256(req, id))
        return false;
    pthread_mutex_lock(&api->lock);
    const struct session *s = find(api, id);
    if (s)
        memcpy(token_sha256_out, s->token_sha256, TB_SHA256_TEXT);
    pthread_mutex_unlock(&api->lock);
    return s != NULL;
}

static void session_add(struct tb_api *api, const char *id, const char *token_sha256)
{
    pthread_mutex_lock(&api->lock);
    struct session *place = &api->sessions[0];
    for (size_t i = 1; i < API_SESSIONS; i++) {
        if (api->sessions[i].ends_ms < place->ends_ms)
            place = &api->sessions[i];
    }
    tb_sha256_hex(id, strlen(id), place->id_sha256);
    memcpy(place->token_sha256, token_sha256, TB_SHA256_TEXT);
    place->ends_ms = tb_mono_ms() + LIFE_MS;
    pthread_mutex_unlock(&api->lock);
}

static void set_cookie(struct call *call, const char *value, int64_t seconds)
{
    const char *proto = tb_http_header(call->req, "X-Forwarded-Proto");
    char line[256];
    snprintf(line, sizeof line, COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
             value, (long long)seconds, proto && strcmp(proto, "https") == 0 ? "; Secure" : "");
    tb_http_header_add(call->res, "Set-Cookie", line);
}

static void write_identity(struct call *call)
{
    struct tb_json_writer w;
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", call->who.name);
    tb_jw_kv_string(&w, "role", api_role_word(call->who.role));
    tb_jw_end_object(&w);
}

bool api_get_session(struct call *call, struct tb_error *err)
{
    (void)err;
    write_identity(call);
    return true;
}

bool api_create_session(struct call *call, struct tb_error *err)
{
    const char *token = tb_json_get_string(call->body, "token");
    unsigned char random[(COOKIE_TEXT - 1) / 2];
    char id[COOKIE_TEXT], sha256[TB_SHA256_TEXT];
    if (!token || !*token)
        return tb_fail(err, TB_UNAUTHORIZED, "Send {\"token\": \"…\"} to sign in.");
    tb_sha256_hex(token, strlen(token), sha256);
    if (!api_identify(call->api, sha256, &call->who, err))
        return false;
    call->known = true;
    tb_random_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
    session_add(call->api, id, sha256);
    set_cookie(call, id, LIFE_MS / 1000);
    call->res->status = 201;
    write_identity(call);
    return true;
}

bool api_delete_session(struct call *call, struct tb_error *err)
{
    char id[TB_SHA256_TEXT];
    (void)err;
    if (cookie_sha256(call->req, id)) {
        pthread_mutex_lock(&call->api->lock);
        struct session *s = find(call->api, id);
        if (s)
            *s = (struct session){0};
        pthread_mutex_unlock(&call->api->lock);
    }
    set_cookie(call, "", 0);
    tb_buffer_puts(&call->res->body, "{\"signed_in\":false}");
    return true;
}
