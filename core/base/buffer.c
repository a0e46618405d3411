/* The growing byte buffer. One owner, one thread at a time; owns `data`. */
#include "base/buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define FIRST_CAPACITY 64

void tb_buffer_init(struct tb_buffer *b, size_t max)
{
    *b = (struct tb_buffer){.max = max};
}

void tb_buffer_free(struct tb_buffer *b)
{
    free(b->data);
    *b = (struct tb_buffer){.max = b->max};
}

void tb_buffer_clear(struct tb_buffer *b)
{
    b->len = 0;
    b->overflow = false;
    if (b->data != NULL) {
        b->data[0] = '\0';
    }
}

/* Makes room for `more` bytes and the NUL; an append that would pass the cap is refused whole. */
static bool reserve(struct tb_buffer *b, size_t more)
{
    if (b->overflow) {
        return false;
    }
    size_t limit = b->max != 0 && b->max < SIZE_MAX / 2 ? b->max : SIZE_MAX / 2;
    if (b->len > limit || more > limit - b->len) {
        b->overflow = true;
        return false;
    }
    size_t need = b->len + more + 1;
    if (need <= b->capacity) {
        return true;
    }
    size_t capacity = b->capacity != 0 ? b->capacity : FIRST_CAPACITY;
    while (capacity < need) {
        capacity *= 2;
    }
    if (capacity > limit + 1) {
        capacity = limit + 1;
    }
    b->data = tb_xrealloc(b->data, capacity);
    b->capacity = capacity;
    return true;
}

void tb_buffer_append(struct tb_buffer *b, const void *bytes, size_t len)
{
    if (!reserve(b, len)) {
        return;
    }
    if (len > 0) {
        memcpy(b->data + b->len, bytes, len);
    }
    b->len += len;
    b->data[b->len] = '\0';
}

void tb_buffer_puts(struct tb_buffer *b, const char *text)
{
    tb_buffer_append(b, text, strlen(text));
}

void tb_buffer_putc(struct tb_buffer *b, char c)
{
    tb_buffer_append(b, &c, 1);
}

void tb_buffer_printf(struct tb_buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tb_buffer_vprintf(b, format, args);
    va_end(args);
}

void tb_buffer_vprintf(struct tb_buffer *b, const char *format, va_list args)
{
    va_list measure;
    va_copy(measure, args);
    int len = vsnprintf(NULL, 0, format, measure);
    va_end(measure);
    if (len < 0) {
        /* A text that cannot be formatted is as incomplete as one that did not fit. */
        b->overflow = true;
        return;
    }
    if (!reserve(b, (size_t)len)) {
        return;
    }
    vsnprintf(b->data + b->len, (size_t)len + 1, format, args);
    b->len += (size_t)len;
}

const char *tb_buffer_text(const struct tb_buffer *b)
{
    return b->data != NULL ? b->data : "";
}

char *tb_buffer_steal(struct tb_buffer *b, size_t *len_out)
{
    char *data = b->data != NULL ? b->data : tb_xstrdup("");
    if (len_out != NULL) {
        *len_out = b->len;
    }
    *b = (struct tb_buffer){.max = b->max};
    return data;
}
