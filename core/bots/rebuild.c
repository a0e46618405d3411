/* Would the bots that live be built differently by another version of their plugin? Each is built
 * by both versions from its stored parameters and facts, and the bytes are compared. The bots are
 * never touched: they go on as they were deployed. Request threads; reads the store only. */
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "bots/bots_private.h"
#include "bots/params.h"

enum { BUILD_MS = 5000, FIELDS_MAX = 32 };

struct rebuild {
    struct tb_bots *b;
    const char *plugin;
    const struct tb_generation *before, *after;
    struct tb_json_writer *w;
    int64_t same, living;
};

/* ---- building again ---- */

/* What the plan recorded, as the plugin gets it. */
static void write_input(const struct tb_json *plan, struct tb_buffer *out)
{
    const struct tb_json *facts = tb_json_get(plan, "facts");
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_node(&w, "strategy", tb_json_get(plan, "strategy"));
    tb_jw_kv_node(&w, "params", tb_json_get(plan, "params"));
    tb_jw_kv_node(&w, "risk", tb_json_get(plan, "risk"));
    tb_jw_kv_node(&w, "facts", facts);
    tb_jw_key(&w, "ctx");
    tb_jw_object(&w);
    tb_jw_kv_node(&w, "bot", tb_json_get(plan, "name"));
    tb_jw_kv_node(&w, "account", tb_json_get(plan, "account"));
    tb_jw_kv_node(&w, "image", tb_json_get(plan, "image"));
    tb_jw_kv_node(&w, "hummingbot", tb_json_get(facts, "hummingbot"));
    tb_jw_kv_string(&w, "server", "default");
    tb_jw_kv_node(&w, "now", tb_json_get(facts, "now"));
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
}

static struct tb_json_doc *build(const struct rebuild *r, const struct tb_generation *in,
                                 const struct tb_buffer *input, struct tb_error *err)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_json_doc *doc = NULL;
    const struct tb_plugin_call call = {.plugin = r->plugin,
                                        .entry = TB_PLUGIN_REBUILD,
                                        .input = input->data,
                                        .input_len = input->len,
                                        .mono_deadline_ms = tb_plugins_deadline(BUILD_MS),
                                        .in = in};
    if (tb_plugins_call(r->b->plugins, &call, &out, NULL, err))
        doc = tb_json_parse(out.data, out.len, TB_JSON_UPSTREAM, err);
    tb_buffer_free(&out);
    if (doc && !tb_json_true(tb_json_get(tb_json_root(doc), "ok"))) {
        const struct tb_json *first = tb_json_first(tb_json_get(tb_json_root(doc), "errors"));
        const char *message = tb_json_get_string(first, "message");
        (void)tb_fail(err, TB_INVALID, "%s", message ? message : "the parameters are refused");
        tb_json_free(doc);
        doc = NULL;
    }
    return doc;
}

/* ---- comparing ---- */

static bool same_json(const struct tb_json *a, const struct tb_json *b)
{
    struct tb_buffer one = TB_BUFFER_INIT, two = TB_BUFFER_INIT;
    tb_json_canonical(a, &one);
    tb_json_canonical(b, &two);
    bool same = strcmp(tb_buffer_text(&one), tb_buffer_text(&two)) == 0;
    tb_buffer_free(&one);
    tb_buffer_free(&two);
    return same;
}

/* Pointers to the innermost members that differ. */
static void write_differences(struct tb_json_writer *w, const struct tb_json *a,
                              const struct tb_json *b, const char *pointer, int *left)
{
    bool objects = tb_json_is(a, TB_JSON_OBJECT) && tb_json_is(b, TB_JSON_OBJECT);
    bool arrays = tb_json_is(a, TB_JSON_ARRAY) && tb_json_is(b, TB_JSON_ARRAY) && a->len == b->len;
    if (*left <= 0 || same_json(a, b))
        return;
    if (!objects && !arrays) {
        tb_jw_string(w, pointer);
        --*left;
        return;
    }
    size_t index = 0;
    for (const struct tb_json *m = tb_json_first(a); m; m = m->next, index++) {
        struct tb_buffer at = TB_BUFFER_INIT;
        tb_buffer_puts(&at, pointer);
        if (objects)
            tb_pointer_add(&at, m->key);
        else
            tb_buffer_printf(&at, "/%zu", index);
        write_differences(w, m, objects ? tb_json_get(b, m->key) : tb_json_at(b, index),
                          tb_buffer_text(&at), left);
        tb_buffer_free(&at);
    }
    for (const struct tb_json *m = objects ? tb_json_first(b) : NULL; m; m = m->next) {
        struct tb_buffer at = TB_BUFFER_INIT;
        tb_buffer_puts(&at, pointer);
        tb_pointer_add(&at, m->key);
        if (!tb_json_get(a, m->key))
            write_differences(w, NULL, m, tb_buffer_text(&at), left);
        tb_buffer_free(&at);
    }
}

/* change: differs, fails (by the new version only), unknown (nothing to compare with, or no time).
 */
static void write_bot(struct rebuild *r, const struct tb_store_bot *bot, const char *change,
                      const char *detail, const struct tb_json *a, const struct tb_json *b)
{
    int left = FIELDS_MAX;
    tb_jw_object(r->w);
    tb_jw_kv_string(r->w, "id", bot->id);
    tb_jw_kv_string(r->w, "name", bot->name);
    tb_jw_kv_string(r->w, "strategy", bot->strategy);
    tb_jw_kv_string(r->w, "state", bot->state);
    tb_jw_kv_string(r->w, "change", change);
    tb_jw_kv_string(r->w, "detail", detail);
    tb_jw_key(r->w, "fields");
    tb_jw_array(r->w);
    if (a && b)
        write_differences(r->w, a, b, "", &left);
    tb_jw_end_array(r->w);
    tb_jw_end_object(r->w);
}

static void compare(struct rebuild *r, const struct tb_store_bot *bot, const struct tb_json *plan)
{
    struct tb_buffer input = TB_BUFFER_INIT;
    struct tb_error old_err = {0}, new_err = {0};
    write_input(plan, &input);
    struct tb_json_doc *old = build(r, r->before, &input, &old_err);
    struct tb_json_doc *new = build(r, r->after, &input, &new_err);
    const struct tb_json *a = old ? tb_json_root(old) : NULL, *b = new ? tb_json_root(new) : NULL;
    if (a && b && same_json(a, b))
        r->same++;
    else if (a && b)
        write_bot(r, bot, "differs", NULL, a, b);
    else if (a && new_err.code != TB_BUSY)
        write_bot(r, bot, "fails", new_err.detail, NULL, NULL);
    else
        write_bot(r, bot, "unknown", a ? new_err.detail : old_err.detail, NULL, NULL);
    tb_json_free(old);
    tb_json_free(new);
    tb_buffer_free(&input);
}

/* The plan of the parameters that people want of it now; "": none. */
static void wanted_plan(struct tb_bots *b, const struct tb_store_bot *row, char out[TB_ULID_TEXT])
{
    pthread_mutex_lock(&b->lock);
    const struct bot *bot = registry_find(b, row->id);
    if (bot)
        (void)params_plan(bot, out);
    else
        tb_copy(out, TB_ULID_TEXT, row->plan_id ? row->plan_id : "");
    pthread_mutex_unlock(&b->lock);
}

static void one_bot(void *arg, const struct tb_store_bot *bot)
{
    struct rebuild *r = arg;
    struct tb_error err = {0};
    char plan_id[TB_ULID_TEXT];
    if (!bot->holds_name || strcmp(bot->exchange, r->plugin) != 0)
        return;
    r->living++;
    wanted_plan(r->b, bot, plan_id);
    struct tb_store_plan *row = plan_id[0] ? tb_store_plan_get(r->b->store, plan_id, &err) : NULL;
    struct tb_json_doc *doc =
        row ? tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, &err) : NULL;
    if (doc)
        compare(r, bot, tb_json_root(doc));
    else
        write_bot(r, bot, "unknown", "It was not created by a plan of this bridge.", NULL, NULL);
    tb_json_free(doc);
    free(row);
}

bool tb_bots_rebuilt(struct tb_bots *bots, const char *plugin, const struct tb_generation *before,
                     const struct tb_generation *after, struct tb_json_writer *w,
                     struct tb_error *err)
{
    struct rebuild r = {.b = bots, .plugin = plugin, .before = before, .after = after, .w = w};
    tb_jw_key(w, "bots");
    tb_jw_array(w);
    bool ok = tb_store_bots_each(bots->store, one_bot, &r, err);
    tb_jw_end_array(w);
    tb_jw_kv_int(w, "living", r.living);
    tb_jw_kv_int(w, "built_the_same", r.same);
    return ok;
}
