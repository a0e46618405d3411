/* GET /bots/{id}/config: the files a bot was deployed with, as planned and as upstream gives them
 * back now, and every field in which they differ. An instance has its own copy of the controller
 * configs; of its script config only the one it was copied from can be read. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "bots/bots_private.h"

enum { READ_MS = 15000 };

struct comparing {
    struct tb_bots *b;
    char instance[TB_INSTANCE_NAME], plan_id[TB_ULID_TEXT], base[TB_BASE_NAME];
    struct tb_json_doc *plan, *configs, *script;
    char script_name[160];
    struct tb_json_writer found, differences;
};

static const char *after_slash(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : "";
}

/* Name of a planned file upstream: an adopted bot's files had their own. */
static const char *name_of(const struct comparing *c, const struct tb_json *file)
{
    const char *of = tb_json_get_string(file, "of");
    return of && !c->base[0] ? of : after_slash(tb_json_get_string(file, "path"));
}

static bool is_script(const struct tb_json *file)
{
    const char *path = tb_json_get_string(file, "path");
    return path && strncmp(path, "/scripts/", 9) == 0;
}

static bool same_name(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    n -= n > 4 && strcmp(a + n - 4, ".yml") == 0 ? 4 : 0;
    m -= m > 4 && strcmp(b + m - 4, ".yml") == 0 ? 4 : 0;
    return n == m && strncmp(a, b, n) == 0;
}

static struct tb_json_doc *bytes_of(const struct tb_json *file)
{
    const struct tb_json *bytes = tb_json_get(file, "bytes");
    struct tb_error ignored;
    return tb_json_is(bytes, TB_JSON_STRING)
               ? tb_json_parse(bytes->text, bytes->len, TB_JSON_UPSTREAM, &ignored)
               : NULL;
}

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
           (!c->base[0] && (strcmp(field, "id") == 0 || strcmp(field, "controllers_config") == 0));
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
    const char *name = name_of(c, file);
    if (is_script(file))
        return c->script ? tb_json_root(c->script) : NULL;
    for (const struct tb_json *f = c->configs ? tb_json_first(tb_json_root(c->configs)) : NULL; f;
         f = f->next) {
        const char *own = tb_json_get_string(f, "_config_name");
        if (own && same_name(own, name))
            return f;
    }
    return NULL;
}

static void compare_planned(struct comparing *c)
{
    const struct tb_json *files = c->plan ? tb_json_get(tb_json_root(c->plan), "files") : NULL;
    for (const struct tb_json *file = tb_json_first(files); file; file = file->next) {
        const struct tb_json *found = found_file(c, file);
        struct tb_json_doc *doc = bytes_of(file);
        if (!found)
            differ(c, name_of(c, file), NULL, doc ? tb_json_root(doc) : NULL, NULL);
        else if (doc)
            compare(c, name_of(c, file), tb_json_root(doc), found);
        tb_json_free(doc);
    }
}

static bool is_planned(const struct comparing *c, const char *name)
{
    const struct tb_json *files = tb_json_get(tb_json_root(c->plan), "files");
    for (const struct tb_json *file = tb_json_first(files); file; file = file->next)
        if (!is_script(file) && same_name(name_of(c, file), name))
            return true;
    return false;
}

static void compare_extra(struct comparing *c)
{
    const struct tb_json *list = c->plan && c->configs ? tb_json_root(c->configs) : NULL;
    for (const struct tb_json *f = tb_json_first(list); f; f = f->next) {
        const char *name = tb_json_get_string(f, "_config_name");
        if (name && !is_planned(c, name))
            differ(c, name, NULL, NULL, f);
    }
}

/* ---- reading ---- */

static bool read_all(struct comparing *c, struct tb_error *err)
{
    int64_t deadline = tb_mono_ms() + READ_MS;
    const struct tb_json *files;

    *err = (struct tb_error){0};
    if (c->plan_id[0]) {
        if (c->base[0]) {
            c->plan = plan_for_base(c->b, c->plan_id, c->base, err);
        } else {
            struct tb_store_plan *row = tb_store_plan_get(c->b->store, c->plan_id, err);
            c->plan = row ? tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, err) : NULL;
            free(row);
        }
        if (!c->plan)
            return false;
    }
    if (c->instance[0])
        c->configs =
            upstream_read_if_there(c->b, TB_HB_CONTROLLERS_BOT_CONFIGS, c->instance, deadline, err);
    if (err->code != TB_OK)
        return false;
    files = c->plan ? tb_json_get(tb_json_root(c->plan), "files") : NULL;
    for (const struct tb_json *file = tb_json_first(files); file; file = file->next)
        if (is_script(file))
            tb_copy(c->script_name, sizeof c->script_name, name_of(c, file));
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
    tb_jw_key(w, "planned");
    if (!c->plan) {
        tb_jw_null(w);
        return;
    }
    tb_jw_array(w);
    const struct tb_json *files = tb_json_get(tb_json_root(c->plan), "files");
    for (const struct tb_json *file = tb_json_first(files); file; file = file->next) {
        struct tb_json_doc *doc = bytes_of(file);
        write_file(w, is_script(file) ? "script" : "controller", name_of(c, file),
                   doc ? tb_json_root(doc) : NULL);
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
    struct bot *bot;
    bool ok;

    pthread_mutex_lock(&bots->lock);
    bot = registry_find(bots, id);
    if (bot) {
        tb_copy(c.instance, sizeof c.instance, bot->life.instance);
        tb_copy(c.plan_id, sizeof c.plan_id, bot->plan_id);
        tb_copy(c.base, sizeof c.base, bot->life.base);
    }
    pthread_mutex_unlock(&bots->lock);
    if (!bot)
        return tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
    ok = read_all(&c, err);
    if (ok)
        answer(&c, out);
    tb_json_free(c.plan);
    tb_json_free(c.configs);
    tb_json_free(c.script);
    return ok;
}
