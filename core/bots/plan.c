/* Plans: what exactly would be sent for a request, byte for byte, before anything is.
 *
 * The plugin turns the form into controllers and a script; the host gives them ids, file names and
 * the image, checks them against what the connected API lists, shows the verdict of upstream's own
 * validator, and stores the document with its hash. Runs on request threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "bots/bots_private.h"
#include "bots/verdict.h"

enum { PLAN_LIVES_MS = 15 * 60 * 1000, PLAN_DEADLINE_MS = 15000, CONTROLLERS_MAX = 32 };

struct making {
    struct tb_bots *b;
    struct plan *plan;
    struct tb_problems *problems;
    struct request request;
    struct tb_json_doc *output; /* of the plugin */
    const struct tb_json *out;
    char version[24];
    bool deploy_script; /* the API has deploy-v2-script */
    int64_t deadline;
    struct tb_buffer checks; /* [{code, status, message}] beside the plugin's own */
};

void plan_free(struct plan *plan)
{
    tb_buffer_free(&plan->facts);
    tb_buffer_free(&plan->doc);
    tb_buffer_free(&plan->answer);
}

static bool list_has(const struct tb_json *list, const char *word)
{
    for (const struct tb_json *i = tb_json_first(list); i; i = i->next)
        if (tb_json_string(i) && strcmp(tb_json_string(i), word) == 0)
            return true;
    return false;
}

static bool is_text_list(const struct tb_json *list)
{
    bool good = tb_json_is(list, TB_JSON_ARRAY);
    for (const struct tb_json *i = tb_json_first(list); i; i = i->next)
        good &= tb_json_string(i) != NULL;
    return good;
}

static void join_list(const struct tb_json *list, struct tb_buffer *out)
{
    for (const struct tb_json *i = tb_json_first(list); i; i = i->next)
        tb_buffer_printf(out, "%s%s", out->len ? ", " : "",
                         tb_json_string(i) ? tb_json_string(i) : "?");
}

/* The account must be a credentials profile upstream: a missing one is a 500 after a folder was
 * already made. */
static bool check_account(struct making *m, struct tb_error *err)
{
    struct tb_json_doc *doc =
        upstream_read(m->b, TB_HB_ACCOUNTS_LIST, NULL, NULL, m->deadline, err);
    bool known;
    if (!doc)
        return false;
    if (!is_text_list(tb_json_root(doc))) {
        tb_json_free(doc);
        return tb_fail(err, TB_UPSTREAM_NOT_JSON,
                       "The Hummingbot API answered its list of accounts with something that is "
                       "no list of names.");
    }
    known = list_has(tb_json_root(doc), m->request.account);
    if (!known) {
        struct tb_buffer have = TB_BUFFER_INIT, message = TB_BUFFER_INIT;
        join_list(tb_json_root(doc), &have);
        tb_buffer_printf(&message,
                         "The Hummingbot API has no credentials profile of this name. It has: %s.",
                         tb_buffer_text(&have));
        tb_problem_add(&m->problems->errors, "/account", "unknown_account",
                       tb_buffer_text(&message),
                       "Use one of these, or add the account in Hummingbot first.");
        tb_buffer_free(&have);
        tb_buffer_free(&message);
    }
    tb_json_free(doc);
    if (!known)
        return problems_fail(m->problems, err);
    return true;
}

/* form_only: say what is wrong with the form and read nothing of upstream. */
static bool run_plugin(struct making *m, bool lenient, bool form_only, struct tb_error *err)
{
    struct tb_buffer input = TB_BUFFER_INIT, output = TB_BUFFER_INIT;
    struct tb_plugin_fault fault;
    struct tb_json_writer w;
    bool ok;

    tb_jw_init(&w, &input);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "strategy", m->request.strategy);
    tb_jw_kv_bool(&w, "lenient", lenient);
    tb_jw_kv_bool(&w, "form_only", form_only);
    tb_jw_key(&w, "params");
    if (m->request.params)
        tb_jw_node(&w, m->request.params);
    else
        tb_jw_raw(&w, "{}", 2);
    tb_jw_kv_node(&w, "risk", m->request.risk);
    tb_jw_key(&w, "ctx");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "bot", m->request.name);
    tb_jw_kv_string(&w, "account", m->request.account);
    tb_jw_kv_string(&w, "image", m->plan->image);
    tb_jw_kv_string(&w, "hummingbot", m->version);
    tb_jw_kv_string(&w, "server", "default");
    tb_jw_kv_time(&w, "now", m->plan->created_at);
    tb_jw_key(&w, "others");
    others_write(m->b, m->request.account, m->request.name ? m->request.name : "", &w);
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
    ok = tb_plugins_call(m->b->plugins,
                         &(struct tb_plugin_call){.plugin = m->request.exchange,
                                                  .entry = TB_PLUGIN_PLAN,
                                                  .input = input.data,
                                                  .input_len = input.len,
                                                  .mono_deadline_ms = m->deadline,
                                                  .in = m->request.in},
                         &output, &fault, err) &&
         (m->output = tb_json_parse(output.data, output.len, TB_JSON_UPSTREAM, err)) != NULL;
    tb_buffer_free(&input);
    tb_buffer_free(&output);
    tb_buffer_clear(&m->problems->plugin);
    if (!ok) {
        tb_plugin_fault_json(&fault, &m->problems->plugin);
        return false;
    }
    m->out = tb_json_root(m->output);
    problems_append(&m->problems->errors, tb_json_get(m->out, "errors"));
    problems_append(&m->problems->warnings, tb_json_get(m->out, "warnings"));
    tb_buffer_clear(&m->problems->plugin_log);
    tb_json_canonical(tb_json_get(m->out, "plugin_log"), &m->problems->plugin_log);
    if (!tb_json_true(tb_json_get(m->out, "ok")) || m->problems->errors.len > 0)
        return problems_fail(m->problems, err);
    return true;
}

/* The strategy needs what the connected API does not have. */
static void foreign(struct making *m, const char *what, const char *folder, const char *name)
{
    struct tb_buffer message = TB_BUFFER_INIT;
    char code[32];
    tb_buffer_printf(&message, "The connected Hummingbot API does not have the %s %.100s%s%.100s.",
                     what, folder ? folder : "", folder ? "/" : "", name);
    snprintf(code, sizeof code, "unknown_%s", what);
    tb_problem_add(&m->problems->errors, "/strategy", code, tb_buffer_text(&message),
                   "Update hummingbot-api, or correct the name in the plugin.");
    tb_buffer_free(&message);
}

/* Hummingbot's own examples are in a folder that the API never lists. */
static bool is_example(const char *name)
{
    return strncmp(name, "examples.", 9) == 0;
}

/* A plan may name only controllers and scripts that the connected API lists. */
static bool check_listed(struct making *m, struct tb_error *err)
{
    const struct tb_json *controllers = tb_json_get(m->out, "controllers");
    const char *script = tb_json_get_string(tb_json_get(m->out, "script"), "file");
    struct tb_json_doc *types =
        upstream_read(m->b, TB_HB_CONTROLLERS_LIST, NULL, NULL, m->deadline, err);
    struct tb_json_doc *scripts =
        types ? upstream_read(m->b, TB_HB_SCRIPTS_LIST, NULL, NULL, m->deadline, err) : NULL;
    char stem[128] = "";
    bool ok = types && scripts;

    if (ok && !tb_json_is(tb_json_root(types), TB_JSON_OBJECT))
        ok = tb_fail(err, TB_UPSTREAM_NOT_JSON,
                     "The Hummingbot API answered its list of controllers in another shape.");
    if (ok && (!tb_json_is(controllers, TB_JSON_ARRAY) || controllers->len == 0 ||
               controllers->len > CONTROLLERS_MAX || !script))
        ok = tb_fail(err, TB_PLUGIN_FAILED, "The plugin built no controllers or too many.");
    for (const struct tb_json *c = ok ? tb_json_first(controllers) : NULL; c; c = c->next) {
        const char *type = tb_json_get_string(c, "type"), *name = tb_json_get_string(c, "name");
        if (!type || !name ||
            (!is_example(name) && !list_has(tb_json_get(tb_json_root(types), type), name)))
            foreign(m, "controller", type ? type : "?", name ? name : "?");
    }
    if (ok && script) {
        snprintf(stem, sizeof stem, "%.*s", (int)strcspn(script, "."), script);
        if (!list_has(tb_json_root(scripts), stem) && !list_has(tb_json_root(scripts), script))
            foreign(m, "script", NULL, script);
    }
    tb_json_free(types);
    tb_json_free(scripts);
    return ok && (m->problems->errors.len == 0 || problems_fail(m->problems, err));
}

/* Keys for the plan's connectors must be in the profile; a Gateway network needs none there. */
static bool check_credentials(struct making *m, struct tb_error *err)
{
    struct tb_json_doc *doc;
    bool ok;
    if (!m->plan->connector[0] || strchr(m->plan->connector, '-'))
        return true;
    doc =
        upstream_read(m->b, TB_HB_ACCOUNTS_CREDENTIALS, m->request.account, NULL, m->deadline, err);
    if (!doc)
        return false;
    ok = list_has(tb_json_root(doc), m->plan->connector);
    tb_json_free(doc);
    if (ok)
        return true;
    tb_problem_add(&m->problems->errors, "/account", "no_credentials",
                   "This account has no keys for the exchange.",
                   "Add the keys in Hummingbot (accounts, add credential), then try again.");
    return tb_fail(err, TB_INVALID, "The account \"%s\" has no keys for %s.", m->request.account,
                   m->plan->connector);
}

static void write_config(struct tb_json_writer *w, const struct making *m,
                         const struct tb_json *controller, size_t index)
{
    struct tb_buffer id = TB_BUFFER_INIT;
    tb_buffer_printf(&id, "%s-%zu", m->plan->base, index + 1);
    tb_jw_object(w);
    tb_jw_kv_string(w, "id", tb_buffer_text(&id));
    tb_jw_kv_string(w, "controller_name", tb_json_get_string(controller, "name"));
    tb_jw_kv_string(w, "controller_type", tb_json_get_string(controller, "type"));
    const struct tb_json *config = tb_json_get(controller, "config");
    for (const struct tb_json *f = tb_json_first(config); f; f = f->next) {
        if (strcmp(f->key, "id") == 0 || strcmp(f->key, "controller_name") == 0 ||
            strcmp(f->key, "controller_type") == 0)
            continue; /* the host's */
        tb_jw_kv_node(w, f->key, f);
    }
    tb_jw_end_object(w);
    tb_buffer_free(&id);
}

static void canonical_bytes(struct tb_buffer *json)
{
    struct tb_error err;
    struct tb_json_doc *doc = tb_json_parse(json->data, json->len, TB_JSON_UPSTREAM, &err);
    if (!doc)
        return;
    tb_buffer_clear(json);
    tb_json_canonical(tb_json_root(doc), json);
    tb_json_free(doc);
}

static void script_bytes(const struct making *m, struct tb_buffer *out)
{
    const struct tb_json *script = tb_json_get(m->out, "script");
    const struct tb_json *extra = tb_json_get(script, "config");
    struct tb_json_writer w;

    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "script_file_name", tb_json_get_string(script, "file"));
    tb_jw_key(&w, "controllers_config");
    tb_jw_array(&w);
    for (int64_t i = 0; i < m->plan->controllers; i++) {
        struct tb_buffer file = TB_BUFFER_INIT;
        tb_buffer_printf(&file, "%s-%d.yml", m->plan->base, (int)i + 1);
        tb_jw_string(&w, tb_buffer_text(&file));
        tb_buffer_free(&file);
    }
    tb_jw_end_array(&w);
    for (const struct tb_json *f = tb_json_first(extra); f; f = f->next)
        if (strcmp(f->key, "script_file_name") != 0 && strcmp(f->key, "controllers_config") != 0)
            tb_jw_kv_node(&w, f->key, f);
    tb_jw_end_object(&w);
    canonical_bytes(out);
}

static void write_file(struct tb_json_writer *w, const char *folder, const char *name,
                       const struct tb_buffer *bytes)
{
    struct tb_buffer path = TB_BUFFER_INIT;
    tb_buffer_printf(&path, "/%s/configs/%s", folder, name);
    tb_jw_object(w);
    tb_jw_kv_string(w, "path", tb_buffer_text(&path));
    tb_jw_key(w, "bytes");
    tb_jw_stringn(w, bytes->data, bytes->len);
    tb_jw_end_object(w);
    tb_buffer_free(&path);
}

static void write_files(struct making *m, struct tb_json_writer *w)
{
    const struct tb_json *controllers = tb_json_get(m->out, "controllers");
    struct tb_buffer bytes = TB_BUFFER_INIT, name = TB_BUFFER_INIT;
    size_t i = 0;

    tb_jw_key(w, "files");
    tb_jw_array(w);
    for (const struct tb_json *c = controllers->child; c; c = c->next, i++) {
        struct tb_json_writer cw;
        tb_buffer_clear(&bytes);
        tb_buffer_clear(&name);
        tb_jw_init(&cw, &bytes);
        write_config(&cw, m, c, i);
        canonical_bytes(&bytes);
        verdict_ask(m->b,
                    &(struct tb_verdict_question){.type = tb_json_get_string(c, "type"),
                                                  .name = tb_json_get_string(c, "name"),
                                                  .config = &bytes,
                                                  .mono_deadline_ms = m->deadline},
                    &m->checks, &m->problems->warnings);
        tb_buffer_printf(&name, "%s-%zu", m->plan->base, i + 1);
        write_file(w, "controllers", tb_buffer_text(&name), &bytes);
    }
    tb_buffer_clear(&bytes);
    script_bytes(m, &bytes);
    write_file(w, "scripts", m->plan->base, &bytes);
    tb_jw_end_array(w);
    tb_buffer_free(&bytes);
    tb_buffer_free(&name);
}

static void write_calls(const struct making *m, struct tb_json_writer *w)
{
    const struct tb_json *script = tb_json_get(m->out, "script");
    struct tb_buffer file = TB_BUFFER_INIT;

    tb_buffer_printf(&file, "%s.yml", m->plan->base);
    tb_jw_key(w, "deploy");
    tb_jw_object(w);
    tb_jw_kv_string(w, "instance_name", m->plan->base);
    tb_jw_kv_string(w, "credentials_profile", m->request.account);
    tb_jw_kv_string(w, "image", m->plan->image);
    tb_jw_kv_string(w, "script", tb_json_get_string(script, "file"));
    tb_jw_kv_string(w, "script_config", tb_buffer_text(&file));
    tb_jw_kv_bool(w, "headless", true);
    tb_jw_end_object(w);
    tb_jw_key(w, "calls");
    tb_jw_array(w);
    for (int64_t i = 0; i < m->plan->controllers; i++) {
        tb_buffer_clear(&file);
        tb_buffer_printf(&file, "POST /controllers/configs/%s-%d", m->plan->base, (int)i + 1);
        tb_jw_string(w, tb_buffer_text(&file));
    }
    tb_buffer_clear(&file);
    tb_buffer_printf(&file, "POST /scripts/configs/%s", m->plan->base);
    tb_jw_string(w, tb_buffer_text(&file));
    tb_jw_string(w, m->deploy_script ? "POST /bot-orchestration/deploy-v2-script"
                                     : "POST /bot-orchestration/deploy-v2-controllers");
    tb_jw_end_array(w);
    tb_buffer_free(&file);
}

/* What the bot remembers of its plan. */
static void write_facts(struct making *m)
{
    struct tb_json_writer w;
    char hash[9] = "";
    tb_generation_hash(m->request.in, m->request.exchange, hash);
    tb_jw_init(&w, &m->plan->facts);
    tb_jw_object(&w);
    tb_jw_kv_node(&w, "params", tb_json_get(m->out, "params"));
    tb_jw_kv_node(&w, "risk", tb_json_get(m->out, "risk"));
    tb_jw_kv_node(&w, "budget_quote", tb_json_get(m->out, "budget_quote"));
    tb_jw_kv_node(&w, "quotes", tb_json_get(m->out, "quotes"));
    tb_jw_kv_node(&w, "effects", tb_json_get(m->out, "effects"));
    upstream_write_version(m->b, &w);
    tb_jw_key(&w, "plugin");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", m->request.exchange);
    tb_jw_kv_node(&w, "version", tb_json_get(m->out, "version"));
    tb_jw_kv_node(&w, "revision", tb_json_get(m->out, "revision"));
    tb_jw_kv_string(&w, "generation", hash);
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
}

static void write_doc(struct making *m)
{
    static const char *const kept[] = {"params",  "risk",   "facts",      "checks", "preview",
                                       "effects", "quotes", "risk_class", NULL};
    struct plan *p = m->plan;
    struct tb_json_writer w;

    tb_jw_init(&w, &p->doc);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", p->name);
    tb_jw_kv_string(&w, "exchange", p->exchange);
    tb_jw_kv_string(&w, "strategy", p->strategy);
    tb_jw_kv_string(&w, "account", p->account);
    tb_jw_kv_string(&w, "image", p->image);
    tb_jw_kv_string(&w, "connector", p->connector);
    tb_jw_kv_string(&w, "pair", p->pair);
    tb_jw_kv_string(&w, "nonce", p->nonce);
    tb_jw_kv_string(&w, "base", p->base);
    tb_jw_kv_int(&w, "controllers", p->controllers);
    tb_jw_kv_bool(&w, "reports", p->reports);
    tb_jw_kv_bool(&w, "may_pull", p->may_pull);
    tb_jw_kv_raw(&w, "bot_facts", p->facts.data, p->facts.len);
    write_files(m, &w);
    write_calls(m, &w);
    for (const char *const *k = kept; *k; k++)
        tb_jw_kv_node(&w, *k, tb_json_get(m->out, *k));
    tb_jw_kv_raw(&w, "upstream_checks", m->checks.data, m->checks.len);
    tb_jw_kv_raw(&w, "warnings", m->problems->warnings.len ? m->problems->warnings.data : "[]",
                 m->problems->warnings.len ? m->problems->warnings.len : 2);
    tb_jw_end_object(&w);
    tb_sha256_hex(p->doc.data, p->doc.len, p->hash);
}

static bool store_plan(struct making *m, struct tb_error *err)
{
    const struct plan *p = m->plan;
    return tb_store_plan_add(m->b->store,
                             &(struct tb_store_plan){.id = p->id,
                                                     .hash = p->hash,
                                                     .created_at = p->created_at,
                                                     .expires_at = p->expires_at,
                                                     .doc = tb_buffer_text(&p->doc)},
                             err);
}

static void name_plan(struct making *m)
{
    struct plan *p = m->plan;
    p->created_at = tb_wall_ms();
    p->expires_at = p->created_at + PLAN_LIVES_MS;
    tb_ulid(p->id);
    tb_nonce(p->nonce);
    tb_copy(p->name, sizeof p->name, m->request.name);
    tb_copy(p->exchange, sizeof p->exchange, m->request.exchange);
    tb_copy(p->strategy, sizeof p->strategy, m->request.strategy);
    tb_copy(p->account, sizeof p->account, m->request.account);
    tb_slug(p->name, p->slug);
    snprintf(p->stem, sizeof p->stem, "hummingbot-%s-", p->slug);
    snprintf(p->base, sizeof p->base, "%.60s%s", p->stem, p->nonce);
}

static bool can_create(struct making *m, struct tb_error *err)
{
    struct tb_hb_profile profile;
    if (!tb_hb_profile(m->b->hb, false, &profile, err))
        return false;
    m->deploy_script = profile.deploy_script;
    if (!profile.can_create)
        return tb_fail(err, TB_UPSTREAM_TOO_OLD,
                       "This Hummingbot API (%s) is too old to create bots safely; update it to "
                       "2026-03-28 or newer.",
                       profile.name);
    return true;
}

/* False: all errors at once, those of the form beside those of the envelope. */
static bool wrong_envelope(struct making *m, bool lenient, struct tb_error *err)
{
    if (m->request.strategy)
        (void)!run_plugin(m, lenient, true, err);
    return problems_fail(m->problems, err);
}

static bool make(struct making *m, const struct tb_plan_wish *wish, struct tb_error *err)
{
    struct plan *p = m->plan;
    bool lenient = wish->lenient;

    if (m->problems->errors.len > 0)
        return wrong_envelope(m, lenient, err);
    name_plan(m);
    if (!can_create(m, err) || !check_account(m, err) ||
        !image_choose(m->b, m->request.image, p, m->version, m->problems, err) ||
        !run_plugin(m, lenient, false, err))
        return false;
    if (!plan_copy_text(m->out, "connector", p->connector, sizeof p->connector) ||
        !plan_copy_text(m->out, "pair", p->pair, sizeof p->pair))
        return tb_fail(err, TB_PLUGIN_FAILED, "The plugin's connector or pair is too long.");
    if (!check_listed(m, err) || !check_credentials(m, err))
        return false;
    p->controllers = (int64_t)tb_json_get(m->out, "controllers")->len;
    const struct tb_json *reports = tb_json_get(tb_json_get(m->out, "script"), "reports");
    p->reports = !reports || tb_json_true(reports);
    write_facts(m);
    write_doc(m);
    return (wish->shown_only || store_plan(m, err)) && plan_answer_write(p, !wish->shown_only, err);
}

bool plan_make(struct tb_bots *b, const struct tb_plan_wish *wish, struct plan *plan,
               struct tb_problems *problems, struct tb_error *err)
{
    struct making m = {.b = b,
                       .plan = plan,
                       .problems = problems,
                       .deadline = tb_plugins_deadline(PLAN_DEADLINE_MS)};
    bool ok;

    *plan = (struct plan){0};
    ok = request_read(b, wish, &m.request, problems, err) && make(&m, wish, err);
    tb_json_free(m.output);
    tb_buffer_free(&m.checks);
    request_free(&m.request);
    if (!ok)
        plan_free(plan);
    return ok;
}

/* Planning under a name that lives is allowed: it may be free by the time of the create. */
static void warn_of_living_name(struct tb_bots *b, const char *name, struct tb_problems *problems)
{
    struct tb_problems taken = {0};
    struct tb_error err = {0};
    if (name && !name_free(b, name, &taken, &err))
        tb_problem_add(&problems->warnings, "/name", tb_code_word(err.code), err.detail,
                       "As long as it has the name, a create from this plan is refused.");
    tb_problems_free(&taken);
}

bool tb_bots_plan(struct tb_bots *bots, const struct tb_plan_wish *wish, struct tb_buffer *out,
                  struct tb_problems *problems, struct tb_error *err)
{
    struct plan plan;
    warn_of_living_name(bots, tb_json_get_string(wish->request, "name"), problems);
    if (!plan_make(bots, wish, &plan, problems, err))
        return false;
    tb_buffer_append(out, plan.answer.data, plan.answer.len);
    plan_free(&plan);
    return true;
}

static void forget_output(struct making *m)
{
    tb_json_free(m->output);
    m->output = NULL;
    m->out = NULL;
}

/* A wrong form is said without asking upstream; a right one is asked once more, with the image's
 * version. */
static bool check(struct making *m, bool lenient, struct tb_error *err)
{
    struct tb_buffer *warnings = &m->problems->warnings, before = TB_BUFFER_INIT;
    if (m->problems->errors.len > 0) {
        bool good = wrong_envelope(m, lenient, err);
        forget_output(m);
        return good;
    }
    name_plan(m);
    tb_buffer_append(&before, warnings->data, warnings->len);
    bool good = run_plugin(m, lenient, true, err);
    if (good) {
        tb_buffer_clear(warnings); /* they come again */
        tb_buffer_append(warnings, before.data, before.len);
        forget_output(m);
    }
    tb_buffer_free(&before);
    return good && image_choose(m->b, m->request.image, m->plan, m->version, m->problems, err) &&
           run_plugin(m, lenient, false, err);
}

bool tb_bots_check(struct tb_bots *bots, const struct tb_plan_wish *wish, struct tb_buffer *out,
                   struct tb_problems *problems, struct tb_error *err)
{
    struct plan plan = {0};
    struct making m = {.b = bots,
                       .plan = &plan,
                       .problems = problems,
                       .deadline = tb_plugins_deadline(PLAN_DEADLINE_MS)};
    bool ok = request_read(bots, wish, &m.request, problems, err) && check(&m, wish->lenient, err);
    /* The plugin's own words on the form are an answer, also when they are all errors. */
    bool answered = ok || m.out;
    if (answered)
        check_write(&m.request, m.out, problems, out);
    tb_json_free(m.output);
    request_free(&m.request);
    plan_free(&plan);
    return answered;
}
