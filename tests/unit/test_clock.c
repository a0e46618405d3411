/* The clock: reading and writing times, the virtual clock, waiting, and the scale (in a child). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <semaphore.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/clock.h"

static void formats_times(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1795342500123, "2026-11-22T10:15:00.123Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[TB_TIME_TEXT];
        tb_time_format(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void parses_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-22T10:15:00.123Z", 1795342500123},
        {"2026-11-22T10:15:00.123456", 1795342500123},
        {"2026-11-22 10:15:00.1", 1795342500100},
        {"2026-11-22t10:15:00z", 1795342500000},
        {"2026-11-22T12:45:00.123+02:30", 1795342500123},
        {"2026-11-22T05:15:00-05:00", 1795342500000},
        {"2000-02-29T00:00:00.000000000000000000000Z", 951782400000},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2016-12-31T23:59:60Z", 1483228800000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = 12345;
        assert_true(tb_time_parse(rows[i].text, &ms));
        assert_int_equal(ms, rows[i].ms);
    }
}

static void refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "2026",
        "2026-11-22",
        "2026-11-22T10:15",
        "2026-11-22T10:15:00.Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-11-00T00:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T10:60:00Z",
        "2026-11-22T10:15:61Z",
        "2026-11-22T10:15:00Zx",
        "2026-11-22T10:15:00+0200",
        "2026-11-22T10:15:00+02",
        "2026-11-22T10:15:00+24:00",
        "2026-11-22T10:15:00+02:60",
        "26-11-22T10:15:00Z",
        "2026-11-22X10:15:00Z",
        " 2026-11-22T10:15:00Z",
        "2026-11-22T10:15:00 Z",
        "-026-11-22T10:15:00Z",
        "2026-11-22T1a:15:00Z",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = 12345;
        if (tb_time_parse(rows[i], &ms)) {
            fail_msg("'%s' was read as a time", rows[i]);
        }
        assert_int_equal(ms, 12345);
    }
}

static void every_day_survives_the_round_trip(void **state)
{
    (void)state;
    for (int64_t day = -719528; day <= 2932896; day += 1 + (day % 5 == 0 ? 6 : 0)) {
        char text[TB_TIME_TEXT];
        int64_t ms = day * 86400000 + 43200007;
        int64_t back = 0;
        tb_time_format(ms, text);
        assert_true(tb_time_parse(text, &back));
        assert_int_equal(back, ms);
    }
}

static void virtual_clock_moves_only_when_told(void **state)
{
    (void)state;
    tb_clock_use_virtual(1000000, 500);
    assert_int_equal(tb_wall_ms(), 1000000);
    assert_int_equal(tb_mono_ms(), 500);
    tb_clock_advance(250);
    assert_int_equal(tb_wall_ms(), 1000250);
    tb_sleep_ms(3600000);
    assert_int_equal(tb_mono_ms(), 3600750);
    assert_int_equal(tb_wall_ms(), 4600250);
    tb_sleep_ms(-5);
    assert_int_equal(tb_mono_ms(), 3600750);
    tb_clock_use_real();
    assert_true(tb_wall_ms() > 1600000000000);
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    sem_t locked; /* posted under the lock: who gets the lock after it finds the thread waiting */
    int64_t deadline;
    bool timed_out;
};

static void *wait_for_deadline(void *arg)
{
    struct waiter *w = arg;
    pthread_mutex_lock(&w->lock);
    sem_post(&w->locked);
    while (tb_cond_wait_until(&w->cond, &w->lock, w->deadline)) {
    }
    w->timed_out = true;
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void virtual_deadline_wakes_a_waiter(void **state)
{
    (void)state;
    struct waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER, .deadline = 1000};
    pthread_t thread;
    tb_cond_init(&w.cond);
    tb_clock_use_virtual(0, 0);
    sem_init(&w.locked, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_deadline, &w), 0);
    sem_wait(&w.locked);
    pthread_mutex_lock(&w.lock);
    tb_clock_advance(999);
    assert_false(w.timed_out);
    pthread_mutex_unlock(&w.lock);
    tb_clock_advance(1);
    pthread_join(thread, NULL);
    assert_true(w.timed_out);
    tb_clock_use_real();
    sem_destroy(&w.locked);
    pthread_cond_destroy(&w.cond);
}

static void real_waits_last_at_least_their_time(void **state)
{
    (void)state;
    struct waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER};
    tb_cond_init(&w.cond);
    sem_init(&w.locked, 0, 0);
    int64_t start = tb_mono_ms();
    w.deadline = start + 30;
    wait_for_deadline(&w);
    sem_destroy(&w.locked);
    assert_true(tb_mono_ms() >= start + 30);
    start = tb_mono_ms();
    tb_sleep_ms(20);
    assert_true(tb_mono_ms() >= start + 20);
    pthread_mutex_lock(&w.lock);
    assert_false(tb_cond_wait_until(&w.cond, &w.lock, INT64_MIN));
    pthread_mutex_unlock(&w.lock);
    pthread_cond_destroy(&w.cond);
}

static void *signal_once(void *arg)
{
    struct waiter *w = arg;
    pthread_mutex_lock(&w->lock);
    w->timed_out = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void endless_deadline_ends_by_signal(void **state)
{
    (void)state;
    struct waiter w = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    tb_cond_init(&w.cond);
    pthread_mutex_lock(&w.lock);
    assert_int_equal(pthread_create(&thread, NULL, signal_once, &w), 0);
    while (!w.timed_out) {
        assert_true(tb_cond_wait_until(&w.cond, &w.lock, INT64_MAX));
    }
    pthread_mutex_unlock(&w.lock);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&w.cond);
}

static void real_length_without_scale(void **state)
{
    (void)state;
    assert_int_equal(tb_clock_real_ms(-1), 0);
    assert_int_equal(tb_clock_real_ms(0), 0);
    assert_int_equal(tb_clock_real_ms(7), 7);
}

/* The scale is read once in a process, so it is tested in one of its own: this program again. */
static int scaled_child(void)
{
    struct timespec real_before, real_after, unscaled;
    clock_gettime(CLOCK_MONOTONIC, &real_before);
    clock_gettime(CLOCK_REALTIME, &unscaled);
    int64_t mono = tb_mono_ms();
    int64_t wall = tb_wall_ms();
    tb_sleep_ms(2000);
    int64_t slept = tb_mono_ms() - mono;
    int64_t walked = tb_wall_ms() - wall;
    clock_gettime(CLOCK_MONOTONIC, &real_after);
    int64_t before_ms = (int64_t)real_before.tv_sec * 1000 + real_before.tv_nsec / 1000000;
    int64_t real = (int64_t)real_after.tv_sec * 1000 + real_after.tv_nsec / 1000000 - before_ms;
    int64_t wall_expected = (int64_t)unscaled.tv_sec * 1000 + before_ms * 99;
    bool ok = slept >= 2000 && walked >= slept - 1000 && real < 2000 &&
              llabs(mono - before_ms * 100) < 100000 && llabs(wall - wall_expected) < 200000 &&
              tb_clock_real_ms(1) == 1 && tb_clock_real_ms(100) == 1 && tb_clock_real_ms(101) == 2;
    return ok ? 0 : 1;
}

static void scale_makes_time_run_faster(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("TB_TIME_SCALE", "100", 1);
        execl("/proc/self/exe", "test_clock", "--scaled", (char *)NULL);
        _exit(127);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--scaled") == 0) {
        return scaled_child();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_times),
        cmocka_unit_test(parses_times),
        cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(every_day_survives_the_round_trip),
        cmocka_unit_test(virtual_clock_moves_only_when_told),
        cmocka_unit_test(virtual_deadline_wakes_a_waiter),
        cmocka_unit_test(real_waits_last_at_least_their_time),
        cmocka_unit_test(endless_deadline_ends_by_signal),
        cmocka_unit_test(real_length_without_scale),
#if TB_TEST_BUILD
        cmocka_unit_test(scale_makes_time_run_faster),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
