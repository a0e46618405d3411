/* Proof of life, start, stop, and what follows a stop (DESIGN section 4). Pure; any thread; owns
 * nothing. */
#include <string.h>

#include "base/memory.h"
#include "bots/life_private.h"

bool life_late_start(const struct turn *t)
{
    return t->now < t->s->doubt_until && LIFE_GUARD(LATE_START);
}

static void died(struct turn *t)
{
    if (life_late_start(t)) {
        life_later(t, LOOK_EVERY);
        return;
    }
    if (t->s->burnt) {
        t->s->instance[0] = '\0';
        t->s->clean_at = 0;
        t->s->state = TB_OPS_SETTLING;
        life_settle(t, TB_PH_CLEAN);
        return;
    }
    /* A start whose answer never came may not have been delivered. It is not sent again: the bot
     * may have run and ended by itself, which another start would undo. */
    bool doubt = t->s->phase == TB_PH_CONTAINER && t->s->doubt_until != 0;
    if (!t->s->reason[0] && doubt)
        life_say(t, "start_not_seen",
                 "Whether %s was started is not known; its container is not running. Look at its "
                 "log, then start it again.",
                 t->s->instance);
    else if (!t->s->reason[0])
        life_say(t, "crashed_at_start", "The container of %s has exited; its log says why.",
                 t->s->instance);
    life_end(t, TB_OPS_FAILED);
}

/* ---- proof of life ---- */

void life_container_result(struct turn *t)
{
    const struct tb_observation *o = t->o;
    if (o->result == TB_RES_DONE && o->container == TB_CT_RUNNING) {
        t->s->clean_at = 0;
        life_go(t, TB_PH_PROOF);
    } else if (o->result == TB_RES_DONE && o->container == TB_CT_EXITED) {
        died(t);
    } else if (life_overdue(t, CONTAINER_FOR)) {
        life_say(t, "container_not_seen", "No container named %s is listed.", t->s->instance);
        life_end(t, TB_OPS_UNKNOWN);
    } else {
        life_later(t, VIEW_EVERY);
    }
}

void life_proof_result(struct turn *t)
{
    const struct tb_observation *o = t->o;
    bool seen = o->result == TB_RES_DONE && o->container == TB_CT_RUNNING;
    if (o->result == TB_RES_DONE && o->container == TB_CT_EXITED) {
        died(t);
        return;
    }
    if (seen && o->trading) {
        t->s->burnt = false; /* it had its files before they were deleted, and lives */
        t->s->reason[0] = t->s->detail[0] = '\0';
        life_end(t, TB_OPS_SUCCEEDED);
        return;
    }
    if (!t->s->reports && seen) {
        if (!o->active || o->start_error)
            t->s->clean_at = 0;
        else if (t->s->clean_at == 0)
            t->s->clean_at = t->now;
        else if (t->now - t->s->clean_at >= SILENT_PROOF) {
            life_end(t, TB_OPS_SUCCEEDED);
            return;
        }
    }
    if (life_overdue(t, PROOF_FOR)) {
        life_say(t, "not_proven",
                 "%s has sent no report within %d s; its container may run. It stays watched.",
                 t->s->instance, PROOF_FOR / 1000);
        life_end(t, TB_OPS_NOT_PROVEN);
        return;
    }
    life_later(t, VIEW_EVERY);
}

/* ---- start ---- */

/* Nothing of the old instance is left to start, or may be started. */
static void deploy_anew(struct turn *t)
{
    if (t->s->kind == TB_OP_REDEPLOY || t->s->renews) {
        t->s->controllers = t->s->next_controllers;
        t->s->reports = t->s->next_reports;
    }
    t->s->attempts = 0;
    life_new_attempt(t);
    if (t->s->kind != TB_OP_REDEPLOY) /* which looked for the image before its stop */
        life_go(t, TB_PH_IMAGE);
}

/* Stopped is what a look proves: an ended container that no late start can bring back, or reports
 * of this run that came and are all empty. */
static bool proves_stopped(const struct turn *t, bool *gone_out)
{
    const struct tb_observation *o = t->o;
    bool ok = o->result == TB_RES_DONE;
    *gone_out = ok && !life_late_start(t) &&
                (o->container == TB_CT_EXITED ||
                 (o->container == TB_CT_ABSENT && o->heard && !o->active && !o->trading));
    return *gone_out || (ok && o->container == TB_CT_RUNNING && o->heard && o->reported &&
                         !o->trading && !t->s->old_reports);
}

/* Reports that proved a stop are lost when the API restarts or hears another stop. The proof stands
 * while the same container runs and says nothing for longer than a strategy needs to report. */
static bool may_rest(const struct turn *t)
{
    const struct tb_observation *o = t->o;
    return t->s->rests && o->result == TB_RES_DONE && o->container == TB_CT_RUNNING && o->heard &&
           !o->reported && !life_late_start(t);
}

static bool still_rests(const struct turn *t)
{
    return may_rest(t) && life_overdue(t, INSPECT_SILENT);
}

void life_inspect_result(struct turn *t)
{
    const struct tb_observation *o = t->o;
    bool gone;
    if (tb_life_stopping(t->s)) {
        /* A second stop would clear the reports that prove the first one, so it is not sent. */
        if (proves_stopped(t, &gone) || still_rests(t)) {
            life_say(t, "already_stopped", "It had stopped already.");
            life_stopped(t);
        } else if (may_rest(t)) {
            life_later(t, LOOK_EVERY);
        } else {
            life_go(t, TB_PH_STOP);
        }
        return;
    }
    enum tb_container c = o->result == TB_RES_DONE ? o->container : TB_CT_UNSEEN;
    /* For up to 30 s after a container stopped, upstream repeats its last report: starting then
     * would take that for proof of life. */
    bool stale = (!o->heard || o->trading) && LIFE_GUARD(OLD_REPORT);
    if (t->now < t->s->taken_until && c != TB_CT_ABSENT && LIFE_GUARD(LATE_ARCHIVE)) {
        t->s->phase_at = t->now; /* waiting is no failure to see */
        life_later(t, LOOK_EVERY);
    } else if (c == TB_CT_RUNNING && o->heard && o->trading) {
        life_say(t, "already_running", "%s is running and reports.", t->s->instance);
        life_end(t, TB_OPS_FAILED);
    } else if (c == TB_CT_RUNNING && o->heard && (o->reported || life_overdue(t, INSPECT_SILENT))) {
        life_go(t, TB_PH_HALT);
    } else if (c == TB_CT_EXITED && !stale && !(t->s->burnt && LIFE_GUARD(NO_START_OF_BURNT))) {
        life_go(t, TB_PH_BOOT);
    } else if ((c == TB_CT_ABSENT && !stale && !o->active) || (c == TB_CT_EXITED && t->s->burnt)) {
        if (!t->s->stem[0]) {
            life_say(t, "nothing_to_deploy",
                     "The container of %s is gone and its configs are not stored.", t->s->instance);
            life_end(t, TB_OPS_FAILED);
            return;
        }
        deploy_anew(t);
    } else if (life_overdue(t, INSPECT_FOR)) {
        life_say(t, "state_unknown", "What %s is doing could not be seen; nothing was changed.",
                 t->s->instance);
        life_end(t, TB_OPS_FAILED);
    } else {
        life_later(t, LOOK_EVERY);
    }
}

void life_boot_result(struct turn *t)
{
    switch (t->o->result) {
    case TB_RES_UNSENT:
        if (life_again(t, RETRIES))
            return;
        life_say(t, tb_code_word(t->o->code), "%s", t->o->detail);
        life_end(t, TB_OPS_FAILED);
        return;
    case TB_RES_REFUSED:
        life_say(t, tb_code_word(t->o->code), "%s", t->o->detail);
        life_end(t, TB_OPS_FAILED);
        return;
    case TB_RES_UNKNOWN:
        t->s->doubt_until = t->now + LATE_FOR;
        break;
    case TB_RES_FAILED:
        life_say(t, "start_failed", "%s", t->o->detail);
        break;
    case TB_RES_DONE:
        break;
    }
    life_go(t, TB_PH_CONTAINER);
}

/* ---- stop, and what follows it ---- */

/* What a proven stop of this instance is followed by. */
static void go_on(struct turn *t)
{
    switch (t->s->kind) {
    case TB_OP_ARCHIVE:
        life_go(t, TB_PH_ARCHIVE_LOOK);
        break;
    case TB_OP_REDEPLOY:
        /* Any start of the old container would trade again, so it does not go on running. */
        if (t->o->container == TB_CT_RUNNING)
            life_go(t, TB_PH_HALT);
        else
            deploy_anew(t);
        break;
    default:
        life_go(t, TB_PH_INSPECT);
        break;
    }
}

void life_stopped(struct turn *t)
{
    struct tb_life *s = t->s;
    s->rests = true;
    if (s->kind == TB_OP_STOP) {
        life_end(t, TB_OPS_SUCCEEDED);
        return;
    }
    s->stopped = true;
    s->state = TB_OPS_RUNNING;
    s->sent_at = 0; /* of what follows nothing was sent */
    s->resends = 0;
    s->reason[0] = s->detail[0] = '\0';
    if (s->instance[0]) {
        go_on(t);
    } else if (s->kind == TB_OP_ARCHIVE) {
        life_say(t, "nothing_started", "Nothing had been started.");
        life_end(t, TB_OPS_SUCCEEDED);
    } else {
        deploy_anew(t);
    }
}

void life_stop_result(struct turn *t)
{
    if (t->o->result == TB_RES_UNSENT && life_again(t, RETRIES))
        return;
    if (t->o->result == TB_RES_UNSENT) {
        life_say(t, tb_code_word(t->o->code), "%s", t->o->detail);
        life_end(t, TB_OPS_FAILED);
        return;
    }
    if (t->o->result != TB_RES_DONE)
        life_say(t, tb_code_word(t->o->code), "%s", t->o->detail);
    else
        t->s->old_reports = false; /* upstream drops what it has when it takes a stop */
    if (t->s->kind != TB_OP_STOP && !LIFE_GUARD(PROOF_BEFORE_NEXT))
        life_stopped(t);
    else
        life_go(t, TB_PH_STOP_PROOF);
}

void life_stop_proof_result(struct turn *t)
{
    const struct tb_observation *o = t->o;
    bool ok = o->result == TB_RES_DONE, gone;
    if (proves_stopped(t, &gone)) {
        t->s->detail[0] = '\0';
        tb_copy(t->s->reason, sizeof t->s->reason, gone ? "container_gone" : "reports_empty");
        life_stopped(t);
        return;
    }
    /* A delivered stop clears the reports within a second, so a report that is still full says that
     * it was not delivered; only then is another one sent. */
    if (ok && (o->trading || !LIFE_GUARD(STOP_AGAIN_ONLY_WITH_PROOF)) &&
        t->now - t->s->sent_at >= STILL_TRADING) {
        if (t->s->resends < STOP_RESENDS) {
            t->s->resends++;
            life_go(t, TB_PH_STOP);
            return;
        }
        if (!t->s->reason[0])
            life_say(t, "still_trading", "%s still trades after %d stop commands.", t->s->instance,
                     STOP_RESENDS + 1);
        life_end(t, TB_OPS_FAILED);
        return;
    }
    if (life_overdue(t, STOP_PROOF_FOR)) {
        life_say(t, "stop_not_proven",
                 "%s took the stop, but no empty report proved it; it may still hold orders.",
                 t->s->instance);
        life_end(t, TB_OPS_NOT_PROVEN);
        return;
    }
    life_later(t, VIEW_EVERY);
}

void life_halt_result(struct turn *t)
{
    if (t->o->result == TB_RES_UNSENT || t->o->result == TB_RES_REFUSED) {
        if (life_again(t, RETRIES))
            return;
        life_say(t, tb_code_word(t->o->code), "%s", t->o->detail);
        life_end(t, TB_OPS_FAILED);
        return;
    }
    life_go(t, TB_PH_HALT_PROOF);
}

void life_halt_proof_result(struct turn *t)
{
    const struct tb_observation *o = t->o;
    enum tb_container c = o->result == TB_RES_DONE ? o->container : TB_CT_UNSEEN;
    bool gone = (c == TB_CT_EXITED || c == TB_CT_ABSENT) && !life_late_start(t);
    if (gone) {
        if (!tb_life_stopping(t->s)) {
            go_on(t);
            return;
        }
        life_say(t, "abandoned",
                 "The container is stopped; its orders and positions stay unattended.");
        life_end(t, TB_OPS_SUCCEEDED);
    } else if (life_overdue(t, HALT_FOR) && (c == TB_CT_RUNNING || !life_late_start(t))) {
        if (c == TB_CT_RUNNING && t->s->resends < STOP_RESENDS) {
            t->s->resends++;
            life_go(t, TB_PH_HALT);
            return;
        }
        life_say(t, "container_still_runs", "The container of %s did not stop.", t->s->instance);
        life_end(t, c == TB_CT_RUNNING ? TB_OPS_FAILED : TB_OPS_UNKNOWN);
    } else {
        life_later(t, VIEW_EVERY);
    }
}
