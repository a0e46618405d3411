/* The memory of one Lua call: a fixed mapping with size-class free lists under lua_Alloc.
 *
 * Its size is the plugin's memory cap: when it is full Lua collects, tries again and raises its own
 * out-of-memory error. Reset forgets everything at once (after lua_close). One thread at a time. */
#ifndef TB_PLUGINS_ARENA_H
#define TB_PLUGINS_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define TB_ARENA_CLASSES 128

struct tb_arena {
    char *base;
    size_t size;
    size_t top;        /* end of the highest block in use */
    size_t peak;       /* highest top since the pages were last given back */
    size_t live;       /* bytes in blocks in use */
    unsigned refusals; /* how often it had nothing */
    void *free_list[TB_ARENA_CLASSES];
    /* Called at the first refusal after a reset, while the Lua stack still shows who asked: Lua
     * calls no message handler when memory runs out. */
    void (*on_refusal)(void *arg);
    /* Called when much was given out since the last time, at each refusal, and when a longer text
     * than ever before is made: whoever counts only instructions must look again. */
    void (*on_work)(void *arg);
    void *arg;
    size_t work;         /* bytes given out since on_work */
    size_t longest_text; /* the largest block for a string of Lua */
};

TB_MUST_CHECK
struct tb_arena *tb_arena_new(size_t size, struct tb_error *err);
void tb_arena_free(struct tb_arena *arena);
/* Empties it; pages beyond a small warm part go back to the system. */
void tb_arena_reset(struct tb_arena *arena);
/* A lua_Alloc; ud is the arena. */
void *tb_arena_alloc(void *ud, void *ptr, size_t osize, size_t nsize);
/* Bytes not in use; fragmentation may put them out of reach. */
size_t tb_arena_room(const struct tb_arena *arena);

#endif
