/* The event ring. Any thread; owns its entries.
 *
 * An entry is counted: the ring holds one reference and each reader one while it shows the entry,
 * so neither a copy nor the lock is needed during the reader's function. */
#include "base/events.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

struct entry {
    atomic_uint references;
    uint64_t id;
    size_t len;
    const char *type; /* behind the JSON, in the same allocation */
    char json[];
};

struct tb_events {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken;     /* for good: who comes to wait after the wake must not sleep either */
    uint64_t first; /* id of the first event ever published here */
    uint64_t next;  /* id of the next one */
    size_t capacity;
    struct entry *entries[]; /* id modulo capacity */
};

struct tb_events *tb_events_new(size_t capacity, uint64_t first_id)
{
    size_t places = capacity > 0 ? capacity : 1;
    struct tb_events *ring = tb_xcalloc(1, sizeof *ring + places * sizeof ring->entries[0]);
    pthread_mutex_init(&ring->lock, NULL);
    tb_cond_init(&ring->changed);
    /* Id 0 means "before everything" to readers. */
    ring->first = first_id > 0 ? first_id : 1;
    ring->next = ring->first;
    ring->capacity = places;
    return ring;
}

static void release(struct entry *entry)
{
    if (entry != NULL && atomic_fetch_sub(&entry->references, 1) == 1) {
        free(entry);
    }
}

void tb_events_free(struct tb_events *ring)
{
    if (ring == NULL) {
        return;
    }
    for (size_t i = 0; i < ring->capacity; i++) {
        release(ring->entries[i]);
    }
    pthread_cond_destroy(&ring->changed);
    pthread_mutex_destroy(&ring->lock);
    free(ring);
}

static struct entry *new_entry(const char *type, const char *json, size_t len)
{
    size_t type_size = strlen(type) + 1;
    struct entry *entry = tb_xmalloc(sizeof *entry + len + 1 + type_size);
    atomic_init(&entry->references, 1);
    entry->len = len;
    if (len > 0) {
        memcpy(entry->json, json, len);
    }
    entry->json[len] = '\0';
    entry->type = memcpy(entry->json + len + 1, type, type_size);
    return entry;
}

uint64_t tb_events_publish(struct tb_events *ring, const char *type, const char *json, size_t len)
{
    struct entry *entry = new_entry(type, json, len);
    pthread_mutex_lock(&ring->lock);
    uint64_t id = ring->next++;
    entry->id = id;
    struct entry **place = &ring->entries[id % ring->capacity];
    struct entry *old = *place;
    *place = entry;
    pthread_cond_broadcast(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
    release(old);
    return id;
}

/* Lock held. The oldest id still here; `next` when there is none. */
static uint64_t oldest_id(const struct tb_events *ring)
{
    uint64_t published = ring->next - ring->first;
    return published > ring->capacity ? ring->next - ring->capacity : ring->first;
}

/* A reference to the entry with the first id >= *id and < end; NULL when there is none. */
static struct entry *take_entry(struct tb_events *ring, uint64_t *id, uint64_t end, bool *gap)
{
    struct entry *entry = NULL;
    pthread_mutex_lock(&ring->lock);
    uint64_t oldest = oldest_id(ring);
    if (*id < oldest) {
        *gap = true;
        *id = oldest;
    }
    if (*id < end) {
        entry = ring->entries[*id % ring->capacity];
        atomic_fetch_add(&entry->references, 1);
    }
    pthread_mutex_unlock(&ring->lock);
    return entry;
}

/* Ends at what was newest at its start, else a busy publisher would never let it go. A reader ahead
 * of the ring has its id from another life of the program and is told of a gap as well. */
uint64_t tb_events_read(struct tb_events *ring, uint64_t after, tb_event_fn *fn, void *arg,
                        bool *gap_out)
{
    bool gap = false;
    pthread_mutex_lock(&ring->lock);
    uint64_t end = ring->next;
    uint64_t id = after + 1;
    if (after >= end) {
        gap = true;
        id = oldest_id(ring);
    }
    pthread_mutex_unlock(&ring->lock);
    struct entry *entry;
    while ((entry = take_entry(ring, &id, end, &gap)) != NULL) {
        fn(arg, id, entry->type, entry->json, entry->len);
        release(entry);
        id++;
    }
    if (gap_out != NULL) {
        *gap_out = gap;
    }
    /* What a gap skipped counts as seen: the same loss is told once. */
    return id - 1;
}

bool tb_events_wait(struct tb_events *ring, uint64_t after, int64_t mono_deadline_ms)
{
    pthread_mutex_lock(&ring->lock);
    /* Unequal rather than newer: who is ahead of the ring must read to learn that. */
    while (ring->next - 1 == after && !ring->woken &&
           tb_cond_wait_until(&ring->changed, &ring->lock, mono_deadline_ms)) {
    }
    bool news = ring->next - 1 != after;
    pthread_mutex_unlock(&ring->lock);
    return news;
}

void tb_events_wake(struct tb_events *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->woken = true;
    pthread_cond_broadcast(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
}

uint64_t tb_events_newest(struct tb_events *ring)
{
    pthread_mutex_lock(&ring->lock);
    uint64_t newest = ring->next - 1;
    pthread_mutex_unlock(&ring->lock);
    return newest;
}
