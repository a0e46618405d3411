/* The create request's envelope: which exchange it means, foreign words translated by the plugin's
 * aliases, unknown fields named. Runs on request threads; a request owns its translated document.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/words.h"
#include "bots/bots_private.h"

enum { NAME_CHARACTERS = 64 };

static const char *const FIELDS[] = {"name", "exchange", "strategy", "account", "image",
                                     "risk", "params",   "plan_id",  NULL};

/* The first error with its hint, and how many more there are. */
static void first_error(const struct tb_json *errors, struct tb_buffer *out)
{
    const struct tb_json *first = tb_json_first(errors);
    const char *message = tb_json_get_string(first, "message");
    const char *hint = tb_json_get_string(first, "hint");
    size_t len = message ? strlen(message) : 0;
    tb_buffer_puts(out, len > 0 ? message : "The request cannot be used.");
    if (len > 0 && hint && hint[0] && message[len - 1] == '.')
        tb_buffer_printf(out, " %c%s", toupper((unsigned char)hint[0]), hint + 1);
    else if (len > 0 && hint && hint[0])
        tb_buffer_printf(out, "; %s", hint);
    if (errors && errors->len > 1)
        tb_buffer_printf(out, " (%zu more)", (size_t)errors->len - 1);
}

bool problems_fail(const struct tb_problems *problems, struct tb_error *err)
{
    struct tb_error ignored;
    struct tb_buffer detail = TB_BUFFER_INIT;
    struct tb_json_doc *list = tb_json_parse(tb_buffer_text(&problems->errors),
                                             problems->errors.len, TB_JSON_UPSTREAM, &ignored);
    first_error(list ? tb_json_root(list) : NULL, &detail);
    tb_fail(err, TB_INVALID, "%s", tb_buffer_text(&detail));
    tb_buffer_free(&detail);
    tb_json_free(list);
    return false;
}

void problem_unknown_field(struct tb_buffer *list, const char *field, const char *const *fields,
                           const char *otherwise, bool dropped)
{
    struct tb_buffer pointer = TB_BUFFER_INIT, message = TB_BUFFER_INIT, hint = TB_BUFFER_INIT;
    const char *near = tb_nearest(field, fields);
    tb_pointer_add(&pointer, field);
    tb_buffer_printf(&message, "The field \"%s\" is not known%s.", tb_buffer_text(&pointer) + 1,
                     dropped ? " and was dropped" : "");
    if (near)
        tb_buffer_printf(&hint, "Did you mean \"%s\"?", near);
    else
        tb_buffer_puts(&hint, otherwise);
    tb_problem_add(list, tb_buffer_text(&pointer), dropped ? "dropped" : "unknown_field",
                   tb_buffer_text(&message), hint.len > 0 ? tb_buffer_text(&hint) : NULL);
    tb_buffer_free(&pointer);
    tb_buffer_free(&message);
    tb_buffer_free(&hint);
}

void problems_append(struct tb_buffer *list, const struct tb_json *array)
{
    for (const struct tb_json *p = tb_json_first(array); p; p = p->next) {
        const char *message = tb_json_get_string(p, "message");
        const char *pointer = tb_json_get_string(p, "pointer");
        const char *code = tb_json_get_string(p, "code");
        tb_problem_add(list, pointer ? pointer : "", code ? code : "invalid",
                       message ? message : "", tb_json_get_string(p, "hint"));
    }
}

void tb_problems_free(struct tb_problems *problems)
{
    tb_buffer_free(&problems->errors);
    tb_buffer_free(&problems->warnings);
    tb_buffer_free(&problems->plugin_log);
    tb_buffer_free(&problems->plugin);
}

void request_free(struct request *r)
{
    tb_json_free(r->translated);
    tb_generation_release(r->in);
    *r = (struct request){0};
}

/* The exchanges there are, and the one that was probably meant. */
static const char *list_exchanges(const struct tb_generation *in, const char *word,
                                  struct tb_buffer *out, char near_out[64])
{
    char names[64][64];
    const char *words[65] = {NULL}, *near;
    size_t n = tb_generation_names(in, names, 64);
    for (size_t i = 0; i < n; i++) {
        tb_buffer_printf(out, "%s%s", i ? ", " : "", names[i]);
        words[i] = names[i];
    }
    near = word ? tb_nearest(word, words) : NULL;
    if (!near)
        return NULL;
    tb_copy(near_out, 64, near);
    return near_out;
}

/* What is wrong with the word for the exchange. */
static const struct exchange_fault {
    const char *code, *message;
} EXCHANGE_FAULTS[] = {
    {"required", "Say which exchange the bot trades on."},
    {"type", "The exchange must be a text."},
    {"paper_trade", "Paper trading is not offered: its fills say nothing about real orders; the "
                    "simulator is there to try things."},
    {"unknown_exchange", "No exchange or connector of this name is available."},
};

static const struct exchange_fault *exchange_fault(const struct tb_json *value)
{
    static const char paper[] = "_paper_trade";
    const char *word = tb_json_string(value);
    size_t len = word ? strlen(word) : 0, tail = sizeof paper - 1;
    if (!value || value->type == TB_JSON_NULL)
        return &EXCHANGE_FAULTS[0];
    if (!word)
        return &EXCHANGE_FAULTS[1];
    return len > tail && strcmp(word + len - tail, paper) == 0 ? &EXCHANGE_FAULTS[2]
                                                               : &EXCHANGE_FAULTS[3];
}

static bool find_exchange(const struct tb_generation *in, const struct tb_json *body, char out[64],
                          struct tb_problems *problems)
{
    const char *field = tb_json_get(body, "connector") && !tb_json_get(body, "exchange")
                            ? "/connector"
                            : "/exchange";
    const struct tb_json *value = tb_json_get(body, field + 1);
    const char *word = tb_json_string(value), *near;
    struct tb_buffer message = TB_BUFFER_INIT, hint = TB_BUFFER_INIT, list = TB_BUFFER_INIT;
    char near_name[64];

    if (word && tb_generation_match(in, word, out))
        return true;
    const struct exchange_fault *fault = exchange_fault(value);
    near = list_exchanges(in, word, &list, near_name);
    tb_buffer_puts(&message, fault->message);
    if (list.len > 0)
        tb_buffer_printf(&message, " Available: %s.", tb_buffer_text(&list));
    else
        tb_buffer_puts(&message, " No plugin is loaded, so there is none: see BRIDGE_PLUGINS and "
                                 "`trading-bridge check`.");
    if (near)
        tb_buffer_printf(&hint, "Did you mean \"%s\"?", near);
    tb_problem_add(&problems->errors, field, fault->code, tb_buffer_text(&message),
                   near ? tb_buffer_text(&hint) : NULL);
    tb_buffer_free(&message);
    tb_buffer_free(&hint);
    tb_buffer_free(&list);
    return false;
}

bool request_translate(struct tb_bots *b, const struct tb_json *body, const char *current,
                       struct request *r, struct tb_problems *problems, struct tb_error *err)
{
    struct tb_buffer input = TB_BUFFER_INIT, output = TB_BUFFER_INIT;
    struct tb_plugin_fault fault;
    struct tb_json_writer w;
    bool ok;

    tb_jw_init(&w, &input);
    tb_jw_object(&w);
    tb_jw_kv_node(&w, "request", body);
    if (current)
        tb_jw_kv_string(&w, "current", current);
    tb_jw_end_object(&w);
    ok = tb_plugins_call(b->plugins,
                         &(struct tb_plugin_call){.plugin = r->exchange,
                                                  .entry = TB_PLUGIN_TRANSLATE,
                                                  .input = input.data,
                                                  .input_len = input.len,
                                                  .mono_deadline_ms = tb_plugins_deadline(5000),
                                                  .in = r->in},
                         &output, &fault, err) &&
         (r->translated = tb_json_parse(output.data, output.len, TB_JSON_UPSTREAM, err)) != NULL;
    tb_buffer_free(&input);
    tb_buffer_free(&output);
    if (!ok) {
        tb_plugin_fault_json(&fault, &problems->plugin);
        return false;
    }
    const struct tb_json *root = tb_json_root(r->translated);
    const struct tb_json *refused = tb_json_get(root, "error");
    problems_append(&problems->warnings, tb_json_get(root, "warnings"));
    if (tb_json_is(refused, TB_JSON_OBJECT)) {
        const char *message = tb_json_get_string(refused, "message");
        const char *pointer = tb_json_get_string(refused, "pointer");
        const char *code = tb_json_get_string(refused, "code");
        tb_problem_add(&problems->errors, pointer ? pointer : "/strategy", code ? code : "refused",
                       message ? message : "The plugin refuses this request.",
                       tb_json_get_string(refused, "hint"));
        return problems_fail(problems, err);
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

/* misspelled: only what is probably a field of ours. */
static void name_unknown_fields(const struct tb_json *request, bool lenient, bool misspelled,
                                struct tb_problems *problems)
{
    for (const struct tb_json *m = request->child; m; m = m->next)
        if (!known_field(m->key) && (!misspelled || tb_nearest(m->key, FIELDS)))
            problem_unknown_field(lenient ? &problems->warnings : &problems->errors, m->key, FIELDS,
                                  "Fields: name, exchange, strategy, account, image, risk, params.",
                                  lenient);
}

static void wrong_type(struct tb_problems *problems, const char *key, const char *type)
{
    char pointer[32], message[64];
    snprintf(pointer, sizeof pointer, "/%s", key);
    snprintf(message, sizeof message, "The field \"%s\" must be %s.", key, type);
    tb_problem_add(&problems->errors, pointer, "type", message, NULL);
}

/* False: text_field has named the wrong type already. */
static bool has_text_or_nothing(const struct tb_json *request, const char *key)
{
    const struct tb_json *value = tb_json_get(request, key);
    return !value || value->type == TB_JSON_NULL || value->type == TB_JSON_STRING;
}

static const char *text_field(const struct tb_json *request, const char *key, const char *otherwise,
                              struct tb_problems *problems)
{
    const struct tb_json *value = tb_json_get(request, key);
    if (!value || value->type == TB_JSON_NULL)
        return otherwise;
    if (tb_json_string(value))
        return tb_json_string(value);
    wrong_type(problems, key, "a text");
    return otherwise;
}

static const struct tb_json *object_field(const struct tb_json *request, const char *key,
                                          struct tb_problems *problems)
{
    const struct tb_json *value = tb_json_get(request, key);
    if (!value || value->type == TB_JSON_NULL || value->type == TB_JSON_OBJECT)
        return tb_json_is(value, TB_JSON_OBJECT) ? value : NULL;
    wrong_type(problems, key, "an object");
    return NULL;
}

/* What a name of this form means must be one bot for ever, so it is no other bot's to take. */
static bool reserved(const char *name)
{
    char nonce[TB_NONCE_TEXT];
    return tb_ulid_is(name) || instance_nonce(name, nonce);
}

static void check_name(const char *name, struct tb_problems *problems)
{
    const char *fault = name ? tb_name_fault(name, NAME_CHARACTERS) : "is missing";
    char message[200];

    snprintf(message, sizeof message,
             "A bot needs a name of 1 to 64 printable characters; this one %s.",
             fault ? fault : "");
    if (fault)
        tb_problem_add(&problems->errors, "/name", name ? "format" : "required", message, NULL);
    else if (reserved(name))
        tb_problem_add(&problems->errors, "/name", "reserved",
                       "A bot cannot be named like an id or an instance: a command meant for that "
                       "bot could reach this one.",
                       "Choose a name of your own words.");
}

/* What no plugin translates. of_a_bot: the name is that of a bot that has it already. */
static void read_fields(const struct tb_json *request, struct request *r, bool of_a_bot,
                        struct tb_problems *problems)
{
    r->name = text_field(request, "name", NULL, problems);
    r->account = text_field(request, "account", "master_account", problems);
    r->image = text_field(request, "image", NULL, problems);
    r->strategy = text_field(request, "strategy", NULL, problems);
    r->params = object_field(request, "params", problems);
    r->risk = object_field(request, "risk", problems);
    if (has_text_or_nothing(request, "name") && !of_a_bot)
        check_name(r->name, problems);
    if (has_text_or_nothing(request, "strategy") && !r->strategy)
        tb_problem_add(&problems->errors, "/strategy", "required",
                       "Say which strategy the bot runs; GET /exchanges/{exchange} lists them.",
                       NULL);
}

bool request_read(struct tb_bots *b, const struct tb_plan_wish *wish, struct request *r,
                  struct tb_problems *problems, struct tb_error *err)
{
    const struct tb_json *body = wish->request;
    bool lenient = wish->lenient;
    *r = (struct request){.in = wish->in ? tb_generation_share(wish->in)
                                         : tb_generation_hold(b->plugins, TB_LANE_LIVE)};
    if (!tb_json_is(body, TB_JSON_OBJECT))
        return tb_fail(err, TB_BAD_REQUEST, "The body must be a JSON object.");
    if (!find_exchange(r->in, body, r->exchange, problems)) {
        /* Without it nobody knows whose words the others are, so only misspelled ones are named. */
        name_unknown_fields(body, lenient, true, problems);
        read_fields(body, r, wish->of_a_bot, problems);
        return problems_fail(problems, err);
    }
    if (!request_translate(b, body, NULL, r, problems, err))
        return false;

    const struct tb_json *request = tb_json_get(tb_json_root(r->translated), "request");
    if (!tb_json_is(request, TB_JSON_OBJECT))
        return tb_fail(err, TB_PLUGIN_FAILED,
                       "The plugin \"%s\" translated the request to nothing.", r->exchange);
    name_unknown_fields(request, lenient, false, problems);
    read_fields(request, r, wish->of_a_bot, problems);
    return true;
}

/* ---- a create from a plan ---- */

bool request_plan_id(const struct tb_json *body, const char **plan_id_out,
                     struct tb_problems *problems, struct tb_error *err)
{
    *plan_id_out = text_field(body, "plan_id", NULL, problems);
    return problems->errors.len == 0 || problems_fail(problems, err);
}

/* Numbers are the same whatever way they are written. */
static bool same_value(const struct tb_json *a, const struct tb_json *b)
{
    struct tb_decimal x, y;
    struct tb_buffer one = TB_BUFFER_INIT, two = TB_BUFFER_INIT;
    bool same;
    if (tb_json_decimal(a, &x) && tb_json_decimal(b, &y))
        return tb_decimal_compare(&x, &y) == 0;
    if (tb_json_is(a, TB_JSON_ARRAY) && tb_json_is(b, TB_JSON_ARRAY) && a->len == b->len) {
        for (a = a->child, b = b->child; a; a = a->next, b = b->next)
            if (!same_value(a, b))
                return false;
        return true;
    }
    tb_json_canonical(a, &one);
    tb_json_canonical(b, &two);
    same = strcmp(tb_buffer_text(&one), tb_buffer_text(&two)) == 0;
    tb_buffer_free(&one);
    tb_buffer_free(&two);
    return same;
}

static void differs(struct tb_problems *problems, const char *parent, const char *field)
{
    struct tb_buffer pointer = TB_BUFFER_INIT;
    tb_buffer_puts(&pointer, parent);
    tb_pointer_add(&pointer, field);
    tb_problem_add(&problems->errors, tb_buffer_text(&pointer), "differs_from_plan",
                   "This differs from the plan that plan_id names.",
                   "Make a new plan, or leave the field out.");
    tb_buffer_free(&pointer);
}

/* `params` or `risk`: each member given must be the plan's. */
static void compare_members(const struct tb_json *body, const struct tb_json *facts,
                            const char *parent, const char *key, struct tb_problems *problems)
{
    const struct tb_json *planned = tb_json_get(facts, key);
    for (const struct tb_json *m = tb_json_first(object_field(body, key, problems)); m;
         m = m->next) {
        const struct tb_json *other = tb_json_get(planned, m->key);
        if (m->type != TB_JSON_NULL && (!other || !same_value(m, other)))
            differs(problems, parent, m->key);
    }
}

bool request_repeats(const struct tb_json *body, const struct plan *plan, bool lenient,
                     struct tb_problems *problems, struct tb_error *err)
{
    const struct {
        const char *key, *planned;
    } rows[] = {
        {"name", plan->name},       {"exchange", plan->exchange}, {"strategy", plan->strategy},
        {"account", plan->account}, {"image", plan->image},
    };
    struct tb_json_doc *facts =
        tb_json_parse(tb_buffer_text(&plan->facts), plan->facts.len, TB_JSON_UPSTREAM, err);
    if (!facts)
        return false;
    name_unknown_fields(body, lenient, false, problems);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *said = text_field(body, rows[i].key, NULL, problems);
        if (said && strcmp(said, rows[i].planned) != 0)
            differs(problems, "", rows[i].key);
    }
    compare_members(body, tb_json_root(facts), "/params", "params", problems);
    compare_members(body, tb_json_root(facts), "/risk", "risk", problems);
    tb_json_free(facts);
    return problems->errors.len == 0 || problems_fail(problems, err);
}
