/* A growing byte buffer with an optional cap.
 *
 * Overflowing the cap is sticky: later appends do nothing and `overflow` stays set, so a writer
 * checks once at the end. `data` is always NUL-terminated once anything was appended (the NUL is
 * not counted). One owner, one thread at a time. */
#ifndef TB_BASE_BUFFER_H
#define TB_BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct tb_buffer {
    char *data;
    size_t len;
    size_t capacity;
    size_t max; /* 0: no cap */
    bool overflow;
};

#define TB_BUFFER_INIT                                                                             \
    {                                                                                              \
        0                                                                                          \
    }

void tb_buffer_init(struct tb_buffer *b, size_t max);
void tb_buffer_free(struct tb_buffer *b);  /* back to empty; max is kept */
void tb_buffer_clear(struct tb_buffer *b); /* len = 0, overflow = false; memory is kept */
void tb_buffer_append(struct tb_buffer *b, const void *bytes, size_t len);
void tb_buffer_puts(struct tb_buffer *b, const char *text);
void tb_buffer_putc(struct tb_buffer *b, char c);
void tb_buffer_printf(struct tb_buffer *b, const char *format, ...) TB_PRINTF(2, 3);
void tb_buffer_vprintf(struct tb_buffer *b, const char *format, va_list args) TB_PRINTF(2, 0);
/* The text ("" when nothing was appended); owned by the buffer. */
const char *tb_buffer_text(const struct tb_buffer *b);
/* Hands the malloc'd, NUL-terminated bytes to the caller and empties the buffer. Never NULL. */
char *tb_buffer_steal(struct tb_buffer *b, size_t *len_out);

#endif
