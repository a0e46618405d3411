/* What answers at the API's address: is it the Hummingbot API, of which version, does it take our
 * password and refuse a wrong one, do refusals arrive as it sends them, which accounts have keys.
 * Reads only. Main thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/memory.h"
#include "commands/check_private.h"

#define DEFAULT_WORD "admin" /* user and password of an untouched installation */
#define ACCOUNTS_MAX 50

struct tb_json_doc *check_read(struct tb_hb *hb, const struct tb_hb_call *call,
                               struct tb_error *err)
{
    struct tb_hb_call fresh = *call;
    struct tb_hb_answer answer;
    struct tb_json_doc *doc = NULL;
    fresh.fresh = true;
    if (tb_hb_call(hb, &fresh, &answer, err))
        doc = tb_json_parse(tb_buffer_text(&answer.body), answer.body.len, TB_JSON_UPSTREAM, err);
    tb_hb_answer_free(&answer);
    return doc;
}

/* ---- version ---- */

static bool check_profile(struct check *check, struct tb_hb *hb, struct tb_hb_profile *out)
{
    struct tb_hb_profile p;
    struct tb_error err = {0};
    const char *url = settings_text(check->settings, SET_API_URL);
    if (!tb_hb_profile(hb, true, &p, &err)) {
        bool tls = strncmp(url, "https:", 6) == 0 && strstr(err.detail, "TLS");
        check_error(check, tls ? "TLS" : "GET /", &err);
        return false;
    }
    if (strncmp(url, "https:", 6) == 0)
        check_line(check, CHECK_OK, NULL, "TLS: the certificate is accepted");
    if (!p.can_list) {
        check_line(check, CHECK_FAIL, p.differences, "version: profile %s", p.name);
        return false;
    }
    check_line(check, CHECK_OK, NULL, "GET /: the Hummingbot API answers");
    if (!p.can_create)
        check_line(check, CHECK_WARN, "update hummingbot-api (main of 2026-02-25 or later)",
                   "version: profile %s (%s): bots can be listed and stopped, but not created",
                   p.name, p.since);
    else
        check_line(check, CHECK_OK, NULL, "version: profile %s (as of %s)", p.name, p.since);
    for (char *line = p.differences, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        check_line(check, CHECK_WARN, "update hummingbot-api when you can", "version: %.*s",
                   (int)(end - line), line);
        end += *end == '\n';
    }
    *out = p;
    return true;
}

/* ---- credentials ---- */

/* Asks for the accounts with these words; the answer is for the caller to free. */
static bool ask(const struct check *check, const char *username, const char *password,
                struct tb_hb_answer *answer, struct tb_error *err)
{
    struct tb_hb_config config = place_hummingbot(check->settings);
    config.username = username;
    config.password = password;
    *answer = (struct tb_hb_answer){0};
    struct tb_hb *hb = tb_hb_open(&config, err);
    if (!hb)
        return false;
    bool ok = tb_hb_call(hb, &(struct tb_hb_call){.endpoint = TB_HB_ACCOUNTS_LIST, .fresh = true},
                         answer, err);
    tb_hb_close(hb);
    return ok;
}

static bool accepted(const struct check *check, const char *username, const char *password)
{
    struct tb_hb_answer answer;
    struct tb_error err = {0};
    bool ok = ask(check, username, password, &answer, &err);
    tb_hb_answer_free(&answer);
    return ok;
}

/* The password without white space at its ends, if that is another one and the right one. */
static bool right_when_trimmed(const struct check *check, const char *username,
                               const char *password)
{
    size_t before = strspn(password, " \t\r\n"), len = strlen(password);
    while (len > before && strchr(" \t\r\n", password[len - 1]))
        len--;
    if (before == 0 && password[len] == '\0')
        return false;
    char *trimmed = tb_xstrndup(password + before, len - before);
    bool right = accepted(check, username, trimmed);
    free(trimmed);
    return right;
}

/* Why was our pair refused? Each cause here took a real deployment hours. */
static void explain_refusal(struct check *check, const char *username, const char *password,
                            const struct tb_error *err)
{
    if (strstr(err->upstream_detail, "Not authenticated"))
        check_line(check, CHECK_FAIL,
                   "a proxy, gateway or tunnel on the way removes the Authorization header: let it "
                   "through",
                   "password: the user and password did not arrive (Basic was dropped)");
    else if (strcmp(username, DEFAULT_WORD) != 0 && accepted(check, DEFAULT_WORD, password))
        check_line(check, CHECK_FAIL, "set HUMMINGBOT_API_USERNAME=admin",
                   "password: the API's user is `admin`, not `%s`; the password is right",
                   username);
    else if (right_when_trimmed(check, username, password))
        check_line(check, CHECK_FAIL, "remove it from HUMMINGBOT_API_PASSWORD",
                   "password: it has white space at an end; without it it is right");
    else if (right_when_trimmed(check, DEFAULT_WORD, password))
        check_line(check, CHECK_FAIL,
                   "set HUMMINGBOT_API_USERNAME=admin and remove the white space from "
                   "HUMMINGBOT_API_PASSWORD",
                   "password: the API's user is `admin`, and the password has white space at an "
                   "end");
    else
        check_line(check, CHECK_FAIL,
                   "compare HUMMINGBOT_API_USERNAME and HUMMINGBOT_API_PASSWORD with the "
                   "environment of the API's container; scripts/find_hummingbot_creds.sh finds it",
                   "password: user `%s` and its password are wrong (%s)", username,
                   err->upstream_detail);
}

static void check_wrong_password(struct check *check, const char *username)
{
    char wrong[TB_TOKEN_TEXT];
    struct tb_hb_answer answer;
    struct tb_error err = {0};
    tb_token(wrong);
    if (ask(check, username, wrong, &answer, &err))
        check_line(check, CHECK_WARN,
                   "set DEBUG_MODE=false in the API's .env, or update hummingbot-api; until then "
                   "anybody who reaches the API commands it",
                   "password: a wrong password is accepted too (DEBUG_MODE)");
    else if (err.code == TB_UPSTREAM_CREDENTIALS)
        check_line(check, CHECK_OK, NULL, "password: a wrong password is refused");
    else
        check_error(check, "password: with a wrong password", &err);
    tb_hb_answer_free(&answer);
}

static bool check_password(struct check *check, struct tb_buffer *accounts_out)
{
    const char *username = settings_text(check->settings, SET_API_USERNAME);
    const char *password = settings_text(check->settings, SET_API_PASSWORD);
    struct tb_hb_answer answer;
    struct tb_error err = {0};
    bool ok = ask(check, username, password, &answer, &err);
    if (ok) {
        check_line(check, CHECK_OK, NULL, "password: user `%s` and its password are accepted",
                   username);
        check_wrong_password(check, username);
        if (strcmp(username, DEFAULT_WORD) == 0 && strcmp(password, DEFAULT_WORD) == 0)
            check_line(check, CHECK_WARN, "choose another password in the API's .env and here",
                       "password: it is the default admin/admin");
        *accounts_out = answer.body;
        answer.body = (struct tb_buffer)TB_BUFFER_INIT;
    } else if (err.code == TB_UPSTREAM_CREDENTIALS) {
        explain_refusal(check, username, password, &err);
    } else {
        check_error(check, "GET /accounts/", &err);
    }
    tb_hb_answer_free(&answer);
    return ok;
}

/* ---- accounts ---- */

/* The connectors an account has keys for, as "a, b"; false when they cannot be read. */
static bool read_keys(struct tb_hb *hb, const char *account, struct tb_buffer *out,
                      struct tb_error *err)
{
    struct tb_json_doc *doc = check_read(
        hb, &(struct tb_hb_call){.endpoint = TB_HB_ACCOUNTS_CREDENTIALS, .arg = {account}}, err);
    const struct tb_json *list = doc ? tb_json_root(doc) : NULL;
    for (const struct tb_json *c = list ? list->child : NULL; c; c = c->next) {
        const char *name = tb_json_string(c);
        if (name)
            tb_buffer_printf(out, "%s%.64s", out->len ? ", " : "", name);
    }
    tb_json_free(doc);
    return doc != NULL;
}

static void check_account(struct check *check, struct tb_hb *hb, const char *account)
{
    struct tb_buffer keys = TB_BUFFER_INIT;
    struct tb_error err = {0};
    if (!read_keys(hb, account, &keys, &err))
        check_error(check, "credentials profile", &err);
    else if (keys.len > 0)
        check_line(check, CHECK_OK, NULL, "credentials profile: %s has keys for %s", account,
                   tb_buffer_text(&keys));
    else
        check_line(check, CHECK_WARN,
                   "add the exchange's keys to it (the API's POST /accounts/add-credential)",
                   "credentials profile: %s has no exchange keys", account);
    tb_buffer_free(&keys);
}

static void check_accounts(struct check *check, struct tb_hb *hb, const struct tb_buffer *accounts)
{
    struct tb_json_doc *doc =
        tb_json_parse(tb_buffer_text(accounts), accounts->len, TB_JSON_UPSTREAM, NULL);
    const struct tb_json *list = doc ? tb_json_root(doc) : NULL;
    size_t n = 0;
    for (const struct tb_json *a = list ? list->child : NULL; a && n < ACCOUNTS_MAX; a = a->next) {
        const char *account = tb_json_string(a);
        if (!account)
            continue;
        n++;
        check_account(check, hb, account);
    }
    if (n == 0)
        check_line(check, CHECK_FAIL,
                   "make one: the folder bots/credentials/master_account of hummingbot-api, or its "
                   "POST /accounts/add-account",
                   "credentials profile: the API has none, so no bot can be deployed");
    tb_json_free(doc);
}

/* ---- refusals ---- */

/* "Not there", "not allowed" and "not reachable" need different hands. What is surely not there is
 * asked for, so that one sees whether the API's own 404 gets here, or something on the way answers
 * everything alike. */
static void check_refusals(struct check *check, struct tb_hb *hb)
{
    static const char remedy[] =
        "something between here and the API rewrites its answers: lead HUMMINGBOT_API_URL to the "
        "API itself, or make the proxy or tunnel pass status and body through";
    char missing[TB_TOKEN_TEXT];
    struct tb_hb_answer answer;
    struct tb_error err = {0};
    tb_token(missing);
    bool found = tb_hb_call(
        hb,
        &(struct tb_hb_call){.endpoint = TB_HB_SCRIPTS_CONFIG_GET, .arg = {missing}, .fresh = true},
        &answer, &err);
    if (found)
        check_line(check, CHECK_FAIL, remedy,
                   "refusals: a config that does not exist was answered with %d, as if it did",
                   answer.status);
    else if (answer.outcome == TB_HB_REFUSED && answer.status == 404)
        check_line(check, CHECK_OK, NULL,
                   "refusals: what does not exist is told as 404 in the API's own words");
    else if (answer.status)
        check_line(check, CHECK_FAIL, remedy,
                   "refusals: what does not exist is told as %d instead of the API's own 404, so a "
                   "wrong name, a wrong password and an API that is down look alike (%s)",
                   answer.status, err.detail);
    else
        check_error(check, "refusals", &err);
    tb_hb_answer_free(&answer);
}

void check_api(struct check *check)
{
    struct tb_hb_config config = place_hummingbot(check->settings);
    struct tb_error err = {0};
    struct tb_buffer accounts = TB_BUFFER_INIT;
    struct tb_hb_profile profile;
    struct tb_hb *hb = tb_hb_open(&config, &err);
    if (!hb) {
        check_error(check, "setting", &err);
        return;
    }
    if (check_profile(check, hb, &profile) && check_password(check, &accounts)) {
        check_refusals(check, hb);
        check_accounts(check, hb, &accounts);
        check_bots(check, hb, &profile);
    }
    tb_buffer_free(&accounts);
    tb_hb_close(hb);
}
