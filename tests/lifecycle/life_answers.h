/* What the tests of tb_life_step share: answers as they come back from upstream, and a life in the
 * middle of a phase. */
#ifndef TB_TESTS_LIFE_ANSWERS_H
#define TB_TESTS_LIFE_ANSWERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "bots/life.h"

#define NOW      1000000
#define BASE     "hummingbot-x-0a0a0a0a"
#define INSTANCE BASE "-20260101-000000"
#define FRESH    "0b0b0b0b"

/* What the answer holds, beside its outcome. */
enum holds {
    NOTHING,
    YES,
    PROMPT,
    NAMED,
    OTHERS, /* an instance that is not ours */
    TRADES,
    EMPTIES,
    SILENT,
    EXITS,
    EXITS_STALE,
    GONE,
    UNHEARD, /* the container runs, its status could not be read */
    SEES_ONE,
    SEES_TWO,
    SEES_CREATED,
    SEES_EXITED,
    CLEAN_LOOK,
};

static inline struct tb_observation answer(enum tb_result result, enum holds holds)
{
    struct tb_observation o = {.kind = TB_OBS_RESULT,
                               .result = result,
                               .code = TB_UPSTREAM_UNKNOWN,
                               .fresh_nonce = FRESH,
                               .detail = "as it went"};
    static const struct {
        enum tb_container container;
        bool heard, reported, trading, active;
    } views[] = {
        [TRADES] = {TB_CT_RUNNING, true, true, true, true},
        [EMPTIES] = {TB_CT_RUNNING, true, true, false, true},
        [SILENT] = {TB_CT_RUNNING, true, false, false, false},
        [EXITS] = {TB_CT_EXITED, true, false, false, false},
        [EXITS_STALE] = {TB_CT_EXITED, true, true, true, true},
        [GONE] = {TB_CT_ABSENT, true, false, false, false},
        [UNHEARD] = {TB_CT_RUNNING, false, false, false, false},
    };
    if (holds >= TRADES && holds <= UNHEARD) {
        o.container = views[holds].container;
        o.heard = views[holds].heard;
        o.reported = views[holds].reported;
        o.trading = views[holds].trading;
        o.active = views[holds].active;
    }
    o.yes = holds == YES;
    o.prompt = o.lists = holds == PROMPT || holds == CLEAN_LOOK || holds >= SEES_ONE;
    if (holds == NAMED || holds == OTHERS)
        tb_copy(o.instance, sizeof o.instance,
                holds == NAMED ? INSTANCE : BASE "b-20260101-000000");
    if (holds >= SEES_ONE && holds <= SEES_EXITED) {
        o.hits = holds == SEES_TWO ? 2 : 1;
        for (int i = 0; i < o.hits; i++) {
            snprintf(o.hit[i].instance, sizeof o.hit[i].instance, "%s-20260101-00000%d", BASE, i);
            o.hit[i].container = holds == SEES_CREATED  ? TB_CT_CREATED
                                 : holds == SEES_EXITED ? TB_CT_EXITED
                                                        : TB_CT_RUNNING;
        }
    }
    return o;
}

/* A life in the middle of `phase`, its call under way. */
static inline struct tb_life amid(enum tb_op_kind kind, enum tb_phase phase)
{
    struct tb_life s = {.kind = kind,
                        .state = TB_OPS_RUNNING,
                        .phase = phase,
                        .inflight = true,
                        .nonce = "0a0a0a0a",
                        .base = BASE,
                        .stem = "hummingbot-x-",
                        .attempts = 1,
                        .controllers = 1,
                        .keep_container = true,
                        .reports = true,
                        .may_pull = true,
                        .began_at = NOW - 1000,
                        .phase_at = NOW - 1000,
                        .sent_at = NOW - 1000};
    s.sent = phase >= TB_PH_DEPLOY;
    s.stopped = phase >= TB_PH_ARCHIVE_LOOK;
    s.burnt = phase >= TB_PH_BURN_CONTROLLERS && phase <= TB_PH_STILL_GONE;
    if (phase == TB_PH_REMOVE || phase >= TB_PH_CONTAINER)
        tb_copy(s.instance, sizeof s.instance, INSTANCE);
    return s;
}

#define CREATE   TB_OP_CREATE
#define START    TB_OP_START
#define STOP     TB_OP_STOP
#define RESTART  TB_OP_RESTART
#define ARCHIVE  TB_OP_ARCHIVE
#define REDEPLOY TB_OP_REDEPLOY
#define DONE     TB_RES_DONE
#define REFU     TB_RES_REFUSED
#define FAIL     TB_RES_FAILED
#define UNSENT   TB_RES_UNSENT
#define UNKN     TB_RES_UNKNOWN

#endif
