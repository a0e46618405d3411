/* Take-over after a crash: the operations that the store calls open are opened again, each fed
 * TB_OBS_TAKEN_OVER first. Runs once, before the workers start; owns nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/batch.h"
#include "bots/bots_private.h"

struct resuming {
    struct tb_bots *b;
    struct tb_error *err;
    bool ok;
};

static void resume_steps(void *arg, const struct tb_store_step *row)
{
    struct operation *op = arg;
    if (row->seq < 0 || row->seq >= STEPS_MAX)
        return;
    struct step *s = &op->step[row->seq];
    tb_copy(s->name, sizeof s->name, row->name);
    tb_copy(s->state, sizeof s->state, row->state);
    tb_copy(s->detail, sizeof s->detail, row->detail ? row->detail : "");
    s->at = row->at;
    if ((size_t)row->seq + 1 > op->steps)
        op->steps = (size_t)row->seq + 1;
}

/* Was the attempt's row written before the process died? */
static bool resume_attempt(struct tb_bots *b, struct operation *op, struct tb_error *err)
{
    struct tb_store_attempt *row = tb_store_attempt_get(b->store, op->life.nonce, err);
    if (row)
        tb_copy(op->stored_base, sizeof op->stored_base, op->life.base);
    free(row);
    return row || err->code == TB_NOT_FOUND;
}

/* The stop of an instance that has no record of its own goes on with the entry that stands for it.
 */
static struct bot *bot_of(struct tb_bots *b, const struct tb_store_operation *row,
                          const struct tb_json *doc)
{
    const struct tb_json *wire = tb_json_get(doc, "wire");
    const struct tb_json *managed = tb_json_get(wire, "managed");
    const char *instance = tb_json_get_string(wire, "instance");
    struct bot *bot;

    if (!tb_json_is(managed, TB_JSON_BOOL) || tb_json_true(managed) || !instance)
        return row->bot_id ? registry_find(b, row->bot_id) : NULL;
    bot = registry_by_instance(b, instance);
    if (!bot)
        bot = feed_unmanaged(b, instance, tb_wall_ms());
    tb_copy(bot->owner, sizeof bot->owner, row->bot_id ? row->bot_id : "");
    return bot;
}

static void resume_redeploy(struct operation *op, const struct tb_json *wire)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    if (!plan_copy_text(wire, "plan_id", op->next_plan, sizeof op->next_plan) || !op->next_plan[0])
        return;
    tb_json_canonical(tb_json_get(wire, "changes"), &text);
    op->changes = tb_buffer_steal(&text, NULL);
}

static void resume_one(void *arg, const struct tb_store_operation *row)
{
    struct resuming *r = arg;
    if (batch_is_kind(row->kind)) {
        r->ok = r->ok && batch_resume(r->b, row, r->err);
        return;
    }
    struct tb_json_doc *doc = tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, r->err);
    struct tb_life life;
    struct bot *bot = doc ? bot_of(r->b, row, tb_json_root(doc)) : NULL;
    struct operation *op;

    if (!doc || !tb_life_read(tb_json_get(tb_json_root(doc), "life"), &life, r->err)) {
        r->ok = false;
    } else if (bot && !tb_op_state_final(life.state)) {
        op = operation_open(r->b, bot, row->id, &life, "", row->created_at);
        op->taken_over = true;
        op->obs.kind = TB_OBS_TAKEN_OVER;
        resume_redeploy(op, tb_json_get(tb_json_root(doc), "wire"));
        op->obs.sent_wall = op->obs.done_wall = tb_wall_ms();
        op->life.next_at = 0;
        r->ok &= resume_attempt(r->b, op, r->err);
        r->ok &= tb_store_steps_each(r->b->store, row->id, resume_steps, op, r->err);
        tb_log(TB_INFO, "operation.taken_over", "%s %s of %s continues at %s",
               tb_op_kind_word(life.kind), row->id, bot->name, tb_phase_word(life.phase));
    }
    tb_json_free(doc);
}

bool operations_resume(struct tb_bots *b, struct tb_error *err)
{
    struct resuming r = {b, err, true};
    struct tb_store_operation_filter open = {.open_only = true};
    return tb_store_operations_each(b->store, &open, resume_one, &r, err) && r.ok;
}
