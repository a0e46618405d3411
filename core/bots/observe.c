/* What the newest sight of a bot without an open operation means. Pure: a difference between what a
 * person asked for and what is seen becomes a state and a reason, never an action. */
#include <string.h>

#include "bots/bots_private.h"

enum {
    STALE_AFTER_MS = 60000, /* no new report for this long */
    GONE_AFTER_MS = 60000,  /* upstream forgets a crashed bot after 30 s */
};

static const struct {
    const char *word, *status;
} states[] = {
#define X(name, word, status) [name] = {word, status},
    TB_BOT_STATES(X)
#undef X
};

const char *bot_state_word(enum tb_bot_state state)
{
    return states[state].word;
}

const char *bot_state_status(enum tb_bot_state state)
{
    return states[state].status;
}

bool bot_state_find(const char *word, enum tb_bot_state *out)
{
    for (int i = 0; i < TB_BOT_STATE_COUNT; i++) {
        if (strcmp(states[i].word, word) == 0) {
            *out = (enum tb_bot_state)i;
            return true;
        }
    }
    return false;
}

struct verdict {
    enum tb_bot_state state;
    const char *reason; /* "" for none */
};

static struct verdict exited(enum tb_bot_state state, bool wanted)
{
    if (!wanted || state == TB_BOT_STOPPED)
        return (struct verdict){state == TB_BOT_FAILED ? TB_BOT_FAILED : TB_BOT_STOPPED, NULL};
    return (struct verdict){TB_BOT_FAILED, "crashed"};
}

static struct verdict running(enum tb_bot_state state, bool wanted, const struct sight *s,
                              int64_t now)
{
    if (s->trading && !wanted)
        return (struct verdict){TB_BOT_RUNNING, "reappeared"};
    if (s->trading && now - s->report_at > STALE_AFTER_MS)
        return (struct verdict){TB_BOT_STALE, "silent"};
    if (s->trading && s->frozen)
        return (struct verdict){TB_BOT_STALE, "report_frozen"};
    if (s->trading)
        return (struct verdict){TB_BOT_RUNNING, ""};
    if (s->reported) /* every performance object is empty: the strategy has ended */
        return (struct verdict){TB_BOT_STOPPED, wanted ? "stopped_by_itself" : NULL};
    /* Without a report nothing new is known; after a while that itself is said. */
    if (wanted && state != TB_BOT_UNKNOWN && state != TB_BOT_FAILED &&
        now - s->report_at > STALE_AFTER_MS)
        return (struct verdict){TB_BOT_STALE, s->unreadable ? "report_unreadable"
                                              : s->active   ? "no_report"
                                                            : "silent"};
    return (struct verdict){state, NULL};
}

bool observe(enum tb_bot_state *state, char reason[32], const char *intent,
             const struct sight *sight, int64_t now)
{
    bool wanted = strcmp(intent, "run") == 0;
    struct verdict v = {*state, NULL};

    switch (sight->container) {
    case TB_CT_RUNNING:
        v = running(*state, wanted, sight, now);
        break;
    case TB_CT_EXITED:
        v = exited(*state, wanted);
        break;
    case TB_CT_ABSENT:
        if (*state != TB_BOT_FAILED && *state != TB_BOT_STOPPED && *state != TB_BOT_ARCHIVED &&
            now - sight->report_at > GONE_AFTER_MS)
            v = (struct verdict){TB_BOT_UNKNOWN, "gone"};
        break;
    case TB_CT_UNSEEN:
    case TB_CT_CREATED:
        break;
    }
    if (v.state == *state && (!v.reason || strcmp(v.reason, reason) == 0))
        return false;
    /* The reason of another state says nothing about this one. */
    if (v.reason || v.state != *state)
        tb_copy(reason, 32, v.reason ? v.reason : "");
    *state = v.state;
    return true;
}
