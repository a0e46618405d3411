/* Looks every 250 ms at the calls in progress. A call that used 10 s of run time without one sign
 * of life is stuck inside a C function that no hook can interrupt: its plugin is switched off, its
 * thread counted lost and another arena allowed in its place. The process is never aborted. Should
 * the thread come back after all, it is no longer counted. One thread; owns the list of calls. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"

enum { LOOK_EVERY_MS = 250 };

struct tb_watchdog {
    struct tb_plugins *host;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    int64_t stuck_us;
    unsigned lost;
    struct tb_vm *calls;
};

static void mark_lost(struct tb_watchdog *dog, struct tb_vm *vm)
{
    int running = TB_WATCH_RUNNING;
    if (!atomic_compare_exchange_strong(&vm->watch, &running, TB_WATCH_LOST))
        return;
    dog->lost++;
    if (vm->plugin)
        atomic_store(&vm->plugin->broken, true);
    tb_lease_abandon(dog->host->arenas);
    tb_log(TB_ERROR, "plugin.stuck",
           "%s, %s: hangs inside a library function and cannot be stopped; the plugin is switched "
           "off until its files change, threads lost: %u",
           vm->plugin ? vm->plugin->name : "sdk", vm->entry, dog->lost);
}

static void look(struct tb_watchdog *dog)
{
    for (struct tb_vm *vm = dog->calls; vm; vm = vm->next) {
        struct timespec t;
        if (atomic_load(&vm->watch) != TB_WATCH_RUNNING || clock_gettime(vm->thread_clock, &t))
            continue;
        int64_t used = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
        if (used - atomic_load(&vm->tick_us) > dog->stuck_us)
            mark_lost(dog, vm);
    }
}

static void *watch(void *arg)
{
    struct tb_watchdog *dog = arg;
    pthread_mutex_lock(&dog->lock);
    while (!dog->stop) {
        look(dog);
        (void)tb_cond_wait_until(&dog->wake, &dog->lock, tb_mono_ms() + LOOK_EVERY_MS);
    }
    pthread_mutex_unlock(&dog->lock);
    return NULL;
}

struct tb_watchdog *tb_watchdog_start(struct tb_plugins *host, int64_t stuck_ms)
{
    struct tb_watchdog *dog = tb_xcalloc(1, sizeof *dog);
    dog->host = host;
    dog->stuck_us = stuck_ms * 1000;
    pthread_mutex_init(&dog->lock, NULL);
    tb_cond_init(&dog->wake);
    if (pthread_create(&dog->thread, NULL, watch, dog) != 0) {
        pthread_cond_destroy(&dog->wake);
        pthread_mutex_destroy(&dog->lock);
        free(dog);
        return NULL;
    }
    return dog;
}

void tb_watchdog_stop(struct tb_watchdog *dog)
{
    if (!dog)
        return;
    pthread_mutex_lock(&dog->lock);
    dog->stop = true;
    pthread_cond_signal(&dog->wake);
    pthread_mutex_unlock(&dog->lock);
    pthread_join(dog->thread, NULL);
    pthread_cond_destroy(&dog->wake);
    pthread_mutex_destroy(&dog->lock);
    free(dog);
}

void tb_watchdog_enter(struct tb_watchdog *dog, struct tb_vm *vm)
{
    pthread_mutex_lock(&dog->lock);
    vm->next = dog->calls;
    dog->calls = vm;
    pthread_mutex_unlock(&dog->lock);
}

bool tb_watchdog_leave(struct tb_watchdog *dog, struct tb_vm *vm)
{
    pthread_mutex_lock(&dog->lock);
    for (struct tb_vm **p = &dog->calls; *p; p = &(*p)->next) {
        if (*p == vm) {
            *p = vm->next;
            break;
        }
    }
    bool lost = atomic_load(&vm->watch) == TB_WATCH_LOST;
    if (lost)
        dog->lost--;
    pthread_mutex_unlock(&dog->lock);
    return lost;
}

unsigned tb_watchdog_lost(struct tb_watchdog *dog)
{
    pthread_mutex_lock(&dog->lock);
    unsigned lost = dog->lost;
    pthread_mutex_unlock(&dog->lock);
    return lost;
}
