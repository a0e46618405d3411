/* Words that clients send: names that people read, and field names shown back as JSON pointers.
 * Pure; the texts are valid UTF-8, as the JSON parser guarantees. */
#ifndef TB_BASE_WORDS_H
#define TB_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* 1 to `max` characters, at least one of them visible, none that hides or reorders what stands
 * beside it: controls, line separators, bidirectional overrides, zero-width marks. */
bool tb_name_is_good(const char *name, size_t max);

/* Appends "/" and the field's name as RFC 6901 wants it; a long one is cut after a character. */
void tb_pointer_add(struct tb_buffer *out, const char *field);

#endif
