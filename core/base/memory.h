/* Allocation that cannot fail quietly: out of memory ends the process with a message, because a
 * server that goes on after a failed 40-byte malloc has states nobody ever tested. Sizes that come
 * from outside are bounded by their callers (buffers with a cap, arenas) before they get here.
 * Any thread. */
#ifndef TB_BASE_MEMORY_H
#define TB_BASE_MEMORY_H

#include <stddef.h>

void *tb_xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *tb_xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *tb_xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
char *tb_xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *tb_xstrndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));

/* strlcpy's meaning: always terminates; true when all of `text` fitted. */
_Bool tb_copy(char *out, size_t size, const char *text);

#endif
