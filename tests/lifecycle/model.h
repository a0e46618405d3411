/* A model of what one bot's life cycle meets upstream: containers, strategies, reports, the files
 * of each attempt, and calls that execute after their caller went away. It is exact and has no
 * chance in it: who uses it (the search, the campaign) decides what goes wrong. Times in
 * milliseconds; the measured ones are rounded to seconds so that equal states meet.
 *
 * An attempt has one nonce, whose last hex digit is its number and the others its world's, and at
 * most one instance: a second one is what the tests are there to find. Plain data; owns nothing. */
#ifndef TB_TESTS_LIFECYCLE_MODEL_H
#define TB_TESTS_LIFECYCLE_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bots/life.h"

enum {
    MODEL_NONCES = 16,
    MODEL_LATERS = 16,
    MODEL_CONTROLLERS = 1,
    MODEL_LATE_MAX = 120000,  /* an abandoned request executes up to this much later */
    MODEL_COPIED_FOR = 60000, /* a deploy makes its container up to this long after it copied */
    MODEL_SPEAKS = 4000,      /* a container that runs is on MQTT after this */
    MODEL_REPORTS = 6000,     /* and trades and reports after this */
    MODEL_DIES = 4000,        /* one without its files exits after this */
    MODEL_CLOSES = 14000,     /* a stopped strategy empties its reports after this */
    MODEL_STALE = 30000,      /* reports of a silent bot are repeated for this long */
    MODEL_ARCHIVES = 25000,   /* an archive removes the container after this */
};

enum model_strategy { MODEL_BOOTING, MODEL_TRADING, MODEL_CLOSING, MODEL_ENDED };
enum model_cache { MODEL_NO_REPORT, MODEL_FULL, MODEL_EMPTY };

struct model_attempt {
    bool script, controller[MODEL_CONTROLLERS]; /* files that are there */
    int deploys;                                /* containers ever made of it */
    bool exists;                                /* its instance does */
    bool complete;                              /* and had all its files when it was made */
    bool archived;                              /* its run is recorded so */
    enum tb_container container;
    enum model_strategy strategy;
    enum model_cache cache; /* what the API repeats of it */
    int64_t up_at, stop_at, last_word;
};

/* A call whose caller no longer waits. */
struct model_later {
    int64_t by; /* it executes at this time at the latest; INT64_MAX: perhaps never */
    enum tb_act act;
    int attempt;
    int64_t index;
    bool copied, complete; /* a deploy that has taken its files already, all of them or not */
    bool begun;            /* an archive at its second half, the removal */
};

struct model {
    int64_t now;
    unsigned world; /* worlds of one program have nonces of their own */
    int attempts;   /* nonces handed out */
    struct model_attempt attempt[MODEL_NONCES];
    struct model_later later[MODEL_LATERS];
    int laters;
    bool pulled;
    bool stuck; /* containers cannot be removed */
    bool taken; /* a removal met an instance that was trading or would */
};

static inline int model_number(const char *nonce)
{
    return (int)strtol(nonce, NULL, 16) % MODEL_NONCES;
}

static inline void model_fresh_nonce(const struct model *m, char out[TB_NONCE_TEXT])
{
    snprintf(out, TB_NONCE_TEXT, "%08x", m->world * MODEL_NONCES + (unsigned)m->attempts);
}

static inline void model_instance_name(const char *base, char out[TB_INSTANCE_NAME])
{
    snprintf(out, TB_INSTANCE_NAME, "%.71s-20260101-000000", base);
}

/* The API restarts: it forgets the reports, and the archives that it was at. */
static inline void model_api_restarts(struct model *m)
{
    for (int a = 0; a < MODEL_NONCES; a++)
        m->attempt[a].cache = MODEL_NO_REPORT;
    for (int i = m->laters; i-- > 0;)
        if (m->later[i].begun)
            m->later[i] = m->later[--m->laters];
}

/* The attempt of the instance that a life names, or NULL. */
static inline struct model_attempt *model_named(struct model *m, const struct tb_life *life)
{
    size_t n = strlen(life->instance);
    return n < 24 ? NULL : &m->attempt[strtol(life->instance + n - 24, NULL, 16) % MODEL_NONCES];
}

/* The attempt whose instance a life names, or NULL when there is no such instance. */
static inline struct model_attempt *model_instance(struct model *m, const struct tb_life *life)
{
    struct model_attempt *a = model_named(m, life);
    return a && a->exists ? a : NULL;
}

static inline bool model_can_trade(const struct model_attempt *a)
{
    return a->exists && a->container == TB_CT_RUNNING && a->complete && a->strategy != MODEL_ENDED;
}

static inline int model_traders(const struct model *m)
{
    int n = 0;
    for (int i = 0; i < MODEL_NONCES; i++)
        n += model_can_trade(&m->attempt[i]);
    return n;
}

static inline int model_most_deploys(const struct model *m)
{
    int most = 0;
    for (int i = 0; i < MODEL_NONCES; i++)
        most = m->attempt[i].deploys > most ? m->attempt[i].deploys : most;
    return most;
}

static inline bool model_files(const struct model_attempt *a, bool there)
{
    bool same = a->script == there;
    for (int c = 0; c < MODEL_CONTROLLERS; c++)
        same &= a->controller[c] == there;
    return same;
}

static inline void model_die(struct model_attempt *a)
{
    a->container = TB_CT_EXITED;
    a->strategy = MODEL_ENDED;
}

static inline void model_make(struct model *m, int attempt, bool only_created, bool complete)
{
    struct model_attempt *a = &m->attempt[attempt];
    a->deploys++;
    a->exists = true;
    a->container = only_created ? TB_CT_CREATED : TB_CT_RUNNING;
    a->complete = complete;
    a->strategy = MODEL_BOOTING;
    a->cache = MODEL_NO_REPORT;
    a->up_at = m->now;
    a->last_word = 0;
}

static inline bool model_stop_bot(struct model *m, struct model_attempt *a)
{
    if (!a || a->container != TB_CT_RUNNING)
        return false;
    a->cache = MODEL_NO_REPORT;
    if (a->strategy == MODEL_TRADING) {
        a->strategy = MODEL_CLOSING;
        a->stop_at = m->now;
    }
    return true;
}

/* The instance goes, in whatever state it is. */
static inline bool model_remove(struct model *m, struct model_attempt *i)
{
    if (!i || m->stuck)
        return false;
    m->taken |= model_can_trade(i) && i->strategy != MODEL_CLOSING;
    i->exists = false;
    return true;
}

/* stop-and-archive: stops the strategy now and removes the container later. Only what runs is known
 * to be there. */
static inline bool model_archive(struct model *m, int attempt)
{
    struct model_attempt *i = &m->attempt[attempt];
    if (!i->exists || i->container != TB_CT_RUNNING || m->laters == MODEL_LATERS)
        return false;
    m->taken |= i->strategy == MODEL_TRADING || i->strategy == MODEL_BOOTING;
    (void)model_stop_bot(m, i);
    m->later[m->laters++] = (struct model_later){
        .by = m->now + MODEL_ARCHIVES, .act = TB_ACT_ARCHIVE, .attempt = attempt, .begun = true};
    return true;
}

/* A call takes effect. False: upstream says no and nothing happens. `attempt` is the life's: of its
 * nonce for files and deploys, of its instance for containers. */
static inline bool model_perform(struct model *m, enum tb_act act, int attempt, int64_t index)
{
    struct model_attempt *a = &m->attempt[attempt], *i = a->exists ? a : NULL;
    switch (act) {
    case TB_ACT_PULL:
        m->pulled = true;
        return true;
    case TB_ACT_PUT_CONTROLLER:
    case TB_ACT_DELETE_CONTROLLER:
        a->controller[index] = act == TB_ACT_PUT_CONTROLLER;
        return true;
    case TB_ACT_PUT_SCRIPT:
    case TB_ACT_DELETE_SCRIPT:
        a->script = act == TB_ACT_PUT_SCRIPT;
        return true;
    case TB_ACT_DEPLOY:
        model_make(m, attempt, false, model_files(a, true));
        return true;
    case TB_ACT_REMOVE_CONTAINER:
        return model_remove(m, i);
    case TB_ACT_ARCHIVE:
        return model_archive(m, attempt);
    case TB_ACT_STOP_BOT:
        return model_stop_bot(m, i);
    case TB_ACT_STOP_CONTAINER:
        if (i && i->container == TB_CT_RUNNING)
            model_die(i);
        return i != NULL;
    case TB_ACT_START_CONTAINER:
        if (i && i->container != TB_CT_RUNNING) {
            i->container = TB_CT_RUNNING;
            i->strategy = MODEL_BOOTING;
            i->up_at = m->now;
        }
        return i != NULL;
    default:
        return true;
    }
}

static inline int model_target(struct model *m, const struct tb_life *life, enum tb_act act)
{
    bool container = act == TB_ACT_REMOVE_CONTAINER || act == TB_ACT_STOP_BOT ||
                     act == TB_ACT_STOP_CONTAINER || act == TB_ACT_START_CONTAINER ||
                     act == TB_ACT_ARCHIVE;
    const struct model_attempt *a = container ? model_instance(m, life) : NULL;
    return a ? (int)(a - m->attempt) : model_number(life->nonce);
}

static inline bool model_call(struct model *m, const struct tb_life *life, struct tb_intent intent)
{
    return model_perform(m, intent.act, model_target(m, life, intent.act), intent.index);
}

/* Brings the instances to the present. */
static inline void model_settle(struct model *m)
{
    for (struct model_attempt *a = m->attempt; a < m->attempt + MODEL_NONCES; a++) {
        int64_t up = m->now - a->up_at;
        bool running = a->exists && a->container == TB_CT_RUNNING;
        if (running && !a->complete && up >= MODEL_DIES)
            model_die(a);
        if (running && a->complete && a->strategy == MODEL_BOOTING && up >= MODEL_REPORTS) {
            a->strategy = MODEL_TRADING;
            a->cache = MODEL_FULL;
        }
        if (running && a->strategy == MODEL_CLOSING && m->now - a->stop_at >= MODEL_CLOSES) {
            a->strategy = MODEL_ENDED;
            a->cache = MODEL_EMPTY;
        }
        if (running && a->complete && up >= MODEL_SPEAKS)
            a->last_word = m->now;
        else if (m->now - a->last_word > MODEL_STALE)
            a->cache = MODEL_NO_REPORT;
    }
}

/* Executes a call that nobody waits for. A deploy that has not copied its files yet copies them now
 * and makes its container later. */
static inline void model_execute(struct model *m, int which)
{
    struct model_later due = m->later[which];
    if (due.act == TB_ACT_DEPLOY && !due.copied) {
        m->later[which].copied = true;
        m->later[which].complete = model_files(&m->attempt[due.attempt], true);
        m->later[which].by = m->now + MODEL_COPIED_FOR;
        return;
    }
    m->later[which] = m->later[--m->laters];
    if (due.act == TB_ACT_DEPLOY)
        model_make(m, due.attempt, false, due.complete);
    else if (due.begun)
        m->attempt[due.attempt].archived |=
            model_remove(m, m->attempt[due.attempt].exists ? &m->attempt[due.attempt] : NULL);
    else
        (void)model_perform(m, due.act, due.attempt, due.index);
    model_settle(m);
}

/* False: the model has no room for one more. */
static inline bool model_execute_later(struct model *m, const struct tb_life *life,
                                       struct tb_intent intent)
{
    if (m->laters == MODEL_LATERS)
        return false;
    m->later[m->laters++] = (struct model_later){
        .by = intent.act == TB_ACT_DEPLOY ? INT64_MAX : m->now + MODEL_LATE_MAX,
        .act = intent.act,
        .attempt = model_target(m, life, intent.act),
        .index = intent.index,
    };
    return true;
}

/* The next instant at which something happens by itself; INT64_MAX if nothing will. */
static inline int64_t model_next(const struct model *m)
{
    int64_t next = INT64_MAX;
    for (int i = 0; i < MODEL_NONCES; i++) {
        const struct model_attempt *a = &m->attempt[i];
        bool running = a->exists && a->container == TB_CT_RUNNING;
        const int64_t at[] = {
            running && !a->complete ? a->up_at + MODEL_DIES : 0,
            running && a->complete ? a->up_at + MODEL_SPEAKS : 0,
            running && a->strategy == MODEL_BOOTING ? a->up_at + MODEL_REPORTS : 0,
            running && a->strategy == MODEL_CLOSING ? a->stop_at + MODEL_CLOSES : 0,
            a->cache != MODEL_NO_REPORT && !running ? a->last_word + MODEL_STALE + 1 : 0,
        };
        for (size_t k = 0; k < sizeof at / sizeof *at; k++)
            if (at[k] > m->now && at[k] < next)
                next = at[k];
    }
    for (int i = 0; i < m->laters; i++)
        if (m->later[i].by > m->now && m->later[i].by < next)
            next = m->later[i].by;
    return next;
}

/* Lets time pass; calls that are due execute on the way. */
static inline void model_to(struct model *m, int64_t at)
{
    for (;;) {
        int first = -1;
        for (int i = 0; i < m->laters; i++)
            if (m->later[i].by <= at && (first < 0 || m->later[i].by < m->later[first].by))
                first = i;
        if (first < 0)
            break;
        if (m->later[first].by > m->now)
            m->now = m->later[first].by;
        model_settle(m);
        model_execute(m, first);
    }
    m->now = at > m->now ? at : m->now;
    model_settle(m);
}

/* What an honest answer to a read says. */
static inline void model_read(struct model *m, const struct tb_life *life, enum tb_act act,
                              struct tb_observation *obs)
{
    const struct model_attempt *a = &m->attempt[model_number(life->nonce)];
    const struct model_attempt *i = model_instance(m, life);
    switch (act) {
    case TB_ACT_IMAGES:
    case TB_ACT_PULL_STATUS:
        obs->yes = m->pulled;
        break;
    case TB_ACT_VERIFY_FILES:
    case TB_ACT_FILES_GONE:
        obs->yes = model_files(a, act == TB_ACT_VERIFY_FILES);
        break;
    case TB_ACT_ROOT:
        obs->prompt = true;
        break;
    case TB_ACT_LOOK:
        obs->prompt = obs->lists = true;
        if (!a->exists)
            break;
        model_instance_name(life->base, obs->hit[0].instance);
        obs->hit[0].container = a->container;
        obs->hits = 1;
        break;
    default:
        obs->container = !i || i->container == TB_CT_CREATED ? TB_CT_ABSENT : i->container;
        obs->heard = true;
        obs->archived =
            act == TB_ACT_ARCHIVE_VIEW && model_named(m, life) && model_named(m, life)->archived;
        if (!i)
            break;
        obs->reported = i->cache != MODEL_NO_REPORT;
        obs->trading = i->cache == MODEL_FULL;
        obs->active = i->last_word && m->now - i->last_word < MODEL_STALE;
        break;
    }
}

/* ---- what can become of a write ---- */

enum model_fate {
    MODEL_DONE,
    MODEL_NOTHING,
    MODEL_LIE, /* nothing, but upstream has taken it */
    MODEL_TWICE,
    MODEL_LATE,
    MODEL_ONLY_CREATED,
};
enum model_told { MODEL_TOLD, MODEL_TOLD_SLOWLY, MODEL_TOLD_NO_NAME, MODEL_KILLED };

static inline bool model_idempotent(enum tb_act act)
{
    return act == TB_ACT_PUT_CONTROLLER || act == TB_ACT_PUT_SCRIPT ||
           act == TB_ACT_DELETE_CONTROLLER || act == TB_ACT_DELETE_SCRIPT;
}

static inline bool model_deploys(enum tb_act act)
{
    return act == TB_ACT_DEPLOY;
}

static const struct {
    const char *what;
    enum model_fate fate;
    enum model_told told; /* MODEL_KILLED: nobody is left to be told */
    enum tb_result result;
    bool (*only)(enum tb_act act); /* NULL: any write */
} model_fates[] = {
    {"done", MODEL_DONE, MODEL_TOLD, TB_RES_DONE, NULL},
    {"refused", MODEL_NOTHING, MODEL_TOLD, TB_RES_REFUSED, NULL},
    {"not sent", MODEL_NOTHING, MODEL_TOLD, TB_RES_UNSENT, NULL},
    {"failed", MODEL_NOTHING, MODEL_TOLD, TB_RES_FAILED, NULL},
    {"said to have failed, but done", MODEL_DONE, MODEL_TOLD, TB_RES_FAILED, NULL},
    {"said to be done, but not", MODEL_LIE, MODEL_TOLD, TB_RES_DONE, NULL},
    {"done, and again later", MODEL_TWICE, MODEL_TOLD, TB_RES_DONE, model_idempotent},
#define MODEL_FATE_LOST 7
    {"lost on its way", MODEL_NOTHING, MODEL_TOLD, TB_RES_UNKNOWN, NULL},
    {"done, its answer lost", MODEL_DONE, MODEL_TOLD, TB_RES_UNKNOWN, NULL},
    {"late, its connection lost", MODEL_LATE, MODEL_TOLD, TB_RES_UNKNOWN, NULL},
    {"late, its connection silent", MODEL_LATE, MODEL_TOLD_SLOWLY, TB_RES_UNKNOWN, NULL},
    {"half done: a container left in created", MODEL_ONLY_CREATED, MODEL_TOLD, TB_RES_FAILED,
     model_deploys},
    {"done, without a name", MODEL_DONE, MODEL_TOLD_NO_NAME, TB_RES_DONE, model_deploys},
    {"lost, the bridge killed", MODEL_NOTHING, MODEL_KILLED, TB_RES_UNKNOWN, NULL},
    {"done, the bridge killed", MODEL_DONE, MODEL_KILLED, TB_RES_UNKNOWN, NULL},
    {"late, the bridge killed", MODEL_LATE, MODEL_KILLED, TB_RES_UNKNOWN, NULL},
};
enum { MODEL_FATES = sizeof model_fates / sizeof *model_fates };

/* True when upstream did, or will do, what was asked. */
static inline bool model_befall(struct model *m, const struct tb_life *life,
                                struct tb_intent intent, enum model_fate fate)
{
    const struct model_attempt *a = &m->attempt[model_number(life->nonce)];
    bool did = true;
    if (fate == MODEL_DONE || fate == MODEL_TWICE)
        did = model_call(m, life, intent);
    if (fate == MODEL_TWICE || fate == MODEL_LATE)
        did &= model_execute_later(m, life, intent);
    /* The API itself drops the reports when it says that it handed a stop on. */
    if (fate == MODEL_LIE && intent.act == TB_ACT_STOP_BOT && model_instance(m, life))
        model_instance(m, life)->cache = MODEL_NO_REPORT;
    if (fate == MODEL_ONLY_CREATED)
        model_make(m, model_number(life->nonce), true, model_files(a, true));
    return did;
}

/* ---- what must be ---- */

/* Does the state say that nothing of this bot trades or will? A start that failed before it sent
 * anything says nothing (operations.c shows it as unknown). */
static inline bool model_says_quiet(const struct tb_life *life)
{
    switch (life->kind) {
    case TB_OP_STOP:
        return life->state == TB_OPS_SUCCEEDED;
    case TB_OP_ARCHIVE:
        return life->state == TB_OPS_SUCCEEDED ||
               (life->stopped &&
                (life->state == TB_OPS_FAILED || life->state == TB_OPS_NOT_PROVEN));
    case TB_OP_START:
    case TB_OP_RESTART:
        return life->state == TB_OPS_FAILED && !tb_life_stopping(life) &&
               life->sent_at >= life->began_at;
    case TB_OP_REDEPLOY:
        return life->state == TB_OPS_FAILED && !tb_life_stopping(life) &&
               (!life->instance[0] || life->sent_at >= life->began_at);
    default:
        return life->state == TB_OPS_FAILED;
    }
}

/* Calls an operation may make; what is not here nobody asked for. */
static inline bool model_asked_for(const struct tb_life *life, enum tb_act act)
{
    static const bool allowed[TB_OP_KIND_COUNT][TB_ACT_COUNT] = {
        [TB_OP_CREATE] = {[TB_ACT_PULL] = true,
                          [TB_ACT_PUT_CONTROLLER] = true,
                          [TB_ACT_PUT_SCRIPT] = true,
                          [TB_ACT_DEPLOY] = true,
                          [TB_ACT_REMOVE_CONTAINER] = true,
                          [TB_ACT_DELETE_SCRIPT] = true,
                          [TB_ACT_DELETE_CONTROLLER] = true},
        [TB_OP_START] = {[TB_ACT_PULL] = true,
                         [TB_ACT_PUT_CONTROLLER] = true,
                         [TB_ACT_PUT_SCRIPT] = true,
                         [TB_ACT_DEPLOY] = true,
                         [TB_ACT_REMOVE_CONTAINER] = true,
                         [TB_ACT_DELETE_SCRIPT] = true,
                         [TB_ACT_DELETE_CONTROLLER] = true,
                         [TB_ACT_STOP_CONTAINER] = true,
                         [TB_ACT_START_CONTAINER] = true},
        [TB_OP_STOP] = {[TB_ACT_REMOVE_CONTAINER] = true,
                        [TB_ACT_DELETE_SCRIPT] = true,
                        [TB_ACT_DELETE_CONTROLLER] = true,
                        [TB_ACT_STOP_BOT] = true,
                        [TB_ACT_STOP_CONTAINER] = true},
        [TB_OP_ARCHIVE] = {[TB_ACT_ARCHIVE] = true, [TB_ACT_REMOVE_CONTAINER] = true},
        [TB_OP_REDEPLOY] = {[TB_ACT_PUT_CONTROLLER] = true,
                            [TB_ACT_PUT_SCRIPT] = true,
                            [TB_ACT_DEPLOY] = true,
                            [TB_ACT_REMOVE_CONTAINER] = true,
                            [TB_ACT_DELETE_SCRIPT] = true,
                            [TB_ACT_DELETE_CONTROLLER] = true,
                            [TB_ACT_STOP_CONTAINER] = true},
    };
    enum tb_op_kind as = tb_life_stopping(life)        ? TB_OP_STOP
                         : life->kind == TB_OP_RESTART ? TB_OP_START
                                                       : life->kind;
    if (!tb_act_writes(act) || (act == TB_ACT_PULL && life->kind == TB_OP_REDEPLOY))
        return true;
    if (act == TB_ACT_STOP_CONTAINER && as == TB_OP_STOP && life->keep_container)
        return false; /* only an abandon stops the container */
    if (act == TB_ACT_STOP_BOT && !life->keep_container)
        return false; /* and it leaves the orders as they are */
    return allowed[as][act];
}

/* Does a call that follows a stop meet an instance that has not stopped? */
static inline bool model_too_early(struct model *m, const struct tb_life *life, enum tb_act act)
{
    const struct model_attempt *i = model_instance(m, life);
    bool ends =
        act == TB_ACT_STOP_CONTAINER || act == TB_ACT_ARCHIVE || act == TB_ACT_REMOVE_CONTAINER;
    return life->kind != TB_OP_STOP && life->stopped && ends && i &&
           i->container == TB_CT_RUNNING &&
           (i->strategy == MODEL_TRADING || i->strategy == MODEL_CLOSING);
}

/* Is it asked for while an earlier one may still work? */
static inline bool model_archived_twice(struct model *m, const struct tb_life *life,
                                        enum tb_act act)
{
    const struct model_attempt *i = model_instance(m, life);
    if (life->kind != TB_OP_ARCHIVE || tb_life_stopping(life) ||
        (act != TB_ACT_ARCHIVE && act != TB_ACT_REMOVE_CONTAINER))
        return false;
    for (int k = 0; i && k < m->laters; k++)
        if (m->later[k].act == TB_ACT_ARCHIVE && &m->attempt[m->later[k].attempt] == i)
            return true;
    return false;
}

#endif
