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

/* word, HTTP status, may the same request succeed later?, what it means (docs/errors.md) */
#define TB_CODES(X)                                                                                \
    X(TB_OK, "ok", 200, false, "it worked")                                                        \
    X(TB_BAD_REQUEST, "bad_request", 400, false,                                                   \
      "the request cannot be read: a query parameter, a header, or a body that is no object")      \
    X(TB_BAD_JSON, "bad_json", 400, false, "the body is no JSON; `detail` says where")             \
    X(TB_UNAUTHORIZED, "unauthorized", 401, false,                                                 \
      "no token, or one that is unknown, expired or revoked")                                      \
    X(TB_FORBIDDEN, "forbidden", 403, false,                                                       \
      "the token is good, but its role or its list of bots does not allow this")                   \
    X(TB_NOT_FOUND, "not_found", 404, false,                                                       \
      "there is no such route, bot, operation, plugin or token")                                   \
    X(TB_METHOD_NOT_ALLOWED, "method_not_allowed", 405, false,                                     \
      "the path exists, the method does not")                                                      \
    X(TB_TIMEOUT, "request_timeout", 408, true, "the body did not arrive in time")                 \
    X(TB_CONFLICT, "conflict", 409, false,                                                         \
      "somebody else changed the same thing meanwhile; look at it again")                          \
    X(TB_NAME_TAKEN, "name_taken", 409, false, "a living bot has this name; the answer shows it")  \
    X(TB_OPERATION_IN_PROGRESS, "operation_in_progress", 409, true,                                \
      "the bot has an unfinished operation; `detail` names it. A stop is always taken")            \
    X(TB_STATE, "wrong_state", 409, false, "the command does not fit the state of the bot")        \
    X(TB_STATE_UNKNOWN, "state_unknown", 409, false,                                               \
      "what the bot does is not known, so starting it might make a second one; stop it first")     \
    X(TB_FORM_CHANGED, "form_changed", 409, false,                                                 \
      "the strategy's form is another one than the bot was made with; the fields are named")       \
    X(TB_EPHEMERAL_STORE, "ephemeral_store", 409, false,                                           \
      "the store would not outlive a redeploy, so nothing is created; put BRIDGE_STORE on a "      \
      "volume")                                                                                    \
    X(TB_NO_BACKTEST_SERVER, "no_backtest_server", 409, false,                                     \
      "no server is marked for backtests, which would freeze the one that runs the bots; set "     \
      "BRIDGE_BACKTEST_URL")                                                                       \
    X(TB_OBSERVE_MODE, "observe_mode", 409, false,                                                 \
      "the bridge only watches until an administrator resumes it; GET /hummingbot says why")       \
    X(TB_STALE_VERSION, "stale_version", 412, false,                                               \
      "`If-Match` names an older version of the parameters; read them again")                      \
    X(TB_TOO_LARGE, "too_large", 413, false, "the body is larger than this route takes")           \
    X(TB_MEDIA_TYPE, "unsupported_media_type", 415, false,                                         \
      "the body must be sent as `Content-Type: application/json`")                                 \
    X(TB_INVALID, "invalid", 422, false,                                                           \
      "the request is understood and not acceptable; `errors[]` names every field")                \
    X(TB_IMAGE_REQUIRED, "image_required", 422, false,                                             \
      "no usable bot image is installed; pull one or name one")                                    \
    X(TB_IDEMPOTENCY_MISMATCH, "idempotency_key_reused", 422, false,                               \
      "this Idempotency-Key was sent with another body within 24 hours")                           \
    X(TB_PLAN_EXPIRED, "plan_expired", 422, false,                                                 \
      "the plan is older than 15 minutes; make a new one")                                         \
    X(TB_HEADERS_TOO_LARGE, "headers_too_large", 431, false,                                       \
      "the request line or the headers are too long")                                              \
    X(TB_VERSION_REQUIRED, "version_required", 428, false,                                         \
      "a change of parameters needs `If-Match` with their ETag")                                   \
    X(TB_RATE_LIMITED, "rate_limited", 429, true,                                                  \
      "too many requests or sign-ins; wait as long as `Retry-After` says")                         \
    X(TB_INTERNAL, "internal", 500, false, "a fault of the bridge; its log has the `request_id`")  \
    X(TB_PLUGIN_FAILED, "plugin_failed", 500, false,                                               \
      "a fault of the plugin; `detail` has file and line, and whether an action had sent "         \
      "anything before")                                                                           \
    X(TB_NOT_IMPLEMENTED, "not_implemented", 501, false, "known, but not in this version")         \
    X(TB_UPSTREAM_BROKEN, "upstream_broken", 502, true,                                            \
      "the Hummingbot API answered that it failed, or its answer broke off")                       \
    X(TB_UPSTREAM_REFUSED, "upstream_refused", 502, false,                                         \
      "the Hummingbot API refused; its own words are in `upstream`")                               \
    X(TB_UPSTREAM_CREDENTIALS, "upstream_credentials", 502, false,                                 \
      "the Hummingbot API refused the user and password of the bridge")                            \
    X(TB_UPSTREAM_NOT_JSON, "upstream_not_json", 502, true,                                        \
      "something else than the Hummingbot API answered: a tunnel, a proxy, a login page")          \
    X(TB_UPSTREAM_UNREACHABLE, "upstream_unreachable", 502, true,                                  \
      "no connection to the Hummingbot API; nothing was sent")                                     \
    X(TB_UPSTREAM_TOO_OLD, "upstream_too_old", 502, false,                                         \
      "this build of the Hummingbot API cannot do this safely")                                    \
    X(TB_DRAINING, "draining", 503, true, "the bridge is shutting down")                           \
    X(TB_BUSY, "busy", 503, true,                                                                  \
      "all places are taken, or the time was up before it was done; nothing was done")             \
    X(TB_STORE_FAILED, "store_failed", 503, true,                                                  \
      "the disk or the database failed; nothing was sent")                                         \
    X(TB_UPSTREAM_TIMEOUT, "upstream_timeout", 504, true,                                          \
      "the Hummingbot API did not answer in time")                                                 \
    X(TB_UPSTREAM_BUSY, "upstream_busy", 504, true,                                                \
      "the Hummingbot API is frozen by a call of ours and not believed to be down")                \
    X(TB_UPSTREAM_UNKNOWN, "upstream_unknown", 504, false,                                         \
      "a change was sent and its outcome is not known; the operation finds it out, do not repeat " \
      "it by hand")

enum tb_code {
#define X(name, word, status, retryable, meaning) name,
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
const char *tb_code_meaning(enum tb_code code);

/* Fills *err (which may be NULL) and returns false, so that `return tb_fail(...)` reads as one act.
 */
bool tb_fail(struct tb_error *err, enum tb_code code, const char *format, ...) TB_PRINTF(3, 4);

#endif
