/* Time, injectable: every deadline, wait and time stamp in the program goes through here.
 *
 * Milliseconds throughout; wall time is UTC since 1970. In test builds (TB_TEST_BUILD)
 * TB_TIME_SCALE=n makes all of it run n times faster, simulator and bridge alike; waits on file
 * descriptors and condition variables convert with tb_clock_real_ms; TB_WALL_ERROR_FILE names a
 * file whose first eight bytes are added to wall time, so that a test can set the clock of a
 * running program. A test may install a virtual clock that moves only when told. Any thread. */
#ifndef TB_BASE_CLOCK_H
#define TB_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

int64_t tb_wall_ms(void);
int64_t tb_mono_ms(void);
void tb_sleep_ms(int64_t ms);

/* Length in real milliseconds of `ms` of this clock (at least 1 when ms > 0). */
int64_t tb_clock_real_ms(int64_t ms);
/* Length in this clock of `ms` real milliseconds: for limits on computing, which no scale makes
 * faster. */
int64_t tb_clock_machine_ms(int64_t ms);

/* Waits on a condition variable until tb_mono_ms() >= deadline; false on time-out.
 * The condition variable must have been made by tb_cond_init (monotonic). */
void tb_cond_init(pthread_cond_t *cond);
bool tb_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t mono_deadline_ms);

/* RFC 3339, UTC, milliseconds: "2026-11-22T10:15:00.123Z" (24 characters + NUL). */
#define TB_TIME_TEXT 25
void tb_time_format(int64_t wall_ms, char out[TB_TIME_TEXT]);
/* Reads RFC 3339 with Z or an offset, and a naive time as UTC (upstream writes those). */
bool tb_time_parse(const char *text, int64_t *wall_ms_out);

/* For tests: from now on time stands still at these values until moved; sleep moves it. */
void tb_clock_use_virtual(int64_t wall_ms, int64_t mono_ms);
void tb_clock_advance(int64_t ms);
void tb_clock_use_real(void);

#endif
