/* Who asks, and what the role allows. Tokens are compared by their SHA-256 only: the
 * administrator's against the configured one, all others by a look-up in the store, so that a
 * revoked token ends at once. Any thread; identities belong to their call. */
#include "api/api_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/memory.h"

#define BIT(role) (1u << (role))

static const struct {
    const char *word;
    unsigned includes;
} ROLES[API_ROLES] = {
    [API_ADMIN] = {"admin", BIT(API_ADMIN) | BIT(API_OPERATOR) | BIT(API_DEVELOPER) |
                                BIT(API_CLIENT) | BIT(API_SCRAPE)},
    [API_OPERATOR] = {"operator", BIT(API_OPERATOR) | BIT(API_CLIENT)},
    [API_DEVELOPER] = {"developer", BIT(API_DEVELOPER)},
    [API_CLIENT] = {"client", BIT(API_CLIENT)},
    [API_SCRAPE] = {"scrape", BIT(API_SCRAPE)},
};

const char *api_role_word(enum api_role role)
{
    return role == API_OPEN ? "open" : role == API_ANY ? "any" : ROLES[role].word;
}

bool api_role_find(const char *word, enum api_role *out)
{
    for (unsigned i = 0; i < API_ROLES; i++) {
        if (strcmp(ROLES[i].word, word) == 0) {
            *out = (enum api_role)i;
            return true;
        }
    }
    return false;
}

bool api_role_includes(enum api_role role, enum api_role other)
{
    return (ROLES[role].includes & BIT(other)) != 0;
}

void api_identity_free(struct identity *who)
{
    tb_json_free(who->bots_doc);
    free(who->bots);
    free(who->bots_text);
    *who = (struct identity){0};
}

static bool is_admin(struct tb_api *api, const char *sha256)
{
    pthread_mutex_lock(&api->lock);
    bool same =
        tb_equal_constant_time(sha256, TB_SHA256_TEXT - 1, api->admin_sha256, TB_SHA256_TEXT - 1);
    pthread_mutex_unlock(&api->lock);
    return same;
}

static bool read_bots(struct identity *who, const char *bots, struct tb_error *err)
{
    who->bots_text = tb_xstrdup(bots);
    who->bots_doc = tb_json_parse(bots, strlen(bots), TB_JSON_CLIENT, err);
    if (!who->bots_doc)
        return false;
    const struct tb_json *list = tb_json_root(who->bots_doc);
    who->bots = tb_xcalloc(list->len + 1, sizeof *who->bots);
    size_t n = 0;
    for (const struct tb_json *id = list->child; id; id = id->next) {
        if (tb_json_string(id))
            who->bots[n++] = tb_json_string(id);
    }
    return true;
}

bool api_identify(struct tb_api *api, const char *sha256, struct identity *out,
                  struct tb_error *err)
{
    *out = (struct identity){0};
    if (is_admin(api, sha256)) {
        tb_copy(out->token_id, sizeof out->token_id, "admin");
        tb_copy(out->name, sizeof out->name, "admin");
        out->role = API_ADMIN;
        return true;
    }
    struct tb_error why = {0};
    struct tb_store_token *token = tb_store_token_by_sha256(api->store, sha256, tb_wall_ms(), &why);
    if (!token) {
        if (why.code == TB_NOT_FOUND)
            return tb_fail(err, TB_UNAUTHORIZED,
                           "This token is not known; it may have expired or been revoked.");
        *err = why;
        return false;
    }
    tb_copy(out->token_id, sizeof out->token_id, token->id);
    tb_copy(out->name, sizeof out->name, token->name);
    bool ok = api_role_find(token->role, &out->role) &&
              (!token->bots || read_bots(out, token->bots, err));
    free(token);
    if (!ok) {
        api_identity_free(out);
        return tb_fail(err, TB_INTERNAL, "The record of this token is damaged.");
    }
    return true;
}

/* The token after "Bearer", or NULL with an explanation. */
static const char *bearer(const char *header, struct tb_error *err)
{
    if (strncasecmp(header, "Bearer", 6) != 0 || (header[6] != ' ' && header[6] != '\t')) {
        (void)tb_fail(err, TB_UNAUTHORIZED,
                      "Send the token as `Authorization: Bearer <token>`; other schemes are not "
                      "known here.");
        return NULL;
    }
    const char *token = header + 6 + strspn(header + 6, " \t");
    if (!*token)
        (void)tb_fail(err, TB_UNAUTHORIZED, "The Authorization header holds no token.");
    return *token ? token : NULL;
}

bool api_authenticate(struct call *call, struct tb_error *err)
{
    const char *header = tb_http_header(call->req, "Authorization");
    char sha256[TB_SHA256_TEXT];
    bool cookie = false;
    if (header) {
        const char *token = bearer(header, err);
        if (!token)
            return false;
        size_t len = strlen(token);
        while (len > 0 && (token[len - 1] == ' ' || token[len - 1] == '\t'))
            len--;
        tb_sha256_hex(token, len, sha256);
    } else {
        cookie = api_session_find(call->api, call->req, sha256);
        if (!cookie)
            return tb_fail(err, TB_UNAUTHORIZED,
                           "This needs a token: send `Authorization: Bearer <token>`.");
    }
    if (!api_identify(call->api, sha256, &call->who, err))
        return false;
    call->who.cookie = cookie;
    call->known = true;
    return true;
}

/* The scheme is not compared: behind a proxy that ends TLS we do not know ours. */
bool api_same_origin(const struct tb_http_request *req)
{
    const char *origin = tb_http_header(req, "Origin");
    const char *host = tb_http_header(req, "Host");
    const char *authority = origin ? strstr(origin, "://") : NULL;
    return authority && host && *host && strcasecmp(authority + 3, host) == 0;
}
