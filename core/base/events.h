/* The event ring: the last N ready JSON lines, each with a strictly increasing id. Any room may
 * publish; streams and long-polls read. Publishing never blocks on a reader: a reader that fell
 * behind is told so. Lock: the ring's own mutex, the last in the lock order. Any thread. */
#ifndef TB_BASE_EVENTS_H
#define TB_BASE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tb_events;

struct tb_events *tb_events_new(size_t capacity, uint64_t first_id);
void tb_events_free(struct tb_events *ring);

/* type: a word such as "bot.changed"; json: one object, copied. Returns its id. */
uint64_t tb_events_publish(struct tb_events *ring, const char *type, const char *json, size_t len);

typedef void tb_event_fn(void *arg, uint64_t id, const char *type, const char *json, size_t len);
/* Calls fn (without the lock held across it) for each event with id > after, oldest first, and
 * returns the newest id seen; *gap_out tells that some had already been overwritten. */
uint64_t tb_events_read(struct tb_events *ring, uint64_t after, tb_event_fn *fn, void *arg,
                        bool *gap_out);
/* Waits until an event newer than `after` exists or the deadline (tb_mono_ms) passes. */
bool tb_events_wait(struct tb_events *ring, uint64_t after, int64_t mono_deadline_ms);
/* Wakes every waiter, for shutdown; from then on no wait sleeps. */
void tb_events_wake(struct tb_events *ring);
/* Id of the newest event, first_id - 1 before any: where a reader starts who wants only news. */
uint64_t tb_events_newest(struct tb_events *ring);

#endif
