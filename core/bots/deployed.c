/* See deployed.h. */
#include "bots/deployed.h"

#include <stdlib.h>
#include <string.h>

#include "bots/params.h"

void deployed_key_of(const struct bot *bot, struct deployed_key *out)
{
    *out = (struct deployed_key){.live = params_live(bot)};
    tb_copy(out->instance, sizeof out->instance, bot->life.instance);
    tb_copy(out->plan_id, sizeof out->plan_id, bot->plan_id);
    tb_copy(out->base, sizeof out->base, bot->life.base);
}

bool deployed_read(struct tb_bots *b, struct deployed_key *key, struct deployed *out,
                   struct tb_error *err)
{
    bool ok = true;
    *out = (struct deployed){.base = ""};
    tb_copy(out->base, sizeof out->base, key->base);
    if (key->plan_id[0]) {
        out->plan = plan_for_base(b, key->plan_id, key->base[0] ? key->base : NULL, err);
        ok = out->plan != NULL;
    }
    if (ok && key->live)
        ok = (out->live = tb_json_parse(key->live, strlen(key->live), TB_JSON_UPSTREAM, err));
    out->files = out->plan ? tb_json_get(tb_json_root(out->plan), "files") : NULL;
    out->live_rows = out->live ? tb_json_root(out->live) : NULL;
    free(key->live);
    key->live = NULL;
    return ok;
}

void deployed_free(struct deployed *d)
{
    tb_json_free(d->plan);
    tb_json_free(d->live);
}

static const char *after_slash(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : "";
}

const char *deployed_name(const struct deployed *d, const struct tb_json *file)
{
    const char *of = tb_json_get_string(file, "of");
    return of && !d->base[0] ? of : after_slash(tb_json_get_string(file, "path"));
}

bool deployed_is_script(const struct tb_json *file)
{
    const char *path = tb_json_get_string(file, "path");
    return path && strncmp(path, "/scripts/", 9) == 0;
}

bool deployed_same_name(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    n -= n > 4 && strcmp(a + n - 4, ".yml") == 0 ? 4 : 0;
    m -= m > 4 && strcmp(b + m - 4, ".yml") == 0 ? 4 : 0;
    return n == m && strncmp(a, b, n) == 0;
}

const struct tb_json *deployed_find(const struct tb_json *configs, const char *name)
{
    for (const struct tb_json *f = tb_json_first(configs); f; f = f->next) {
        const char *own = tb_json_get_string(f, "_config_name");
        if (own && deployed_same_name(own, name))
            return f;
    }
    return NULL;
}

/* What the running bot's file holds instead of the plan's value; NULL: the plan's. */
static const struct tb_json *live_value(const struct deployed *d, size_t index, const char *field)
{
    for (const struct tb_json *r = tb_json_first(d->live_rows); r; r = r->next) {
        int64_t controller;
        const char *name = tb_json_get_string(r, "field");
        if (tb_json_int64(tb_json_get(r, "controller"), &controller) &&
            controller == (int64_t)index + 1 && name && strcmp(name, field) == 0)
            return tb_json_get(r, "to");
    }
    return NULL;
}

struct tb_json_doc *deployed_config(const struct deployed *d, const struct tb_json *file,
                                    size_t index)
{
    const struct tb_json *bytes = tb_json_get(file, "bytes");
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_error ignored;
    struct tb_json_writer w;
    struct tb_json_doc *doc, *now;

    if (!tb_json_is(bytes, TB_JSON_STRING))
        return NULL;
    doc = tb_json_parse(bytes->text, bytes->len, TB_JSON_UPSTREAM, &ignored);
    if (!doc || !d->live_rows || deployed_is_script(file))
        return doc;
    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    for (const struct tb_json *m = tb_json_first(tb_json_root(doc)); m; m = m->next) {
        const struct tb_json *live = live_value(d, index, m->key);
        tb_jw_kv_node(&w, m->key, live ? live : m);
    }
    tb_jw_end_object(&w);
    now = tb_json_parse(text.data, text.len, TB_JSON_UPSTREAM, &ignored);
    tb_buffer_free(&text);
    tb_json_free(doc);
    return now;
}
