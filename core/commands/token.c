/* `trading-bridge token create`: asks the running bridge, which alone may write the store; opens
 * the store itself only when no bridge holds it. The token goes to stdout, all else to stderr. Main
 * thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "commands/commands_private.h"
#include "store/store.h"

#define BOTS_MAX 200

static const char usage[] =
    "usage: trading-bridge token create --role ROLE --name NAME [--bot ID]… "
    "[--expires 2027-01-31T12:00:00Z]\n"
    "roles: admin, operator, developer, client, scrape\n";

struct options {
    const char *role, *name, *expires;
    const char *bots[BOTS_MAX];
    size_t n_bots;
};

static bool read_options(int argc, char **argv, struct options *o)
{
    if (argc < 2 || strcmp(argv[1], "create") != 0)
        return false;
    for (int i = 2; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!value)
            return false;
        if (strcmp(argv[i], "--role") == 0)
            o->role = value;
        else if (strcmp(argv[i], "--name") == 0)
            o->name = value;
        else if (strcmp(argv[i], "--expires") == 0)
            o->expires = value;
        else if (strcmp(argv[i], "--bot") == 0 && o->n_bots < BOTS_MAX)
            o->bots[o->n_bots++] = value;
        else
            return false;
    }
    return o->role && o->name;
}

static void write_request(const struct options *o, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", o->name);
    tb_jw_kv_string(&w, "role", o->role);
    if (o->expires)
        tb_jw_kv_string(&w, "expires_at", o->expires);
    if (o->n_bots > 0) {
        tb_jw_key(&w, "bots");
        tb_jw_array(&w);
        for (size_t i = 0; i < o->n_bots; i++)
            tb_jw_string(&w, o->bots[i]);
        tb_jw_end_array(&w);
    }
    tb_jw_end_object(&w);
}

static void print_errors(const struct tb_json *errors)
{
    for (const struct tb_json *e = errors ? errors->child : NULL; e; e = e->next) {
        const char *pointer = tb_json_get_string(e, "pointer");
        const char *message = tb_json_get_string(e, "message");
        const char *hint = tb_json_get_string(e, "hint");
        fprintf(stderr, "  %s: %s %s\n", pointer ? pointer : "", message ? message : "",
                hint ? hint : "");
    }
}

/* The answer of either way: a token document or a problem document. */
static int print_answer(const struct tb_buffer *answer)
{
    struct tb_json_doc *doc =
        tb_json_parse(tb_buffer_text(answer), answer->len, TB_JSON_UPSTREAM, NULL);
    const struct tb_json *root = doc ? tb_json_root(doc) : NULL;
    const char *token = tb_json_get_string(root, "token");
    const char *detail = tb_json_get_string(root, "detail");
    if (token) {
        const char *id = tb_json_get_string(root, "id");
        fprintf(stderr, "token %s made; it is shown only now:\n", id ? id : "");
        puts(token);
    } else {
        fprintf(stderr, "token: %s\n", detail ? detail : "the answer cannot be understood");
        print_errors(tb_json_get(root, "errors"));
    }
    int status = token ? 0 : 1;
    tb_json_free(doc);
    return status;
}

static int ask(const struct settings *s, const struct tb_buffer *request)
{
    struct tb_error err = {0};
    struct tb_buffer answer = TB_BUFFER_INIT;
    int status = 0;
    char *admin = place_admin_token(s, false, NULL, &err);
    bool ok =
        admin && ask_bridge(s, "POST", "/tokens", admin, request->data, &status, &answer, &err);
    int exit_status = 1;
    if (ok)
        exit_status = print_answer(&answer);
    else
        fprintf(stderr, "token: a bridge holds the store, but cannot be asked. %s\n", err.detail);
    tb_buffer_free(&answer);
    free(admin);
    return exit_status;
}

static int make(struct tb_store *store, const struct tb_buffer *request)
{
    struct tb_error err = {0};
    struct tb_buffer answer = TB_BUFFER_INIT;
    struct tb_problems problems = {0};
    int status = 1;
    struct tb_json_doc *doc = tb_json_parse(request->data, request->len, TB_JSON_CLIENT, &err);
    if (doc && tb_api_token_create(store, tb_json_root(doc), &answer, &problems, &err)) {
        status = print_answer(&answer);
    } else {
        fprintf(stderr, "token: %s\n", err.detail);
        struct tb_json_doc *errors = tb_json_parse(tb_buffer_text(&problems.errors),
                                                   problems.errors.len, TB_JSON_CLIENT, NULL);
        print_errors(errors ? tb_json_root(errors) : NULL);
        tb_json_free(errors);
    }
    tb_json_free(doc);
    tb_problems_free(&problems);
    tb_buffer_free(&answer);
    return status;
}

int tb_command_token(int argc, char **argv)
{
    struct options options = {0};
    struct settings s;
    struct tb_error err = {0};
    struct tb_buffer request = TB_BUFFER_INIT;
    int status = 1;
    if (!read_options(argc, argv, &options)) {
        fputs(usage, stderr);
        return 2;
    }
    if (command_settings(&s)) {
        write_request(&options, &request);
        struct tb_store *store = tb_store_open(settings_text(&s, SET_STORE), &err);
        if (store)
            status = make(store, &request);
        else if (err.code == TB_BUSY)
            status = ask(&s, &request);
        else
            fprintf(stderr, "token: %s\n", err.detail);
        if (store)
            tb_store_close(store);
        tb_buffer_free(&request);
    }
    settings_free(&s);
    return status;
}
