/* Archive, once the stop is proven (DESIGN section 4). stop-and-archive answers at once and works
 * in the background for up to two minutes; it may give up without a word. So it is watched: done is
 * when its container is in no list and its run is recorded as archived, and it is not asked for
 * again while it may still work. What has exited it cannot archive; remove-container does. Pure;
 * any thread; owns nothing. */
#include "bots/life_private.h"

int64_t life_archive_doubt(int64_t now)
{
    return now + LATE_FOR + ARCHIVE_FOR;
}

/* May an archive or a removal that was sent still work? */
static bool may_work(const struct turn *t)
{
    return t->now < t->s->taken_until && LIFE_GUARD(ONE_ARCHIVE);
}

static enum tb_container seen(const struct turn *t)
{
    return t->o->result == TB_RES_DONE ? t->o->container : TB_CT_UNSEEN;
}

/* A call that was certainly not executed. */
static void not_sent(struct turn *t)
{
    t->s->taken_until = 0;
    if (t->o->result == TB_RES_UNSENT && life_again(t, RETRIES))
        return;
    life_say(t, tb_code_word(t->o->code), "%s", t->o->detail);
    life_end(t, TB_OPS_FAILED);
}

/* It had stopped, so somebody has started it since. */
static bool revived(struct turn *t)
{
    if (seen(t) != TB_CT_RUNNING || !t->o->trading)
        return false;
    life_say(t, "reappeared", "%s trades again; it was not archived.", t->s->instance);
    life_end(t, TB_OPS_UNKNOWN);
    return true;
}

static void unseen(struct turn *t)
{
    if (!life_overdue(t, UNSEEN_FOR)) {
        life_later(t, LOOK_EVERY);
        return;
    }
    life_say(t, "archive_unknown",
             "The containers could not be listed, so what became of %s is not known.",
             t->s->instance);
    life_end(t, TB_OPS_UNKNOWN);
}

void life_archive_look_result(struct turn *t)
{
    enum tb_container c = seen(t);
    if (may_work(t))
        life_go(t, TB_PH_ARCHIVE_PROOF);
    else if (revived(t))
        return;
    else if (c == TB_CT_RUNNING)
        life_go(t, TB_PH_ARCHIVE);
    else if (c == TB_CT_EXITED && !life_late_start(t))
        life_go(t, TB_PH_DISCARD);
    else if (c == TB_CT_ABSENT && t->o->heard && !t->o->active && !life_late_start(t))
        life_end(t, TB_OPS_SUCCEEDED);
    else
        unseen(t);
}

void life_archive_result(struct turn *t)
{
    if (t->o->result == TB_RES_UNSENT || t->o->result == TB_RES_REFUSED) {
        not_sent(t);
        return;
    }
    if (t->o->result == TB_RES_UNKNOWN)
        t->s->taken_until = life_archive_doubt(t->now);
    if (t->o->result != TB_RES_DONE)
        life_say(t, tb_code_word(t->o->code), "%s", t->o->detail);
    life_go(t, TB_PH_ARCHIVE_PROOF);
}

void life_archive_proof_result(struct turn *t)
{
    enum tb_container c = seen(t);
    if (c == TB_CT_ABSENT && t->o->archived) {
        t->s->reason[0] = t->s->detail[0] = '\0';
        life_end(t, TB_OPS_SUCCEEDED);
    } else if (revived(t)) {
        return;
    } else if (may_work(t)) {
        life_later(t, LOOK_EVERY);
    } else if (c == TB_CT_ABSENT) {
        life_say(t, "archive_not_proven",
                 "The container of %s is gone, but its run is not recorded as archived; whether "
                 "its data was kept is not known.",
                 t->s->instance);
        life_end(t, TB_OPS_NOT_PROVEN);
    } else if (c == TB_CT_EXITED && !life_late_start(t)) {
        life_go(t, TB_PH_DISCARD);
    } else if (c == TB_CT_RUNNING && ++t->s->resends < ARCHIVES) {
        life_go(t, TB_PH_ARCHIVE);
    } else if (c == TB_CT_RUNNING) {
        life_say(t, "archive_gave_up",
                 "The Hummingbot API took the archive of %s and gave it up; the bot is stopped and "
                 "its container still runs. Archive it again when the API's broker and Docker "
                 "work.",
                 t->s->instance);
        life_end(t, TB_OPS_FAILED);
    } else {
        unseen(t);
    }
}

void life_discard_result(struct turn *t)
{
    if (t->o->result == TB_RES_UNSENT || t->o->result == TB_RES_REFUSED) {
        not_sent(t);
        return;
    }
    if (t->o->result == TB_RES_UNKNOWN)
        t->s->taken_until = t->now + LATE_FOR;
    if (t->o->result != TB_RES_DONE)
        life_say(t, tb_code_word(t->o->code), "%s", t->o->detail);
    life_go(t, TB_PH_DISCARD_PROOF);
}

void life_discard_proof_result(struct turn *t)
{
    enum tb_container c = seen(t);
    if (c == TB_CT_ABSENT) {
        life_end(t, TB_OPS_SUCCEEDED);
    } else if (revived(t)) {
        return;
    } else if (may_work(t) || (c != TB_CT_UNSEEN && !life_overdue(t, HALT_FOR))) {
        life_later(t, LOOK_EVERY);
    } else if (c == TB_CT_EXITED && ++t->s->resends < ARCHIVES) {
        life_go(t, TB_PH_DISCARD);
    } else if (c != TB_CT_UNSEEN) {
        life_say(t, "container_not_removed",
                 "The container of %s was not removed; the bot is stopped.", t->s->instance);
        life_end(t, TB_OPS_FAILED);
    } else {
        unseen(t);
    }
}
