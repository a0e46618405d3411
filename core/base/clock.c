/* The one source of time: real, scaled (test builds) or virtual (tests). Any thread; the state is
 * a few atomics.
 *
 * A scaled clock counts from the machine's start, not the process's, so that the bridge, its next
 * life after a kill and the simulator agree on the time:
 * monotonic = real monotonic * n, wall = real wall + real monotonic * (n - 1). */
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Waits are cut into slices, so that no sum of times can overflow; a virtual clock is looked at
 * again after each of its short slices. */
#define LONGEST_SLICE_MS 3600000
#define VIRTUAL_SLICE_MS 1

static atomic_bool is_virtual;
static _Atomic int64_t virtual_wall;
static _Atomic int64_t virtual_mono;

#if TB_TEST_BUILD
#define SCALE_MAX 10000

static int64_t time_scale;
static pthread_once_t time_scale_once = PTHREAD_ONCE_INIT;

static void read_time_scale(void)
{
    time_scale = 1;
    const char *text = getenv("TB_TIME_SCALE");
    if (text == NULL || *text == '\0') {
        return;
    }
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (*end != '\0' || value < 1 || value > SCALE_MAX) {
        fprintf(stderr, "TB_TIME_SCALE is '%s'; write a whole number from 1 to %d.\n", text,
                SCALE_MAX);
        exit(2);
    }
    time_scale = value;
}

static int64_t scale(void)
{
    pthread_once(&time_scale_once, read_time_scale);
    return time_scale;
}

/* A wall clock that somebody else sets: the first eight bytes of a file, which may change while we
 * run. */
static const _Atomic int64_t *wall_error;
static pthread_once_t wall_error_once = PTHREAD_ONCE_INIT;

static void map_wall_error(void)
{
    static const _Atomic int64_t none;
    const char *path = getenv("TB_WALL_ERROR_FILE");
    wall_error = &none;
    if (path == NULL || *path == '\0') {
        return;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *wall_error, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        fprintf(stderr, "TB_WALL_ERROR_FILE %s cannot be mapped: %s\n", path, strerror(errno));
        exit(2);
    }
    close(fd);
    wall_error = map;
}

static int64_t wall_error_ms(void)
{
    pthread_once(&wall_error_once, map_wall_error);
    return atomic_load(wall_error);
}
#else
static int64_t scale(void)
{
    return 1;
}

static int64_t wall_error_ms(void)
{
    return 0;
}
#endif

static int64_t read_us(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t tb_wall_ms(void)
{
    if (atomic_load(&is_virtual)) {
        return atomic_load(&virtual_wall);
    }
    int64_t wall = read_us(CLOCK_REALTIME);
    int64_t faster = scale() - 1;
    return (faster > 0 ? wall + read_us(CLOCK_MONOTONIC) * faster : wall) / 1000 + wall_error_ms();
}

int64_t tb_mono_ms(void)
{
    if (atomic_load(&is_virtual)) {
        return atomic_load(&virtual_mono);
    }
    return read_us(CLOCK_MONOTONIC) * scale() / 1000;
}

int64_t tb_clock_real_ms(int64_t ms)
{
    if (ms <= 0) {
        return 0;
    }
    int64_t n = scale();
    return ms / n + (ms % n != 0 ? 1 : 0);
}

int64_t tb_clock_machine_ms(int64_t ms)
{
    return ms * scale();
}

/* The instant `ms` of this clock (at most one slice) from now, for the kernel. */
static struct timespec real_instant(int64_t ms)
{
    int64_t real = tb_clock_real_ms(ms < LONGEST_SLICE_MS ? ms : LONGEST_SLICE_MS);
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(real / 1000);
    at.tv_nsec += (long)(real % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec += 1;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

void tb_sleep_ms(int64_t ms)
{
    if (ms <= 0) {
        return;
    }
    if (atomic_load(&is_virtual)) {
        tb_clock_advance(ms);
        return;
    }
    int64_t now = tb_mono_ms();
    int64_t deadline = ms < INT64_MAX - now ? now + ms : INT64_MAX;
    while (now < deadline) {
        struct timespec at = real_instant(deadline - now);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
        }
        now = tb_mono_ms();
    }
}

void tb_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0 ||
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(cond, &attr) != 0) {
        abort();
    }
    pthread_condattr_destroy(&attr);
}

/* True may be a spurious wake-up, as with every condition variable: the end of a slice is one. */
bool tb_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t mono_deadline_ms)
{
    int64_t now = tb_mono_ms();
    if (now >= mono_deadline_ms) {
        return false;
    }
    struct timespec at;
    if (atomic_load(&is_virtual)) {
        at = real_instant(VIRTUAL_SLICE_MS);
    } else {
        /* now is never negative, so the difference cannot overflow. */
        at = real_instant(mono_deadline_ms - now);
    }
    int rc = pthread_cond_timedwait(cond, mutex, &at);
    return rc != ETIMEDOUT || tb_mono_ms() < mono_deadline_ms;
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar; years count from March, so
 * that the leap day is the last one of a year. */
static int64_t days_of_date(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void put_number(char *out, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* The years 0000 to 9999 are all the form has room for; times outside are shown as its ends. */
void tb_time_format(int64_t wall_ms, char out[TB_TIME_TEXT])
{
    const int64_t first = days_of_date(0, 1, 1) * 86400000;
    const int64_t last = (days_of_date(9999, 12, 31) + 1) * 86400000 - 1;
    int64_t ms = wall_ms < first ? first : wall_ms > last ? last : wall_ms;
    int64_t rest = ms % 1000;
    if (rest < 0) {
        rest += 1000;
    }
    time_t seconds = (time_t)((ms - rest) / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    put_number(out, tm.tm_year + 1900, 4);
    out[4] = '-';
    put_number(out + 5, tm.tm_mon + 1, 2);
    out[7] = '-';
    put_number(out + 8, tm.tm_mday, 2);
    out[10] = 'T';
    put_number(out + 11, tm.tm_hour, 2);
    out[13] = ':';
    put_number(out + 14, tm.tm_min, 2);
    out[16] = ':';
    put_number(out + 17, tm.tm_sec, 2);
    out[19] = '.';
    put_number(out + 20, (int)rest, 3);
    out[23] = 'Z';
    out[24] = '\0';
}

/* Reads exactly `digits` digits followed by `end` (any character when 0) and moves *at behind. */
static bool read_number(const char **at, int digits, char end, int min, int max, int *out)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    if (value < min || value > max || (end != '\0' && (*at)[digits] != end)) {
        return false;
    }
    *at += digits + (end != '\0' ? 1 : 0);
    *out = value;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool read_date(const char **at, int64_t *days_out)
{
    int year, month, day;
    if (!read_number(at, 4, '-', 0, 9999, &year) || !read_number(at, 2, '-', 1, 12, &month) ||
        !read_number(at, 2, '\0', 1, days_in_month(year, month), &day)) {
        return false;
    }
    *days_out = days_of_date(year, month, day);
    return true;
}

/* hh:mm:ss with any number of fraction digits; digits below the millisecond are cut. */
static bool read_time_of_day(const char **at, int64_t *ms_out)
{
    int hour, minute, second;
    if (!read_number(at, 2, ':', 0, 23, &hour) || !read_number(at, 2, ':', 0, 59, &minute) ||
        !read_number(at, 2, '\0', 0, 60, &second)) {
        return false;
    }
    int64_t ms = (int64_t)((hour * 60 + minute) * 60 + second) * 1000;
    if (**at == '.') {
        (*at)++;
        if (**at < '0' || **at > '9') {
            return false;
        }
        for (int64_t weight = 100; **at >= '0' && **at <= '9'; (*at)++, weight /= 10) {
            ms += weight * (**at - '0');
        }
    }
    *ms_out = ms;
    return true;
}

static bool read_offset(const char **at, int64_t *ms_out)
{
    *ms_out = 0;
    if (**at == '\0') {
        return true;
    }
    if (**at == 'Z' || **at == 'z') {
        (*at)++;
        return true;
    }
    if (**at != '+' && **at != '-') {
        return false;
    }
    int sign = **at == '-' ? -1 : 1;
    int hour, minute;
    (*at)++;
    if (!read_number(at, 2, ':', 0, 23, &hour) || !read_number(at, 2, '\0', 0, 59, &minute)) {
        return false;
    }
    *ms_out = (int64_t)sign * (hour * 60 + minute) * 60000;
    return true;
}

bool tb_time_parse(const char *text, int64_t *wall_ms_out)
{
    const char *at = text;
    int64_t days, ms, offset;
    if (!read_date(&at, &days)) {
        return false;
    }
    if (*at != 'T' && *at != 't' && *at != ' ') {
        return false;
    }
    at++;
    if (!read_time_of_day(&at, &ms) || !read_offset(&at, &offset) || *at != '\0') {
        return false;
    }
    *wall_ms_out = days * 86400000 + ms - offset;
    return true;
}

void tb_clock_use_virtual(int64_t wall_ms, int64_t mono_ms)
{
    atomic_store(&virtual_wall, wall_ms);
    atomic_store(&virtual_mono, mono_ms);
    atomic_store(&is_virtual, true);
}

void tb_clock_advance(int64_t ms)
{
    atomic_fetch_add(&virtual_wall, ms);
    atomic_fetch_add(&virtual_mono, ms);
}

void tb_clock_use_real(void)
{
    atomic_store(&is_virtual, false);
}
