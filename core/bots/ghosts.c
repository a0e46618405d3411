/* Late ghosts: an instance whose nonce the store knows as burnt, which turned up after its
 * operation had ended. It is alarming, and it gets the one stop that the bridge sends by itself:
 * nobody can want it, since its operation was reported as not created.
 *
 * Runs on the feed thread. The lock is held only while the list of bots is read or marked. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/bots_private.h"

enum { GHOSTS_PER_LOOK = 16, STAMP = 15 /* YYYYMMDD-HHMMSS */ };

struct suspect {
    struct bot *bot;
    char instance[TB_INSTANCE_NAME];
    bool ghost, heard;
};

bool instance_nonce(const char *instance, char out[TB_NONCE_TEXT])
{
    size_t n = strlen(instance);
    const char *nonce;
    if (strncmp(instance, "hummingbot-", 11) != 0 || n < 11 + 1 + 8 + 1 + STAMP)
        return false;
    nonce = instance + n - STAMP - 1 - 8;
    if (nonce[-1] != '-' || nonce[8] != '-' || strspn(nonce, "0123456789abcdef") != 8)
        return false;
    memcpy(out, nonce, 8);
    out[8] = '\0';
    return true;
}

static size_t suspects(struct tb_bots *b, struct suspect *out)
{
    size_t n = 0;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->bots && n < GHOSTS_PER_LOOK; i++) {
        struct bot *bot = b->bot[i];
        if (bot->deleted || bot->managed || (bot->ghost_checked && !bot->ghost) ||
            bot->ghost_stopped)
            continue;
        out[n].bot = bot;
        out[n].ghost = bot->ghost;
        out[n].heard = bot->sight.active || bot->sight.trading;
        tb_copy(out[n++].instance, TB_INSTANCE_NAME, bot->life.instance);
    }
    pthread_mutex_unlock(&b->lock);
    return n;
}

/* Only an attempt that was given up makes a ghost; one under way or proven does not. */
static bool given_up(struct tb_bots *b, const char *instance, bool *checked_out)
{
    char nonce[TB_NONCE_TEXT];
    struct tb_error err = {0};
    struct tb_store_attempt *row;
    struct tb_store_operation *operation;
    bool ghost = false;

    *checked_out = true;
    if (!instance_nonce(instance, nonce))
        return false;
    row = tb_store_attempt_get(b->store, nonce, &err);
    if (!row) {
        *checked_out = err.code == TB_NOT_FOUND;
        return false;
    }
    operation = tb_store_operation_get(b->store, row->operation_id, &err);
    ghost = operation && operation->ended_at != 0 &&
            (strcmp(row->state, "not_created") == 0 || strcmp(row->state, "burnt") == 0);
    *checked_out = ghost || (operation && operation->ended_at != 0);
    free(operation);
    free(row);
    return ghost;
}

static void mark(struct tb_bots *b, const struct suspect *s, bool stopped)
{
    pthread_mutex_lock(&b->lock);
    s->bot->ghost = true;
    s->bot->ghost_stopped = stopped;
    s->bot->state = TB_BOT_CONFLICT;
    tb_copy(s->bot->reason, sizeof s->bot->reason, "late_ghost");
    tb_copy(s->bot->reason_detail, sizeof s->bot->reason_detail,
            stopped ? "A deploy that had been given up executed late; it was told to stop. Look at "
                      "its orders and remove its container."
                    : "A deploy that had been given up executed late; it is stopped as soon as it "
                      "can be heard.");
    bot_changed(b, s->bot);
    pthread_mutex_unlock(&b->lock);
}

static bool stop(struct tb_bots *b, const char *instance)
{
    struct tb_buffer body = TB_BUFFER_INIT;
    struct tb_hb_answer answer;
    struct tb_error err = {0};
    struct tb_json_writer w;
    bool ok;

    tb_jw_init(&w, &body);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "bot_name", instance);
    tb_jw_end_object(&w);
    ok = tb_hb_call(b->hb,
                    &(struct tb_hb_call){.endpoint = TB_HB_BOTS_STOP,
                                         .body = body.data,
                                         .body_len = body.len,
                                         .lane = TB_HB_LANE_STOP},
                    &answer, &err);
    tb_log(TB_ERROR, "bot.late_ghost", "%s executed after it had been given up; stop sent: %s",
           instance, ok ? "accepted" : err.detail);
    tb_hb_answer_free(&answer);
    tb_buffer_free(&body);
    return ok;
}

/* A store that may be old may call given up what lives on purpose. */
static bool may_stop(struct tb_bots *b)
{
    bool observing;
    pthread_mutex_lock(&b->lock);
    observing = b->observing.on;
    pthread_mutex_unlock(&b->lock);
    return !observing;
}

void ghosts_look(struct tb_bots *b)
{
    struct suspect list[GHOSTS_PER_LOOK];
    size_t n = suspects(b, list);

    for (size_t i = 0; i < n; i++) {
        struct suspect *s = &list[i];
        bool checked = true;
        if (!s->ghost && given_up(b, s->instance, &checked)) {
            s->ghost = true;
            mark(b, s, false);
        } else if (!s->ghost && checked) {
            pthread_mutex_lock(&b->lock);
            s->bot->ghost_checked = true;
            pthread_mutex_unlock(&b->lock);
        }
        /* A bot that is not heard yet would not hear the command either. */
        if (s->ghost && s->heard && may_stop(b) && stop(b, s->instance))
            mark(b, s, true);
    }
}
