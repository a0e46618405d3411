/* Identifiers and randomness: ULIDs for records, nonces for attempts, tokens for people, slugs.
 * Random bytes come from getrandom(2); a failure of it ends the process. Any thread. */
#ifndef TB_BASE_ID_H
#define TB_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TB_ULID_TEXT  27 /* 26 characters of Crockford base 32, upper case, + NUL */
#define TB_NONCE_TEXT 9  /* 8 lower-case hex digits + NUL */
#define TB_SLUG_TEXT  41 /* at most 40 characters + NUL */
#define TB_TOKEN_TEXT 47 /* "tb_" + 43 characters base64url (256 bits) + NUL */

void tb_random_bytes(void *out, size_t len);
uint64_t tb_random_u64(void);
/* Sorts by time; strictly increasing within one process. */
void tb_ulid(char out[TB_ULID_TEXT]);
/* Can tb_ulid have made this text? */
bool tb_ulid_is(const char *text);
void tb_nonce(char out[TB_NONCE_TEXT]);
void tb_token(char out[TB_TOKEN_TEXT]);
/* Lower case, every run outside [a-z0-9] becomes one '-', none at the ends, at most 40
 * characters, "bot" if nothing is left (DESIGN section 6). */
void tb_slug(const char *name, char out[TB_SLUG_TEXT]);

#endif
