/* POST /bots/redeploy: several bots with one request, such as all of a strategy after its plugin
 * was changed. One after another, the next when the new life of the one before is proven; the first
 * that fails ends it. Request threads and the batch's own; owns nothing. */
#include <string.h>

#include "bots/batch.h"
#include "bots/command.h"

/* What the request says beside the bots is each bot's request. */
static struct tb_json_doc *request_of_one(const struct batch *p, struct tb_error *err)
{
    static const char *const own[] = {"params", "risk", "image", "generation", NULL};
    struct tb_json_doc *doc = tb_json_parse(p->request, strlen(p->request), TB_JSON_UPSTREAM, err),
                       *one;
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;

    if (!doc)
        return NULL;
    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    for (const char *const *k = own; *k; k++)
        if (tb_json_get(tb_json_root(doc), *k))
            tb_jw_kv_node(&w, *k, tb_json_get(tb_json_root(doc), *k));
    tb_jw_end_object(&w);
    one = tb_json_parse(text.data, text.len, TB_JSON_UPSTREAM, err);
    tb_buffer_free(&text);
    tb_json_free(doc);
    return one;
}

static bool open_redeploy(struct batch *p, struct batch_item *item, const struct tb_caller *caller,
                          const struct tb_idempotency *key, struct tb_command_result *result,
                          struct tb_error *err)
{
    struct tb_problems problems = {0};
    struct tb_json_doc *one = request_of_one(p, err);
    bool ok = one && tb_bots_redeploy(p->b, item->bot_id, tb_json_root(one), false, caller, key,
                                      result, &problems, err);
    tb_json_free(one);
    tb_problems_free(&problems);
    return ok;
}

const struct batch_kind redeploy_many_kind = {.word = "redeploy_many", .open = open_redeploy};

/* Every bot is planned with that version of its own plugin: one that lacks it would end the batch
 * when the bots before it have been stopped and deployed. */
static bool has_generation(const struct batch *p, const struct tb_json *generation,
                           struct tb_problems *problems, struct tb_error *err)
{
    char known[64] = "";

    for (size_t i = 0; generation && i < p->items; i++) {
        struct tb_generation *in;
        char exchange[64] = "";
        struct bot *bot;

        pthread_mutex_lock(&p->b->lock);
        bot = registry_find(p->b, p->item[i].bot_id);
        if (bot && bot->managed)
            tb_copy(exchange, sizeof exchange, bot->exchange);
        pthread_mutex_unlock(&p->b->lock);
        if (!exchange[0] || strcmp(exchange, known) == 0)
            continue;
        in = redeploy_generation(p->b, exchange, generation, problems, err);
        if (!in)
            return false;
        tb_generation_release(in);
        tb_copy(known, sizeof known, exchange);
    }
    return true;
}

bool tb_bots_redeploy_many(struct tb_bots *bots, const struct tb_json *request,
                           const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                           struct tb_command_result *result, struct tb_problems *problems,
                           struct tb_error *err)
{
    static const char *const fields[] = {"bots",       "params",  "risk",    "image",
                                         "generation", "dry_run", "pause_s", NULL};
    struct tb_json_writer w;
    struct batch *p;
    bool done, dry, ok;

    ok = batch_replayed(bots, caller, idempotency, result, &done, err);
    if (done)
        return ok;
    if (!command_fields(request, fields, problems, err) ||
        !batch_read_dry_run(request, &dry, problems, err))
        return false;
    p = batch_new(bots, &redeploy_many_kind, request);
    p->one_at_a_time = p->stop_at_first_failure = true;
    ok = batch_read_pace(p, request, problems, err) &&
         batch_add_named(p, tb_json_get(request, "bots"), command_may_redeploy, NULL, problems,
                         err) &&
         has_generation(p, tb_json_get(request, "generation"), problems, err);
    if (ok && dry) {
        tb_jw_init(&w, &result->body);
        batch_write(p, true, &w);
    } else if (ok && observing_allows(bots, err)) {
        return batch_open(p, caller, idempotency, result, err);
    } else {
        ok = false;
    }
    batch_free(p);
    return ok;
}
