/* Words that clients send: names that people read, and field names shown back as JSON pointers.
 * Pure; the texts are valid UTF-8, as the JSON parser guarantees. */
#ifndef TB_BASE_WORDS_H
#define TB_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* NULL for 1 to `max` characters that people can tell from every other name when they see them:
 * none that is invisible, looks like a space or reorders what stands beside it, and no space at the
 * ends. Else what is wrong, as the rest of the sentence "the name …". */
const char *tb_name_fault(const char *name, size_t max);

/* Appends "/" and the field's name as RFC 6901 wants it; a long one is cut after a character. */
void tb_pointer_add(struct tb_buffer *out, const char *field);

#endif
