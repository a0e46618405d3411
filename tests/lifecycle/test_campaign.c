/* The campaign: thousands of lives of a bot, each drawn from its seed, on virtual time. Whatever
 * upstream does, crashes and people's commands included, a bot has at most one instance that can
 * trade, a nonce is deployed once, what is said to be quiet is and stays quiet, what is said to run
 * has proved it, and every operation ends within two hours.
 *
 * Real here: tb_life_begin, tb_life_step, their JSON, and the store (":memory:"), which holds every
 * commit and from which a killed bridge's successor takes its operation. Modelled: upstream
 * (model.h), the driver's loop with its rule of what is worth a commit (operations.c), what
 * commands are allowed when (commands.c), and time. Threads, HTTP and real kills are
 * tests/http/torture.py's.
 *
 *   lifecycle_test_campaign              10,000 seeds with the store, 50,000 without
 *   lifecycle_test_campaign --seed N     one seed, with what happens in it
 *   lifecycle_test_campaign --seeds N    N seeds with the store
 *
 * Single thread (the store has its own); owns the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model.h"
#include "store/store.h"

enum {
    SEEDS = 10000,
    QUICK_SEEDS = 50000,
    COMMANDS = 5,
    CRASHES = 5, /* an operation; its waits begin anew after each */
    BEGINNING = 1000000,
    LATE_DEPLOY = 600000, /* a deploy even later than ever seen must not trade */
    END_WITHIN = 7200000,
    STORE_RETRY = 2000,
};

static struct campaign {
    uint64_t seed, rng;
    struct model model;
    struct tb_life life, disk;
    int commands;    /* opened up to now */
    int trouble;     /* percent of calls that go wrong */
    int64_t dead_at; /* nothing is answered or done any more; 0: never */
    bool lived;      /* the instance traded when it was viewed last */
    bool proof;      /* a report has been full since the last stop-bot */
    bool tell;
} run;

static struct tb_store *store; /* NULL: `disk` alone remembers */
static struct {
    uint64_t seeds, operations, ended[TB_OP_KIND_COUNT][TB_OP_STATE_COUNT];
    uint64_t calls, deploys, fates[MODEL_FATES], crashes, commits, refused_commits;
} count;

/* ---- randomness: one seed, one life ---- */

static int64_t upto(int64_t n)
{
    run.rng ^= run.rng << 13;
    run.rng ^= run.rng >> 7;
    run.rng ^= run.rng << 17;
    return (int64_t)(run.rng % (uint64_t)(n + 1));
}

static bool percent(int64_t n)
{
    return upto(99) < n;
}

static void wrong(const char *what)
{
    const struct tb_life *s = &run.life;
    fail_msg("seed %llu, t=%lld ms: %s (%s %s %s, base %s, instance %s, reason %s: %s)",
             (unsigned long long)run.seed, (long long)(run.model.now - BEGINNING), what,
             tb_op_kind_word(s->kind), tb_op_state_word(s->state), tb_phase_word(s->phase), s->base,
             s->instance, s->reason, s->detail);
}

static void tell(const char *what, const char *more)
{
    if (run.tell)
        print_message("%9.1f s  %s %s, %s: %s %s\n", (double)(run.model.now - BEGINNING) / 1000,
                      tb_op_kind_word(run.life.kind), tb_op_state_word(run.life.state),
                      tb_phase_word(run.life.phase), what, more);
}

static void check(void)
{
    const struct tb_life *s = &run.life;
    if (model_traders(&run.model) > 1)
        wrong("two instances can trade");
    if (model_most_deploys(&run.model) > 1)
        wrong("a nonce was deployed twice");
    if (model_says_quiet(s) && model_traders(&run.model) > 0)
        wrong("said to be quiet, but an instance can trade");
    if (s->kind == TB_OP_ARCHIVE && s->state == TB_OPS_SUCCEEDED && model_instance(&run.model, s))
        wrong("said to be archived, but its instance exists");
    if (run.model.taken)
        wrong("an archive took an instance that was not stopped");
}

/* Time passes from event to event, so that nothing wrong is too short to be seen. */
static void to(int64_t at)
{
    while (run.model.now < at) {
        int64_t next = model_next(&run.model);
        model_to(&run.model, next < at ? next : at);
        check();
    }
}

/* ---- what is remembered ---- */

static void ids(char operation[TB_ULID_TEXT], char bot[TB_ULID_TEXT])
{
    snprintf(operation, TB_ULID_TEXT, "%016llx-%02d", (unsigned long long)run.seed, run.commands);
    snprintf(bot, TB_ULID_TEXT, "%016llx", (unsigned long long)run.seed);
}

/* As operations.c writes it, with the attempt's row in the same commit. */
static void commit(const struct tb_life *life, bool new_nonce)
{
    char id[TB_ULID_TEXT], bot[TB_ULID_TEXT];
    struct tb_buffer doc = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_error err = {0};

    run.disk = *life;
    count.commits++;
    if (!store)
        return;
    ids(id, bot);
    tb_jw_init(&w, &doc);
    tb_life_write(life, &w);
    struct tb_store_operation operation = {.id = id,
                                           .kind = tb_op_kind_word(life->kind),
                                           .bot_id = bot,
                                           .state = tb_op_state_word(life->state),
                                           .created_at = life->began_at,
                                           .ended_at =
                                               tb_op_state_final(life->state) ? run.model.now : 0,
                                           .doc = tb_buffer_text(&doc)};
    struct tb_store_attempt attempt = {.nonce = life->nonce,
                                       .base = life->base,
                                       .bot_id = bot,
                                       .operation_id = id,
                                       .state = life->burnt ? "burnt" : "intended",
                                       .files = "[]",
                                       .created_at = run.model.now,
                                       .updated_at = run.model.now};
    const struct tb_store_change change[] = {
        {.kind = TB_STORE_OPERATION_PUT, .operation = &operation},
        {.kind = new_nonce ? TB_STORE_ATTEMPT_ADD : TB_STORE_ATTEMPT_UPDATE, .attempt = &attempt}};
    if (!tb_store_commit(store, change, 2, &err))
        wrong(err.detail);
    tb_buffer_free(&doc);
}

static void found_open(void *arg, const struct tb_store_operation *row)
{
    int *found = arg;
    struct tb_error err = {0};
    struct tb_json_doc *doc = tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, &err);
    if (++*found > 1 || !doc || !tb_life_read(tb_json_root(doc), &run.life, &err))
        wrong("the store holds something else than the one open operation");
    tb_json_free(doc);
}

/* What the next process finds. */
static void recall(void)
{
    char id[TB_ULID_TEXT], bot[TB_ULID_TEXT];
    struct tb_store_operation_filter open = {.bot_id = bot, .open_only = true};
    struct tb_error err = {0};
    int found = 0;

    run.life = run.disk;
    if (!store)
        return;
    ids(id, bot);
    if (!tb_store_operations_each(store, &open, found_open, &found, &err) || found != 1)
        wrong("the store lost the open operation");
    if (run.life.phase != run.disk.phase || run.life.sent != run.disk.sent ||
        run.life.burnt != run.disk.burnt || run.life.inflight != run.disk.inflight ||
        run.life.doubt_until != run.disk.doubt_until ||
        run.life.taken_until != run.disk.taken_until ||
        run.life.old_reports != run.disk.old_reports || strcmp(run.life.base, run.disk.base) != 0 ||
        strcmp(run.life.instance, run.disk.instance) != 0)
        wrong("the store remembers another operation");
}

/* ---- one step of the driver ---- */

static void check_intent(struct tb_intent intent)
{
    const struct tb_life *s = &run.life;
    if (intent.act == TB_ACT_NONE)
        return;
    if (tb_op_state_final(s->state))
        wrong("an ended operation makes a call");
    if (!model_asked_for(s, intent.act))
        wrong("a call that nobody asked for");
    if (intent.act == TB_ACT_DEPLOY && (s->burnt || !s->sent))
        wrong("a deploy without its mark, or of a burnt nonce");
    if (intent.act == TB_ACT_START_CONTAINER && (s->burnt || !s->instance[0]))
        wrong("a start of a burnt attempt");
    if (intent.act == TB_ACT_STOP_BOT && s->resends > 0 && !run.proof)
        wrong("a second stop before the proof was read");
    if (model_too_early(&run.model, s, intent.act))
        wrong("went on before the stop was proven");
    if (model_archived_twice(&run.model, s, intent.act))
        wrong("a second archive while the first may still work");
}

/* The next state is committed before its call is made; a store that fails keeps the old one. */
static struct tb_intent step(struct tb_observation *obs)
{
    struct tb_life next;
    struct tb_intent intent;
    bool new_nonce;

    model_fresh_nonce(&run.model, obs->fresh_nonce);
    obs->code = TB_UPSTREAM_UNKNOWN;
    for (;;) {
        obs->sent_wall = obs->done_wall = run.model.now;
        tb_life_step(&run.life, obs, run.model.now, &next, &intent);
        if (!tb_life_worth_storing(&run.life, &next, intent) || !percent(run.trouble / 20))
            break;
        count.refused_commits++;
        tell("the disk is full", "");
        to(run.model.now + STORE_RETRY);
    }
    new_nonce = strcmp(next.nonce, obs->fresh_nonce) == 0;
    if (new_nonce && ++run.model.attempts > MODEL_NONCES)
        wrong("too many attempts for the model");
    if (tb_life_worth_storing(&run.life, &next, intent))
        commit(&next, new_nonce);
    run.life = next;
    check_intent(intent);
    check();
    *obs = (struct tb_observation){.kind = TB_OBS_TICK};
    return intent;
}

/* ---- calls ---- */

static bool dead(void)
{
    return run.dead_at && run.model.now >= run.dead_at;
}

/* Chance decides when the late calls of the model execute. */
static void befall(struct tb_intent intent, enum model_fate fate, struct tb_observation *obs)
{
    int before = run.model.laters;
    bool did;
    if (before == MODEL_LATERS && (fate == MODEL_TWICE || fate == MODEL_LATE))
        fate = MODEL_NOTHING;
    did = model_befall(&run.model, &run.life, intent, fate);
    if (run.model.laters > before) {
        struct model_later *late = &run.model.later[before];
        bool deploy = late->act == TB_ACT_DEPLOY;
        late->by = run.model.now + 1 + upto(deploy ? LATE_DEPLOY : MODEL_LATE_MAX);
        if (deploy && percent(50))
            *late = (struct model_later){.by = run.model.now + upto(MODEL_COPIED_FOR),
                                         .act = late->act,
                                         .attempt = late->attempt,
                                         .copied = true,
                                         .complete =
                                             model_files(&run.model.attempt[late->attempt], true)};
    }
    if (!did && obs->result == TB_RES_DONE)
        obs->result = TB_RES_FAILED;
    if (obs->result == TB_RES_DONE && intent.act == TB_ACT_DEPLOY)
        model_instance_name(run.life.base, obs->instance);
}

/* True when the bridge was killed in the call. */
static bool write_call(struct tb_intent intent, bool may_kill, struct tb_observation *obs)
{
    int how = 0;
    if (dead())
        how = MODEL_FATE_LOST;
    else if (percent(run.trouble))
        do
            how = 1 + (int)upto(MODEL_FATES - 2);
        while ((model_fates[how].only && !model_fates[how].only(intent.act)) ||
               (model_fates[how].told == MODEL_KILLED && !may_kill));
    tell(tb_act_word(intent.act), model_fates[how].what);
    count.fates[how]++;
    count.deploys += intent.act == TB_ACT_DEPLOY;
    obs->result = model_fates[how].result;
    befall(intent, model_fates[how].fate, obs);
    if (intent.act == TB_ACT_STOP_BOT && obs->result != TB_RES_UNSENT)
        run.proof = false;
    if (model_fates[how].told == MODEL_TOLD_NO_NAME)
        obs->instance[0] = '\0';
    if (model_fates[how].told == MODEL_TOLD_SLOWLY)
        to(run.model.now + upto(70000));
    check();
    return model_fates[how].told == MODEL_KILLED;
}

static void read_call(struct tb_intent intent, struct tb_observation *obs)
{
    if (percent(run.trouble / 2) || dead()) {
        obs->result = (enum tb_result)(TB_RES_REFUSED + upto(3));
        return;
    }
    model_read(&run.model, &run.life, intent.act, obs);
    if (percent(run.trouble / 4))
        obs->prompt = obs->heard = obs->reported = obs->trading = obs->active = false;
    if (intent.act == TB_ACT_VIEW) {
        const struct model_attempt *i = model_instance(&run.model, &run.life);
        run.lived = i && i->container == TB_CT_RUNNING && i->strategy == MODEL_TRADING;
        run.proof |= obs->trading;
    }
    if (percent(run.trouble / 4))
        to(run.model.now + upto(40000)); /* the answer is from before */
}

static void crash(struct tb_observation *obs)
{
    count.crashes++;
    recall();
    tell("the bridge was killed", "");
    *obs = (struct tb_observation){.kind = TB_OBS_TAKEN_OVER};
    to(run.model.now + 500 + upto(percent(20) ? 900000 : 5000));
}

static void happen(void)
{
    struct model_attempt *i = model_instance(&run.model, &run.life);
    if (percent(50)) {
        tell("the API restarts", "");
        model_api_restarts(&run.model);
    } else if (i && i->container == TB_CT_RUNNING) {
        tell("the bot crashes", "");
        model_die(i);
    }
}

/* ---- operations and people ---- */

static void check_end(void)
{
    if (run.life.state == TB_OPS_SUCCEEDED && tb_op_kind_runs(run.life.kind) && !run.lived)
        wrong("succeeded without proof");
    count.ended[run.life.kind][run.life.state]++;
    tell("ended", run.life.reason);
    /* Nothing that is still on its way may change what was said (check). */
    if (model_says_quiet(&run.life) && percent(70))
        to(run.model.now + LATE_DEPLOY + MODEL_COPIED_FOR + MODEL_REPORTS);
}

/* One operation from begin to end, or until a person supersedes it: then what is in flight goes on
 * without anybody who waits. */
static void operate(bool may_supersede)
{
    struct tb_observation obs = {.kind = TB_OBS_TICK};
    int64_t began = run.model.now;
    int crashes = 0;

    for (;;) {
        struct tb_intent intent = step(&obs);
        bool killed = false, supersede = may_supersede && percent(3);
        if (tb_op_state_final(run.life.state)) {
            check_end();
            return;
        }
        if (run.model.now - began > END_WITHIN)
            wrong("no end within two hours");
        if (intent.act == TB_ACT_NONE) {
            to(run.life.next_at > run.model.now ? run.life.next_at : run.model.now + 100);
        } else {
            count.calls++;
            obs.kind = TB_OBS_RESULT;
            if (!tb_act_writes(intent.act))
                read_call(intent, &obs);
            else if (supersede && percent(50) && !dead())
                befall(intent, MODEL_LATE, &obs);
            else
                killed = write_call(intent, crashes < CRASHES, &obs);
            to(run.model.now + upto(300));
        }
        if (percent(run.trouble / 15))
            happen();
        if (killed || (crashes < CRASHES && percent(run.trouble / 12))) {
            crashes++;
            crash(&obs);
        } else if (supersede) {
            count.ended[run.life.kind][TB_OPS_SUPERSEDED]++;
            return;
        }
    }
}

/* Opens the next operation; one that it supersedes is ended in the same commit. */
static void open_next(enum tb_op_kind kind, bool abandon)
{
    char nonce[TB_NONCE_TEXT];
    bool open = run.commands > 0 && !tb_op_state_final(run.life.state);

    if (open && store) {
        struct tb_life ended = run.life;
        ended.state = TB_OPS_SUPERSEDED;
        commit(&ended, false);
    }
    model_fresh_nonce(&run.model, nonce);
    tb_life_begin(&run.life, kind, &run.life, abandon, nonce, run.model.now);
    run.life.next_controllers = MODEL_CONTROLLERS;
    run.life.next_reports = true;
    run.commands++;
    run.lived = run.proof = false;
    count.operations++;
    bool new_nonce = strcmp(run.life.nonce, nonce) == 0;
    run.model.attempts += new_nonce;
    commit(&run.life, new_nonce);
    tell("a person asked", abandon ? "(abandon)" : "");
}

/* What commands.c allows: a stop always, a restart of what is not a conflict, a start only of what
 * is known to be quiet or dead. */
static void next_command(void)
{
    const struct model_attempt *i = model_instance(&run.model, &run.life);
    bool open = !tb_op_state_final(run.life.state);
    bool crashed = !open && tb_op_kind_runs(run.life.kind) && run.life.state == TB_OPS_SUCCEEDED &&
                   i && i->container == TB_CT_EXITED;
    bool startable = !open && (model_says_quiet(&run.life) || crashed);
    bool settled = !open && run.life.state != TB_OPS_CONFLICT;
    static const enum tb_op_kind others[] = {TB_OP_RESTART, TB_OP_ARCHIVE, TB_OP_REDEPLOY};
    if (settled && percent(50))
        open_next(others[upto(2)], false);
    else if (startable && percent(70))
        open_next(TB_OP_START, false);
    else
        open_next(TB_OP_STOP, percent(20));
}

static void live(uint64_t seed)
{
    memset(&run, 0, offsetof(struct campaign, tell));
    run.seed = seed;
    run.rng = seed * 0x9E3779B97F4A7C15u + 1;
    run.model.now = BEGINNING + upto(1000);
    run.model.world = (unsigned)(seed & 0xFFFFFFF);
    run.model.pulled = percent(90);
    run.model.stuck = percent(3);
    run.trouble = (int)(percent(30) ? 4 : percent(60) ? 20 : 50);
    run.dead_at = percent(3) ? run.model.now + upto(120000) : 0;
    run.life = (struct tb_life){
        .controllers = MODEL_CONTROLLERS, .reports = true, .may_pull = percent(30)};
    tb_copy(run.life.stem, sizeof run.life.stem, "hummingbot-walk-");
    open_next(TB_OP_CREATE, false);
    for (;;) {
        operate(percent(40));
        to(run.model.now + upto(percent(50) ? 3000 : 90000));
        if (run.commands == COMMANDS)
            break;
        next_command();
    }
    if (store && !tb_op_state_final(run.life.state)) { /* the next seed finds nothing open */
        run.life.state = TB_OPS_SUPERSEDED;
        commit(&run.life, false);
    }
    count.seeds++;
}

/* ---- the tests ---- */

static uint64_t one_seed, seeds = SEEDS;

static void print_counts(void)
{
    print_message("%llu seeds, %llu operations, %llu calls, %llu deploys sent, %llu kills, "
                  "%llu commits, %llu failed ones\n",
                  (unsigned long long)count.seeds, (unsigned long long)count.operations,
                  (unsigned long long)count.calls, (unsigned long long)count.deploys,
                  (unsigned long long)count.crashes, (unsigned long long)count.commits,
                  (unsigned long long)count.refused_commits);
    for (int kind = 0; kind < TB_OP_KIND_COUNT; kind++)
        for (int state = 0; state < TB_OP_STATE_COUNT; state++)
            if (count.ended[kind][state])
                print_message("%10llu %s %s\n", (unsigned long long)count.ended[kind][state],
                              tb_op_kind_word((enum tb_op_kind)kind),
                              tb_op_state_word((enum tb_op_state)state));
    for (int fate = 0; fate < MODEL_FATES; fate++)
        print_message("%10llu writes %s\n", (unsigned long long)count.fates[fate],
                      model_fates[fate].what);
    memset(&count, 0, sizeof count);
}

static void test_with_the_store(void **state)
{
    struct tb_error err = {0};
    (void)state;
    store = tb_store_open(":memory:", &err);
    assert_non_null(store);
    run.tell = one_seed != 0;
    for (uint64_t seed = one_seed ? one_seed : 1; seed <= (one_seed ? one_seed : seeds); seed++)
        live(seed);
    print_counts();
    tb_store_close(store);
    store = NULL;
}

static void test_many_more(void **state)
{
    (void)state;
    if (one_seed || seeds != SEEDS)
        skip();
    for (uint64_t seed = SEEDS + 1; seed <= SEEDS + QUICK_SEEDS; seed++)
        live(seed);
    print_counts();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_with_the_store),
                                       cmocka_unit_test(test_many_more)};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            one_seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seeds") == 0)
            seeds = strtoull(argv[i + 1], NULL, 10);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
