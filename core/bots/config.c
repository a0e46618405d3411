/* GET /bots/{id}/config: the files a bot was deployed with, as planned (with what it has taken over
 * live since) and as upstream gives them back now, and every field in which they differ. An
 * instance has its own copy of the controller configs; of its script config only the one it was
 * copied from can be read. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "bots/deployed.h"

enum { READ_MS = 15000 };

struct comparing {
    struct tb_bots *b;
    char instance[TB_INSTANCE_NAME];
    struct deployed deployed;
    struct tb_json_doc *configs, *script;
    char script_name[160];
    struct tb_json_writer found, differences;
};

static void differ(struct comparing *c, const char *file, const char *field,
                   const struct tb_json *planned, const struct tb_json *found)
{
    struct tb_json_writer *w = &c->differences;
    tb_jw_object(w);
    tb_jw_kv_string(w, "file", file);
    tb_jw_kv_string(w, "field", field);
    tb_jw_kv_node(w, "planned", planned);
    tb_jw_kv_node(w, "found", found);
    tb_jw_end_object(w);
}

/* Names that the bridge would give are no difference while an adopted bot still has its own. */
static bool is_own_name(const struct comparing *c, const char *field)
{
    return strcmp(field, "_config_name") == 0 ||
           (!c->deployed.base[0] &&
            (strcmp(field, "id") == 0 || strcmp(field, "controllers_config") == 0));
}

static void compare(struct comparing *c, const char *file, const struct tb_json *planned,
                    const struct tb_json *found)
{
    for (const struct tb_json *p = tb_json_first(planned); p; p = p->next)
        if (!is_own_name(c, p->key) && !same_config(p, tb_json_get(found, p->key)))
            differ(c, file, p->key, p, tb_json_get(found, p->key));
    for (const struct tb_json *f = tb_json_first(found); f; f = f->next)
        if (!is_own_name(c, f->key) && !tb_json_get(planned, f->key))
            differ(c, file, f->key, NULL, f);
}

static const struct tb_json *found_file(const struct comparing *c, const struct tb_json *file)
{
    const char *name = deployed_name(&c->deployed, file);
    if (deployed_is_script(file))
        return c->script ? tb_json_root(c->script) : NULL;
    return c->configs ? deployed_find(tb_json_root(c->configs), name) : NULL;
}

/* script: whether the shared script config is compared as well; the instance needs it no more. */
static void compare_planned(struct comparing *c, bool script)
{
    size_t i = 0;
    for (const struct tb_json *file = tb_json_first(c->deployed.files); file; file = file->next) {
        const struct tb_json *found = found_file(c, file);
        struct tb_json_doc *doc = deployed_config(&c->deployed, file, i++);
        const char *name = deployed_name(&c->deployed, file);
        bool compared = script || !deployed_is_script(file);
        if (compared && !found)
            differ(c, name, NULL, doc ? tb_json_root(doc) : NULL, NULL);
        else if (compared && doc)
            compare(c, name, tb_json_root(doc), found);
        tb_json_free(doc);
    }
}

static bool is_planned(const struct comparing *c, const char *name)
{
    for (const struct tb_json *file = tb_json_first(c->deployed.files); file; file = file->next)
        if (!deployed_is_script(file) &&
            deployed_same_name(deployed_name(&c->deployed, file), name))
            return true;
    return false;
}

static void compare_extra(struct comparing *c)
{
    const struct tb_json *list = c->deployed.plan && c->configs ? tb_json_root(c->configs) : NULL;
    for (const struct tb_json *f = tb_json_first(list); f; f = f->next) {
        const char *name = tb_json_get_string(f, "_config_name");
        if (name && !is_planned(c, name))
            differ(c, name, NULL, NULL, f);
    }
}

/* ---- reading ---- */

static bool begin(struct comparing *c, struct tb_bots *b, const char *id, struct tb_error *err)
{
    struct deployed_key key;
    struct bot *bot;

    *c = (struct comparing){.b = b};
    *err = (struct tb_error){0};
    pthread_mutex_lock(&b->lock);
    bot = registry_find(b, id);
    if (bot)
        deployed_key_of(bot, &key);
    pthread_mutex_unlock(&b->lock);
    if (!bot)
        return tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
    tb_copy(c->instance, sizeof c->instance, key.instance);
    return deployed_read(b, &key, &c->deployed, err);
}

static bool read_own(struct comparing *c, struct tb_error *err)
{
    if (c->instance[0])
        c->configs = upstream_read_if_there(c->b, TB_HB_CONTROLLERS_BOT_CONFIGS, c->instance,
                                            tb_mono_ms() + READ_MS, err);
    return err->code == TB_OK;
}

static bool read_script(struct comparing *c, struct tb_error *err)
{
    for (const struct tb_json *file = tb_json_first(c->deployed.files); file; file = file->next)
        if (deployed_is_script(file))
            tb_copy(c->script_name, sizeof c->script_name, deployed_name(&c->deployed, file));
    if (c->script_name[0])
        c->script = upstream_read_if_there(c->b, TB_HB_SCRIPTS_CONFIG_GET, c->script_name,
                                           tb_mono_ms() + READ_MS, err);
    return err->code == TB_OK;
}

static void end(struct comparing *c)
{
    deployed_free(&c->deployed);
    tb_json_free(c->configs);
    tb_json_free(c->script);
}

static void write_differences(struct comparing *c, bool script, struct tb_buffer *out)
{
    tb_jw_init(&c->differences, out);
    tb_jw_array(&c->differences);
    compare_planned(c, script);
    compare_extra(c);
    tb_jw_end_array(&c->differences);
}

struct tb_json_doc *config_look(struct tb_bots *b, const char *bot_id,
                                struct tb_buffer *differences, struct tb_error *err)
{
    struct comparing c;
    struct tb_json_doc *configs = NULL;

    if (begin(&c, b, bot_id, err) && read_own(&c, err) && c.configs &&
        tb_json_is(tb_json_root(c.configs), TB_JSON_ARRAY)) {
        write_differences(&c, false, differences);
        configs = c.configs;
        c.configs = NULL;
    }
    end(&c);
    return configs;
}

/* ---- the answer ---- */

static void write_file(struct tb_json_writer *w, const char *folder, const char *name,
                       const struct tb_json *config)
{
    tb_jw_object(w);
    tb_jw_kv_string(w, "kind", folder);
    tb_jw_kv_string(w, "name", name);
    tb_jw_key(w, "config");
    if (tb_json_is(config, TB_JSON_OBJECT)) {
        tb_jw_object(w);
        for (const struct tb_json *m = tb_json_first(config); m; m = m->next)
            if (strcmp(m->key, "_config_name") != 0)
                tb_jw_kv_node(w, m->key, m);
        tb_jw_end_object(w);
    } else {
        tb_jw_null(w);
    }
    tb_jw_end_object(w);
}

static void write_planned(const struct comparing *c, struct tb_json_writer *w)
{
    size_t i = 0;
    tb_jw_key(w, "planned");
    if (!c->deployed.plan) {
        tb_jw_null(w);
        return;
    }
    tb_jw_array(w);
    for (const struct tb_json *file = tb_json_first(c->deployed.files); file; file = file->next) {
        struct tb_json_doc *doc = deployed_config(&c->deployed, file, i++);
        write_file(w, deployed_is_script(file) ? "script" : "controller",
                   deployed_name(&c->deployed, file), doc ? tb_json_root(doc) : NULL);
        tb_json_free(doc);
    }
    tb_jw_end_array(w);
}

static void write_found(const struct comparing *c, struct tb_json_writer *w)
{
    tb_jw_key(w, "found");
    tb_jw_array(w);
    for (const struct tb_json *f = c->configs ? tb_json_first(tb_json_root(c->configs)) : NULL; f;
         f = f->next)
        write_file(w, "controller", tb_json_get_string(f, "_config_name"), f);
    if (c->script)
        write_file(w, "script", c->script_name, tb_json_root(c->script));
    tb_jw_end_array(w);
}

static void answer(struct comparing *c, struct tb_buffer *out)
{
    struct tb_buffer differences = TB_BUFFER_INIT;
    struct tb_json_writer w;

    write_differences(c, true, &differences);
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "instance", c->instance[0] ? c->instance : NULL);
    write_planned(c, &w);
    write_found(c, &w);
    tb_jw_kv_raw(&w, "differences", differences.data, differences.len);
    tb_jw_end_object(&w);
    tb_buffer_free(&differences);
}

bool tb_bots_config(struct tb_bots *bots, const char *id, struct tb_buffer *out,
                    struct tb_error *err)
{
    struct comparing c;
    bool ok = begin(&c, bots, id, err) && read_own(&c, err) && read_script(&c, err);

    if (ok)
        answer(&c, out);
    end(&c);
    return ok;
}
