/* The answer of a check: what the plugin says of a form, with nothing that a create would need. Any
 * thread; owns nothing. */
#include "bots/bots_private.h"

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
