/* POST /bots/start: a person starts several bots with one request, such as those that fell with
 * their host. They start one after another, the next when the life of the one before is proven (or
 * has failed), so that twenty bots do not begin to trade in the same second. Request threads and
 * the batch's own; owns nothing. */
#include <stdlib.h>
#include <string.h>

#include "bots/batch.h"
#include "bots/command.h"

#define THOSE_THAT_RAN "those_that_ran"

enum { PAUSE_MS = 5000 };

static bool open_start(struct batch *p, struct batch_item *item, const struct tb_caller *caller,
                       const struct tb_idempotency *key, struct tb_command_result *result,
                       struct tb_error *err)
{
    struct tb_problems problems = {0};
    bool ok = tb_bots_start(p->b, item->bot_id, NULL, caller, key, result, &problems, err);
    tb_problems_free(&problems);
    return ok;
}

const struct batch_kind start_many_kind = {.word = "start_many", .open = open_start};

static bool asks_for_fallen(const struct tb_json *request)
{
    const char *word = tb_json_get_string(request, "bots");
    return word && strcmp(word, THOSE_THAT_RAN) == 0;
}

static void add_fallen(struct batch *p)
{
    struct tb_bots *b = p->b;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->bots; i++)
        if (reboot_waits(b, b->bot[i]))
            batch_add(p, b->bot[i]);
    pthread_mutex_unlock(&b->lock);
}

static bool fill(struct batch *p, const struct tb_json *request, struct tb_problems *problems,
                 struct tb_error *err)
{
    bool judged;

    pthread_mutex_lock(&p->b->lock);
    judged = p->b->judged;
    pthread_mutex_unlock(&p->b->lock);
    if (!judged)
        return tb_fail(err, TB_BUSY,
                       "The bots have not been looked at since the bridge or the Hummingbot API "
                       "started; try again in some seconds.");
    p->one_at_a_time = true;
    p->pause_ms = PAUSE_MS;
    if (!batch_read_pace(p, request, problems, err))
        return false;
    if (!asks_for_fallen(request))
        return batch_add_named(p, tb_json_get(request, "bots"), command_may_start,
                               "`bots` is a list of ids or names, or \"" THOSE_THAT_RAN "\".",
                               problems, err);
    add_fallen(p);
    return p->items > 0 ||
           tb_fail(err, TB_STATE,
                   "No bot is known that ran until its host went down and was not commanded since. "
                   "Name the bots to be started.");
}

bool tb_bots_start_many(struct tb_bots *bots, const struct tb_json *request,
                        const struct tb_caller *caller, const struct tb_idempotency *idempotency,
                        struct tb_command_result *result, struct tb_problems *problems,
                        struct tb_error *err)
{
    static const char *const fields[] = {"bots", "dry_run", "pause_s", "stop_at_first_failure",
                                         NULL};
    struct tb_json_writer w;
    struct batch *p;
    bool done, dry, ok;

    ok = batch_replayed(bots, caller, idempotency, result, &done, err);
    if (done)
        return ok;
    if (!command_fields(request, fields, problems, err) ||
        !batch_read_dry_run(request, &dry, problems, err))
        return false;
    p = batch_new(bots, &start_many_kind, request);
    ok = fill(p, request, problems, err);
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
