/* The list of what is wrong with a request, as its wire form: a JSON array of
 * {pointer, code, message, hint}. Any thread; owns nothing. */
#ifndef TB_BASE_PROBLEM_H
#define TB_BASE_PROBLEM_H

#include "base/buffer.h"

/* Appends one entry, until the list is 64 KiB long; the buffer is "" or a whole array before and a
 * whole array after. hint may be NULL. */
void tb_problem_add(struct tb_buffer *list, const char *pointer, const char *code,
                    const char *message, const char *hint);

#endif
