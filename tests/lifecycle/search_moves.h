/* What can happen next in the search (test_search.c): every way on from a moment, as a choice of
 * commands, calls' fates, crashes, late executions and waits; and what must never be. Included
 * once; single thread; `now` holds the choices of the transition that is being made. */
#ifndef TB_TESTS_LIFECYCLE_SEARCH_MOVES_H
#define TB_TESTS_LIFECYCLE_SEARCH_MOVES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "search_state.h"

enum {
    COMMANDS = 2,    /* on one path */
    SLOW = 40000,    /* a call that hangs until its time is over */
    RESTARTED = 500, /* a crash and its take-over */
    PICKS = 8,       /* choices within one transition */
};

/* ---- choices: a transition is run once for every way its picks can go ---- */

static struct {
    uint8_t picked[PICKS], of[PICKS];
    int n;
    int budget; /* faults and commands on one path */
    const char *violation;
    char story[200]; /* what this transition does */
} now;

static int pick(int of)
{
    assert_true(now.n < PICKS);
    now.of[now.n] = (uint8_t)of;
    return now.picked[now.n++];
}

/* The next way through the transition; false when there is none left. */
static bool next_way(void)
{
    int last = now.n - 1;
    while (last >= 0 && now.picked[last] + 1 >= now.of[last])
        last--;
    if (last < 0)
        return false;
    now.picked[last]++;
    memset(now.picked + last + 1, 0, (size_t)(PICKS - last - 1));
    return true;
}

static void tell(const char *what, const char *more)
{
    size_t n = strlen(now.story);
    snprintf(now.story + n, sizeof now.story - n, "%s%s%s%s", n ? "; " : "", what,
             *more ? ": " : "", more);
}

static void violated(const char *what)
{
    if (!now.violation)
        now.violation = what;
}

/* ---- the driver ---- */

/* What operations.c commits; the rest is lost by a crash. */
static bool stored(const struct tb_life *a, const struct tb_life *b, struct tb_intent intent)
{
    return tb_act_writes(intent.act) || a->phase != b->phase || a->state != b->state ||
           a->sent != b->sent || a->burnt != b->burnt || a->index != b->index ||
           strcmp(a->base, b->base) != 0 || strcmp(a->instance, b->instance) != 0 ||
           a->settle_at != b->settle_at || a->resends != b->resends;
}

static void check_intent(struct node *n)
{
    const struct tb_life *s = &n->life;
    enum tb_act act = n->intent.act;
    if (act == TB_ACT_NONE)
        return;
    if (tb_op_state_final(s->state))
        violated("an ended operation makes a call");
    if (!model_asked_for(s, act))
        violated("a call that nobody asked for");
    if (act == TB_ACT_DEPLOY && (s->burnt || !s->sent))
        violated("a deploy without its mark, or of a burnt nonce");
    if (act == TB_ACT_START_CONTAINER && (s->burnt || !s->instance[0]))
        violated("a start of a burnt attempt");
    if (act == TB_ACT_STOP_BOT && s->resends > 0 && !n->proof)
        violated("a second stop before the proof was read");
}

static void check(const struct node *n)
{
    const struct tb_life *s = &n->life;
    if (model_traders(&n->model) > 1)
        violated("two instances can trade");
    if (model_most_deploys(&n->model) > 1)
        violated("a nonce was deployed twice");
    if (model_says_quiet(s) && model_traders(&n->model) > 0)
        violated("said to be quiet, but an instance can trade");
    if (s->state == TB_OPS_SUCCEEDED && s->kind != TB_OP_STOP && !n->lived)
        violated("succeeded without proof");
}

static void feed(struct node *n, struct tb_observation *obs)
{
    struct tb_life next;
    model_fresh_nonce(&n->model, obs->fresh_nonce);
    obs->code = TB_UPSTREAM_UNKNOWN;
    tb_life_step(&n->life, obs, n->model.now, &next, &n->intent);
    if (strcmp(next.nonce, obs->fresh_nonce) == 0)
        n->model.attempts++;
    if (stored(&n->life, &next, n->intent))
        n->disk = next;
    if (next.phase != n->life.phase)
        n->changed = true;
    n->life = next;
    check_intent(n);
    check(n);
}

static void tick(struct node *n)
{
    feed(n, &(struct tb_observation){.kind = TB_OBS_TICK});
}

static void begin(struct node *n, enum tb_op_kind kind, bool abandon)
{
    char nonce[TB_NONCE_TEXT];
    model_fresh_nonce(&n->model, nonce);
    tb_life_begin(&n->life, kind, &n->life, abandon, nonce, n->model.now);
    if (strcmp(n->life.nonce, nonce) == 0)
        n->model.attempts++;
    n->disk = n->life;
    n->intent = (struct tb_intent){TB_ACT_NONE, 0};
    n->commands++;
    n->changed = true;
    n->lived = n->proof = false;
}

static void crash(struct node *n, int64_t ms)
{
    n->life = n->disk;
    n->changed = true;
    n->proof = n->life.resends > 0 && n->life.phase == TB_PH_STOP;
    model_to(&n->model, n->model.now + ms);
    feed(n, &(struct tb_observation){.kind = TB_OBS_TAKEN_OVER});
}

/* Commands that are possible at this moment, as commands.c allows them. */
enum command { STOP, ABANDON, START, CREATE_AGAIN };

static int commands(struct node *n, enum command out[4])
{
    const struct tb_life *s = &n->life;
    bool open = !tb_op_state_final(s->state), stops = open && s->kind == TB_OP_STOP;
    const struct model_attempt *i = model_instance(&n->model, s);
    bool crashed = !open && s->kind != TB_OP_STOP && s->state == TB_OPS_SUCCEEDED && i &&
                   i->container == TB_CT_EXITED;
    int count = 0;
    if (n->commands >= COMMANDS || n->faults + n->commands >= now.budget)
        return 0;
    if (!stops || !s->keep_container)
        out[count++] = STOP;
    if (!stops || s->keep_container)
        out[count++] = ABANDON;
    if (!open && (model_says_quiet(s) || crashed))
        out[count++] = START;
    if (!open && s->kind != TB_OP_STOP && (model_says_quiet(s) || crashed))
        out[count++] = CREATE_AGAIN;
    return count;
}

static void command(struct node *n, enum command what)
{
    static const char *const words[] = {"stop", "abandon", "start", "create again"};
    tell("a person says", words[what]);
    if (what == CREATE_AGAIN) {
        struct tb_life settings = {.controllers = MODEL_CONTROLLERS, .reports = true};
        tb_copy(settings.stem, sizeof settings.stem, n->life.stem);
        n->life = settings;
    }
    begin(n,
          what == CREATE_AGAIN ? TB_OP_CREATE
          : what == START      ? TB_OP_START
                               : TB_OP_STOP,
          what == ABANDON);
}

static void later(struct node *n)
{
    if (n->model.laters >= PACKED_LATERS || !model_execute_later(&n->model, &n->life, n->intent))
        now.violation = "the search has too little room for late calls";
}

/* ---- transitions without a call in hand ---- */

/* The next instant after `from` at which this operation may decide something else. */
static int64_t next_instant(const struct node *n, int64_t from)
{
    const struct tb_life *s = &n->life;
    int64_t next = model_next(&n->model);
    const int64_t at[] = {
        deadline(s->phase) ? s->phase_at + deadline(s->phase) : 0,
        s->phase == TB_PH_INSPECT ? s->phase_at + INSPECT_SILENT : 0,
        s->phase == TB_PH_STOP_PROOF ? s->sent_at + STILL_TRADING : 0,
        s->doubt_until,
    };
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        if (at[i] > n->model.now && at[i] < next)
            next = at[i];
    return next == INT64_MAX || next < from ? from : next;
}

static void wait(struct node *n)
{
    int64_t from = n->life.next_at > n->model.now ? n->life.next_at : n->model.now;
    int64_t at = next_instant(n, from);
    if (tb_op_state_final(n->life.state)) {
        tell("time passes", "");
        model_to(&n->model, model_next(&n->model));
        check(n);
        return;
    }
    if (n->changed && at > from && pick(2) == 0)
        at = from;
    tell("time passes", at == from ? "until the next poll" : "until something happens");
    n->changed = false;
    model_to(&n->model, at);
    check(n);
    tick(n);
}

/* Bad events that need no call: each costs one fault. */
enum event { KILLED, KILLED_LONG, BOT_CRASHED, API_RESTARTED, API_DIED, EVENTS };

static void event(struct node *n, enum event which)
{
    static const char *const words[] = {"the bridge is killed", "the bridge is killed for long",
                                        "the bot crashes", "the API restarts", "the API dies"};
    struct model_attempt *i = model_instance(&n->model, &n->life);
    tell(words[which], "");
    n->faults++;
    n->changed = true;
    switch (which) {
    case KILLED:
    case KILLED_LONG:
        crash(n, which == KILLED ? RESTARTED : 5 * SLOW);
        break;
    case BOT_CRASHED:
        if (i && i->container == TB_CT_RUNNING)
            model_die(i);
        break;
    case API_RESTARTED:
        for (int a = 0; a < n->model.attempts; a++)
            n->model.attempt[a].cache = MODEL_NO_REPORT;
        break;
    default:
        n->dead = true;
        break;
    }
}

static void idle(struct node *n)
{
    enum command can[4];
    bool final = tb_op_state_final(n->life.state);
    int said = commands(n, can), laters = n->model.laters;
    int events = n->faults + n->commands < now.budget && !final ? EVENTS : 0;
    int which = pick(1 + laters + said + events);
    if (which == 0) {
        wait(n);
    } else if ((which -= 1) < laters) {
        tell("a late call executes", tb_act_word(n->model.later[which].act));
        model_execute(&n->model, which);
        n->changed = true;
        check(n);
    } else if ((which -= laters) < said) {
        command(n, can[which]);
    } else {
        event(n, (enum event)(which - said));
    }
}

/* ---- transitions with a call in hand ---- */

static void result(struct node *n, enum tb_result what, struct tb_observation *obs)
{
    obs->kind = TB_OBS_RESULT;
    obs->result = what;
    feed(n, obs);
}

enum read { HONEST, UNREAD, HALF_READ, SLOW_READ, READ_KILLED, READS };

static void read_call(struct node *n)
{
    static const char *const words[] = {"answered", "not answered", "answered by half",
                                        "answered slowly", "answered to a killed bridge"};
    struct tb_observation obs = {0};
    enum command can[4];
    int said = commands(n, can);
    int bad = n->faults + n->commands < now.budget && !n->dead ? READS : 1;
    int how = pick(bad + said);
    if (how >= bad) {
        command(n, can[how - bad]);
        return;
    }
    if (n->dead)
        how = UNREAD;
    else if (how != HONEST)
        n->faults++;
    tell(tb_act_word(n->intent.act), words[how]);
    model_read(&n->model, &n->life, n->intent.act, &obs);
    if (n->intent.act == TB_ACT_VIEW && how != UNREAD) {
        const struct model_attempt *i = model_instance(&n->model, &n->life);
        n->lived = i && i->container == TB_CT_RUNNING && i->strategy == MODEL_TRADING;
        n->proof |= obs.trading && how != HALF_READ;
    }
    n->changed |= how != HONEST && !n->dead;
    if (how == READ_KILLED) {
        crash(n, RESTARTED);
        return;
    }
    if (how == HALF_READ) {
        obs.prompt = obs.heard = obs.yes = false;
        obs.reported = obs.trading = obs.active = false;
    }
    if (how == SLOW_READ) {
        int which = n->model.laters ? pick(n->model.laters + 1) : 0;
        if (which)
            model_execute(&n->model, which - 1);
        model_to(&n->model, n->model.now + SLOW);
    }
    result(n, how == UNREAD ? TB_RES_UNKNOWN : TB_RES_DONE, &obs);
}

/* What becomes of a write, what the caller is told, and whether it can be of this call. */
enum fate { DONE, NOTHING, TWICE, LATE, CREATED };
enum told { TOLD_RESULT, TOLD_SLOWLY, TOLD_NOTHING, KILLED_MEANWHILE };

static bool idempotent(enum tb_act act)
{
    return act == TB_ACT_PUT_CONTROLLER || act == TB_ACT_PUT_SCRIPT ||
           act == TB_ACT_DELETE_CONTROLLER || act == TB_ACT_DELETE_SCRIPT;
}

static bool deploys(enum tb_act act)
{
    return act == TB_ACT_DEPLOY;
}

static const struct {
    const char *what;
    enum fate fate;
    enum told told;
    enum tb_result result;
    bool (*only)(enum tb_act act);
} fates[] = {
    {"done", DONE, TOLD_RESULT, TB_RES_DONE, NULL},
    {"refused", NOTHING, TOLD_RESULT, TB_RES_REFUSED, NULL},
    {"not sent", NOTHING, TOLD_RESULT, TB_RES_UNSENT, NULL},
    {"failed", NOTHING, TOLD_RESULT, TB_RES_FAILED, NULL},
    {"said to have failed, but done", DONE, TOLD_RESULT, TB_RES_FAILED, NULL},
    {"said to be done, but not", NOTHING, TOLD_RESULT, TB_RES_DONE, NULL},
    {"done, and again later", TWICE, TOLD_RESULT, TB_RES_DONE, idempotent},
    {"lost on its way", NOTHING, TOLD_RESULT, TB_RES_UNKNOWN, NULL},
    {"done, its answer lost", DONE, TOLD_RESULT, TB_RES_UNKNOWN, NULL},
    {"late, its connection lost", LATE, TOLD_RESULT, TB_RES_UNKNOWN, NULL},
    {"late, its connection silent", LATE, TOLD_SLOWLY, TB_RES_UNKNOWN, NULL},
    {"half done: a container left in created", CREATED, TOLD_RESULT, TB_RES_FAILED, deploys},
    {"done, without a name", DONE, TOLD_NOTHING, TB_RES_DONE, deploys},
    {"lost, the bridge killed", NOTHING, KILLED_MEANWHILE, TB_RES_UNKNOWN, NULL},
    {"done, the bridge killed", DONE, KILLED_MEANWHILE, TB_RES_UNKNOWN, NULL},
    {"late, the bridge killed", LATE, KILLED_MEANWHILE, TB_RES_UNKNOWN, NULL},
};
enum { FATES = sizeof fates / sizeof *fates };

/* True when upstream did what was asked. */
static bool befall(struct node *n, enum fate fate)
{
    bool did = true;
    if (fate == DONE || fate == TWICE)
        did = model_call(&n->model, &n->life, n->intent);
    if (fate == TWICE || fate == LATE)
        later(n);
    if (fate == CREATED)
        model_make(&n->model, model_number(n->life.nonce), true, true);
    return did;
}

/* A person's command meets a call under way: the call goes on without anybody who waits. */
static void overtaken(struct node *n, enum command what)
{
    if (pick(2) == 0) {
        tell(tb_act_word(n->intent.act), "done");
        (void)befall(n, DONE);
    } else {
        tell(tb_act_word(n->intent.act), "late");
        later(n);
    }
    command(n, what);
    check(n);
}

static void write_call(struct node *n)
{
    struct tb_observation obs = {0};
    enum command can[4];
    int said = commands(n, can);
    int bad = n->faults + n->commands < now.budget && !n->dead ? FATES : 1;
    int how = pick(bad + said);
    if (how >= bad) {
        overtaken(n, can[how - bad]);
        return;
    }
    if (n->dead)
        how = 7; /* lost on its way */
    else if (how > 0)
        n->faults++;
    if (fates[how].only && !fates[how].only(n->intent.act)) {
        n->model.now = 0; /* no such way */
        return;
    }
    tell(tb_act_word(n->intent.act), fates[how].what);
    n->proof &= n->intent.act != TB_ACT_STOP_BOT || fates[how].result == TB_RES_UNSENT;
    bool deploy = n->intent.act == TB_ACT_DEPLOY, did = befall(n, fates[how].fate);
    n->changed |= !n->dead;
    check(n);
    if (fates[how].told == KILLED_MEANWHILE) {
        crash(n, RESTARTED);
        return;
    }
    if (deploy && fates[how].result == TB_RES_DONE && fates[how].told != TOLD_NOTHING)
        model_instance_name(n->life.base, obs.instance);
    if (fates[how].told == TOLD_SLOWLY)
        model_to(&n->model, n->model.now + SLOW);
    result(n, did ? fates[how].result : TB_RES_FAILED, &obs);
}

static void transition(struct node *n)
{
    now.n = 0;
    now.story[0] = '\0';
    if (n->intent.act == TB_ACT_NONE)
        idle(n);
    else if (tb_act_writes(n->intent.act))
        write_call(n);
    else
        read_call(n);
}

#endif
