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
    COMMANDS = 3,    /* on one path */
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
    if (model_too_early(&n->model, s, act))
        violated("went on before the stop was proven");
    if (model_archived_twice(&n->model, s, act))
        violated("a second archive while the first may still work");
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
    if (s->state == TB_OPS_SUCCEEDED && tb_op_kind_runs(s->kind) && !n->lived)
        violated("succeeded without proof");
    if (s->state == TB_OPS_SUCCEEDED && s->kind == TB_OP_ARCHIVE &&
        model_instance((struct model *)&n->model, s))
        violated("said to be archived, but its instance exists");
    if (n->model.taken)
        violated("an archive took an instance that was not stopped");
}

static void feed(struct node *n, struct tb_observation *obs)
{
    struct tb_life next;
    model_fresh_nonce(&n->model, obs->fresh_nonce);
    obs->code = TB_UPSTREAM_UNKNOWN;
    tb_life_step(&n->life, obs, n->model.now, &next, &n->intent);
    if (strcmp(next.nonce, obs->fresh_nonce) == 0)
        n->model.attempts++;
    /* what operations.c commits; the rest is lost by a crash */
    if (tb_life_worth_storing(&n->life, &next, n->intent))
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
    n->life.next_controllers = MODEL_CONTROLLERS;
    n->life.next_reports = true;
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
enum command { STOP, ABANDON, START, CREATE_AGAIN, RESTART, ARCHIVE, REDEPLOY, COMMAND_KINDS };

static int commands(struct node *n, enum command out[COMMAND_KINDS])
{
    const struct tb_life *s = &n->life;
    bool open = !tb_op_state_final(s->state), stops = open && s->kind == TB_OP_STOP;
    const struct model_attempt *i = model_instance(&n->model, s);
    bool crashed = !open && tb_op_kind_runs(s->kind) && s->state == TB_OPS_SUCCEEDED && i &&
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
    if (!open && s->state != TB_OPS_CONFLICT)
        out[count++] = RESTART, out[count++] = ARCHIVE, out[count++] = REDEPLOY;
    return count;
}

static void command(struct node *n, enum command what)
{
    static const struct {
        const char *word;
        enum tb_op_kind kind;
    } kinds[COMMAND_KINDS] = {
        [STOP] = {"stop", TB_OP_STOP},
        [ABANDON] = {"abandon", TB_OP_STOP},
        [START] = {"start", TB_OP_START},
        [CREATE_AGAIN] = {"create again", TB_OP_CREATE},
        [RESTART] = {"restart", TB_OP_RESTART},
        [ARCHIVE] = {"archive", TB_OP_ARCHIVE},
        [REDEPLOY] = {"redeploy", TB_OP_REDEPLOY},
    };
    tell("a person says", kinds[what].word);
    if (what == CREATE_AGAIN) {
        struct tb_life settings = {.controllers = MODEL_CONTROLLERS, .reports = true};
        tb_copy(settings.stem, sizeof settings.stem, n->life.stem);
        n->life = settings;
    }
    begin(n, kinds[what].kind, what == ABANDON);
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
        s->taken_until,
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
        model_api_restarts(&n->model);
        break;
    default:
        n->dead = true;
        break;
    }
}

static void idle(struct node *n)
{
    enum command can[COMMAND_KINDS];
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
    enum command can[COMMAND_KINDS];
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

/* True when upstream did what was asked. */
static bool befall(struct node *n, enum model_fate fate)
{
    bool later = fate == MODEL_TWICE || fate == MODEL_LATE || n->intent.act == TB_ACT_ARCHIVE;
    if (later && n->model.laters >= PACKED_LATERS)
        now.violation = "the search has too little room for late calls";
    return model_befall(&n->model, &n->life, n->intent, fate);
}

/* A person's command meets a call under way: the call goes on without anybody who waits. */
static void overtaken(struct node *n, enum command what)
{
    if (pick(2) == 0) {
        tell(tb_act_word(n->intent.act), "done");
        (void)befall(n, MODEL_DONE);
    } else {
        tell(tb_act_word(n->intent.act), "late");
        (void)befall(n, MODEL_LATE);
    }
    command(n, what);
    check(n);
}

static void write_call(struct node *n)
{
    struct tb_observation obs = {0};
    enum command can[COMMAND_KINDS];
    int said = commands(n, can);
    int bad = n->faults + n->commands < now.budget && !n->dead ? MODEL_FATES : 1;
    int how = pick(bad + said);
    if (how >= bad) {
        overtaken(n, can[how - bad]);
        return;
    }
    if (n->dead)
        how = MODEL_FATE_LOST;
    else if (how > 0)
        n->faults++;
    if (model_fates[how].only && !model_fates[how].only(n->intent.act)) {
        n->model.now = 0; /* no such way */
        return;
    }
    tell(tb_act_word(n->intent.act), model_fates[how].what);
    n->proof &= n->intent.act != TB_ACT_STOP_BOT || model_fates[how].result == TB_RES_UNSENT;
    bool deploy = n->intent.act == TB_ACT_DEPLOY, did = befall(n, model_fates[how].fate);
    n->changed |= !n->dead;
    check(n);
    if (model_fates[how].told == MODEL_KILLED) {
        crash(n, RESTARTED);
        return;
    }
    if (deploy && model_fates[how].result == TB_RES_DONE &&
        model_fates[how].told != MODEL_TOLD_NO_NAME)
        model_instance_name(n->life.base, obs.instance);
    if (model_fates[how].told == MODEL_TOLD_SLOWLY)
        model_to(&n->model, n->model.now + SLOW);
    result(n, did ? model_fates[how].result : TB_RES_FAILED, &obs);
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
