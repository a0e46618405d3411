/* The machine of the life cycle (life.h): which call each phase makes, what must be marked before a
 * call is sent, what a take-over after a crash means. Pure; any thread; owns nothing. */
#include "bots/life.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "bots/life_private.h"

#if TB_TEST_BUILD
unsigned life_guards_off;
#endif

void life_go(struct turn *t, enum tb_phase phase)
{
    t->s->phase = phase;
    t->s->phase_at = t->now;
    t->s->next_at = t->now;
    t->s->tries = 0;
    t->s->index = 0;
}

void life_later(struct turn *t, int64_t ms)
{
    t->s->next_at = t->now + ms;
}

bool life_overdue(const struct turn *t, int64_t ms)
{
    return t->now - t->s->phase_at >= ms;
}

void life_say(struct turn *t, const char *reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tb_copy(t->s->reason, sizeof t->s->reason, reason);
    vsnprintf(t->s->detail, sizeof t->s->detail, format, args);
    va_end(args);
}

void life_end(struct turn *t, enum tb_op_state state)
{
    t->s->state = state;
    life_go(t, TB_PH_END);
}

bool life_again(struct turn *t, int64_t most)
{
    if (++t->s->tries >= most)
        return false;
    life_later(t, RETRY_GAP);
    return true;
}

static void nothing(struct turn *t)
{
    (void)t;
}

static const struct {
    enum tb_act act;
    void (*result)(struct turn *t);
} rows[] = {
    [TB_PH_IMAGE] = {TB_ACT_IMAGES, life_image_result},
    [TB_PH_PULL] = {TB_ACT_PULL, life_pull_result},
    [TB_PH_PULL_WAIT] = {TB_ACT_PULL_STATUS, life_pull_wait_result},
    [TB_PH_CONTROLLERS] = {TB_ACT_PUT_CONTROLLER, life_controllers_result},
    [TB_PH_SCRIPT] = {TB_ACT_PUT_SCRIPT, life_script_result},
    [TB_PH_VERIFY] = {TB_ACT_VERIFY_FILES, life_verify_result},
    [TB_PH_DEPLOY] = {TB_ACT_DEPLOY, life_deploy_result},
    [TB_PH_LOOK] = {TB_ACT_LOOK, life_look_result},
    [TB_PH_REMOVE] = {TB_ACT_REMOVE_CONTAINER, life_remove_result},
    [TB_PH_BURN_SCRIPT] = {TB_ACT_DELETE_SCRIPT, life_burn_script_result},
    [TB_PH_BURN_CONTROLLERS] = {TB_ACT_DELETE_CONTROLLER, life_burn_controllers_result},
    [TB_PH_BURN_CHECK] = {TB_ACT_FILES_GONE, life_burn_check_result},
    [TB_PH_SETTLE_BEGIN] = {TB_ACT_ROOT, life_settle_begin_result},
    [TB_PH_SETTLE_END] = {TB_ACT_ROOT, life_settle_end_result},
    [TB_PH_CLEAN] = {TB_ACT_LOOK, life_clean_result},
    [TB_PH_STILL_GONE] = {TB_ACT_FILES_GONE, life_still_gone_result},
    [TB_PH_CONTAINER] = {TB_ACT_VIEW, life_container_result},
    [TB_PH_PROOF] = {TB_ACT_VIEW, life_proof_result},
    [TB_PH_INSPECT] = {TB_ACT_VIEW, life_inspect_result},
    [TB_PH_STOP] = {TB_ACT_STOP_BOT, life_stop_result},
    [TB_PH_STOP_PROOF] = {TB_ACT_VIEW, life_stop_proof_result},
    [TB_PH_HALT] = {TB_ACT_STOP_CONTAINER, life_halt_result},
    [TB_PH_HALT_PROOF] = {TB_ACT_VIEW, life_halt_proof_result},
    [TB_PH_BOOT] = {TB_ACT_START_CONTAINER, life_boot_result},
    [TB_PH_ARCHIVE_LOOK] = {TB_ACT_VIEW, life_archive_look_result},
    [TB_PH_ARCHIVE] = {TB_ACT_ARCHIVE, life_archive_result},
    [TB_PH_ARCHIVE_PROOF] = {TB_ACT_ARCHIVE_VIEW, life_archive_proof_result},
    [TB_PH_DISCARD] = {TB_ACT_REMOVE_CONTAINER, life_discard_result},
    [TB_PH_DISCARD_PROOF] = {TB_ACT_VIEW, life_discard_proof_result},
    [TB_PH_END] = {TB_ACT_NONE, nothing},
};

/* Marks that belong in the state before the call is sent. False: the call must not be made. */
static bool before_send(struct turn *t, enum tb_act act)
{
    struct tb_life *s = t->s;
    switch (act) {
    case TB_ACT_DEPLOY:
        /* One delivery per nonce, whatever happens: a sent or burnt one is never sent again. */
        if ((s->sent || s->burnt) && LIFE_GUARD(ONE_DEPLOY_PER_NONCE)) {
            life_go(t, TB_PH_LOOK);
            return false;
        }
        s->sent = true;
        s->sent_at = t->now;
        s->window_from = t->o->sent_wall;
        s->window_to = 0;
        return true;
    case TB_ACT_START_CONTAINER:
        if ((s->burnt && LIFE_GUARD(NO_START_OF_BURNT)) || !s->instance[0]) {
            life_say(t, "burnt",
                     "The container belongs to an abandoned attempt; it is never started.");
            life_end(t, TB_OPS_FAILED);
            return false;
        }
        s->sent_at = t->now;
        s->old_reports = true;
        s->rests = false;
        return true;
    case TB_ACT_STOP_BOT:
        s->sent_at = t->now;
        return true;
    case TB_ACT_ARCHIVE:
        if (t->now < s->taken_until && LIFE_GUARD(ONE_ARCHIVE)) {
            life_go(t, TB_PH_ARCHIVE_PROOF);
            return false;
        }
        s->taken_until = t->now + ARCHIVE_FOR;
        return true;
    case TB_ACT_DELETE_SCRIPT:
    case TB_ACT_DELETE_CONTROLLER:
        s->burnt = true;
        return true;
    default:
        return true;
    }
}

/* The clock follows the wall's across a restart, and a person, or a computer without a battery, may
 * have put that back: the instants of a life go back with it, or a wait of minutes takes hours. A
 * clock put forward cannot be told from a bridge that was down. */
static void follow_clock(struct tb_life *s, int64_t now)
{
    int64_t *const instants[] = {&s->began_at, &s->phase_at,  &s->next_at,     &s->sent_at,
                                 &s->clean_at, &s->settle_at, &s->doubt_until, &s->taken_until};
    int64_t ahead = s->phase_at - now;
    for (size_t i = 0; ahead > 0 && i < sizeof instants / sizeof *instants; i++)
        if (*instants[i] != 0)
            *instants[i] -= ahead;
}

static void taken_over(struct turn *t, const struct tb_observation *given)
{
    struct tb_life *s = t->s;
    bool lost = s->inflight && tb_act_writes(rows[s->phase].act); /* a read is simply repeated */
    s->inflight = false;
    follow_clock(s, t->now);
    s->next_at = s->phase_at = t->now; /* no deadline passes while nobody looks */
    if (s->phase == TB_PH_SETTLE_END || s->phase == TB_PH_CLEAN || s->phase == TB_PH_STILL_GONE)
        life_go(t, TB_PH_SETTLE_BEGIN); /* nobody watched the wait */
    if (!lost || (s->phase == TB_PH_DEPLOY && !LIFE_GUARD(ONE_DEPLOY_PER_NONCE)))
        return;
    struct tb_observation unknown = *given;
    unknown.kind = TB_OBS_RESULT;
    unknown.result = TB_RES_UNKNOWN;
    unknown.code = TB_UPSTREAM_UNKNOWN;
    tb_copy(unknown.detail, sizeof unknown.detail,
            "The bridge was restarted while this call was under way.");
    t->o = &unknown;
    rows[s->phase].result(t);
    t->o = given;
}

bool tb_life_stopping(const struct tb_life *life)
{
    return tb_op_kind_stops(life->kind) && !life->stopped;
}

bool tb_life_worth_storing(const struct tb_life *now, const struct tb_life *next,
                           struct tb_intent intent)
{
    return tb_act_writes(intent.act) || now->phase != next->phase || now->state != next->state ||
           now->sent != next->sent || now->burnt != next->burnt || now->index != next->index ||
           strcmp(now->base, next->base) != 0 || strcmp(now->instance, next->instance) != 0 ||
           now->settle_at != next->settle_at || now->resends != next->resends ||
           now->stopped != next->stopped;
}

bool tb_phase_laned(enum tb_phase phase)
{
    return phase == TB_PH_DEPLOY || phase == TB_PH_PULL;
}

void tb_life_step(const struct tb_life *state, const struct tb_observation *obs, int64_t now,
                  struct tb_life *next, struct tb_intent *intent)
{
    struct tb_life s = *state;
    struct turn t = {&s, obs, now};

    *intent = (struct tb_intent){TB_ACT_NONE, 0};
    if (!tb_op_state_final(s.state)) {
        if (s.state == TB_OPS_PENDING)
            s.state = TB_OPS_RUNNING;
        if (obs->kind == TB_OBS_RESULT) {
            s.inflight = false;
            if (rows[s.phase].act == TB_ACT_VIEW && obs->heard && !obs->reported)
                s.old_reports = false;
            rows[s.phase].result(&t);
        } else if (obs->kind == TB_OBS_TAKEN_OVER) {
            taken_over(&t, obs);
        }
    }
    while (!obs->hold && !tb_op_state_final(s.state) && !s.inflight && now >= s.next_at) {
        if (tb_phase_laned(s.phase) && state->phase != s.phase)
            break;
        enum tb_act act = rows[s.phase].act;
        if (!before_send(&t, act))
            continue;
        *intent = (struct tb_intent){act, s.index};
        s.inflight = true;
    }
    *next = s;
}

void tb_life_begin(struct tb_life *life, enum tb_op_kind kind, const struct tb_life *known,
                   bool abandon, const char *fresh_nonce, int64_t now)
{
    struct tb_life s = *known;
    struct tb_observation o = {0};
    bool booting = known->inflight && known->phase == TB_PH_BOOT;
    bool taking =
        known->inflight && (known->phase == TB_PH_ARCHIVE || known->phase == TB_PH_DISCARD);
    bool told = kind == TB_OP_STOP && (known->phase == TB_PH_STOP_PROOF ||
                                       (known->phase == TB_PH_STOP && known->inflight));
    /* Of an archived bot nothing is left to start: it is deployed anew. */
    bool archived = known->kind == TB_OP_ARCHIVE && known->state == TB_OPS_SUCCEEDED;
    struct turn t = {&s, &o, now};

    follow_clock(&s, now);
    s.kind = kind;
    s.began_at = now;
    s.inflight = s.stopped = s.renews = false;
    s.reason[0] = s.detail[0] = '\0';
    s.resends = s.rounds = s.clean_at = 0;
    if (booting) /* its answer is no longer waited for: it may execute late */
        s.doubt_until = now + LATE_FOR;
    if (known->phase == TB_PH_REMOVE) /* it never ran: what is to be done is found by looking */
        s.instance[0] = '\0';
    if (taking)
        s.taken_until = life_archive_doubt(now);
    s.keep_container = !abandon;
    tb_copy(o.fresh_nonce, sizeof o.fresh_nonce, fresh_nonce);
    if (kind == TB_OP_CREATE ||
        (kind == TB_OP_START && (!s.instance[0] || (archived && s.stem[0])))) {
        s.attempts = 0;
        life_new_attempt(&t);
        life_go(&t, TB_PH_IMAGE);
    } else if (kind == TB_OP_START) {
        life_go(&t, TB_PH_INSPECT);
    } else if (kind == TB_OP_REDEPLOY) {
        life_go(&t, TB_PH_IMAGE); /* a pull takes minutes: the bot goes on meanwhile */
    } else if (abandon && s.instance[0]) {
        life_go(&t, TB_PH_HALT);
    } else if (told && LIFE_GUARD(STOP_AGAIN_ONLY_WITH_PROOF)) {
        life_go(&t, TB_PH_STOP_PROOF); /* a second stop-bot would clear what proves the first */
    } else {
        life_begin_stop(&t);
    }
    s.state = TB_OPS_PENDING;
    *life = s;
}
