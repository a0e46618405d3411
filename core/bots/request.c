/* The create request's envelope: which exchange it means, foreign words translated by the plugin's
 * aliases, unknown fields named. Runs on request threads; a request owns its translated document.
 */
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "bots/bots_private.h"

static const char *const FIELDS[] = {"name", "exchange", "strategy", "account", "image",
                                     "risk", "params",   "plan_id",  NULL};

void problem_add(struct tb_buffer *list, const char *pointer, const char *code, const char *message,
                 const char *hint)
{
    struct tb_json_writer w;
    if (list->len > 0)
        list->data[--list->len] = '\0'; /* reopen the array: drop its "]" */
    tb_buffer_puts(list, list->len > 0 ? "," : "[");
    tb_jw_init(&w, list);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "pointer", pointer);
    tb_jw_kv_string(&w, "code", code);
    tb_jw_kv_string(&w, "message", message);
    tb_jw_kv_string(&w, "hint", hint);
    tb_jw_end_object(&w);
    tb_buffer_putc(list, ']');
}

bool problems_fail(const struct tb_problems *problems, struct tb_error *err)
{
    struct tb_error ignored;
    struct tb_json_doc *list = tb_json_parse(tb_buffer_text(&problems->errors),
                                             problems->errors.len, TB_JSON_UPSTREAM, &ignored);
    const char *first =
        list ? tb_json_get_string(tb_json_first(tb_json_root(list)), "message") : NULL;
    tb_fail(err, TB_INVALID, "%s", first ? first : "The request cannot be used.");
    tb_json_free(list);
    return false;
}

void problems_append(struct tb_buffer *list, const struct tb_json *array)
{
    for (const struct tb_json *p = tb_json_first(array); p; p = p->next) {
        const char *message = tb_json_get_string(p, "message");
        const char *pointer = tb_json_get_string(p, "pointer");
        const char *code = tb_json_get_string(p, "code");
        problem_add(list, pointer ? pointer : "", code ? code : "invalid", message ? message : "",
                    tb_json_get_string(p, "hint"));
    }
}

void tb_problems_free(struct tb_problems *problems)
{
    tb_buffer_free(&problems->errors);
    tb_buffer_free(&problems->warnings);
}

void request_free(struct request *r)
{
    tb_json_free(r->translated);
    r->translated = NULL;
}

static void list_exchanges(struct tb_bots *b, struct tb_buffer *out)
{
    char names[64][64];
    size_t n = tb_plugins_names(b->plugins, names, 64);
    for (size_t i = 0; i < n; i++)
        tb_buffer_printf(out, "%s%s", i ? ", " : "", names[i]);
}

static bool find_exchange(struct tb_bots *b, const struct tb_json *body, char out[64],
                          struct tb_problems *problems)
{
    const char *field = tb_json_get(body, "exchange") ? "exchange" : "connector";
    const char *word = tb_json_get_string(body, field);
    struct tb_buffer list = TB_BUFFER_INIT, message = TB_BUFFER_INIT;
    bool paper = word && strlen(word) > 12 && strcmp(word + strlen(word) - 12, "_paper_trade") == 0;

    if (word && tb_plugins_find(b->plugins, word, out))
        return true;
    list_exchanges(b, &list);
    if (word) {
        tb_buffer_puts(&message, paper
                                     ? "Paper trading is not offered: its fills say nothing about "
                                       "real orders; the simulator is there to try things. "
                                       "Available: "
                                     : "No exchange or connector of this name is available. "
                                       "Available: ");
    } else {
        field = "exchange";
        tb_buffer_puts(&message, "Say which exchange the bot trades on. Available: ");
    }
    tb_buffer_printf(&message, "%s.", tb_buffer_text(&list));
    problem_add(&problems->errors, field[0] == 'e' ? "/exchange" : "/connector",
                paper  ? "paper_trade"
                : word ? "unknown_exchange"
                       : "required",
                tb_buffer_text(&message), NULL);
    tb_buffer_free(&list);
    tb_buffer_free(&message);
    return false;
}

/* Runs the plugin's aliases over the request. */
static bool translate(struct tb_bots *b, const struct tb_json *body, struct request *r,
                      struct tb_problems *problems, struct tb_error *err)
{
    struct tb_buffer input = TB_BUFFER_INIT, output = TB_BUFFER_INIT;
    struct tb_plugin_fault fault;
    struct tb_json_writer w;
    bool ok;

    tb_jw_init(&w, &input);
    tb_jw_object(&w);
    tb_jw_kv_node(&w, "request", body);
    tb_jw_end_object(&w);
    ok = tb_plugins_call(b->plugins,
                         &(struct tb_plugin_call){.plugin = r->exchange,
                                                  .entry = TB_PLUGIN_TRANSLATE,
                                                  .input = input.data,
                                                  .input_len = input.len,
                                                  .mono_deadline_ms = tb_mono_ms() + 5000},
                         &output, &fault, err) &&
         (r->translated = tb_json_parse(output.data, output.len, TB_JSON_UPSTREAM, err)) != NULL;
    tb_buffer_free(&input);
    tb_buffer_free(&output);
    if (!ok)
        return false;
    const struct tb_json *root = tb_json_root(r->translated);
    const struct tb_json *refused = tb_json_get(root, "error");
    problems_append(&problems->warnings, tb_json_get(root, "warnings"));
    if (tb_json_is(refused, TB_JSON_OBJECT)) {
        const char *message = tb_json_get_string(refused, "message");
        const char *pointer = tb_json_get_string(refused, "pointer");
        const char *code = tb_json_get_string(refused, "code");
        problem_add(&problems->errors, pointer ? pointer : "/strategy", code ? code : "refused",
                    message ? message : "The plugin refuses this request.",
                    tb_json_get_string(refused, "hint"));
    }
    return true;
}

static bool known_field(const char *key)
{
    for (const char *const *f = FIELDS; *f; f++)
        if (strcmp(*f, key) == 0)
            return true;
    return false;
}

static void name_unknown_fields(const struct tb_json *request, bool lenient,
                                struct tb_problems *problems)
{
    for (const struct tb_json *m = request->child; m; m = m->next) {
        struct tb_buffer pointer = TB_BUFFER_INIT, hint = TB_BUFFER_INIT;
        const char *near;
        if (known_field(m->key))
            continue;
        near = tb_nearest(m->key, FIELDS);
        tb_buffer_printf(&pointer, "/%.64s", m->key);
        if (near)
            tb_buffer_printf(&hint, "Did you mean \"%s\"?", near);
        else
            tb_buffer_puts(&hint,
                           "Fields: name, exchange, strategy, account, image, risk, params.");
        problem_add(lenient ? &problems->warnings : &problems->errors, tb_buffer_text(&pointer),
                    lenient ? "dropped" : "unknown_field",
                    lenient ? "This field is not known and was dropped."
                            : "This field is not known.",
                    tb_buffer_text(&hint));
        tb_buffer_free(&pointer);
        tb_buffer_free(&hint);
    }
}

/* Characters a person can see: no controls, at most 64 of them. */
static bool name_is_good(const char *name)
{
    size_t characters = 0;
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
            return false;
        characters += (*p & 0xc0) != 0x80;
    }
    return characters >= 1 && characters <= 64 && strspn(name, " ") < strlen(name);
}

static const char *text_field(const struct tb_json *request, const char *key, const char *otherwise,
                              struct tb_problems *problems)
{
    const struct tb_json *value = tb_json_get(request, key);
    char pointer[32] = "/";
    if (!value || value->type == TB_JSON_NULL)
        return otherwise;
    if (tb_json_string(value))
        return tb_json_string(value);
    tb_copy(pointer + 1, sizeof pointer - 1, key);
    problem_add(&problems->errors, pointer, "type", "This must be a text.", NULL);
    return otherwise;
}

static const struct tb_json *object_field(const struct tb_json *request, const char *key,
                                          struct tb_problems *problems)
{
    const struct tb_json *value = tb_json_get(request, key);
    char pointer[32] = "/";
    if (!value || value->type == TB_JSON_NULL || value->type == TB_JSON_OBJECT)
        return tb_json_is(value, TB_JSON_OBJECT) ? value : NULL;
    tb_copy(pointer + 1, sizeof pointer - 1, key);
    problem_add(&problems->errors, pointer, "type", "This must be an object.", NULL);
    return NULL;
}

bool request_read(struct tb_bots *b, const struct tb_json *body, bool lenient, struct request *r,
                  struct tb_problems *problems, struct tb_error *err)
{
    *r = (struct request){0};
    if (!tb_json_is(body, TB_JSON_OBJECT))
        return tb_fail(err, TB_BAD_REQUEST, "The body must be a JSON object.");
    if (!find_exchange(b, body, r->exchange, problems))
        return problems_fail(problems, err);
    if (!translate(b, body, r, problems, err))
        return false;
    if (problems->errors.len > 0)
        return problems_fail(problems, err);

    const struct tb_json *request = tb_json_get(tb_json_root(r->translated), "request");
    if (!tb_json_is(request, TB_JSON_OBJECT))
        return tb_fail(err, TB_PLUGIN_FAILED,
                       "The plugin \"%s\" translated the request to nothing.", r->exchange);
    name_unknown_fields(request, lenient, problems);
    r->name = text_field(request, "name", NULL, problems);
    r->account = text_field(request, "account", "master_account", problems);
    r->image = text_field(request, "image", NULL, problems);
    r->strategy = text_field(request, "strategy", NULL, problems);
    r->params = object_field(request, "params", problems);
    r->risk = object_field(request, "risk", problems);
    if (!r->name || !name_is_good(r->name))
        problem_add(&problems->errors, "/name", r->name ? "format" : "required",
                    "A bot needs a name of 1 to 64 printable characters.", NULL);
    if (!r->strategy)
        problem_add(&problems->errors, "/strategy", "required",
                    "Say which strategy the bot runs; GET /exchanges/{exchange} lists them.", NULL);
    if (problems->errors.len > 0)
        return problems_fail(problems, err);
    return true;
}
