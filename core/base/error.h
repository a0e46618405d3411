/* What went wrong, in a form that every layer can pass up and the HTTP face can show.
 *
 * A fallible function returns bool or a pointer, takes `struct tb_error *` last and fills it only
 * when it fails. A code is one word of the table below; HTTP status and `retryable` follow from it,
 * so no layer decides them twice. Any thread. Owns nothing. */
#ifndef TB_BASE_ERROR_H
#define TB_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define TB_MUST_CHECK __attribute__((warn_unused_result))
#define TB_PRINTF(format_index, first_argument)                                                    \
    __attribute__((format(printf, format_index, first_argument)))
/* Marks functions that may leave by Lua's longjmp: no lock, no malloc'd memory may be held there.
 */
#define TB_MAY_RAISE

/* word, HTTP status, may the same request succeed later? */
#define TB_CODES(X)                                                                                \
    X(TB_OK, "ok", 200, false)                                                                     \
    X(TB_BAD_REQUEST, "bad_request", 400, false)                                                   \
    X(TB_BAD_JSON, "bad_json", 400, false)                                                         \
    X(TB_UNAUTHORIZED, "unauthorized", 401, false)                                                 \
    X(TB_FORBIDDEN, "forbidden", 403, false)                                                       \
    X(TB_NOT_FOUND, "not_found", 404, false)                                                       \
    X(TB_METHOD_NOT_ALLOWED, "method_not_allowed", 405, false)                                     \
    X(TB_TIMEOUT, "request_timeout", 408, true)                                                    \
    X(TB_CONFLICT, "conflict", 409, false)                                                         \
    X(TB_NAME_TAKEN, "name_taken", 409, false)                                                     \
    X(TB_OPERATION_IN_PROGRESS, "operation_in_progress", 409, true)                                \
    X(TB_STATE, "wrong_state", 409, false)                                                         \
    X(TB_STATE_UNKNOWN, "state_unknown", 409, false)                                               \
    X(TB_FORM_CHANGED, "form_changed", 409, false)                                                 \
    X(TB_EPHEMERAL_STORE, "ephemeral_store", 409, false)                                           \
    X(TB_OBSERVE_MODE, "observe_mode", 409, false)                                                 \
    X(TB_STALE_VERSION, "stale_version", 412, false)                                               \
    X(TB_TOO_LARGE, "too_large", 413, false)                                                       \
    X(TB_MEDIA_TYPE, "unsupported_media_type", 415, false)                                         \
    X(TB_INVALID, "invalid", 422, false)                                                           \
    X(TB_IMAGE_REQUIRED, "image_required", 422, false)                                             \
    X(TB_IDEMPOTENCY_MISMATCH, "idempotency_key_reused", 422, false)                               \
    X(TB_PLAN_EXPIRED, "plan_expired", 422, false)                                                 \
    X(TB_HEADERS_TOO_LARGE, "headers_too_large", 431, false)                                       \
    X(TB_VERSION_REQUIRED, "version_required", 428, false)                                         \
    X(TB_RATE_LIMITED, "rate_limited", 429, true)                                                  \
    X(TB_INTERNAL, "internal", 500, false)                                                         \
    X(TB_PLUGIN_FAILED, "plugin_failed", 500, false)                                               \
    X(TB_NOT_IMPLEMENTED, "not_implemented", 501, false)                                           \
    X(TB_UPSTREAM_BROKEN, "upstream_broken", 502, true)                                            \
    X(TB_UPSTREAM_REFUSED, "upstream_refused", 502, false)                                         \
    X(TB_UPSTREAM_CREDENTIALS, "upstream_credentials", 502, false)                                 \
    X(TB_UPSTREAM_NOT_JSON, "upstream_not_json", 502, true)                                        \
    X(TB_UPSTREAM_UNREACHABLE, "upstream_unreachable", 502, true)                                  \
    X(TB_UPSTREAM_TOO_OLD, "upstream_too_old", 502, false)                                         \
    X(TB_DRAINING, "draining", 503, true)                                                          \
    X(TB_BUSY, "busy", 503, true)                                                                  \
    X(TB_STORE_FAILED, "store_failed", 503, true)                                                  \
    X(TB_UPSTREAM_TIMEOUT, "upstream_timeout", 504, true)                                          \
    X(TB_UPSTREAM_BUSY, "upstream_busy", 504, true)                                                \
    X(TB_UPSTREAM_UNKNOWN, "upstream_unknown", 504, false)

enum tb_code {
#define X(name, word, status, retryable) name,
    TB_CODES(X)
#undef X
        TB_CODE_COUNT
};

struct tb_error {
    enum tb_code code;
    char detail[640];          /* one plain sentence, no secret, safe to show */
    int upstream_status;       /* HTTP status of the Hummingbot API, 0 when it was not the cause */
    char upstream_detail[320]; /* its own words, sanitised */
};

const char *tb_code_word(enum tb_code code);
int tb_code_http_status(enum tb_code code);
bool tb_code_retryable(enum tb_code code);

/* Fills *err (which may be NULL) and returns false, so that `return tb_fail(...)` reads as one act.
 */
bool tb_fail(struct tb_error *err, enum tb_code code, const char *format, ...) TB_PRINTF(3, 4);

#endif
