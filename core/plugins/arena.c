/* Size-class allocator over one anonymous mapping: classes of 16 bytes up to 512, then four to a
 * doubling. A freed block goes to its class's list and is used again for that class only, which is
 * what Lua's sizes want; the block at the top grows and shrinks in place, which is what growing
 * tables and buffers want. Used by one thread at a time; owns its mapping. */
#include <lua.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "plugins/arena.h"

enum { SMALL_STEP = 16, SMALL_MAX = 512, SMALL_CLASSES = SMALL_MAX / SMALL_STEP };
/* Kept resident over a reset: what a usual call touches. */
static const size_t WARM = 2u << 20;
/* Given out between two calls of on_work. */
static const size_t WORK = 1u << 20;

static unsigned class_of(size_t size)
{
    if (size <= SMALL_MAX)
        return (unsigned)((size + SMALL_STEP - 1) / SMALL_STEP) - 1;
    unsigned high = 63u - (unsigned)__builtin_clzll((unsigned long long)(size - 1));
    unsigned quarter = (unsigned)(((size - 1) >> (high - 2)) & 3u);
    return SMALL_CLASSES + (high - 9) * 4 + quarter;
}

static size_t class_size(unsigned class)
{
    if (class < SMALL_CLASSES)
        return ((size_t) class + 1) * SMALL_STEP;
    unsigned high = (class - SMALL_CLASSES) / 4 + 9;
    size_t quarter = (class - SMALL_CLASSES) % 4;
    return ((size_t)1 << high) + (quarter + 1) * ((size_t)1 << (high - 2));
}

struct tb_arena *tb_arena_new(size_t size, struct tb_error *err)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        (void)tb_fail(err, TB_BUSY, "there is no memory for another plugin call");
        return NULL;
    }
    struct tb_arena *arena = tb_xcalloc(1, sizeof *arena);
    arena->base = base;
    arena->size = size;
    return arena;
}

void tb_arena_free(struct tb_arena *arena)
{
    if (!arena)
        return;
    munmap(arena->base, arena->size);
    free(arena);
}

void tb_arena_reset(struct tb_arena *arena)
{
    if (arena->peak > WARM) {
        (void)madvise(arena->base + WARM, arena->size - WARM, MADV_DONTNEED);
        arena->peak = 0;
    }
    arena->top = arena->live = 0;
    arena->refusals = 0;
    arena->on_refusal = arena->on_work = NULL;
    arena->work = arena->longest_text = 0;
    memset(arena->free_list, 0, sizeof arena->free_list);
}

size_t tb_arena_room(const struct tb_arena *arena)
{
    return arena->size - arena->live;
}

static void set_top(struct tb_arena *arena, size_t top)
{
    arena->top = top;
    if (top > arena->peak)
        arena->peak = top;
}

static void worked(struct tb_arena *arena)
{
    arena->work = 0;
    if (arena->on_work)
        arena->on_work(arena->arg);
}

static void add_work(struct tb_arena *arena, size_t bytes)
{
    arena->work += bytes;
    if (arena->work >= WORK)
        worked(arena);
}

static void *refuse(struct tb_arena *arena)
{
    if (arena->refusals++ == 0 && arena->on_refusal)
        arena->on_refusal(arena->arg);
    worked(arena); /* Lua collects all of its garbage now, which takes long */
    return NULL;
}

static void *take(struct tb_arena *arena, size_t size)
{
    unsigned class = class_of(size);
    if (class >= TB_ARENA_CLASSES)
        return refuse(arena);
    size_t whole = class_size(class);
    void *block = arena->free_list[class];
    if (block) {
        memcpy(&arena->free_list[class], block, sizeof(void *));
    } else if (whole <= arena->size - arena->top) {
        block = arena->base + arena->top;
        set_top(arena, arena->top + whole);
    } else {
        return refuse(arena);
    }
    arena->live += whole;
    add_work(arena, whole);
    return block;
}

static void give(struct tb_arena *arena, void *block, size_t size)
{
    unsigned class = class_of(size);
    size_t whole = class_size(class);
    arena->live -= whole;
    if ((char *)block + whole == arena->base + arena->top) {
        arena->top -= whole;
        return;
    }
    memcpy(block, &arena->free_list[class], sizeof(void *));
    arena->free_list[class] = block;
}

/* Grows or shrinks the block at the top without moving it. */
static bool resize_top(struct tb_arena *arena, char *block, size_t old_whole, size_t new_whole)
{
    size_t start = (size_t)(block - arena->base);
    if (start + old_whole != arena->top || new_whole > arena->size - start)
        return false;
    set_top(arena, start + new_whole);
    if (new_whole > old_whole)
        add_work(arena, new_whole - old_whole);
    arena->live += new_whole;
    arena->live -= old_whole;
    return true;
}

void *tb_arena_alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
    struct tb_arena *arena = ud;
    if (nsize == 0) {
        if (ptr)
            give(arena, ptr, osize);
        return NULL;
    }
    if (nsize > arena->size)
        return refuse(arena);
    if (!ptr) { /* osize is a type tag here */
        if ((osize & 0x0f) == LUA_TSTRING && nsize > arena->longest_text) {
            arena->longest_text = nsize;
            worked(arena);
        }
        return take(arena, nsize);
    }
    size_t old_whole = class_size(class_of(osize));
    size_t new_whole = class_size(class_of(nsize));
    if (old_whole == new_whole || resize_top(arena, ptr, old_whole, new_whole))
        return ptr;
    void *block = take(arena, nsize);
    if (!block)
        return nsize < osize ? ptr : NULL; /* Lua relies on shrinking never failing */
    memcpy(block, ptr, osize < nsize ? osize : nsize);
    give(arena, ptr, osize);
    return block;
}
