/* What the looks mean: state, reason and watchdogs of each bot. Says and remembers it; never acts.
 * Feed thread. */
#include <string.h>

#include "base/log.h"
#include "bots/bots_private.h"

enum {
    HEARD_MS = 30000, /* upstream calls a bot active for this long after its last message */
    BELIEVED_AFTER_MS = 10000,
};

/* A script that sends no reports proves its life by being heard. */
static void without_reports(struct bot *bot, int64_t wall)
{
    struct sight *s = &bot->sight;
    if (bot->life.reports || s->container != TB_CT_RUNNING)
        return;
    s->reported = s->trading = s->active || wall - s->report_at <= HEARD_MS;
    if (s->active)
        s->report_at = wall;
}

static void tell(struct tb_bots *b, const struct bot *bot, enum tb_watch watch, int64_t wall)
{
    const struct tb_watch_row *row = tb_watch_row(watch);
    const struct watch_raised *r = &bot->watch[watch];
    bool raised = r->since != 0;
    struct tb_buffer event = TB_BUFFER_INIT;
    struct tb_json_writer w;

    tb_jw_init(&w, &event);
    tb_jw_object(&w);
    tb_jw_kv_time(&w, "at", wall);
    tb_jw_kv_string(&w, "id", bot->id);
    tb_jw_kv_string(&w, "name", bot->name);
    tb_jw_kv_string(&w, "instance", bot->life.instance);
    tb_jw_kv_string(&w, "code", row->code);
    tb_jw_kv_string(&w, "level", row->level);
    tb_jw_kv_string(&w, "detail", r->detail);
    tb_jw_end_object(&w);
    tb_events_publish(b->events, raised ? "watch.raised" : "watch.cleared", event.data, event.len);
    tb_buffer_free(&event);
    if (watch_is_verdict(watch))
        return; /* the change of state is in the history, and in the log */
    history_watch(b, bot, watch, wall);
    tb_log(raised ? TB_WARN : TB_INFO, raised ? "watch.raised" : "watch.cleared", "%s (%s): %s: %s",
           bot->name, bot->life.instance, row->code, raised ? r->detail : "over");
}

static void judge_unmanaged(struct tb_bots *b, struct bot *bot)
{
    bot->state = bot->sight.container == TB_CT_EXITED ? TB_BOT_STOPPED
                 : bot->sight.trading                 ? TB_BOT_RUNNING
                 : bot->sight.reported                ? TB_BOT_STOPPED
                                                      : TB_BOT_UNKNOWN;
    bot_changed(b, bot);
}

static void judge(struct tb_bots *b, struct bot *bot, int64_t wall, bool rebooted)
{
    enum tb_bot_state state = bot->state;
    const struct watch_raised *why;
    uint32_t changed;
    char reason[32];

    if (bot->ghost)
        return;
    if (bot_busy(b, bot))
        return;
    if (!bot->managed) {
        judge_unmanaged(b, bot);
        return;
    }
    without_reports(bot, wall);
    bot->sight.frozen = bot->sight.active && watch_frozen(&bot->notes, wall);
    tb_copy(reason, sizeof reason, bot->reason);
    watch_before(bot, reason);
    (void)observe(&state, reason, bot->intent, &bot->sight, wall);
    changed = watch_after(bot, &state, reason, wall);
    for (int i = 0; i < TB_WATCH_COUNT; i++)
        if (changed & 1u << i)
            tell(b, bot, (enum tb_watch)i, wall);
    if (state != bot->state || strcmp(reason, bot->reason) != 0) {
        if (!rebooted)
            tb_log(TB_WARN, "bot.state", "%s (%s): %s -> %s%s%s", bot->name, bot->life.instance,
                   bot_state_word(bot->state), bot_state_word(state), reason[0] ? ", " : "",
                   reason);
        history_state(b, bot, state, reason, wall);
        bot->state = state;
        if (state != TB_BOT_STOPPED) {
            bot->life.rests = false;
            bot->proof[0] = '\0';
        }
        tb_copy(bot->reason, sizeof bot->reason, reason);
        why = watch_of(bot, reason);
        tb_copy(bot->reason_detail, sizeof bot->reason_detail, why ? why->detail : "");
        changed = 1;
    }
    if (changed)
        bot_changed(b, bot);
}

/* Looks later than now would hide every look until the clock has come that far again. */
static void put_back(struct bot *bot, int64_t wall)
{
    int64_t *const instants[] = {
        &bot->judge_after, &bot->sight.at,        &bot->sight.container_at, &bot->sight.report_at,
        &bot->last_seen,   &bot->notes.report_at, &bot->notes.activity_at,  &bot->notes.looked_at};
    for (size_t i = 0; i < sizeof instants / sizeof *instants; i++)
        if (*instants[i] > wall)
            *instants[i] = wall;
}

void judge_clock(struct tb_bots *b, int64_t wall)
{
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->bots; i++)
        put_back(b->bot[i], wall);
    pthread_mutex_unlock(&b->lock);
}

bool may_judge(const struct bot *bot, int64_t wall)
{
    return !bot->deleted && !bot->queued && !bot->working && bot->sight.container != TB_CT_UNSEEN &&
           wall > bot->judge_after && bot->sight.container_at > bot->judge_after;
}

void judge_all(struct tb_bots *b, int64_t wall)
{
    struct tb_hb_status status;
    bool rebooted;

    tb_hb_status(b->hb, &status);
    /* After an API restart its lists are empty for a while: nothing is concluded from that. */
    if (tb_mono_ms() - status.up_since_mono_ms < BELIEVED_AFTER_MS)
        return;
    pthread_mutex_lock(&b->lock);
    rebooted = reboot_look(b, wall);
    b->judged = true;
    for (size_t i = 0; i < b->bots; i++)
        if (may_judge(b->bot[i], wall))
            judge(b, b->bot[i], wall, rebooted && reboot_fell(b, b->bot[i], wall));
    pthread_mutex_unlock(&b->lock);
    if (rebooted)
        reboot_save(b);
}
