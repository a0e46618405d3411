/* /tokens: made for a role, shown once, stored as a hash, revoked at once. Any thread. */
#include "api/api_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/words.h"

#define BOTS_MAX            200
#define NAME_MAX_CHARACTERS 64

static const char *const FIELDS[] = {"name", "role", "bots", "expires_at", NULL};

/* What was asked for, checked. */
struct wish {
    const char *name;
    enum api_role role;
    int64_t expires_at;
    struct tb_buffer bots; /* JSON array of ids; empty: not limited */
};

/* ---- checks ---- */

static void check_fields(const struct tb_json *request, struct tb_problems *problems)
{
    for (const struct tb_json *m = request->child; m; m = m->next) {
        bool known = false;
        for (const char *const *f = FIELDS; *f; f++)
            known = known || strcmp(*f, m->key) == 0;
        if (known)
            continue;
        struct tb_buffer pointer = TB_BUFFER_INIT, hint = TB_BUFFER_INIT;
        const char *near = tb_nearest(m->key, FIELDS);
        tb_pointer_add(&pointer, m->key);
        if (near)
            tb_buffer_printf(&hint, "Did you mean \"%s\"?", near);
        else
            tb_buffer_puts(&hint, "Fields: name, role, bots, expires_at.");
        tb_problem_add(&problems->errors, tb_buffer_text(&pointer), "unknown_field",
                       "This field is not known.", tb_buffer_text(&hint));
        tb_buffer_free(&pointer);
        tb_buffer_free(&hint);
    }
}

static void check_name(const struct tb_json *request, struct wish *wish,
                       struct tb_problems *problems)
{
    wish->name = tb_json_get_string(request, "name");
    const char *fault = wish->name ? tb_name_fault(wish->name, NAME_MAX_CHARACTERS) : "is missing";
    char message[200];
    if (!fault)
        return;
    snprintf(message, sizeof message,
             "A token needs a name of 1 to 64 printable characters; this one %s.", fault);
    tb_problem_add(&problems->errors, "/name", wish->name ? "format" : "required", message,
                   "Name whoever or whatever will use it.");
}

static void check_role(const struct tb_json *request, struct wish *wish,
                       struct tb_problems *problems)
{
    const char *role = tb_json_get_string(request, "role");
    wish->role = API_ANY;
    if (!role || !api_role_find(role, &wish->role))
        tb_problem_add(&problems->errors, "/role", role ? "enum" : "required",
                       "A token needs one of the roles admin, operator, developer, client, scrape.",
                       NULL);
}

static void check_expiry(const struct tb_json *request, struct wish *wish,
                         struct tb_problems *problems)
{
    const struct tb_json *value = tb_json_get(request, "expires_at");
    const char *text = tb_json_string(value);
    if (!value || value->type == TB_JSON_NULL)
        return;
    if (!text || !tb_time_parse(text, &wish->expires_at))
        tb_problem_add(&problems->errors, "/expires_at", "format",
                       "This must be a time such as 2027-01-31T12:00:00Z.", NULL);
    else if (wish->expires_at <= tb_wall_ms())
        tb_problem_add(&problems->errors, "/expires_at", "minimum", "This time has passed.", NULL);
}

/* The record that an id, a living name or an instance means; NULL when there is none. */
static struct tb_store_bot *find_bot(struct tb_store *store, const char *word)
{
    struct tb_error ignored = {0};
    struct tb_store_bot *bot = tb_store_bot_get(store, word, &ignored);
    if (!bot)
        bot = tb_store_bot_by_name(store, word, &ignored);
    return bot ? bot : tb_store_bot_by_instance(store, word, &ignored);
}

static void check_bot(struct tb_store *store, const struct tb_json *item, size_t index,
                      struct tb_json_writer *w, struct tb_problems *problems)
{
    const char *word = tb_json_string(item);
    struct tb_store_bot *bot = word ? find_bot(store, word) : NULL;
    if (bot) {
        tb_jw_string(w, bot->id);
    } else {
        char pointer[32];
        snprintf(pointer, sizeof pointer, "/bots/%zu", index);
        tb_problem_add(&problems->errors, pointer, "unknown_bot",
                       "This is neither the id nor the name of a bot that this bridge made.",
                       "GET /bots lists the ids.");
    }
    free(bot);
}

static void check_bots(struct tb_store *store, const struct tb_json *request, struct wish *wish,
                       struct tb_problems *problems)
{
    const struct tb_json *list = tb_json_get(request, "bots");
    bool given = list && list->type != TB_JSON_NULL;
    struct tb_json_writer w;
    if (given && wish->role != API_CLIENT && wish->role != API_ANY) {
        tb_problem_add(&problems->errors, "/bots", "not_for_role",
                       "Only tokens of the role client are limited to named bots.", NULL);
        return;
    }
    if (!given && wish->role != API_CLIENT)
        return;
    if (!list || list->type != TB_JSON_ARRAY || list->len == 0 || list->len > BOTS_MAX) {
        tb_problem_add(&problems->errors, "/bots", given ? "type" : "required",
                       "A client's token needs a list of 1 to 200 bots that it may see.", NULL);
        return;
    }
    size_t index = 0;
    tb_jw_init(&w, &wish->bots);
    tb_jw_array(&w);
    for (const struct tb_json *item = list->child; item; item = item->next)
        check_bot(store, item, index++, &w, problems);
    tb_jw_end_array(&w);
}

/* ---- making one ---- */

static void write_token(struct tb_json_writer *w, const struct tb_store_token *token)
{
    tb_jw_kv_string(w, "id", token->id);
    tb_jw_kv_string(w, "name", token->name);
    tb_jw_kv_string(w, "role", token->role);
    tb_jw_kv_raw(w, "bots", token->bots ? token->bots : "", token->bots ? strlen(token->bots) : 0);
    tb_jw_kv_time(w, "created_at", token->created_at);
    tb_jw_kv_time(w, "expires_at", token->expires_at);
}

static const char shown_once[] =
    "[{\"pointer\":\"/token\",\"code\":\"shown_once\",\"message\":\"The token was shown in the "
    "first "
    "answer to this Idempotency-Key and is not kept. If that answer was lost, revoke this token "
    "and "
    "make another.\",\"hint\":null}]";

/* A key's record that answers a repeated request: everything but the secret. */
static void write_kept(struct tb_buffer *out, const struct tb_store_token *token)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    write_token(&w, token);
    tb_jw_key(&w, "token");
    tb_jw_null(&w);
    tb_jw_kv_raw(&w, "warnings", shown_once, sizeof shown_once - 1);
    tb_jw_end_object(&w);
}

/* In one commit with the key, when there is one: a repeated request can never make two tokens. */
static bool commit(struct tb_store *store, const struct tb_store_token *token,
                   struct tb_store_idempotency *record, struct tb_store_idempotency_result *result,
                   struct tb_error *err)
{
    struct tb_buffer kept = TB_BUFFER_INIT;
    struct tb_store_change changes[2];
    size_t n = 0;
    if (record) {
        write_kept(&kept, token);
        record->status = 201;
        record->body = tb_buffer_text(&kept);
        changes[n++] = (struct tb_store_change){.kind = TB_STORE_IDEMPOTENCY_BEGIN,
                                                .idempotency_result = result,
                                                .idempotency = record};
    }
    changes[n++] = (struct tb_store_change){.kind = TB_STORE_TOKEN_ADD, .token = token};
    bool ok = tb_store_commit(store, changes, n, err);
    tb_buffer_free(&kept);
    return ok;
}

static bool make(struct tb_store *store, const struct wish *wish,
                 struct tb_store_idempotency *record, struct tb_store_idempotency_result *result,
                 struct tb_buffer *out, struct tb_error *err)
{
    char id[TB_ULID_TEXT], secret[TB_TOKEN_TEXT], sha256[TB_SHA256_TEXT];
    struct tb_json_writer w;
    tb_ulid(id);
    tb_token(secret);
    tb_sha256_hex(secret, strlen(secret), sha256);
    const struct tb_store_token token = {
        .id = id,
        .name = wish->name,
        .role = api_role_word(wish->role),
        .bots = wish->bots.len > 0 ? wish->bots.data : NULL,
        .sha256 = sha256,
        .created_at = tb_wall_ms(),
        .expires_at = wish->expires_at,
    };
    if (!commit(store, &token, record, result, err))
        return false;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    write_token(&w, &token);
    tb_jw_kv_string(&w, "token", secret);
    tb_jw_end_object(&w);
    return true;
}

static bool check(struct tb_store *store, const struct tb_json *request, struct wish *wish,
                  struct tb_problems *problems, struct tb_error *err)
{
    check_fields(request, problems);
    check_name(request, wish, problems);
    check_role(request, wish, problems);
    check_expiry(request, wish, problems);
    check_bots(store, request, wish, problems);
    if (problems->errors.len > 0)
        return tb_fail(err, TB_INVALID, "The token cannot be made as asked; `errors` says why.");
    return true;
}

bool tb_api_token_create(struct tb_store *store, const struct tb_json *request,
                         struct tb_buffer *out, struct tb_problems *problems, struct tb_error *err)
{
    struct wish wish = {0};
    bool ok =
        check(store, request, &wish, problems, err) && make(store, &wish, NULL, NULL, out, err);
    tb_buffer_free(&wish.bots);
    return ok;
}

/* ---- routes ---- */

static void note_for_audit(struct call *call, const struct wish *wish)
{
    struct tb_json_writer w;
    tb_jw_init(&w, &call->audit);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", wish->name);
    tb_jw_kv_string(&w, "role", api_role_word(wish->role));
    tb_jw_end_object(&w);
}

static bool create(struct call *call, struct tb_store_idempotency *record,
                   struct tb_store_idempotency_result *result, struct tb_error *err)
{
    struct wish wish = {0};
    bool ok = check(call->api->store, call->body, &wish, &call->problems, err) &&
              make(call->api->store, &wish, record, result, &call->res->body, err);
    if (ok) {
        note_for_audit(call, &wish);
        call->res->status = 201;
    }
    tb_buffer_free(&wish.bots);
    return ok;
}

bool api_create_token(struct call *call, struct tb_error *err)
{
    return api_run_with_key(call, create, err);
}

static void list_one(void *arg, const struct tb_store_token *token)
{
    struct tb_json_writer *w = arg;
    tb_jw_object(w);
    write_token(w, token);
    tb_jw_kv_time(w, "revoked_at", token->revoked_at);
    tb_jw_end_object(w);
}

bool api_get_tokens(struct call *call, struct tb_error *err)
{
    struct tb_json_writer w;
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    tb_jw_key(&w, "tokens");
    tb_jw_array(&w);
    if (!tb_store_tokens_each(call->api->store, list_one, &w, err))
        return false;
    tb_jw_end_array(&w);
    tb_jw_key(&w, "next_cursor");
    tb_jw_null(&w);
    tb_jw_end_object(&w);
    return true;
}

bool api_delete_token(struct call *call, struct tb_error *err)
{
    const char *id = call->req->arg[0];
    struct tb_json_writer w;
    struct tb_error why = {0};
    if (strcmp(id, "admin") == 0)
        return tb_fail(err, TB_NOT_FOUND,
                       "The administrator's token is a setting (BRIDGE_ADMIN_TOKEN), not a record; "
                       "change it there.");
    if (!tb_store_token_revoke(call->api->store, id, tb_wall_ms(), &why)) {
        *err = why;
        if (why.code == TB_NOT_FOUND)
            (void)tb_fail(err, TB_NOT_FOUND,
                          "There is no token of this id; GET /tokens lists them.");
        return false;
    }
    tb_jw_init(&w, &call->res->body);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "id", id);
    tb_jw_kv_bool(&w, "revoked", true);
    tb_jw_end_object(&w);
    return true;
}
