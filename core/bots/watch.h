/* Watchdogs: what may go wrong with a running bot without anybody's doing, as one table of rows.
 *
 * A raised row is news (state, reason, event, history), never an action; it clears itself when what
 * it saw has ended. watch.c (checks) and watch_read.c (what reports, logs and files say) are pure;
 * watch_look.c makes the reads that are too dear for every poll. */
#ifndef TB_BOTS_WATCH_H
#define TB_BOTS_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* The strongest first: the first raised row of a bot is its reason. level: `error` costs money or
 * ends the bot, `warning` needs a look soon, `info` is a difference that does no harm by itself.
 * state: of a bot that would otherwise be running; "" leaves it. */
#define TB_WATCHES(X)                                                                              \
    X(CRASHED, "crashed", "error", "failed",                                                       \
      "The container ended although nobody asked for a stop. It is not started again by itself: "  \
      "that would reset its loss limit.")                                                          \
    X(GONE, "gone", "error", "unknown",                                                            \
      "Neither the container lists nor the status document have shown it for a minute.")           \
    X(REAPPEARED, "reappeared", "error", "running",                                                \
      "It reports trading although a person stopped it.")                                          \
    X(STOPPED_BY_LIMIT, "stopped_by_limit", "error", "degraded",                                   \
      "Its log says that its own loss limit or a manual kill switch ended it, whole or one "       \
      "controller. Once every report is empty its state is `stopped`.")                            \
    X(STOPPED_BY_ITSELF, "stopped_by_itself", "error", "stopped",                                  \
      "Every report is empty although nobody asked for a stop, and no log line names a limit.")    \
    X(REPORT_UNREADABLE, "report_unreadable", "error", "stale",                                    \
      "The API fails to write its report, as with a number in it that is none; it is asked for "   \
      "by itself, so that it hides no other bot.")                                                 \
    X(SILENT, "silent", "error", "stale",                                                          \
      "Its container runs, but nothing was heard of it over MQTT for a minute.")                   \
    X(NO_REPORT, "no_report", "error", "stale",                                                    \
      "It is heard over MQTT, but has sent no performance report for a minute.")                   \
    X(REPORT_FROZEN, "report_frozen", "error", "stale",                                            \
      "It is heard and holds a position, but its report has been the same to the byte for five "   \
      "minutes, although the value of a position moves with the price.")                           \
    X(NOT_TRADING, "running_but_not_trading", "warning", "degraded",                               \
      "It runs, holds nothing and has no known open order, and for longer than its strategy "      \
      "explains nothing was filled, refreshed or closed; executors that only fail do not count. "  \
      "The table of waits is below.")                                                              \
    X(DRAWDOWN_NEAR_LIMIT, "drawdown_near_limit", "warning", "degraded",                           \
      "The fall from its highest net profit is at least 80 % of its loss limit "                   \
      "(`risk.max_loss_quote`); clears below 70 %.")                                               \
    X(ERRORS_RISING, "errors_rising", "warning", "degraded",                                       \
      "Ten or more error lines came within five minutes; clears below five.")                      \
    X(FILES_DRIFTED, "files_drifted", "warning", "",                                               \
      "The instance's controller configs are not what the bridge wrote: somebody changed them "    \
      "beside it. What is not updatable live takes effect at the next start.")                     \
    X(CREDENTIALS_ROTATED, "credentials_rotated", "warning", "",                                   \
      "The account's keys for its connector were removed, or removed and entered again, since "    \
      "it started; the bot goes on with the old ones. The API lists which connectors have keys, "  \
      "not when or which, so keys that were replaced in one step are not seen.")                   \
    X(IMAGE_CHANGED, "image_changed", "info", "",                                                  \
      "Its container's image is not the one it was deployed with, or lost that name to a newer "   \
      "pull.")                                                                                     \
    X(VERSION_CHANGED, "version_changed", "info", "",                                              \
      "The Hummingbot API has other routes than when the bot was planned.")

enum tb_watch {
#define X(name, ...) TB_WATCH_##name,
    TB_WATCHES(X)
#undef X
        TB_WATCH_COUNT
};

struct tb_watch_row {
    const char *code, *level, *state, *text;
};
const struct tb_watch_row *tb_watch_row(enum tb_watch watch);

/* How long a controller may do nothing before that is news. The first row that fits; type "" fits
 * every type, a name ending in `*` every name that begins so. */
struct tb_watch_wait {
    const char *type, *name;
    int64_t ms;
    bool orders; /* it reports its open orders; one that does not gets the longest wait */
    const char *why;
};
/* NULL behind the last one. */
const struct tb_watch_wait *tb_watch_wait(size_t index);

#define WATCH_TEXT        200
#define WATCH_CONTROLLERS 8
#define WATCH_MINUTES     5

struct watch_ended {
    char controller[96]; /* "" when the line does not name it */
    bool by_hand;
};

/* What the rows judge by. Gathered since `start`; another start begins anew. */
struct watch_notes {
    int64_t start; /* the bot's started_at */
    /* reports */
    uint64_t report, activity;      /* hashes: the bytes; what only trading changes */
    int64_t report_at, activity_at; /* when they last changed */
    bool holds;                     /* a position, as far as the report tells */
    int64_t open_orders;            /* -1: not reported */
    /* log lines, read once each by the bot's own clock */
    int64_t log_at, error_log_at;
    bool global_limit;
    struct watch_ended ended[WATCH_CONTROLLERS];
    size_t controllers_ended;
    int64_t error_minute; /* of errors[0], the newest */
    unsigned errors[WATCH_MINUTES];
    /* figures */
    int64_t drawdown_pct; /* of the loss limit; -1: not known */
    /* containers */
    char image[160]; /* "" until seen */
    /* dear looks (watch_look.c) */
    int64_t looked_at;                /* wall ms of the last look at its configs */
    const struct tb_watch_wait *wait; /* NULL: they have not been seen yet */
    int64_t wait_ms;
    char drift[WATCH_TEXT], drift_seen[WATCH_TEXT]; /* a second look must see it too */
    char credentials[WATCH_TEXT], version[WATCH_TEXT];
};

struct watch_raised {
    int64_t since; /* 0: not raised */
    char detail[WATCH_TEXT];
};

/* ---- watch_read.c: pure ---- */
/* Begins anew for a start at `start`. */
void watch_forget(struct watch_notes *notes, int64_t start);
/* What was seen of its own limits is over. */
void watch_forget_limits(struct watch_notes *notes);
/* slice: one status slice. log_from: lines that are older by the bot's clock are of an earlier
 * start. */
void watch_read_slice(struct watch_notes *notes, const struct tb_json *slice, int64_t log_from,
                      int64_t now);
/* Error lines of the last minutes. */
unsigned watch_errors_until(struct watch_notes *notes, int64_t now);
/* configs: what GET /controllers/bots/{bot}/configs answers; sets wait and wait_ms. */
void watch_read_wait(struct watch_notes *notes, const struct tb_json *configs);
/* Of [{file, field, planned, found}] the first in words. True when it must be looked at again soon:
 * a change through the bridge may have come between its two reads. */
bool watch_read_drift(struct watch_notes *notes, const struct tb_json *differences);

#endif
