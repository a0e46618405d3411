/* What POST /bots/plan and a check answer: the plan's document without what only the bridge needs,
 * and what the plugin says of a form. Any thread; owns nothing. */
#include <string.h>

#include "bots/bots_private.h"

void plan_write(struct tb_json_writer *w, const char *id, const char *hash, int64_t expires_at,
                const struct tb_json *doc)
{
    tb_jw_kv_string(w, "plan_id", id);
    tb_jw_kv_string(w, "hash", hash);
    tb_jw_kv_time(w, "expires_at", expires_at);
    for (const struct tb_json *f = tb_json_first(doc); f; f = f->next)
        if (strcmp(f->key, "bot_facts") != 0)
            tb_jw_kv_node(w, f->key, f);
    tb_jw_kv_node(w, "plugin", tb_json_path(doc, "bot_facts", "plugin", NULL));
}

bool plan_answer_write(struct plan *p, bool stored, struct tb_error *err)
{
    struct tb_json_writer w;
    struct tb_json_doc *doc = tb_json_parse(p->doc.data, p->doc.len, TB_JSON_UPSTREAM, err);
    if (!doc)
        return false;
    tb_jw_init(&w, &p->answer);
    tb_jw_object(&w);
    plan_write(&w, stored ? p->id : NULL, stored ? p->hash : NULL, stored ? p->expires_at : 0,
               tb_json_root(doc));
    tb_jw_end_object(&w);
    tb_json_free(doc);
    return true;
}

static void write_list(struct tb_json_writer *w, const char *key, const struct tb_buffer *list)
{
    tb_jw_kv_raw(w, key, list->len ? list->data : "[]", list->len ? list->len : 2);
}

void check_write(const struct request *r, const struct tb_json *said,
                 const struct tb_problems *problems, struct tb_buffer *out)
{
    static const char *const kept[] = {"params",  "risk",   "facts",      "checks", "preview",
                                       "effects", "quotes", "risk_class", NULL};
    struct tb_json_writer w;
    char hash[9] = "";

    tb_generation_hash(r->in, r->exchange, hash);
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_bool(&w, "ok", problems->errors.len == 0);
    tb_jw_kv_string(&w, "exchange", r->exchange);
    tb_jw_kv_string(&w, "strategy", r->strategy);
    write_list(&w, "errors", &problems->errors);
    write_list(&w, "warnings", &problems->warnings);
    for (const char *const *k = kept; *k; k++)
        tb_jw_kv_node(&w, *k, tb_json_get(said, *k));
    tb_jw_key(&w, "plugin");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", r->exchange);
    tb_jw_kv_node(&w, "version", tb_json_get(said, "version"));
    tb_jw_kv_node(&w, "revision", tb_json_get(said, "revision"));
    tb_jw_kv_string(&w, "generation", hash);
    tb_jw_end_object(&w);
    tb_jw_end_object(&w);
}
