/* What can be known of a bot that somebody else made: its run row, its controller configs, its
 * script config where that still exists, and the strategy that a plugin recognises in them. Sends
 * GETs only. Runs on request threads without the lock. */
#include "bots/adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { PLUGINS_MAX = 32, CONTROLLERS_MAX = 32 };

void found_free(struct found *f)
{
    tb_json_free(f->configs);
    tb_json_free(f->script);
    tb_json_free(f->recognised);
    tb_json_free(f->effects);
    tb_buffer_free(&f->unknown);
    tb_buffer_free(&f->failed);
    tb_buffer_free(&f->not_kept);
}

static void unknown(struct found *f, const char *field, const char *detail)
{
    struct tb_json_writer w;
    if (f->unknown.len > 0)
        tb_buffer_putc(&f->unknown, ',');
    tb_jw_init(&w, &f->unknown);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "field", field);
    tb_jw_kv_string(&w, "detail", detail);
    tb_jw_end_object(&w);
}

/* A text that is too long for its place counts as not there. */
static void take(char *out, size_t size, const char *text)
{
    if (!text || !tb_copy(out, size, text))
        out[0] = '\0';
}

static void take_file_name(char *out, size_t size, const char *file)
{
    size_t n;
    take(out, size, file);
    n = strlen(out);
    if (n > 4 && strcmp(out + n - 4, ".yml") == 0)
        out[n - 4] = '\0';
}

/* ---- reading ---- */

/* The run row names account, image and files; upstream has none after a database failure. */
static bool read_run(struct tb_bots *b, struct found *f, int64_t deadline, struct tb_error *err)
{
    struct tb_hb_pair query = {"bot_name", f->instance};
    struct tb_json_doc *doc = upstream_read(b, TB_HB_BOTS_RUNS, NULL, &query, deadline, err);
    const struct tb_json *row = doc ? tb_json_at(tb_json_get(tb_json_root(doc), "data"), 0) : NULL;
    const char *at = tb_json_get_string(row, "deployed_at");
    const char *image = tb_json_get_string(row, "image_version");

    if (!doc)
        return false;
    take(f->account, sizeof f->account, tb_json_get_string(row, "account_name"));
    if (image)
        take(f->image, sizeof f->image, image);
    take_file_name(f->script_name, sizeof f->script_name, tb_json_get_string(row, "config_name"));
    if (!at || !tb_time_parse(at, &f->deployed_at))
        f->deployed_at = 0;
    tb_json_free(doc);
    if (!f->account[0])
        unknown(f, "account", "the Hummingbot API has no run row of this instance");
    if (f->deployed_at == 0)
        unknown(f, "started_at", "no run row says when it was deployed");
    return true;
}

static bool read_configs(struct tb_bots *b, struct found *f, int64_t deadline, struct tb_error *err)
{
    *err = (struct tb_error){0};
    f->configs =
        upstream_read_if_there(b, TB_HB_CONTROLLERS_BOT_CONFIGS, f->instance, deadline, err);
    if (!f->configs && err->code != TB_OK)
        return false;
    if (f->configs && (!tb_json_is(tb_json_root(f->configs), TB_JSON_ARRAY) ||
                       tb_json_root(f->configs)->len == 0)) {
        tb_json_free(f->configs);
        f->configs = NULL;
    }
    if (!f->configs)
        unknown(f, "configs", "the instance has no controller configs");
    if (!f->script_name[0])
        return true;
    f->script = upstream_read_if_there(b, TB_HB_SCRIPTS_CONFIG_GET, f->script_name, deadline, err);
    return f->script || err->code == TB_OK;
}

/* ---- recognising ---- */

static const struct tb_json *config_at(const struct found *f, size_t i)
{
    return f->configs ? tb_json_at(tb_json_root(f->configs), i) : NULL;
}

/* The general form: where it trades, as far as the first config says. */
static void take_market(struct found *f)
{
    const struct tb_json *c = config_at(f, 0);
    const struct tb_json *pair = tb_json_get(c, "exchange_pair_1");
    const struct tb_json *place = tb_json_get_string(c, "connector_name") ? c : pair;

    take(f->connector, sizeof f->connector, tb_json_get_string(place, "connector_name"));
    take(f->pair, sizeof f->pair, tb_json_get_string(place, "trading_pair"));
}

/* "…:version-2.16.0" -> "2.16.0"; NULL when the tag is no version. */
static const char *version_of(const char *image)
{
    const char *tag = strrchr(image, ':');
    if (!tag)
        return NULL;
    tag++;
    if (strncmp(tag, "version-", 8) == 0)
        tag += 8;
    return *tag >= '0' && *tag <= '9' ? tag : NULL;
}

static void recognise_input(const struct found *f, struct tb_buffer *input)
{
    struct tb_json_writer w;
    tb_jw_init(&w, input);
    tb_jw_object(&w);
    tb_jw_kv_node(&w, "configs", tb_json_root(f->configs));
    if (f->script)
        tb_jw_kv_node(&w, "script", tb_json_root(f->script));
    tb_jw_key(&w, "ctx");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "bot", f->instance);
    tb_jw_kv_string(&w, "account", f->account[0] ? f->account : NULL);
    tb_jw_kv_string(&w, "image", f->image[0] ? f->image : NULL);
    tb_jw_kv_string(&w, "hummingbot", version_of(f->image));
    tb_jw_kv_string(&w, "server", "default");
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
}

static void note_failure(struct found *f, const char *plugin, const struct tb_plugin_fault *fault,
                         const struct tb_error *err)
{
    struct tb_buffer place = TB_BUFFER_INIT;
    struct tb_json_writer w;

    tb_log(TB_WARN, "plugin.recognise", "%s: %s", plugin, err->detail);
    tb_plugin_fault_json(fault, &place);
    if (f->failed.len > 0)
        tb_buffer_putc(&f->failed, ',');
    tb_jw_init(&w, &f->failed);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "message", err->detail);
    tb_jw_kv_raw(&w, "plugin", place.len ? place.data : "null", place.len ? place.len : 4);
    tb_jw_end_object(&w);
    tb_buffer_free(&place);
}

/* The strategy of one plugin, or NULL; a plugin that fails knows nothing. *err: TB_BUSY when it was
 * only late, and might know it. */
static struct tb_json_doc *ask(struct tb_bots *b, struct found *f, const char *plugin,
                               const struct tb_buffer *input, int64_t deadline,
                               struct tb_error *err)
{
    struct tb_plugin_fault fault;
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_json_doc *doc = NULL;
    struct tb_plugin_call call = {.plugin = plugin,
                                  .entry = TB_PLUGIN_RECOGNISE,
                                  .input = input->data,
                                  .input_len = input->len,
                                  .mono_deadline_ms = deadline};

    if (tb_plugins_call(b->plugins, &call, &out, &fault, err))
        doc = tb_json_parse(out.data, out.len, TB_JSON_UPSTREAM, err);
    else
        note_failure(f, plugin, &fault, err);
    tb_buffer_free(&out);
    if (doc && !tb_json_get_string(tb_json_root(doc), "strategy")) {
        tb_json_free(doc);
        doc = NULL;
    }
    return doc;
}

/* False: a plugin was late, so that what it is is not known now. */
static bool recognise(struct tb_bots *b, struct found *f, int64_t deadline, struct tb_error *err)
{
    char names[PLUGINS_MAX][64];
    struct tb_buffer input = TB_BUFFER_INIT;
    size_t n = f->configs ? tb_plugins_names(b->plugins, names, PLUGINS_MAX) : 0;

    if (n > 0)
        recognise_input(f, &input);
    err->code = TB_OK;
    for (size_t i = 0; i < n && !f->recognised && err->code != TB_BUSY; i++) {
        f->recognised = ask(b, f, names[i], &input, deadline, err);
        if (f->recognised)
            take(f->exchange, sizeof f->exchange, names[i]);
    }
    tb_buffer_free(&input);
    return f->recognised || err->code != TB_BUSY;
}

/* What a stop of the recognised strategy does. False: the plugin was late. */
static bool ask_effects(struct tb_bots *b, struct found *f, int64_t deadline, struct tb_error *err)
{
    struct tb_buffer input = TB_BUFFER_INIT, out = TB_BUFFER_INIT;
    const struct tb_json *r = f->recognised ? tb_json_root(f->recognised) : NULL;
    struct tb_json_writer in;

    if (!r)
        return true;
    tb_jw_init(&in, &input);
    tb_jw_object(&in);
    tb_jw_kv_node(&in, "strategy", tb_json_get(r, "strategy"));
    tb_jw_kv_node(&in, "params", tb_json_get(r, "params"));
    tb_jw_kv_string(&in, "verb", "stop");
    tb_jw_end_object(&in);
    if (tb_plugins_call(b->plugins,
                        &(struct tb_plugin_call){.plugin = f->exchange,
                                                 .entry = TB_PLUGIN_EFFECTS,
                                                 .input = input.data,
                                                 .input_len = input.len,
                                                 .mono_deadline_ms = deadline},
                        &out, NULL, err))
        f->effects = tb_json_parse(out.data, out.len, TB_JSON_UPSTREAM, err);
    tb_buffer_free(&input);
    tb_buffer_free(&out);
    return f->effects || err->code != TB_BUSY;
}

static void take_recognised(struct tb_bots *b, struct found *f)
{
    const struct tb_json *r = f->recognised ? tb_json_root(f->recognised) : NULL;
    const char *connector = tb_json_get_string(r, "connector");
    const char *pair = tb_json_get_string(r, "pair");

    take_market(f);
    if (connector)
        take(f->connector, sizeof f->connector, connector);
    if (pair)
        take(f->pair, sizeof f->pair, pair);
    take(f->strategy, sizeof f->strategy, tb_json_get_string(r, "strategy"));
    for (const struct tb_json *u = tb_json_first(tb_json_get(r, "unknown")); u; u = u->next)
        unknown(f, tb_json_get_string(u, "field"), tb_json_get_string(u, "detail"));
    if (r)
        return;
    if (f->connector[0] && !tb_plugins_find(b->plugins, f->connector, f->exchange))
        f->exchange[0] = '\0';
    if (!f->exchange[0])
        unknown(f, "exchange", "no plugin has the connector");
    unknown(f, "strategy",
            f->failed.len > 0 ? "no plugin recognises the configs, but some failed at them"
                              : "no plugin recognises the configs");
    unknown(f, "budget_quote", "only a recognised strategy says what its budget is");
}

/* ---- can it be deployed again? ---- */

static bool is_controller(const struct tb_json *c)
{
    return tb_json_is(c, TB_JSON_OBJECT) && tb_json_get_string(c, "controller_name") &&
           tb_json_get_string(c, "controller_type");
}

static const char *why_not_kept(const struct found *f)
{
    const struct tb_json *configs = f->configs ? tb_json_root(f->configs) : NULL;
    const struct tb_json *script = f->script ? tb_json_root(f->script) : NULL;
    const struct tb_json *files = tb_json_get(script, "controllers_config");

    if (!configs || configs->len > CONTROLLERS_MAX)
        return "it has no controller configs";
    for (const struct tb_json *c = configs->child; c; c = c->next)
        if (!is_controller(c))
            return "a controller config names no controller";
    if (!tb_json_get_string(script, "script_file_name"))
        return "its script config no longer exists";
    if (!tb_json_is(files, TB_JSON_ARRAY) || files->len != configs->len)
        return "its script config names other controllers than the instance has";
    if (!f->account[0])
        return "its account is not known";
    if (!f->image[0])
        return "its image is not known";
    return NULL;
}

/* Only what a create would accept is kept for a deploy: an image that is allowed, new enough and
 * installed. */
static bool judge_kept(struct tb_bots *b, struct found *f, struct tb_error *err)
{
    const char *why = why_not_kept(f);
    struct tb_problems problems = {0};
    struct plan plan = {0};
    char version[24];
    bool ok = true;

    if (!why && !image_choose(b, f->image, &plan, version, &problems, err)) {
        ok = err->code == TB_INVALID || err->code == TB_IMAGE_REQUIRED;
        why = err->detail;
    } else if (!why && plan.may_pull) {
        why = "its image is not installed under this name";
    }
    if (ok && why)
        tb_buffer_puts(&f->not_kept, why);
    plan_free(&plan);
    tb_problems_free(&problems);
    return ok;
}

bool found_read(struct tb_bots *b, const char *instance, const char *image, int64_t deadline,
                struct found *f, struct tb_error *err)
{
    char nonce[TB_NONCE_TEXT];

    *f = (struct found){0};
    take(f->instance, sizeof f->instance, instance);
    take(f->image, sizeof f->image, image);
    if (!read_run(b, f, deadline, err) || !read_configs(b, f, deadline, err) ||
        !judge_kept(b, f, err) || !recognise(b, f, deadline, err) ||
        !ask_effects(b, f, deadline, err))
        return false;
    take_recognised(b, f);
    if (instance_nonce(instance, nonce))
        unknown(f, "owner",
                "its name is one that a bridge gives: make sure that no other bridge "
                "manages it, or two will command it");
    unknown(f, "history",
            "profit counts from the adoption; what was before is the opening "
            "balance");
    return true;
}

/* ---- what a record keeps of it ---- */

/* Of one pair only: with several controllers the reports name their own. */
const char *found_quote(const struct found *f)
{
    const char *dash = strrchr(f->pair, '-');
    return dash && f->configs && tb_json_root(f->configs)->len == 1 ? dash + 1 : NULL;
}

void found_write_facts(struct tb_bots *b, const struct found *f, struct tb_json_writer *w)
{
    static const char *const kept[] = {"params", "risk", "budget_quote", NULL};
    const struct tb_json *r = f->recognised ? tb_json_root(f->recognised) : NULL;
    char hash[9] = "";

    for (const char *const *k = kept; *k; k++)
        tb_jw_kv_node(w, *k, tb_json_get(r, *k));
    tb_jw_key(w, "quotes");
    if (r) {
        tb_jw_node(w, tb_json_get(r, "quotes"));
    } else {
        tb_jw_array(w);
        if (found_quote(f))
            tb_jw_string(w, found_quote(f));
        tb_jw_end_array(w);
        return;
    }
    tb_plugins_hash(b->plugins, f->exchange, hash);
    tb_jw_key(w, "plugin");
    tb_jw_object(w);
    tb_jw_kv_string(w, "name", f->exchange);
    tb_jw_kv_node(w, "version", tb_json_get(r, "version"));
    tb_jw_kv_node(w, "revision", tb_json_get(r, "revision"));
    tb_jw_kv_string(w, "generation", hash);
    tb_jw_end_object(w);
    tb_jw_kv_node(w, "effects",
                  f->effects ? tb_json_get(tb_json_root(f->effects), "effects") : NULL);
}

/* ---- the plan ---- */

/* A file with our names in the place of its own. `of`: its name upstream. */
static void write_file(struct tb_json_writer *w, const char *folder, const char *name,
                       const char *of, const struct tb_buffer *bytes)
{
    struct tb_buffer path = TB_BUFFER_INIT;
    tb_buffer_printf(&path, "/%s/configs/%s", folder, name);
    tb_jw_object(w);
    tb_jw_kv_string(w, "path", tb_buffer_text(&path));
    tb_jw_kv_string(w, "of", of);
    tb_jw_key(w, "bytes");
    tb_jw_stringn(w, bytes->data, bytes->len);
    tb_jw_end_object(w);
    tb_buffer_free(&path);
}

/* Without what upstream adds when a config is read: written back, it keeps a bot from starting. */
static void controller_bytes(const struct tb_json *config, const char *id, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_buffer_clear(out);
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "id", id);
    for (const struct tb_json *m = config->child; m; m = m->next)
        if (strcmp(m->key, "id") != 0 && strcmp(m->key, "_config_name") != 0)
            tb_jw_kv_node(&w, m->key, m);
    tb_jw_end_object(&w);
}

static void script_bytes(const struct found *f, const char *base, struct tb_buffer *out)
{
    const struct tb_json *script = tb_json_root(f->script);
    struct tb_json_writer w;
    char file[TB_BASE_NAME + 16];

    tb_buffer_clear(out);
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    for (const struct tb_json *m = script->child; m; m = m->next)
        if (strcmp(m->key, "controllers_config") != 0)
            tb_jw_kv_node(&w, m->key, m);
    tb_jw_key(&w, "controllers_config");
    tb_jw_array(&w);
    for (size_t i = 0; i < tb_json_root(f->configs)->len; i++) {
        snprintf(file, sizeof file, "%s-%zu.yml", base, i + 1);
        tb_jw_string(&w, file);
    }
    tb_jw_end_array(&w);
    tb_jw_end_object(&w);
}

static void write_files(const struct found *f, const char *base, struct tb_json_writer *w)
{
    struct tb_buffer bytes = TB_BUFFER_INIT;
    char name[TB_BASE_NAME + 16];
    size_t i = 0;

    tb_jw_key(w, "files");
    tb_jw_array(w);
    for (const struct tb_json *c = tb_json_root(f->configs)->child; c; c = c->next) {
        snprintf(name, sizeof name, "%s-%zu", base, ++i);
        controller_bytes(c, name, &bytes);
        write_file(w, "controllers", name, tb_json_get_string(c, "_config_name"), &bytes);
    }
    script_bytes(f, base, &bytes);
    write_file(w, "scripts", base, f->script_name, &bytes);
    tb_jw_end_array(w);
    tb_buffer_free(&bytes);
}

void found_plan(const struct found *f, const char *name, const char *stem, struct tb_buffer *doc)
{
    char nonce[TB_NONCE_TEXT], base[TB_BASE_NAME], file[TB_BASE_NAME + 16];
    struct tb_json_writer w;

    tb_nonce(nonce);
    snprintf(base, sizeof base, "%.60s%s", stem, nonce);
    snprintf(file, sizeof file, "%s.yml", base);
    tb_jw_init(&w, doc);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", name);
    tb_jw_kv_string(&w, "exchange", f->exchange);
    tb_jw_kv_string(&w, "strategy", f->strategy);
    tb_jw_kv_string(&w, "account", f->account);
    tb_jw_kv_string(&w, "image", f->image);
    tb_jw_kv_string(&w, "connector", f->connector);
    tb_jw_kv_string(&w, "pair", f->pair);
    tb_jw_kv_string(&w, "nonce", nonce);
    tb_jw_kv_string(&w, "base", base);
    tb_jw_kv_int(&w, "controllers", (int64_t)tb_json_root(f->configs)->len);
    tb_jw_kv_bool(&w, "reports", true);
    tb_jw_kv_bool(&w, "may_pull", false);
    write_files(f, base, &w);
    tb_jw_key(&w, "deploy");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "instance_name", base);
    tb_jw_kv_string(&w, "credentials_profile", f->account);
    tb_jw_kv_string(&w, "image", f->image);
    tb_jw_kv_node(&w, "script", tb_json_get(tb_json_root(f->script), "script_file_name"));
    tb_jw_kv_string(&w, "script_config", file);
    tb_jw_kv_bool(&w, "headless", true);
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
}
