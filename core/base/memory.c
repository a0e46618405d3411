/* Allocation that ends the process instead of failing. Any thread; owns nothing. */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No formatting here: printf itself may allocate. */
_Noreturn static void out_of_memory(void)
{
    static const char message[] = "trading-bridge: out of memory; the process ends here. Give it "
                                  "more memory or lower BRIDGE_THREADS and BRIDGE_STREAMS.\n";
    if (write(STDERR_FILENO, message, sizeof message - 1) < 0) {
        /* Nobody listens; the end is the same. */
    }
    abort();
}

void *tb_xmalloc(size_t size)
{
    void *memory = malloc(size != 0 ? size : 1);
    if (memory == NULL) {
        out_of_memory();
    }
    return memory;
}

void *tb_xcalloc(size_t count, size_t size)
{
    void *memory = count != 0 && size != 0 ? calloc(count, size) : calloc(1, 1);
    if (memory == NULL) {
        out_of_memory();
    }
    return memory;
}

void *tb_xrealloc(void *old, size_t size)
{
    void *memory = realloc(old, size != 0 ? size : 1);
    if (memory == NULL) {
        out_of_memory();
    }
    return memory;
}

char *tb_xstrdup(const char *text)
{
    return tb_xstrndup(text, strlen(text));
}

char *tb_xstrndup(const char *text, size_t len)
{
    size_t used = strnlen(text, len);
    char *copy = tb_xmalloc(used + 1);
    memcpy(copy, text, used);
    copy[used] = '\0';
    return copy;
}

_Bool tb_copy(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (size == 0) {
        return 0;
    }
    size_t used = len < size ? len : size - 1;
    memmove(out, text, used);
    out[used] = '\0';
    return used == len;
}
