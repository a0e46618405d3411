/* Random walks of tb_life_step against a small upstream of our own that is late, silent and lies:
 * whatever it answers, crashes and people's commands included, a bot has at most one instance that
 * can trade, a nonce is deployed once, and an operation that says `succeeded` is right.
 *
 * TB_WALKS sets the number of walks, TB_WALK_SEED replays one. Single thread; owns nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "bots/life.h"

enum {
    INSTANCES = 16,
    NONCES = 16,
    LATER = 64,
    CRASHES = 5, /* an operation; its waits begin anew after each */
    CONTROLLERS = 2,
    LATE_MAX = 120000,    /* an abandoned request executes up to this much later */
    LATE_DEPLOY = 600000, /* a deploy even later than ever seen must not trade */
    COPIED_FOR = 60000,   /* a deploy may make its container this long after it copied the files */
    SPEAKS = 3500,        /* a container that runs is on MQTT after this */
    REPORTS = 5500,       /* and trades and reports after this */
    DIES = 4200,          /* one without its files exits after this */
    CLOSES = 13300,       /* a stopped strategy empties its reports after this */
    STALE = 30000,        /* reports of a silent bot are repeated for this long */
    END_WITHIN = 7200000,
};

/* ---- randomness: one seed, one walk ---- */

static uint64_t rng;

static uint64_t draw(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static int64_t upto(int64_t n)
{
    return (int64_t)(draw() % (uint64_t)(n + 1));
}

static bool percent(int64_t n)
{
    return upto(99) < n;
}

/* ---- the upstream ---- */

enum strategy { BOOTING, TRADING, CLOSING, ENDED };
enum cache { NO_REPORT, FULL, EMPTY };

struct instance {
    char name[TB_INSTANCE_NAME];
    enum tb_container state;
    bool complete; /* its files were there when it was made */
    enum strategy strategy;
    int64_t up_at, stop_at, last_word;
    enum cache cache; /* what the API repeats of it */
};

struct later {
    int64_t at;
    struct tb_life life; /* what the call was made with */
    struct tb_intent intent;
    bool copied, complete; /* a deploy that has taken its files already, all of them or not */
};

static struct {
    int64_t now;
    struct instance instance[INSTANCES];
    int instances;
    struct {
        char nonce[TB_NONCE_TEXT];
        bool script, controller[CONTROLLERS];
        int deploys;
    } nonce[NONCES];
    int nonces;
    struct later later[LATER];
    int laters;
    bool pulled;
    int trouble;     /* percent of calls that go wrong */
    int64_t dead_at; /* nothing is answered or done any more; 0: never */
    bool stuck;      /* containers cannot be removed */
    bool traded;     /* the truth about the instance when it was viewed last */
} world;

static uint64_t seed_now;
static bool tracing; /* a single walk prints what it does */

static void wrong(const char *what, const struct tb_life *life)
{
    fail_msg("seed %llu, t=%lld: %s (%s %s %s, base %s, instance %s, reason %s: %s)",
             (unsigned long long)seed_now, (long long)world.now, what, tb_op_kind_word(life->kind),
             tb_op_state_word(life->state), tb_phase_word(life->phase), life->base, life->instance,
             life->reason, life->detail);
}

static int nonce_index(const char *nonce)
{
    for (int i = 0; i < world.nonces; i++)
        if (strcmp(world.nonce[i].nonce, nonce) == 0)
            return i;
    assert_true(world.nonces < NONCES);
    memset(&world.nonce[world.nonces], 0, sizeof world.nonce[0]);
    tb_copy(world.nonce[world.nonces].nonce, TB_NONCE_TEXT, nonce);
    return world.nonces++;
}

static void die(struct instance *i)
{
    i->state = TB_CT_EXITED;
    i->strategy = ENDED;
}

/* Brings one instance to the present. */
static void instance_step(struct instance *i)
{
    int64_t up = world.now - i->up_at;
    if (i->state != TB_CT_RUNNING) {
        if (world.now - i->last_word > STALE)
            i->cache = NO_REPORT;
        return;
    }
    if (!i->complete) {
        if (up >= DIES)
            die(i);
        return;
    }
    if (i->strategy == BOOTING && up >= REPORTS) {
        i->strategy = TRADING;
        i->cache = FULL;
    }
    if (i->strategy == CLOSING && world.now - i->stop_at >= CLOSES) {
        i->strategy = ENDED;
        i->cache = EMPTY;
    }
    if (up >= SPEAKS)
        i->last_word = world.now;
    else if (world.now - i->last_word > STALE)
        i->cache = NO_REPORT;
}

static struct instance *instance_named(const char *name)
{
    for (int i = 0; i < world.instances; i++)
        if (strcmp(world.instance[i].name, name) == 0)
            return &world.instance[i];
    return NULL;
}

static bool files_right(const struct tb_life *life, bool there)
{
    int n = nonce_index(life->nonce);
    bool same = world.nonce[n].script == there;
    for (int c = 0; c < CONTROLLERS; c++)
        same &= world.nonce[n].controller[c] == there;
    return same;
}

static void deploy(const struct tb_life *life, bool only_created, bool complete)
{
    int n = nonce_index(life->nonce);
    struct instance *i = &world.instance[world.instances];
    assert_true(world.instances < INSTANCES);
    *i = (struct instance){.state = only_created ? TB_CT_CREATED : TB_CT_RUNNING,
                           .complete = complete,
                           .up_at = world.now};
    snprintf(i->name, sizeof i->name, "%s-20260101-%06d", life->base, (int)(world.now / 1000));
    if (instance_named(i->name))
        return;
    world.instances++;
    if (++world.nonce[n].deploys > 1)
        wrong("a nonce was deployed twice", life);
}

/* The call takes effect. False: upstream says no and nothing happens. */
static bool perform(const struct tb_life *life, struct tb_intent intent)
{
    int n = nonce_index(life->nonce);
    struct instance *i = instance_named(life->instance);
    switch (intent.act) {
    case TB_ACT_PULL:
        world.pulled = true;
        return true;
    case TB_ACT_PUT_CONTROLLER:
        world.nonce[n].controller[intent.index] = true;
        return true;
    case TB_ACT_PUT_SCRIPT:
        world.nonce[n].script = true;
        return true;
    case TB_ACT_DELETE_CONTROLLER:
        world.nonce[n].controller[intent.index] = false;
        return true;
    case TB_ACT_DELETE_SCRIPT:
        world.nonce[n].script = false;
        return true;
    case TB_ACT_DEPLOY:
        deploy(life, false, files_right(life, true));
        return true;
    case TB_ACT_REMOVE_CONTAINER:
        if (!i || i->state == TB_CT_RUNNING || world.stuck)
            return false;
        *i = world.instance[--world.instances];
        return true;
    case TB_ACT_STOP_BOT:
        if (!i || i->state != TB_CT_RUNNING)
            return false;
        i->cache = NO_REPORT;
        if (i->strategy == TRADING) {
            i->strategy = CLOSING;
            i->stop_at = world.now;
        }
        return true;
    case TB_ACT_STOP_CONTAINER:
        if (i && i->state == TB_CT_RUNNING)
            die(i);
        return i != NULL;
    case TB_ACT_START_CONTAINER:
        if (!i)
            return false;
        if (i->state != TB_CT_RUNNING) {
            i->state = TB_CT_RUNNING;
            i->strategy = BOOTING;
            i->up_at = world.now;
        }
        return true;
    default:
        return true;
    }
}

static bool can_trade(const struct instance *i)
{
    return i->state == TB_CT_RUNNING && i->complete && i->strategy != ENDED;
}

static int traders(void)
{
    int n = 0;
    for (int i = 0; i < world.instances; i++)
        n += can_trade(&world.instance[i]);
    return n;
}

static void world_to(int64_t at, const struct tb_life *life)
{
    for (;;) {
        int first = -1;
        for (int i = 0; i < world.laters; i++)
            if (world.later[i].at <= at && (first < 0 || world.later[i].at < world.later[first].at))
                first = i;
        if (first < 0)
            break;
        struct later due = world.later[first];
        world.later[first] = world.later[--world.laters];
        if (due.at > world.now)
            world.now = due.at;
        for (int i = 0; i < world.instances; i++)
            instance_step(&world.instance[i]);
        if (due.copied)
            deploy(&due.life, false, due.complete);
        else
            (void)perform(&due.life, due.intent);
    }
    world.now = at;
    for (int i = 0; i < world.instances; i++)
        instance_step(&world.instance[i]);
    if (traders() > 1)
        wrong("two instances can trade", life);
}

/* ---- what a call brings back ---- */

static void look(const struct tb_life *life, struct tb_observation *obs)
{
    size_t n = strlen(life->base);
    for (int i = 0; i < world.instances && obs->hits < TB_LOOK_HITS; i++) {
        const struct instance *at = &world.instance[i];
        if (strncmp(at->name, life->base, n) != 0)
            continue;
        tb_copy(obs->hit[obs->hits].instance, TB_INSTANCE_NAME, at->name);
        obs->hit[obs->hits++].container = at->state;
    }
    obs->prompt = !percent(world.trouble / 4);
    obs->lists = true;
}

static void view(const struct tb_life *life, struct tb_observation *obs)
{
    const struct instance *i = instance_named(life->instance);
    world.traded = i && i->state == TB_CT_RUNNING && i->strategy == TRADING;
    obs->container = !i || i->state == TB_CT_CREATED ? TB_CT_ABSENT : i->state;
    obs->heard = !percent(world.trouble / 4);
    if (!i || !obs->heard)
        return;
    obs->reported = i->cache != NO_REPORT;
    obs->trading = i->cache == FULL;
    obs->active = i->last_word && world.now - i->last_word < STALE;
}

static bool dead(void)
{
    return world.dead_at && world.now >= world.dead_at;
}

static void read_call(const struct tb_life *life, struct tb_intent intent,
                      struct tb_observation *obs)
{
    if (percent(world.trouble / 2) || dead()) {
        obs->result = (enum tb_result)(TB_RES_REFUSED + upto(3));
        return;
    }
    switch (intent.act) {
    case TB_ACT_IMAGES:
    case TB_ACT_PULL_STATUS:
        obs->yes = world.pulled;
        break;
    case TB_ACT_VERIFY_FILES:
        obs->yes = files_right(life, true);
        break;
    case TB_ACT_FILES_GONE:
        obs->yes = files_right(life, false);
        break;
    case TB_ACT_ROOT:
        obs->prompt = !percent(world.trouble / 4);
        break;
    case TB_ACT_LOOK:
        look(life, obs);
        break;
    default:
        view(life, obs);
        break;
    }
}

static void execute_later(const struct tb_life *life, struct tb_intent intent)
{
    bool deploys = intent.act == TB_ACT_DEPLOY, copied = deploys && percent(50);
    if (world.laters == LATER || dead())
        return;
    world.later[world.laters++] = (struct later){.at = world.now + 1 +
                                                       upto(copied    ? COPIED_FOR
                                                            : deploys ? LATE_DEPLOY
                                                                      : LATE_MAX),
                                                 .life = *life,
                                                 .intent = intent,
                                                 .copied = copied,
                                                 .complete = files_right(life, true)};
}

static void write_call(const struct tb_life *life, struct tb_intent intent,
                       struct tb_observation *obs)
{
    bool deploys = intent.act == TB_ACT_DEPLOY;
    if (dead()) {
        obs->result = percent(50) ? TB_RES_UNSENT : TB_RES_UNKNOWN;
        return;
    }
    if (!percent(world.trouble)) {
        obs->result = perform(life, intent) ? TB_RES_DONE : TB_RES_FAILED;
        if (deploys && !percent(5))
            tb_copy(obs->instance, sizeof obs->instance, world.instance[world.instances - 1].name);
        return;
    }
    switch (upto(6)) {
    case 0:
        obs->result = TB_RES_REFUSED;
        break;
    case 1:
        obs->result = TB_RES_UNSENT;
        break;
    case 2: /* failed, and nothing happened */
        obs->result = TB_RES_FAILED;
        break;
    case 3: /* failed, but it happened: the container may be left unstarted */
        obs->result = TB_RES_FAILED;
        if (deploys)
            deploy(life, percent(60), files_right(life, true));
        else
            (void)perform(life, intent);
        break;
    case 4: /* lost on the way there */
        obs->result = TB_RES_UNKNOWN;
        break;
    case 5: /* lost on the way back */
        obs->result = TB_RES_UNKNOWN;
        (void)perform(life, intent);
        break;
    default:
        obs->result = TB_RES_UNKNOWN;
        execute_later(life, intent);
        break;
    }
}

/* ---- the driver, people and crashes ---- */

static void fresh_nonce(char out[TB_NONCE_TEXT])
{
    snprintf(out, TB_NONCE_TEXT, "%08x", (unsigned)draw());
}

/* What operations.c commits; the rest is lost by a crash. */
static bool stored(const struct tb_life *a, const struct tb_life *b, struct tb_intent intent)
{
    return tb_act_writes(intent.act) || a->phase != b->phase || a->state != b->state ||
           a->sent != b->sent || a->burnt != b->burnt || a->index != b->index ||
           strcmp(a->base, b->base) != 0 || strcmp(a->instance, b->instance) != 0 ||
           a->settle_at != b->settle_at || a->resends != b->resends;
}

static void round_trip(const struct tb_life *life)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_error err = {0};
    struct tb_life back;
    tb_jw_init(&w, &text);
    tb_life_write(life, &w);
    struct tb_json_doc *doc = tb_json_parse(text.data, text.len, TB_JSON_UPSTREAM, &err);
    assert_non_null(doc);
    assert_true(tb_life_read(tb_json_root(doc), &back, &err));
    struct tb_buffer again = TB_BUFFER_INIT;
    tb_jw_init(&w, &again);
    tb_life_write(&back, &w);
    assert_string_equal(text.data, again.data);
    assert_int_equal(back.phase, life->phase);
    assert_string_equal(back.instance, life->instance);
    assert_int_equal(back.sent_at, life->sent_at);
    assert_true(back.sent == life->sent && back.burnt == life->burnt);
    tb_json_free(doc);
    tb_buffer_free(&text);
    tb_buffer_free(&again);
}

static void check_intent(const struct tb_life *life, struct tb_intent intent)
{
    if (intent.act == TB_ACT_DEPLOY && (life->burnt || !life->sent))
        wrong("a deploy without its mark", life);
    if (intent.act == TB_ACT_START_CONTAINER && (life->burnt || !life->instance[0]))
        wrong("a burnt attempt is started", life);
    if (intent.act == TB_ACT_DEPLOY && life->kind == TB_OP_STOP)
        wrong("a stop deploys", life);
    if (intent.act == TB_ACT_START_CONTAINER && life->kind != TB_OP_START)
        wrong("nobody asked for a start", life);
}

static void check_end(const struct tb_life *life)
{
    if (life->state == TB_OPS_SUCCEEDED && life->kind != TB_OP_STOP && !world.traded)
        wrong("succeeded, but the instance did not trade", life);
    bool says_quiet = (life->state == TB_OPS_SUCCEEDED && life->kind == TB_OP_STOP) ||
                      (life->state == TB_OPS_FAILED && life->kind == TB_OP_CREATE);
    if (!says_quiet)
        return;
    if (traders() > 0)
        wrong("said to be quiet, but an instance can trade", life);
    /* … and nothing that is still on its way changes that. Deploys that executed without their
     * files live for seconds, so only what can trade counts. */
    world_to(world.now + LATE_DEPLOY + REPORTS, life);
    if (traders() > 0)
        wrong("an instance came to life after the end", life);
}

/* One operation from begin to end, or until a person supersedes it. */
static void run(struct tb_life *life, bool may_supersede)
{
    struct tb_life disk = *life;
    struct tb_observation obs = {.kind = TB_OBS_TICK};
    int64_t began = world.now;
    bool json = percent(2);
    int crashes = 0;

    for (;;) {
        struct tb_life next;
        struct tb_intent intent;
        fresh_nonce(obs.fresh_nonce);
        obs.sent_wall = obs.done_wall = world.now;
        tb_life_step(life, &obs, world.now, &next, &intent);
        if (stored(life, &next, intent))
            disk = next;
        *life = next;
        if (json)
            round_trip(life);
        check_intent(life, intent);
        if (tracing && intent.act != TB_ACT_VIEW)
            print_message("%lld %s %s %s -> %s %s\n", (long long)world.now,
                          tb_op_kind_word(life->kind), tb_op_state_word(life->state),
                          tb_phase_word(life->phase), tb_act_word(intent.act), life->reason);
        if (tb_op_state_final(life->state)) {
            if (intent.act != TB_ACT_NONE)
                wrong("an ended operation calls", life);
            check_end(life);
            return;
        }
        if (world.now - began > END_WITHIN)
            wrong("not ended within two hours", life);
        obs = (struct tb_observation){.kind = TB_OBS_TICK};
        bool crash = crashes < CRASHES && percent(world.trouble / 8);
        bool supersede = may_supersede && percent(3);
        if (intent.act != TB_ACT_NONE) {
            obs.kind = TB_OBS_RESULT;
            obs.code = TB_UPSTREAM_UNKNOWN;
            if (crash && percent(30))
                ; /* died before the call left */
            else if (!tb_act_writes(intent.act))
                read_call(life, intent, &obs);
            else if ((crash || supersede) && percent(50))
                execute_later(life, intent);
            else
                write_call(life, intent, &obs);
            world_to(world.now + upto(!percent(world.trouble / 4) ? 300
                                      : tb_act_writes(intent.act) ? 70000
                                                                  : 40000),
                     life);
        } else {
            world_to(life->next_at > world.now ? life->next_at : world.now + 100, life);
        }
        if (crash) {
            crashes++;
            *life = disk;
            obs = (struct tb_observation){.kind = TB_OBS_TAKEN_OVER};
            world_to(world.now + 500 + upto(percent(20) ? 900000 : 5000), life);
        }
        if (supersede)
            return;
    }
}

static void walk(uint64_t seed)
{
    struct tb_life life = {.controllers = CONTROLLERS, .reports = true, .may_pull = percent(30)};
    char nonce[TB_NONCE_TEXT];

    seed_now = seed;
    rng = seed * 0x9E3779B97F4A7C15u + 1;
    memset(&world, 0, sizeof world);
    world.now = 1000000 + upto(1000);
    world.pulled = percent(90);
    world.trouble = (int)(percent(30) ? 4 : percent(60) ? 20 : 50);
    world.dead_at = percent(3) ? world.now + upto(120000) : 0;
    world.stuck = percent(3);
    tb_copy(life.stem, sizeof life.stem, "hummingbot-walk-");
    fresh_nonce(nonce);
    tb_life_begin(&life, TB_OP_CREATE, &life, false, nonce, world.now);
    for (int command = 0; command < 4; command++) {
        bool open = !tb_op_state_final(life.state);
        run(&life, percent(40));
        world_to(world.now + upto(percent(50) ? 3000 : 90000), &life);
        open = !tb_op_state_final(life.state);
        fresh_nonce(nonce);
        /* What commands.c allows: a stop always, a start only of what is known to be quiet. */
        bool quiet = !open && life.state != TB_OPS_NOT_PROVEN && life.state != TB_OPS_UNKNOWN &&
                     life.state != TB_OPS_CONFLICT &&
                     (life.kind == TB_OP_STOP ? life.state == TB_OPS_SUCCEEDED
                                              : life.state == TB_OPS_FAILED);
        struct instance *i = instance_named(life.instance);
        if (i && !open && percent(10) && i->state == TB_CT_RUNNING) {
            die(i); /* crashed; seen by the feed */
            quiet = life.state == TB_OPS_SUCCEEDED;
        }
        tb_life_begin(&life, quiet && percent(70) ? TB_OP_START : TB_OP_STOP, &life, percent(20),
                      nonce, world.now);
        if (life.kind == TB_OP_START && life.keep_container == false)
            life.keep_container = true;
    }
}

static void test_walks(void **state)
{
    (void)state;
    const char *one = getenv("TB_WALK_SEED"), *many = getenv("TB_WALKS");
    if (one) {
        tracing = true;
        walk(strtoull(one, NULL, 10));
        return;
    }
    uint64_t walks = many ? strtoull(many, NULL, 10) : 200000;
    for (uint64_t seed = 1; seed <= walks; seed++)
        walk(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_walks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
