/* What the requests of batches share: the bots they name, dry_run. Request threads; owns nothing.
 */
#include <string.h>

#include "bots/batch.h"

/* What stands in the way is said now; the command itself judges again when its turn comes. */
static void add_named(struct batch *p, const struct bot *bot, batch_may *may)
{
    struct tb_error err = {0};
    struct batch_item *item;

    for (size_t i = 0; i < p->items; i++)
        if (strcmp(p->item[i].bot_id, bot->id) == 0)
            return;
    item = batch_add(p, bot);
    if (!bot->managed)
        (void)tb_fail(&err, TB_STATE,
                      "This instance was not made by the bridge, so the bridge does not command "
                      "it.");
    else if (!may(bot, &err))
        item->state = ITEM_FAILED;
    if (err.code != TB_OK) {
        item->state = ITEM_FAILED;
        tb_copy(item->code, sizeof item->code, tb_code_word(err.code));
        tb_copy(item->detail, sizeof item->detail, err.detail);
    }
}

bool batch_add_named(struct batch *p, const struct tb_json *list, batch_may *may,
                     const char *otherwise, struct tb_problems *problems, struct tb_error *err)
{
    struct tb_buffer pointer = TB_BUFFER_INIT;
    size_t n = 0;

    if (!tb_json_is(list, TB_JSON_ARRAY) || list->len == 0) {
        tb_problem_add(&problems->errors, "/bots", "type",
                       otherwise ? otherwise : "`bots` is a list of ids or names.", NULL);
        return problems_fail(problems, err);
    }
    for (const struct tb_json *i = list->child; i; i = i->next, n++) {
        const char *id = tb_json_string(i);
        struct tb_error why;
        struct bot *bot;
        pthread_mutex_lock(&p->b->lock);
        bot = registry_meant(p->b, id ? id : "", &why);
        if (bot)
            add_named(p, bot, may);
        pthread_mutex_unlock(&p->b->lock);
        if (bot)
            continue;
        tb_buffer_clear(&pointer);
        tb_buffer_printf(&pointer, "/bots/%zu", n);
        tb_problem_add(&problems->errors, tb_buffer_text(&pointer),
                       why.code == TB_STATE ? "ambiguous" : "not_found", why.detail, NULL);
    }
    tb_buffer_free(&pointer);
    return problems->errors.len == 0 || problems_fail(problems, err);
}

bool batch_read_dry_run(const struct tb_json *request, bool *dry_out, struct tb_problems *problems,
                        struct tb_error *err)
{
    const struct tb_json *dry = tb_json_get(request, "dry_run");
    *dry_out = tb_json_true(dry);
    if (!dry || tb_json_is(dry, TB_JSON_BOOL))
        return true;
    tb_problem_add(&problems->errors, "/dry_run", "type", "`dry_run` is true or false.", NULL);
    return problems_fail(problems, err);
}
