/* The pool of expensive things. Any thread.
 *
 * Owns the things that lie in it; one that is out belongs to who took it. The pool's mutex is never
 * held while a thing is made or destroyed. */
#include "base/lease.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

struct tb_lease_pool {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    char *name;
    struct tb_lease_ops ops;
    void *user;
    size_t max;
    size_t alive; /* lying here, out, or just being made or destroyed */
    size_t in_use;
    size_t idle_count;
    void *idle[]; /* a stack of `max` */
};

struct tb_lease_pool *tb_lease_pool_new(const char *name, size_t max,
                                        const struct tb_lease_ops *ops, void *user)
{
    struct tb_lease_pool *pool = tb_xcalloc(1, sizeof *pool + max * sizeof pool->idle[0]);
    pthread_mutex_init(&pool->lock, NULL);
    tb_cond_init(&pool->freed);
    pool->name = tb_xstrdup(name);
    pool->ops = *ops;
    pool->user = user;
    pool->max = max;
    return pool;
}

void tb_lease_pool_free(struct tb_lease_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    size_t in_use = tb_lease_in_use(pool);
    if (in_use != 0) {
        /* Somebody will still return into it: leaving the memory is the lesser evil. */
        tb_log(TB_ERROR, "lease.outstanding", "%zu of the pool '%s' were never returned", in_use,
               pool->name);
        return;
    }
    while (pool->idle_count > 0) {
        pool->ops.destroy(pool->user, pool->idle[--pool->idle_count]);
    }
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->name);
    free(pool);
}

/* Called with the lock held, gives it back. The place is counted before the thing exists, so that
 * no more than `max` are ever made. */
static void *make_one(struct tb_lease_pool *pool, struct tb_error *err)
{
    pool->alive++;
    pool->in_use++;
    pthread_mutex_unlock(&pool->lock);
    void *thing = pool->ops.make(pool->user, err);
    if (thing == NULL) {
        pthread_mutex_lock(&pool->lock);
        pool->alive--;
        pool->in_use--;
        pthread_cond_signal(&pool->freed);
        pthread_mutex_unlock(&pool->lock);
    }
    return thing;
}

void *tb_lease_take(struct tb_lease_pool *pool, int64_t mono_deadline_ms, struct tb_error *err)
{
    bool waiting = true;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        if (pool->idle_count > 0) {
            void *thing = pool->idle[--pool->idle_count];
            pool->in_use++;
            pthread_mutex_unlock(&pool->lock);
            return thing;
        }
        if (pool->alive < pool->max) {
            return make_one(pool, err);
        }
        /* After the time-out one more look: it may have crossed a return. */
        if (!waiting) {
            break;
        }
        waiting = tb_cond_wait_until(&pool->freed, &pool->lock, mono_deadline_ms);
    }
    pthread_mutex_unlock(&pool->lock);
    tb_fail(err, TB_BUSY,
            "All %zu of the pool '%s' are in use and none got free in time; try again.", pool->max,
            pool->name);
    return NULL;
}

void tb_lease_return(struct tb_lease_pool *pool, void *thing, bool spoiled)
{
    if (spoiled) {
        pool->ops.destroy(pool->user, thing);
    }
    pthread_mutex_lock(&pool->lock);
    pool->in_use--;
    if (spoiled) {
        pool->alive--;
    } else {
        pool->idle[pool->idle_count++] = thing;
    }
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}

void tb_lease_abandon(struct tb_lease_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->in_use--;
    pool->alive--;
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}

size_t tb_lease_in_use(struct tb_lease_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t in_use = pool->in_use;
    pthread_mutex_unlock(&pool->lock);
    return in_use;
}
