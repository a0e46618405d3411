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

static void compare_planned(struct comparing *c)
{
    size_t i = 0;
    for (const struct tb_json *file = tb_json_first(c->deployed.files); file; file = file->next) {
        const struct tb_json *found = found_file(c, file);
        struct tb_json_doc *doc = deployed_config(&c->deployed, file, i++);
        const char *name = deployed_name(&c->deployed, file);
        if (!found)
            differ(c, name, NULL, doc ? tb_json_root(doc) : NULL, NULL);
        else if (doc)
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

static bool read_found(struct comparing *c, struct tb_error *err)
{
    int64_t deadline = tb_mono_ms() + READ_MS;

    *err = (struct tb_error){0};
    if (c->instance[0])
        c->configs =
            upstream_read_if_there(c->b, TB_HB_CONTROLLERS_BOT_CONFIGS, c->instance, deadline, err);
    if (err->code != TB_OK)
        return false;
    for (const struct tb_json *file = tb_json_first(c->deployed.files); file; file = file->next)
        if (deployed_is_script(file))
            tb_copy(c->script_name, sizeof c->script_name, deployed_name(&c->deployed, file));
    if (c->script_name[0])
        c->script =
            upstream_read_if_there(c->b, TB_HB_SCRIPTS_CONFIG_GET, c->script_name, deadline, err);
    return err->code == TB_OK;
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

    tb_jw_init(&c->differences, &differences);
    tb_jw_array(&c->differences);
    compare_planned(c);
    compare_extra(c);
    tb_jw_end_array(&c->differences);
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
    struct comparing c = {.b = bots};
    struct deployed_key key;
    struct bot *bot;
    bool ok;

    pthread_mutex_lock(&bots->lock);
    bot = registry_find(bots, id);
    if (bot)
        deployed_key_of(bot, &key);
    pthread_mutex_unlock(&bots->lock);
    if (!bot)
        return tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
    tb_copy(c.instance, sizeof c.instance, key.instance);
    ok = deployed_read(bots, &key, &c.deployed, err) && read_found(&c, err);
    if (ok)
        answer(&c, out);
    deployed_free(&c.deployed);
    tb_json_free(c.configs);
    tb_json_free(c.script);
    return ok;
}
