/* What the search (test_search.c) keeps of a moment: the operation in memory, what a crash leaves
 * of it, the model, the call in hand. Packed relative to now, without what makes no difference, so
 * that equal moments are equal bytes. Plain data; owns nothing. */
#ifndef TB_TESTS_LIFECYCLE_SEARCH_STATE_H
#define TB_TESTS_LIFECYCLE_SEARCH_STATE_H

#include "bots/life_private.h"
#include "model.h"

enum {
    NOW = 1000000000,    /* states are kept relative to this */
    PACKED_ATTEMPTS = 7, /* nonces on one path */
    PACKED_LATERS = 5,
};

struct node {
    struct tb_life life, disk; /* in memory, and what a crash leaves */
    struct model model;
    struct tb_intent intent; /* the call in hand */
    int faults, commands;    /* used up to now */
    bool changed;            /* something did since the last poll */
    bool dead;               /* upstream answers nothing any more */
    bool lived;              /* the instance traded when it was viewed last */
    bool proof;              /* a report has been full since the last stop-bot */
};

struct packed_life {
    int32_t phase_at, next_at, sent_at, clean_at, doubt_until, taken_until;
    uint8_t kind, state, phase, nonce, instance, attempts, index, tries, resends, rounds;
    bool inflight, sent, burnt, keep_container, may_pull, old_reports, reason, sent_since, stopped,
        rests;
};

struct packed_attempt {
    int32_t up_at, stop_at, last_word;
    uint8_t container, strategy, cache, deploys, files;
    bool exists, complete, archived;
};

struct packed_later {
    int32_t by;
    uint8_t act, attempt, index, copied, complete, begun;
};

struct packed {
    struct packed_life life, disk;
    struct packed_attempt attempt[PACKED_ATTEMPTS];
    struct packed_later later[PACKED_LATERS];
    uint8_t attempts, laters, act, index, faults, commands;
    bool pulled, changed, dead, lived, proof;
};

/* Relative to now; ages beyond `most` make no difference, and no time is the lowest. */
static inline int32_t since(int64_t at, int64_t now, int64_t most)
{
    if (at == INT64_MAX)
        return INT32_MAX;
    return at == 0 || at - now < -most ? INT32_MIN : (int32_t)(at - now);
}

static inline int64_t back(int32_t at)
{
    return at == INT32_MAX ? INT64_MAX : at == INT32_MIN ? 0 : NOW + at;
}

static inline uint8_t small(int64_t n)
{
    return (uint8_t)(n > 250 ? 250 : n);
}

/* How long the age of a phase matters. */
static inline int64_t deadline(enum tb_phase phase)
{
    switch (phase) {
    case TB_PH_LOOK:
        return LOOK_FOR;
    case TB_PH_CONTAINER:
        return CONTAINER_FOR;
    case TB_PH_PROOF:
        return PROOF_FOR;
    case TB_PH_INSPECT:
        return INSPECT_FOR;
    case TB_PH_STOP_PROOF:
        return STOP_PROOF_FOR;
    case TB_PH_HALT_PROOF:
    case TB_PH_DISCARD_PROOF:
        return HALT_FOR;
    case TB_PH_ARCHIVE_LOOK:
    case TB_PH_ARCHIVE_PROOF:
        return UNSEEN_FOR;
    case TB_PH_PULL_WAIT:
        return PULL_FOR;
    case TB_PH_BURN_SCRIPT:
    case TB_PH_BURN_CONTROLLERS:
    case TB_PH_BURN_CHECK:
    case TB_PH_SETTLE_BEGIN:
    case TB_PH_CLEAN:
    case TB_PH_STILL_GONE:
        return BURN_FOR;
    default:
        return 0;
    }
}

static inline void pack_life(const struct tb_life *s, int64_t now, struct packed_life *out)
{
    size_t n = strlen(s->instance);
    *out = (struct packed_life){
        .phase_at = since(s->phase_at, now, deadline(s->phase)),
        .next_at = since(s->next_at, now, 0),
        .sent_at = since(s->sent_at, now, STILL_TRADING),
        .clean_at = s->phase == TB_PH_CLEAN ? since(s->clean_at, now, CLEAN_GAP) : INT32_MIN,
        .doubt_until = since(s->doubt_until, now, 0),
        .taken_until = since(s->taken_until, now, 0),
        .kind = small(s->kind),
        .state = small(s->state),
        .phase = small(s->phase),
        .nonce = small(model_number(s->nonce)),
        .instance = n ? small(strtol(s->instance + n - 24, NULL, 16)) : UINT8_MAX,
        .attempts = small(s->attempts),
        .index = small(s->index),
        .tries = small(s->tries > RETRIES ? RETRIES : s->tries),
        .resends = small(s->resends),
        .rounds = small(s->rounds),
        .inflight = s->inflight,
        .sent = s->sent,
        .burnt = s->burnt,
        .keep_container = s->keep_container,
        .may_pull = s->may_pull,
        .old_reports = s->old_reports,
        .reason = s->reason[0] != '\0',
        .sent_since = s->sent_at >= s->began_at,
        .stopped = s->stopped,
        .rests = s->rests,
    };
    if (tb_op_state_final(s->state)) /* only what a following command reads */
        out->phase_at = out->next_at = out->clean_at = INT32_MIN,
        out->tries = out->resends = out->rounds = 0;
}

static inline void unpack_life(const struct packed_life *in, struct tb_life *s)
{
    *s = (struct tb_life){
        .kind = (enum tb_op_kind)in->kind,
        .state = (enum tb_op_state)in->state,
        .phase = (enum tb_phase)in->phase,
        .inflight = in->inflight,
        .attempts = in->attempts,
        .controllers = MODEL_CONTROLLERS,
        .index = in->index,
        .tries = in->tries,
        .sent = in->sent,
        .burnt = in->burnt,
        .keep_container = in->keep_container,
        .reports = true,
        .may_pull = in->may_pull,
        .phase_at = back(in->phase_at),
        .next_at = back(in->next_at),
        .sent_at = back(in->sent_at),
        .clean_at = back(in->clean_at),
        .doubt_until = back(in->doubt_until),
        .taken_until = back(in->taken_until),
        .resends = in->resends,
        .rounds = in->rounds,
        .old_reports = in->old_reports,
        .stopped = in->stopped,
        .rests = in->rests,
        .next_controllers = MODEL_CONTROLLERS,
        .next_reports = true,
    };
    s->began_at = in->sent_since ? s->sent_at : s->sent_at + 1;
    tb_copy(s->reason, sizeof s->reason, in->reason ? "said" : "");
    tb_copy(s->stem, sizeof s->stem, "hummingbot-search-");
    snprintf(s->nonce, sizeof s->nonce, "%08x", in->nonce);
    snprintf(s->base, sizeof s->base, "%s%s", s->stem, s->nonce);
    if (in->instance != UINT8_MAX)
        snprintf(s->instance, sizeof s->instance, "%s%08x-20260101-000000", s->stem, in->instance);
}

static inline int order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct packed_later));
}

static inline void pack_model(const struct model *m, struct packed *out)
{
    assert_true(m->attempts <= PACKED_ATTEMPTS && m->laters <= PACKED_LATERS);
    for (int i = 0; i < m->attempts; i++) {
        const struct model_attempt *a = &m->attempt[i];
        bool running = a->exists && a->container == TB_CT_RUNNING;
        out->attempt[i] = (struct packed_attempt){
            .up_at = running ? since(a->up_at, m->now, MODEL_REPORTS) : INT32_MIN,
            .stop_at = running && a->strategy == MODEL_CLOSING
                           ? since(a->stop_at, m->now, MODEL_CLOSES)
                           : INT32_MIN,
            .last_word = since(a->last_word, m->now, MODEL_STALE),
            .container = small(a->container),
            .strategy = small(a->strategy),
            .cache = small(a->cache),
            .deploys = small(a->deploys),
            .files = (uint8_t)(a->script | a->controller[0] << 1),
            .exists = a->exists,
            .complete = a->complete,
            .archived = a->archived,
        };
    }
    for (int i = 0; i < m->laters; i++)
        out->later[i] = (struct packed_later){.by = since(m->later[i].by, m->now, 0),
                                              .act = small(m->later[i].act),
                                              .attempt = small(m->later[i].attempt),
                                              .index = small(m->later[i].index),
                                              .copied = m->later[i].copied,
                                              .complete = m->later[i].complete,
                                              .begun = m->later[i].begun};
    qsort(out->later, (size_t)m->laters, sizeof *out->later, order);
}

static inline void pack(const struct node *n, struct packed *out)
{
    memset(out, 0, sizeof *out);
    pack_life(&n->life, n->model.now, &out->life);
    if (!tb_op_state_final(n->life.state)) /* what has ended stays ended */
        pack_life(&n->disk, n->model.now, &out->disk);
    pack_model(&n->model, out);
    out->attempts = small(n->model.attempts);
    out->laters = small(n->model.laters);
    out->act = small(n->intent.act);
    out->index = small(n->intent.index);
    out->faults = small(n->faults);
    out->commands = small(n->commands);
    out->pulled = n->model.pulled;
    out->changed = n->changed;
    out->dead = n->dead;
    out->lived = n->lived;
    out->proof = n->proof;
}

static inline void unpack(const struct packed *in, struct node *n)
{
    memset(n, 0, sizeof *n);
    n->model.now = NOW;
    unpack_life(&in->life, &n->life);
    if (tb_op_state_final(n->life.state))
        n->disk = n->life;
    else
        unpack_life(&in->disk, &n->disk);
    for (int i = 0; i < in->attempts; i++) {
        const struct packed_attempt *a = &in->attempt[i];
        n->model.attempt[i] = (struct model_attempt){
            .script = a->files & 1,
            .controller = {a->files & 2},
            .deploys = a->deploys,
            .exists = a->exists,
            .complete = a->complete,
            .archived = a->archived,
            .container = (enum tb_container)a->container,
            .strategy = (enum model_strategy)a->strategy,
            .cache = (enum model_cache)a->cache,
            .up_at = back(a->up_at),
            .stop_at = back(a->stop_at),
            .last_word = back(a->last_word),
        };
    }
    for (int i = 0; i < in->laters; i++)
        n->model.later[i] = (struct model_later){.by = back(in->later[i].by),
                                                 .act = (enum tb_act)in->later[i].act,
                                                 .attempt = in->later[i].attempt,
                                                 .index = in->later[i].index,
                                                 .copied = in->later[i].copied,
                                                 .complete = in->later[i].complete,
                                                 .begun = in->later[i].begun};
    n->model.attempts = in->attempts;
    n->model.laters = in->laters;
    n->model.pulled = in->pulled;
    n->intent = (struct tb_intent){(enum tb_act)in->act, in->index};
    n->faults = in->faults;
    n->commands = in->commands;
    n->changed = in->changed;
    n->dead = in->dead;
    n->lived = in->lived;
    n->proof = in->proof;
}

#endif
