/* The watchdogs' table, their checks, and what they make of a bot (watch.h). Pure; called with the
 * room's lock held. */
#include <stdio.h>
#include <string.h>

#include "bots/bots_private.h"

enum {
    FROZEN_AFTER_MS = 300000,
    DAY_MS = 86400000,
    QUARTER_MS = 900000,
    ERRORS_RAISE = 10,
    ERRORS_CLEAR = 5,
    DRAWDOWN_RAISE = 80,
    DRAWDOWN_CLEAR = 70,
};

static const struct tb_watch_row rows[] = {
#define X(name, code, level, state, text) [TB_WATCH_##name] = {code, level, state, text},
    TB_WATCHES(X)
#undef X
};

const struct tb_watch_row *tb_watch_row(enum tb_watch watch)
{
    return &rows[watch];
}

static const struct tb_watch_wait waits[] = {
    {"market_making", "*", QUARTER_MS, false,
     "it quotes all the time, and each refresh closes executors; at least three refreshes"},
    {"generic", "pmm*", QUARTER_MS, false,
     "it quotes all the time, and each refresh closes executors; at least three refreshes"},
    {"generic", "grid_strike", QUARTER_MS, true, "a grid that works has orders in the book"},
    {"generic", "multi_grid_strike", QUARTER_MS, true, "a grid that works has orders in the book"},
    {"", "*", DAY_MS, false, "it waits for a signal or a price"},
};

const struct tb_watch_wait *tb_watch_wait(size_t index)
{
    return index < sizeof waits / sizeof *waits ? &waits[index] : NULL;
}

/* ---- checks ---- */

struct view {
    const struct bot *bot;
    struct watch_notes *notes;
    enum tb_bot_state state; /* by observe() */
    const char *verdict;     /* by observe() */
    bool was;                /* raised before */
    int64_t now;
};

typedef bool check_fn(const struct view *v, char detail[WATCH_TEXT]);

static void tell(char detail[WATCH_TEXT], const char *text)
{
    (void)tb_copy(detail, WATCH_TEXT, text);
}

static bool check_limit(const struct view *v, char detail[WATCH_TEXT])
{
    const struct watch_notes *n = v->notes;
    const struct watch_ended *first = &n->ended[0];

    if (n->global_limit)
        tell(detail, "Its loss limit over all controllers was reached: it closed and stopped.");
    else if (n->controllers_ended > 0)
        snprintf(detail, WATCH_TEXT, "%s %.90s%s%s",
                 first->by_hand ? "The manual kill switch of" : "The loss limit of",
                 first->controller[0] ? first->controller : "a controller",
                 n->controllers_ended > 1 ? " and of others" : "",
                 first->by_hand ? " is on: it closed and trades no more."
                                : " was reached: it trades no more, and what it held may still be "
                                  "open.");
    return n->global_limit || n->controllers_ended > 0;
}

static bool check_not_trading(const struct view *v, char detail[WATCH_TEXT])
{
    const struct watch_notes *n = v->notes;
    int64_t wait = n->wait && n->wait->orders && n->open_orders < 0 ? DAY_MS : n->wait_ms;

    if (v->state != TB_BOT_RUNNING || !n->wait || n->holds || n->open_orders > 0 ||
        n->activity_at == 0 || v->now - n->activity_at < wait)
        return false;
    snprintf(detail, WATCH_TEXT, "Nothing was filled, refreshed or closed for %d minutes: %s.",
             (int)(wait / 60000), n->wait->why);
    return true;
}

static bool check_drawdown(const struct view *v, char detail[WATCH_TEXT])
{
    if (v->notes->drawdown_pct < (v->was ? DRAWDOWN_CLEAR : DRAWDOWN_RAISE))
        return false;
    tell(detail, "It lost 80 % or more of its loss limit since its highest net profit.");
    return true;
}

static bool check_errors(const struct view *v, char detail[WATCH_TEXT])
{
    if (watch_errors_until(v->notes, v->now) < (v->was ? ERRORS_CLEAR : ERRORS_RAISE))
        return false;
    tell(detail, "Ten or more error lines came within five minutes; `errors` lists them.");
    return true;
}

static bool check_drift(const struct view *v, char detail[WATCH_TEXT])
{
    tell(detail, v->notes->drift);
    return v->notes->drift[0] != '\0';
}

static bool check_credentials(const struct view *v, char detail[WATCH_TEXT])
{
    tell(detail, v->notes->credentials);
    return v->notes->credentials[0] != '\0';
}

static bool check_image(const struct view *v, char detail[WATCH_TEXT])
{
    if (!v->notes->image[0] || !v->bot->image[0] || strcmp(v->notes->image, v->bot->image) == 0)
        return false;
    snprintf(detail, WATCH_TEXT, "Its container has %.80s, it was deployed with %.80s.",
             v->notes->image, v->bot->image);
    return true;
}

static bool check_version(const struct view *v, char detail[WATCH_TEXT])
{
    tell(detail, v->notes->version);
    return v->notes->version[0] != '\0';
}

/* The others are verdicts of observe(). */
static check_fn *const checks[TB_WATCH_COUNT] = {
    [TB_WATCH_STOPPED_BY_LIMIT] = check_limit,
    [TB_WATCH_NOT_TRADING] = check_not_trading,
    [TB_WATCH_DRAWDOWN_NEAR_LIMIT] = check_drawdown,
    [TB_WATCH_ERRORS_RISING] = check_errors,
    [TB_WATCH_FILES_DRIFTED] = check_drift,
    [TB_WATCH_CREDENTIALS_ROTATED] = check_credentials,
    [TB_WATCH_IMAGE_CHANGED] = check_image,
    [TB_WATCH_VERSION_CHANGED] = check_version,
};

bool watch_is_verdict(enum tb_watch watch)
{
    return checks[watch] == NULL;
}

/* Do the rows that need a bot at work apply? Of one that ended by itself its log may say why. */
static bool applies(const struct view *v, enum tb_watch watch)
{
    bool wanted = strcmp(v->bot->intent, "run") == 0;
    if (watch_is_verdict(watch))
        return true;
    if (watch == TB_WATCH_STOPPED_BY_LIMIT && v->state == TB_BOT_STOPPED)
        return wanted;
    return wanted && (v->state == TB_BOT_RUNNING || v->state == TB_BOT_STALE);
}

static enum tb_watch code_find(const char *code)
{
    int i = 0;
    while (i < TB_WATCH_COUNT && strcmp(rows[i].code, code) != 0)
        i++;
    return (enum tb_watch)i;
}

void watch_before(struct bot *bot, char reason[32])
{
    enum tb_watch watch = code_find(reason);
    if (watch == TB_WATCH_STOPPED_BY_LIMIT && bot->state == TB_BOT_STOPPED)
        tb_copy(reason, 32, rows[TB_WATCH_STOPPED_BY_ITSELF].code);
    else if (watch < TB_WATCH_COUNT && !watch_is_verdict(watch))
        reason[0] = '\0';
}

bool watch_frozen(const struct watch_notes *notes, int64_t now)
{
    return notes->holds && notes->report_at > 0 && now - notes->report_at >= FROZEN_AFTER_MS;
}

uint32_t watch_after(struct bot *bot, enum tb_bot_state *state, char reason[32], int64_t now)
{
    struct view v = {
        .bot = bot, .notes = &bot->notes, .state = *state, .verdict = reason, .now = now};
    uint32_t changed = 0;
    int first = TB_WATCH_COUNT;

    if (*state == TB_BOT_RUNNING && (bot->state == TB_BOT_STOPPED || bot->state == TB_BOT_FAILED ||
                                     bot->state == TB_BOT_UNKNOWN))
        watch_forget_limits(&bot->notes); /* it lives anew */
    for (int i = 0; i < TB_WATCH_COUNT; i++) {
        struct watch_raised *r = &bot->watch[i];
        char detail[WATCH_TEXT] = "";
        bool up;
        v.was = r->since != 0;
        if (checks[i])
            up = applies(&v, (enum tb_watch)i) && checks[i](&v, detail);
        else
            up = strcmp(reason, rows[i].code) == 0 &&
                 !(i == TB_WATCH_STOPPED_BY_ITSELF && bot->watch[TB_WATCH_STOPPED_BY_LIMIT].since);
        if (up && first == TB_WATCH_COUNT)
            first = i;
        if (up == v.was)
            continue;
        changed |= 1u << i;
        r->since = up ? now : 0;
        /* What is said when it begins stands until it ends: one change is one piece of news. */
        if (up)
            tell(r->detail, checks[i] ? detail : rows[i].text);
    }
    if (first == TB_WATCH_COUNT)
        return changed;
    if (*state == TB_BOT_RUNNING && strcmp(rows[first].state, "degraded") == 0)
        *state = TB_BOT_DEGRADED;
    if (!reason[0] || code_find(reason) < TB_WATCH_COUNT)
        tb_copy(reason, 32, rows[first].code);
    return changed;
}

const struct watch_raised *watch_of(const struct bot *bot, const char *code)
{
    enum tb_watch watch = code_find(code);
    return watch < TB_WATCH_COUNT && bot->watch[watch].since ? &bot->watch[watch] : NULL;
}
