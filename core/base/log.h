/* The log: one line per event on stderr, as text or JSON (`BRIDGE_LOG=text|json[,level]`).
 *
 * A line never holds a secret: every value registered with tb_log_secret is replaced by `***`
 * wherever it appears, whole or percent-encoded or as base64 of "user:secret". Control characters
 * (also C1 and U+2028/9) are escaped, so a bot's log text cannot forge lines or drive a terminal.
 * Any thread; one write(2) a line. */
#ifndef TB_BASE_LOG_H
#define TB_BASE_LOG_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

enum tb_log_level { TB_DEBUG, TB_INFO, TB_WARN, TB_ERROR };

/* spec: "text", "json", "text,debug", …; NULL means "text,info". */
TB_MUST_CHECK
bool tb_log_configure(const char *spec, struct tb_error *err);
void tb_log_to_fd(int fd); /* for tests; stderr otherwise */

/* event: a static word such as "bot.deployed"; the rest is one readable sentence. */
void tb_log(enum tb_log_level level, const char *event, const char *format, ...) TB_PRINTF(3, 4);

/* Registers a value that must never be printed (shorter than 4 bytes is ignored: it would blot out
 * ordinary words). The value is copied. */
void tb_log_secret(const char *value);
/* Appends `text` to `out` with every registered secret replaced. */
void tb_redact(struct tb_buffer *out, const char *text);
/* Appends `text` with control characters escaped as \xNN. */
void tb_escape_control(struct tb_buffer *out, const char *text);

#endif
