/* A small pool of things that are expensive to make and used by one thread at a time: curl handles,
 * Lua arenas, database readers. Last in, first out, so the warmest is used first; made lazily up to
 * `max`. Waiting for a free one has a deadline. Any thread. */
#ifndef TB_BASE_LEASE_H
#define TB_BASE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct tb_lease_pool;

struct tb_lease_ops {
    void *(*make)(void *user, struct tb_error *err); /* NULL on failure */
    void (*destroy)(void *user, void *thing);
};

struct tb_lease_pool *tb_lease_pool_new(const char *name, size_t max,
                                        const struct tb_lease_ops *ops, void *user);
/* Every lease must have been returned. */
void tb_lease_pool_free(struct tb_lease_pool *pool);
/* NULL with TB_BUSY when none got free before the deadline (tb_mono_ms). */
TB_MUST_CHECK
void *tb_lease_take(struct tb_lease_pool *pool, int64_t mono_deadline_ms, struct tb_error *err);
/* spoiled: destroy it instead of keeping it. */
void tb_lease_return(struct tb_lease_pool *pool, void *thing, bool spoiled);
/* Counts a lease as lost for good (its thread is stuck inside it) and lets another be made. */
void tb_lease_abandon(struct tb_lease_pool *pool);
size_t tb_lease_in_use(struct tb_lease_pool *pool);

#endif
