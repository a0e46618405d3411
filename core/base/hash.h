/* SHA-256, base64 and constant-time comparison, on libcrypto. Any thread. */
#ifndef TB_BASE_HASH_H
#define TB_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define TB_SHA256_TEXT 65 /* 64 lower-case hex digits + NUL */

void tb_sha256_hex(const void *bytes, size_t len, char out[TB_SHA256_TEXT]);
void tb_base64_append(struct tb_buffer *out, const void *bytes, size_t len);
/* Standard alphabet, padding required; appends the bytes; false (nothing appended) on bad input. */
TB_MUST_CHECK
bool tb_base64_decode(struct tb_buffer *out, const char *text, size_t len);
/* Takes time that depends only on the lengths. */
bool tb_equal_constant_time(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
