/* The deploy rule (DESIGN section 4): image, files, one deploy per nonce, and when its outcome is
 * unknown look, burn, settle. Pure; any thread; owns nothing. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "bots/life_private.h"

/* The files of an attempt that was never sent are deleted; then the operation ends as failed (or,
 * for a stop, as done: nothing had been started). */
static void give_up_unsent(struct turn *t)
{
    tb_copy(t->s->reason, sizeof t->s->reason, tb_code_word(t->o->code));
    tb_copy(t->s->detail, sizeof t->s->detail, t->o->detail);
    if (tb_life_stopping(t->s)) /* the files are those of what still runs */
        life_end(t, TB_OPS_FAILED);
    else
        life_go(t, TB_PH_BURN_SCRIPT);
}

void life_begin_stop(struct turn *t)
{
    life_go(t, t->s->instance[0] ? TB_PH_INSPECT : t->s->sent ? TB_PH_LOOK : TB_PH_BURN_SCRIPT);
}

void life_new_attempt(struct turn *t)
{
    struct tb_life *s = t->s;
    tb_copy(s->nonce, sizeof s->nonce, t->o->fresh_nonce);
    snprintf(s->base, sizeof s->base, "%.60s%s", s->stem, s->nonce);
    s->instance[0] = '\0';
    s->sent = s->burnt = s->rests = false;
    s->window_from = s->window_to = s->settle_at = s->clean_at = s->doubt_until = 0;
    s->taken_until = 0;
    s->attempts++;
    s->state = TB_OPS_RUNNING;
    s->reason[0] = s->detail[0] = '\0';
    life_go(t, TB_PH_CONTROLLERS);
}

/* Only a stop of the instance, or its proof of life, may follow from having found it. */
static void found(struct turn *t, const char *instance)
{
    tb_copy(t->s->instance, sizeof t->s->instance, instance);
    if (t->s->state == TB_OPS_SETTLING)
        t->s->state = TB_OPS_RUNNING;
    if (!tb_life_stopping(t->s))
        life_go(t, TB_PH_CONTAINER);
    else
        life_go(t, t->s->keep_container ? TB_PH_STOP : TB_PH_HALT);
}

static void not_created(struct turn *t)
{
    if (tb_life_stopping(t->s)) {
        life_say(t, "nothing_started", "Nothing had been started.");
        life_stopped(t);
    } else if (t->s->attempts < ATTEMPTS) {
        life_new_attempt(t);
    } else {
        life_say(
            t, "not_created",
            "The Hummingbot API did not create the instance in %d attempts; nothing is running.",
            ATTEMPTS);
        life_end(t, TB_OPS_FAILED);
    }
}

void life_image_result(struct turn *t)
{
    if (t->o->result != TB_RES_DONE) {
        if (!life_again(t, RETRIES))
            give_up_unsent(t);
    } else if (t->o->yes && tb_life_stopping(t->s)) {
        life_begin_stop(t);
    } else if (t->o->yes) {
        life_go(t, TB_PH_CONTROLLERS);
    } else if (t->s->may_pull) {
        t->s->may_pull = false; /* one pull an operation: a loop of pulls freezes the API */
        life_go(t, TB_PH_PULL);
    } else {
        life_say(t, "image_missing", "The bot image is not installed on the Hummingbot host.");
        life_end(t, TB_OPS_FAILED);
    }
}

void life_pull_result(struct turn *t)
{
    if (t->o->result == TB_RES_DONE || t->o->result == TB_RES_UNKNOWN)
        life_go(t, TB_PH_PULL_WAIT);
    else if (t->o->result != TB_RES_UNSENT || !life_again(t, RETRIES))
        give_up_unsent(t);
}

void life_pull_wait_result(struct turn *t)
{
    if (t->o->result == TB_RES_DONE && t->o->yes) {
        life_go(t, TB_PH_IMAGE);
    } else if (t->o->result == TB_RES_FAILED || life_overdue(t, PULL_FOR)) {
        give_up_unsent(t);
    } else {
        life_later(t, LOOK_EVERY);
    }
}

void life_controllers_result(struct turn *t)
{
    if (t->o->result == TB_RES_DONE) {
        t->s->tries = 0;
        if (++t->s->index >= t->s->controllers)
            life_go(t, TB_PH_SCRIPT);
        else
            life_later(t, 0);
    } else if (t->o->result == TB_RES_REFUSED || !life_again(t, RETRIES)) {
        give_up_unsent(t);
    }
}

void life_script_result(struct turn *t)
{
    if (t->o->result == TB_RES_DONE)
        life_go(t, TB_PH_VERIFY);
    else if (t->o->result == TB_RES_REFUSED || !life_again(t, RETRIES))
        give_up_unsent(t);
}

void life_verify_result(struct turn *t)
{
    if (t->o->result == TB_RES_DONE && t->o->yes)
        life_go(t, TB_PH_DEPLOY);
    else if (!life_again(t, RETRIES))
        give_up_unsent(t);
}

static bool names_our_instance(const struct tb_life *s, const char *instance)
{
    size_t n = strlen(s->base);
    return n > 0 && strncmp(instance, s->base, n) == 0 && instance[n] == '-';
}

void life_deploy_result(struct turn *t)
{
    struct tb_life *s = t->s;
    s->window_to = t->o->done_wall;
    switch (t->o->result) {
    case TB_RES_UNSENT:
        s->sent = false;
        if (!life_again(t, RETRIES))
            give_up_unsent(t);
        return;
    case TB_RES_REFUSED:
        s->sent = false;
        give_up_unsent(t);
        return;
    case TB_RES_DONE:
        if (names_our_instance(s, t->o->instance)) {
            found(t, t->o->instance);
            return;
        }
        life_say(t, "no_evidence", "The deploy answer named no instance of ours.");
        break;
    case TB_RES_FAILED:
    case TB_RES_UNKNOWN:
        tb_copy(s->reason, sizeof s->reason, tb_code_word(t->o->code));
        tb_copy(s->detail, sizeof s->detail, t->o->detail);
        break;
    }
    life_go(t, TB_PH_LOOK);
}

/* What a look shows: true when it settled where to go next. */
static bool look_found(struct turn *t, bool exited_counts)
{
    const struct tb_observation *o = t->o;
    const struct tb_hit *one = NULL;
    int64_t living = 0;
    for (int64_t i = 0; i < o->hits; i++) {
        if (o->hit[i].container == TB_CT_EXITED && !exited_counts)
            continue;
        one = &o->hit[i];
        living++;
    }
    if (living >= 2) {
        life_say(t, "conflict", "%d instances of %s exist; a person must decide which one stays.",
                 (int)living, t->s->base);
        life_end(t, TB_OPS_CONFLICT);
        return true;
    }
    if (living == 0)
        return false;
    if (one->container == TB_CT_CREATED) {
        tb_copy(t->s->instance, sizeof t->s->instance, one->instance);
        life_go(t, TB_PH_REMOVE);
    } else {
        found(t, one->instance);
    }
    return true;
}

void life_look_result(struct turn *t)
{
    if (t->o->result == TB_RES_DONE && look_found(t, true))
        return;
    if (life_overdue(t, LOOK_FOR))
        life_go(t, LIFE_GUARD(BURN_BEFORE_NEW_NONCE) ? TB_PH_BURN_SCRIPT : TB_PH_SETTLE_BEGIN);
    else
        life_later(t, LOOK_EVERY);
}

void life_remove_result(struct turn *t)
{
    /* Whatever came back, what exists is looked at again after the burn. */
    t->s->instance[0] = '\0';
    life_go(t, TB_PH_BURN_SCRIPT);
}

/* A delete that did not work is tried again: unsent attempts briefly, sent ones as long as it takes
 * for a person to be called, since an unburnt late deploy would trade. */
static void burn_again(struct turn *t)
{
    if (!t->s->sent && t->s->tries >= RETRIES) {
        life_go(t, TB_PH_BURN_CHECK);
        return;
    }
    t->s->tries++;
    if (life_overdue(t, BURN_FOR)) {
        life_say(t, "burn_failed",
                 "The configs of %s could not be deleted; a late deploy could start it.",
                 t->s->base);
        life_end(t, TB_OPS_UNKNOWN);
        return;
    }
    life_later(t, RETRY_GAP);
}

void life_burn_script_result(struct turn *t)
{
    if (t->o->result == TB_RES_DONE)
        life_go(t, t->s->controllers > 0 ? TB_PH_BURN_CONTROLLERS : TB_PH_BURN_CHECK);
    else
        burn_again(t);
}

void life_burn_controllers_result(struct turn *t)
{
    if (t->o->result != TB_RES_DONE) {
        burn_again(t);
        return;
    }
    t->s->tries = 0;
    if (++t->s->index >= t->s->controllers)
        life_go(t, TB_PH_BURN_CHECK);
    else
        life_later(t, 0);
}

void life_burn_check_result(struct turn *t)
{
    if (!t->s->sent) {
        if (tb_life_stopping(t->s))
            not_created(t);
        else
            life_end(t, TB_OPS_FAILED);
    } else if (t->o->result == TB_RES_DONE && t->o->yes) {
        t->s->state = TB_OPS_SETTLING;
        life_settle(t, TB_PH_SETTLE_BEGIN);
    } else if (t->o->result == TB_RES_DONE) {
        life_go(t, TB_PH_BURN_SCRIPT);
        life_later(t, RETRY_GAP);
    } else {
        burn_again(t);
    }
}

void life_settle(struct turn *t, enum tb_phase phase)
{
    if (t->s->rounds++ < ROUNDS) {
        life_go(t, phase);
        return;
    }
    life_say(t, "settle_failed",
             "After %d rounds of settling it is still not known whether %s exists.", ROUNDS,
             t->s->base);
    life_end(t, TB_OPS_UNKNOWN);
}

void life_settle_begin_result(struct turn *t)
{
    if (t->o->result == TB_RES_DONE && t->o->prompt) {
        t->s->settle_at = t->now;
        life_go(t, TB_PH_SETTLE_END);
        life_later(t, LIFE_GUARD(SETTLE) ? SETTLE_FOR : 0);
    } else if (life_overdue(t, BURN_FOR)) {
        life_say(t, "settle_failed",
                 "The Hummingbot API has not answered promptly for half an hour.");
        life_end(t, TB_OPS_UNKNOWN);
    } else {
        life_later(t, LOOK_EVERY);
    }
}

void life_settle_end_result(struct turn *t)
{
    if (t->o->result == TB_RES_DONE && t->o->prompt) {
        t->s->clean_at = 0;
        life_go(t, TB_PH_CLEAN);
    } else {
        life_settle(t, TB_PH_SETTLE_BEGIN);
        life_later(t, LOOK_EVERY);
    }
}

void life_clean_result(struct turn *t)
{
    /* A burnt deploy that executed late exits in seconds without trading and never trades again
     * (7 of 7 measured), so only what still lives counts here. */
    if (t->o->result == TB_RES_DONE && look_found(t, false))
        return;
    if (t->o->result != TB_RES_DONE || !t->o->prompt || !t->o->lists) {
        t->s->clean_at = 0;
        life_later(t, LOOK_EVERY);
        if (life_overdue(t, BURN_FOR)) {
            life_say(t, "settle_failed", "No clean look at the Hummingbot API for half an hour.");
            life_end(t, TB_OPS_UNKNOWN);
        }
    } else if (t->s->clean_at == 0) {
        t->s->clean_at = t->now;
        life_later(t, CLEAN_GAP);
    } else if (t->now - t->s->clean_at >= CLEAN_GAP) {
        life_go(t, TB_PH_STILL_GONE);
    } else {
        life_later(t, CLEAN_GAP - (t->now - t->s->clean_at));
    }
}

/* An upload that its caller gave up may have executed after the files were deleted; with them a
 * deploy that is later still would trade. */
void life_still_gone_result(struct turn *t)
{
    if (t->o->result != TB_RES_DONE)
        burn_again(t);
    else if (t->o->yes || !LIFE_GUARD(FILES_STAY_GONE) || !LIFE_GUARD(BURN_BEFORE_NEW_NONCE))
        not_created(t);
    else
        life_settle(t, TB_PH_BURN_SCRIPT);
}
