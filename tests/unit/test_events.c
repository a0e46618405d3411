/* The event ring: order, gaps, waiting, waking, and readers beside publishers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/events.h"

struct collected {
    uint64_t ids[64];
    size_t count;
    char last_type[32];
    char last_json[64];
};

static void collect(void *arg, uint64_t id, const char *type, const char *json, size_t len)
{
    struct collected *c = arg;
    if (c->count < 64) {
        c->ids[c->count] = id;
    }
    c->count++;
    snprintf(c->last_type, sizeof c->last_type, "%s", type);
    assert_int_equal(strlen(json), len);
    snprintf(c->last_json, sizeof c->last_json, "%s", json);
}

static void publish_number(struct tb_events *ring, const char *type, unsigned number)
{
    char json[32];
    int len = snprintf(json, sizeof json, "{\"n\":%u}", number);
    (void)tb_events_publish(ring, type, json, (size_t)len);
}

static void reads_in_order_what_is_newer(void **state)
{
    (void)state;
    struct tb_events *ring = tb_events_new(8, 100);
    struct collected c = {0};
    bool gap = true;
    assert_int_equal(tb_events_newest(ring), 99);
    assert_int_equal(tb_events_read(ring, 99, collect, &c, &gap), 99);
    assert_false(gap);
    assert_int_equal(c.count, 0);
    char json[] = "{\"a\":1} and more";
    assert_int_equal(tb_events_publish(ring, "bot.changed", json, 7), 100);
    memset(json, 'x', 5); /* the ring has its own copy */
    assert_int_equal(tb_events_publish(ring, "bot.gone", "", 0), 101);
    assert_int_equal(tb_events_newest(ring), 101);
    assert_int_equal(tb_events_read(ring, 99, collect, &c, &gap), 101);
    assert_false(gap);
    assert_int_equal(c.count, 2);
    assert_int_equal(c.ids[0], 100);
    assert_int_equal(c.ids[1], 101);
    assert_string_equal(c.last_type, "bot.gone");
    assert_string_equal(c.last_json, "");
    c.count = 0;
    assert_int_equal(tb_events_read(ring, 100, collect, &c, NULL), 101);
    assert_int_equal(c.count, 1);
    c.count = 0;
    (void)tb_events_read(ring, 99, collect, &c, NULL);
    tb_events_free(ring);
    tb_events_free(NULL);
}

static void overwritten_events_are_a_gap_told_once(void **state)
{
    (void)state;
    struct tb_events *ring = tb_events_new(4, 1);
    struct collected c = {0};
    bool gap = true;
    for (unsigned i = 1; i <= 4; i++) {
        publish_number(ring, "t", i);
    }
    assert_int_equal(tb_events_read(ring, 0, collect, &c, &gap), 4);
    assert_false(gap);
    publish_number(ring, "t", 5);
    c.count = 0;
    assert_int_equal(tb_events_read(ring, 0, collect, &c, &gap), 5);
    assert_true(gap);
    assert_int_equal(c.count, 4);
    assert_int_equal(c.ids[0], 2);
    assert_string_equal(c.last_json, "{\"n\":5}");
    assert_int_equal(tb_events_read(ring, 1, collect, &c, &gap), 5);
    assert_false(gap);
    tb_events_free(ring);
}

static void reader_of_another_life_is_told_of_a_gap(void **state)
{
    (void)state;
    struct tb_events *ring = tb_events_new(4, 1000);
    struct collected c = {0};
    bool gap = false;
    /* behind, while the ring is still empty: once, or it would ask for ever */
    assert_true(tb_events_wait(ring, 5, INT64_MAX));
    assert_int_equal(tb_events_read(ring, 5, collect, &c, &gap), 999);
    assert_true(gap);
    assert_int_equal(tb_events_read(ring, 999, collect, &c, &gap), 999);
    assert_false(gap);
    /* ahead */
    publish_number(ring, "t", 1);
    assert_true(tb_events_wait(ring, 5000, INT64_MAX));
    assert_int_equal(tb_events_read(ring, 5000, collect, &c, &gap), 1000);
    assert_true(gap);
    assert_int_equal(c.count, 1);
    assert_int_equal(tb_events_read(ring, UINT64_MAX, collect, &c, &gap), 1000);
    assert_true(gap);
    tb_events_free(ring);
}

/* A reader's function may itself publish, so many that the rest of its own reading is lost. */
static void publish_five(void *arg, uint64_t id, const char *type, const char *json, size_t len)
{
    (void)type;
    struct tb_events *ring = arg;
    char expected[32];
    for (unsigned i = 0; i < 5; i++) {
        publish_number(ring, "inner", 0);
    }
    /* Its own entry is overwritten by now and must still be readable. */
    int expected_len = snprintf(expected, sizeof expected, "{\"n\":%u}", (unsigned)id);
    assert_int_equal(len, expected_len);
    assert_string_equal(json, expected);
}

static void reading_survives_being_overtaken(void **state)
{
    (void)state;
    struct tb_events *ring = tb_events_new(4, 1);
    bool gap = false;
    for (unsigned i = 1; i <= 3; i++) {
        publish_number(ring, "t", i);
    }
    assert_int_equal(tb_events_read(ring, 0, publish_five, ring, &gap), 4);
    assert_true(gap);
    struct collected c = {0};
    assert_int_equal(tb_events_read(ring, 4, collect, &c, &gap), 8);
    assert_false(gap);
    assert_int_equal(c.count, 4);
    tb_events_free(ring);
}

static void wait_ends_at_the_deadline_or_by_the_wake(void **state)
{
    (void)state;
    struct tb_events *ring = tb_events_new(4, 1);
    int64_t deadline = tb_mono_ms() + 20;
    assert_false(tb_events_wait(ring, 0, deadline));
    assert_true(tb_mono_ms() >= deadline);
    publish_number(ring, "t", 1);
    assert_true(tb_events_wait(ring, 0, 0));
    tb_events_wake(ring);
    assert_false(tb_events_wait(ring, 1, INT64_MAX));
    assert_true(tb_events_wait(ring, 0, INT64_MAX));
    tb_events_free(ring);
}

#define ROUNDS 300

struct table {
    struct tb_events *ping;
    struct tb_events *pong;
};

static void *play_back(void *arg)
{
    struct table *table = arg;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        (void)tb_events_wait(table->ping, i, INT64_MAX);
        publish_number(table->pong, "pong", 0);
    }
    return NULL;
}

/* Each side sleeps until the other publishes: hangs (and CTest ends it) if that wakes nobody. */
static void publishing_wakes_the_waiters(void **state)
{
    (void)state;
    struct table table = {tb_events_new(4, 1), tb_events_new(4, 1)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, play_back, &table), 0);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        publish_number(table.ping, "ping", 0);
        assert_true(tb_events_wait(table.pong, i, INT64_MAX));
    }
    pthread_join(thread, NULL);
    tb_events_free(table.ping);
    tb_events_free(table.pong);
}

#define PUBLISHERS 3
#define PER_THREAD 2000

struct crowd {
    struct tb_events *ring;
    atomic_bool finished;
    atomic_uint next_publisher;
    atomic_bool wrong;
};

struct check {
    struct crowd *crowd;
    uint64_t last;
    unsigned seen[PUBLISHERS]; /* the numbers of one publisher only go up */
};

static void *publish_much(void *arg)
{
    struct crowd *crowd = arg;
    unsigned id = atomic_fetch_add(&crowd->next_publisher, 1);
    uint64_t last = 0;
    for (unsigned i = 1; i <= PER_THREAD; i++) {
        char json[48];
        int len = snprintf(json, sizeof json, "%u %u", id, i);
        uint64_t now = tb_events_publish(crowd->ring, "crowd", json, (size_t)len);
        if (now <= last) {
            atomic_store(&crowd->wrong, true);
        }
        last = now;
    }
    return NULL;
}

static void check_event(void *arg, uint64_t id, const char *type, const char *json, size_t len)
{
    struct check *check = arg;
    unsigned publisher = 0, number = 0;
    bool good = strcmp(type, "crowd") == 0 && strlen(json) == len &&
                sscanf(json, "%u %u", &publisher, &number) == 2 && publisher < PUBLISHERS &&
                id > check->last && number > check->seen[publisher];
    if (!good) {
        atomic_store(&check->crowd->wrong, true);
        return;
    }
    check->last = id;
    check->seen[publisher] = number;
}

static void *read_much(void *arg)
{
    struct crowd *crowd = arg;
    struct check check = {.crowd = crowd};
    uint64_t after = 0;
    while (!atomic_load(&crowd->finished)) {
        if (tb_events_wait(crowd->ring, after, INT64_MAX)) {
            after = tb_events_read(crowd->ring, after, check_event, &check, NULL);
        }
    }
    after = tb_events_read(crowd->ring, after, check_event, &check, NULL);
    if (after != PUBLISHERS * PER_THREAD || check.last != after) {
        atomic_store(&crowd->wrong, true);
    }
    return NULL;
}

static void readers_and_publishers_at_once(void **state)
{
    (void)state;
    struct crowd crowd = {.ring = tb_events_new(16, 1)};
    pthread_t publishers[PUBLISHERS], readers[3];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, read_much, &crowd), 0);
    }
    for (size_t i = 0; i < PUBLISHERS; i++) {
        assert_int_equal(pthread_create(&publishers[i], NULL, publish_much, &crowd), 0);
    }
    for (size_t i = 0; i < PUBLISHERS; i++) {
        pthread_join(publishers[i], NULL);
    }
    atomic_store(&crowd.finished, true);
    tb_events_wake(crowd.ring);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(readers[i], NULL);
    }
    assert_false(crowd.wrong);
    assert_int_equal(tb_events_newest(crowd.ring), PUBLISHERS * PER_THREAD);
    tb_events_free(crowd.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_in_order_what_is_newer),
        cmocka_unit_test(overwritten_events_are_a_gap_told_once),
        cmocka_unit_test(reader_of_another_life_is_told_of_a_gap),
        cmocka_unit_test(reading_survives_being_overtaken),
        cmocka_unit_test(wait_ends_at_the_deadline_or_by_the_wake),
        cmocka_unit_test(publishing_wakes_the_waiters),
        cmocka_unit_test(readers_and_publishers_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
