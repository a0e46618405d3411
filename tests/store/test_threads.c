/* Many callers at once: group commit, races on a key and a name, the full series queue. Run with
 * "memory" and "sqlite". */
#include <pthread.h>
#include <sched.h>

#include "store_fixture.h"

#define THREADS 8

/* Holds a writer thread inside a job until released. */
struct gate {
    pthread_t thread;
    struct tb_store_writer *writer;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool entered;
    bool released;
};

static bool wait_at_gate(struct tb_store_db *db, void *arg, struct tb_error *err)
{
    (void)db;
    (void)err;
    struct gate *gate = arg;
    pthread_mutex_lock(&gate->lock);
    gate->entered = true;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->released) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
    return true;
}

static void *enter_gate(void *arg)
{
    struct gate *gate = arg;
    (void)tb_store_writer_run(gate->writer, wait_at_gate, gate, NULL);
    return NULL;
}

static void gate_close(struct gate *gate, struct tb_store *store, enum tb_store_file_id file)
{
    *gate = (struct gate){.writer = store->sides[file].writer};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    pthread_create(&gate->thread, NULL, enter_gate, gate);
    pthread_mutex_lock(&gate->lock);
    while (!gate->entered) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}

static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->released = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
    pthread_join(gate->thread, NULL);
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
}

struct caller {
    pthread_t thread;
    struct tb_store *store;
    pthread_barrier_t *start;
    int number;
    int good;
    int refused;
    struct tb_error err;
};

static void wait_queued(struct tb_store *store, size_t n)
{
    struct tb_store_health health;
    do {
        sched_yield();
        tb_store_health(store, &health);
    } while (health.queued < n);
}

static void *put_one(void *arg)
{
    struct caller *caller = arg;
    char id[16];
    snprintf(id, sizeof id, "bot%d", caller->number);
    /* Number 3 wants the name of number 2, whoever of the two comes first. */
    struct tb_store_bot bot = some_bot(id, caller->number == 3 ? "bot2" : id);
    struct tb_store_operation operation = some_operation(id, id);
    struct tb_store_change changes[] = {OPERATION(&operation), BOT(&bot, 0)};
    if (tb_store_commit(caller->store, changes, 2, &caller->err)) {
        caller->good++;
    }
    return NULL;
}

/* Eight waiting calls share one transaction, and the refused one among them harms nobody. */
static void waiting_calls_share_a_commit(void **state)
{
    struct tb_store *store = store_of(state);
    struct gate gate;
    struct caller callers[THREADS] = {0};
    struct tb_store_health before;
    struct tb_store_health after;
    gate_close(&gate, store, TB_FILE_BRIDGE);
    tb_store_health(store, &before);
    for (int i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){.store = store, .number = i};
        pthread_create(&callers[i].thread, NULL, put_one, &callers[i]);
    }
    wait_queued(store, THREADS);
    gate_open(&gate);
    int good = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(callers[i].thread, NULL);
        good += callers[i].good;
    }
    tb_store_health(store, &after);
    assert_int_equal(good, THREADS - 1);
    assert_int_equal(callers[2].good + callers[3].good, 1);
    assert_int_equal(callers[callers[2].good ? 3 : 2].err.code, TB_NAME_TAKEN);
    assert_int_equal(after.commits - before.commits, 2);
    assert_int_equal(after.writes - before.writes, THREADS);
    for (int i = 0; i < THREADS; i++) {
        char id[16];
        snprintf(id, sizeof id, "bot%d", i);
        struct tb_store_bot *bot = tb_store_bot_get(store, id, NULL);
        struct tb_store_operation *operation = tb_store_operation_get(store, id, NULL);
        assert_int_equal(bot != NULL, callers[i].good);
        assert_int_equal(operation != NULL, callers[i].good);
        free(operation);
        free(bot);
    }
}

static void *bump(void *arg)
{
    struct caller *caller = arg;
    while (caller->good < 25) {
        struct tb_store_bot *bot = tb_store_bot_get(caller->store, "shared", &caller->err);
        if (!bot) {
            break;
        }
        if (tb_store_bot_put(caller->store, bot, bot->version, &caller->err)) {
            caller->good++;
        } else if (caller->err.code == TB_CONFLICT) {
            caller->refused++;
        } else {
            free(bot);
            break;
        }
        free(bot);
    }
    return NULL;
}

/* No update is lost: the version counts every one that was acknowledged. */
static void no_update_is_lost(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_bot bot = some_bot("shared", "shared");
    must(tb_store_bot_put(store, &bot, 0, &err));
    struct caller callers[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        callers[i].store = store;
        pthread_create(&callers[i].thread, NULL, bump, &callers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].good, 25);
    }
    struct tb_store_bot *read = tb_store_bot_get(store, "shared", NULL);
    assert_int_equal(read->version, 1 + 25 * THREADS);
    free(read);
}

static void *begin_same_key(void *arg)
{
    struct caller *caller = arg;
    for (int round = 0; round < 50; round++) {
        char key_text[16];
        char id[32];
        snprintf(key_text, sizeof key_text, "key%d", round);
        snprintf(id, sizeof id, "op-%d-%d", round, caller->number);
        struct tb_store_operation operation = some_operation(id, NULL);
        struct tb_store_idempotency key = some_key(key_text, "hash", id);
        struct tb_store_idempotency_result result;
        struct tb_store_change changes[] = {KEY(&key, &result), OPERATION(&operation)};
        pthread_barrier_wait(caller->start);
        if (tb_store_commit(caller->store, changes, 2, &caller->err)) {
            caller->good++;
            continue;
        }
        struct tb_store_operation *made =
            result.found ? tb_store_operation_get(caller->store, result.found->operation_id, NULL)
                         : NULL;
        caller->refused += result.outcome == TB_STORE_SAME_BODY && made;
        free(made);
        free(result.found);
    }
    return NULL;
}

static void count_operation(void *arg, const struct tb_store_operation *operation)
{
    (void)operation;
    ++*(int *)arg;
}

static void two_with_one_key_make_one_operation(void **state)
{
    struct tb_store *store = store_of(state);
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 2);
    struct caller callers[2] = {0};
    for (int i = 0; i < 2; i++) {
        callers[i] = (struct caller){.store = store, .start = &start, .number = i};
        pthread_create(&callers[i].thread, NULL, begin_same_key, &callers[i]);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(callers[i].thread, NULL);
    }
    pthread_barrier_destroy(&start);
    assert_int_equal(callers[0].good + callers[1].good, 50);
    assert_int_equal(callers[0].refused + callers[1].refused, 50);
    int n = 0;
    must(tb_store_operations_each(store, &(struct tb_store_operation_filter){0}, count_operation,
                                  &n, &err));
    assert_int_equal(n, 50);
}

static void *put_key(void *arg)
{
    struct caller *caller = arg;
    struct tb_store_idempotency key = some_key("known", "hash", "op");
    struct tb_store_idempotency_result result;
    struct tb_store_change change = KEY(&key, &result);
    if (!tb_store_commit(caller->store, &change, 1, &caller->err)) {
        caller->refused += result.outcome == TB_STORE_FRESH && !result.found;
        free(result.found);
    }
    return NULL;
}

static bool lose_the_disk(struct tb_store_db *db, void *arg, struct tb_error *err)
{
    (void)arg;
    return tb_store_sql_fail(db, SQLITE_IOERR_WRITE, "pretending", err);
}

static void *break_one(void *arg)
{
    struct caller *caller = arg;
    if (tb_store_writer_run(caller->store->sides[TB_FILE_BRIDGE].writer, lose_the_disk, NULL,
                            &caller->err) == TB_VERDICT_FAILED) {
        caller->refused++;
    }
    return NULL;
}

/* A disk that fails fails everybody in the transaction: a write, and also a refusal, since what it
 * was read from did not reach the disk. */
static void a_failing_disk_fails_the_whole_batch(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_idempotency key = some_key("known", "hash", "op");
    struct tb_store_change change = KEY(&key, NULL);
    must(tb_store_commit(store, &change, 1, &err));
    static void *(*const runs[])(void *) = {put_one, put_key, break_one};
    struct caller callers[3] = {0};
    struct gate gate;
    gate_close(&gate, store, TB_FILE_BRIDGE);
    for (int i = 0; i < 3; i++) {
        callers[i] = (struct caller){.store = store, .number = i};
        pthread_create(&callers[i].thread, NULL, runs[i], &callers[i]);
        wait_queued(store, (size_t)i + 1);
    }
    gate_open(&gate);
    for (int i = 0; i < 3; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].err.code, TB_STORE_FAILED);
    }
    assert_int_equal(callers[0].good, 0);
    assert_int_equal(callers[1].refused, 1);
    assert_int_equal(callers[2].refused, 1);
    must_refuse(TB_NOT_FOUND, tb_store_bot_get(store, "bot0", &err) != NULL);
    struct tb_store_health health;
    tb_store_health(store, &health);
    assert_false(health.ok);
    must(tb_store_meta_put(store, "k", "v", &err));
    tb_store_health(store, &health);
    assert_true(health.ok);
}

static void a_full_series_queue_drops_and_counts(void **state)
{
    struct tb_store *store = store_of(state);
    struct gate gate;
    struct tb_store_health health;
    gate_close(&gate, store, TB_FILE_SERIES);
    for (int i = 0; i < 10000; i++) {
        tb_store_sample_add(store, &(struct tb_store_sample){"bot", i, "USDT", NULL});
    }
    tb_store_health(store, &health);
    assert_int_equal(health.series_queued + health.series_dropped, 10000);
    assert_true(health.series_dropped > 0);
    size_t kept = health.series_queued;
    /* Commands do not wait for curves. */
    struct tb_store_bot bot = some_bot("bot", "bot");
    must(tb_store_bot_put(store, &bot, 0, &err));
    gate_open(&gate);
    int64_t last = 0;
    must(tb_store_event_last(store, &last, &err));
    tb_store_health(store, &health);
    assert_int_equal(health.series_saved, kept);
    assert_int_equal(health.series_queued, 0);
}

/* Without any reader the queue reaches the file by itself. */
static void series_are_saved_unasked(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_health health;
    tb_store_sample_add(store, &(struct tb_store_sample){"bot", 1, "USDT", NULL});
    do {
        sched_yield();
        tb_store_health(store, &health);
    } while (health.series_saved + health.series_dropped == 0);
    assert_int_equal(health.series_saved, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(int argc, char **argv)
{
    in_memory = argc > 1 && strcmp(argv[1], "memory") == 0;
    const struct CMUnitTest tests[] = {
        T(waiting_calls_share_a_commit),         T(no_update_is_lost),
        T(two_with_one_key_make_one_operation),  T(a_failing_disk_fails_the_whole_batch),
        T(a_full_series_queue_drops_and_counts), T(series_are_saved_unasked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
