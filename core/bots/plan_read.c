/* Plans read back from the store: for creating from one, and with its names rewritten for another
 * attempt. Any thread; owns nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bots/bots_private.h"

bool plan_copy_text(const struct tb_json *from, const char *key, char *out, size_t size)
{
    const char *text = tb_json_get_string(from, key);
    return !text || tb_copy(out, size, text);
}

static struct tb_store_plan *stored(struct tb_bots *b, const char *id, struct tb_json_doc **doc_out,
                                    struct tb_error *err)
{
    struct tb_store_plan *row = tb_store_plan_get(b->store, id, err);
    if (!row)
        return NULL;
    *doc_out = tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, err);
    if (!*doc_out) {
        free(row);
        return NULL;
    }
    return row;
}

bool plan_load(struct tb_bots *b, const char *id, struct plan *plan, struct tb_error *err)
{
    struct tb_json_doc *doc;
    struct tb_store_plan *row = stored(b, id, &doc, err);
    const struct tb_json *root, *facts;
    struct plan *p = plan;

    *plan = (struct plan){0};
    if (!row) {
        if (err && err->code == TB_NOT_FOUND)
            tb_fail(err, TB_PLAN_EXPIRED, "There is no plan of this id; make a new one.");
        return false;
    }
    root = tb_json_root(doc);
    tb_copy(p->id, sizeof p->id, row->id);
    tb_copy(p->hash, sizeof p->hash, row->hash);
    p->created_at = row->created_at;
    p->expires_at = row->expires_at;
    (void)(plan_copy_text(root, "name", p->name, sizeof p->name) &&
           plan_copy_text(root, "exchange", p->exchange, sizeof p->exchange) &&
           plan_copy_text(root, "strategy", p->strategy, sizeof p->strategy) &&
           plan_copy_text(root, "account", p->account, sizeof p->account) &&
           plan_copy_text(root, "image", p->image, sizeof p->image) &&
           plan_copy_text(root, "connector", p->connector, sizeof p->connector) &&
           plan_copy_text(root, "pair", p->pair, sizeof p->pair) &&
           plan_copy_text(root, "nonce", p->nonce, sizeof p->nonce) &&
           plan_copy_text(root, "base", p->base, sizeof p->base));
    tb_slug(p->name, p->slug);
    snprintf(p->stem, sizeof p->stem, "hummingbot-%s-", p->slug);
    p->reports = tb_json_true(tb_json_get(root, "reports"));
    p->may_pull = tb_json_true(tb_json_get(root, "may_pull"));
    if (!tb_json_int64(tb_json_get(root, "controllers"), &p->controllers))
        p->controllers = 0;
    facts = tb_json_get(root, "bot_facts");
    tb_json_canonical(facts, &p->facts);
    tb_json_free(doc);
    free(row);
    return true;
}

struct tb_json_doc *plan_for_base(struct tb_bots *b, const char *plan_id, const char *base,
                                  struct tb_error *err)
{
    struct tb_json_doc *doc;
    struct tb_store_plan *row = stored(b, plan_id, &doc, err);
    struct tb_buffer text = TB_BUFFER_INIT;
    const char *old, *at, *hit;

    if (!row)
        return NULL;
    old = tb_json_get_string(tb_json_root(doc), "base");
    /* The base holds a random nonce, so it occurs only where the host wrote it. */
    for (at = row->doc; base && old && old[0] && (hit = strstr(at, old)); at = hit + strlen(old)) {
        tb_buffer_append(&text, at, (size_t)(hit - at));
        tb_buffer_puts(&text, base);
    }
    tb_buffer_puts(&text, at);
    tb_json_free(doc);
    doc = tb_json_parse(text.data, text.len, TB_JSON_UPSTREAM, err);
    tb_buffer_free(&text);
    free(row);
    return doc;
}
