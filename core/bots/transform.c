/* From one status slice to figures and translated errors, by the plugin's pure transforms. Runs on
 * feed workers without the lock; each bot is transformed by one worker at a time. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/profit.h"

enum { TRANSFORM_MS = 2000 };

static const char *const log_buffers[] = {"error_logs", "general_logs", NULL};

/* What the figures and errors of one slice are made by. */
struct made {
    bool untransformed; /* by the SDK's general transform instead of the plugin's */
    bool late;          /* not at all, because the machine was too slow */
};

static char *call(struct tb_bots *b, const char *plugin, enum tb_plugin_entry entry,
                  const struct tb_buffer *input, struct made *made)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_plugin_fault fault;
    struct tb_error err;
    struct tb_plugin_call what = {.plugin = plugin,
                                  .entry = entry,
                                  .input = input->data,
                                  .input_len = input->len,
                                  .mono_deadline_ms = tb_plugins_deadline(TRANSFORM_MS)};

    if (!tb_plugins_call(b->plugins, &what, &out, &fault, &err)) {
        tb_log(TB_WARN, "plugin.transform", "%s: %s", plugin, err.detail);
        tb_buffer_free(&out);
        made->late = err.code == TB_BUSY;
        made->untransformed = true;
        return NULL;
    }
    made->untransformed = made->untransformed || fault.untransformed;
    return tb_buffer_steal(&out, NULL);
}

/* By the plugin's transform; when that fails, or the instance is not ours, by the SDK's own, which
 * knows every report. A plugin that was only late has not failed: it is asked again. */
static char *call_or_general(struct tb_bots *b, const char *plugin, enum tb_plugin_entry entry,
                             const struct tb_buffer *input, struct made *made)
{
    char *out;
    *made = (struct made){0};
    out = call(b, plugin, entry, input, made);
    return out || made->late || !plugin[0] ? out : call(b, "", entry, input, made);
}

static char *figures_of(struct tb_bots *b, const struct bot *bot, const char *plugin,
                        const char *slice, size_t len, struct made *made)
{
    struct tb_buffer input = TB_BUFFER_INIT;
    struct tb_error err;
    struct tb_json_doc *facts =
        bot->facts ? tb_json_parse(bot->facts, strlen(bot->facts), TB_JSON_UPSTREAM, &err) : NULL;
    const struct tb_json *root = facts ? tb_json_root(facts) : NULL;
    struct tb_json_writer w;
    char *figures;

    tb_jw_init(&w, &input);
    tb_jw_object(&w);
    tb_jw_key(&w, "bot");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", bot->name);
    tb_jw_kv_string(&w, "exchange", bot->exchange[0] ? bot->exchange : NULL);
    tb_jw_kv_string(&w, "strategy", bot->strategy[0] ? bot->strategy : NULL);
    tb_jw_kv_string(&w, "account", bot->account[0] ? bot->account : NULL);
    tb_jw_kv_node(&w, "params", tb_json_get(root, "params"));
    tb_jw_kv_node(&w, "budget_quote", tb_json_get(root, "budget_quote"));
    tb_jw_kv_node(&w, "quotes", tb_json_get(root, "quotes"));
    tb_jw_end_object(&w);
    tb_jw_kv_raw(&w, "raw", slice, len);
    tb_jw_end_object(&w);
    figures = call_or_general(b, plugin, TB_PLUGIN_STATUS, &input, made);
    tb_json_free(facts);
    tb_buffer_free(&input);
    return figures;
}

/* The transform's errors with their times as our wire writes them. */
static void write_errors(const struct tb_json *errors, struct tb_buffer *out)
{
    struct tb_json_writer w;
    int64_t at;

    tb_jw_init(&w, out);
    tb_jw_array(&w);
    for (const struct tb_json *e = tb_json_first(errors); e; e = e->next) {
        tb_jw_object(&w);
        for (const struct tb_json *f = tb_json_first(e); f; f = f->next) {
            if (strcmp(f->key, "last_at") == 0)
                tb_jw_kv_time(&w, "last_at", tb_json_int64(f, &at) ? at : 0);
            else
                tb_jw_kv_node(&w, f->key, f);
        }
        tb_jw_end_object(&w);
    }
    tb_jw_end_array(&w);
}

/* {"lines": both log buffers} -> the "errors" array of the answer. Upstream calls only level ERROR
 * an error: refused requests (NETWORK), CRITICAL and reached limits (INFO) are in the general
 * buffer. */
static char *errors_of(struct tb_bots *b, const char *plugin, const struct tb_json *slice,
                       struct made *made)
{
    struct tb_buffer input = TB_BUFFER_INIT, list = TB_BUFFER_INIT;
    struct tb_error err;
    struct tb_json_doc *doc = NULL;
    struct tb_json_writer w;
    char *out;

    tb_jw_init(&w, &input);
    tb_jw_object(&w);
    tb_jw_key(&w, "lines");
    tb_jw_array(&w);
    for (const char *const *s = log_buffers; *s; s++)
        for (const struct tb_json *l = tb_json_first(tb_json_get(slice, *s)); l; l = l->next)
            tb_jw_node(&w, l);
    tb_jw_end_array(&w);
    tb_jw_end_object(&w);
    out = call_or_general(b, plugin, TB_PLUGIN_LOG, &input, made);
    tb_buffer_free(&input);
    if (out)
        doc = tb_json_parse(out, strlen(out), TB_JSON_UPSTREAM, &err);
    free(out);
    if (!doc)
        return NULL;
    write_errors(tb_json_get(tb_json_root(doc), "errors"), &list);
    tb_json_free(doc);
    return tb_buffer_steal(&list, NULL);
}

static bool has_lines(const struct tb_json *slice)
{
    for (const char *const *s = log_buffers; *s; s++)
        if (tb_json_first(tb_json_get(slice, *s)))
            return true;
    return false;
}

/* Highest net profit of its only quote, for the drawdown: at its start it had made nothing, so the
 * peak of a bot that was seen from its start is never below that. Then the share of the loss limit
 * that the fall from there is: upstream's limit knows one instance only, so the fall is that one's.
 * (lock held) */
static void follow_peak(struct bot *bot)
{
    struct tb_error err;
    struct tb_json_doc *doc =
        tb_json_parse(bot->figures, strlen(bot->figures), TB_JSON_UPSTREAM, &err);
    struct tb_json_doc *facts =
        bot->facts ? tb_json_parse(bot->facts, strlen(bot->facts), TB_JSON_UPSTREAM, &err) : NULL;
    const struct tb_json *root = facts ? tb_json_root(facts) : NULL;
    const struct tb_json *pnl = doc ? tb_json_get(tb_json_root(doc), "pnl") : NULL;
    struct tb_decimal net, peak, limit, hundred, share;

    bot->notes.drawdown_pct = -1;
    if (pnl && pnl->len == 1 && tb_json_decimal(tb_json_get(pnl->child, "net"), &net)) {
        if (!tb_decimal_parse(bot->peak, strlen(bot->peak), &peak))
            peak = net;
        if (tb_decimal_sign(&peak) < 0 && bot->managed && !tb_json_get(root, "adoption"))
            tb_decimal_from_int64(0, &peak);
        if (tb_decimal_compare(&net, &peak) > 0)
            peak = net;
        tb_decimal_normalise(&peak);
        tb_decimal_format(&peak, bot->peak);
        tb_decimal_from_int64(100, &hundred);
        if (tb_json_decimal(tb_json_path(root, "risk", "max_loss_quote", NULL), &limit) &&
            tb_decimal_sign(&limit) > 0 && tb_decimal_subtract(&peak, &net, &share) &&
            tb_decimal_multiply(&share, &hundred, &share) &&
            tb_decimal_divide(&share, &limit, 0, TB_ROUND_DOWN, &share) &&
            !tb_decimal_to_int64(&share, &bot->notes.drawdown_pct))
            bot->notes.drawdown_pct = -1;
    }
    tb_json_free(doc);
    tb_json_free(facts);
}

/* What its watchdogs go by. Log lines of an earlier start still stand in upstream's list; they are
 * told by the bot's clock, which is the API host's. (lock held) */
static void take_notes(struct tb_bots *b, struct bot *bot, const struct tb_json *slice)
{
    enum { CLOCK_SLACK_MS = 5000 };
    struct tb_hb_status status;

    tb_hb_status(b->hb, &status);
    if (bot->notes.start != bot->started_at)
        watch_forget(&bot->notes, bot->started_at);
    watch_read_slice(&bot->notes, slice,
                     bot->started_at ? bot->started_at + status.clock_offset_ms - CLOCK_SLACK_MS
                                     : 0,
                     tb_wall_ms());
}

static void take_sight(struct tb_bots *b, struct bot *bot, const struct tb_json *slice,
                       const struct sight *seen)
{
    if (seen->trading || seen->reported != bot->sight.reported)
        bot->sight.report_at = tb_wall_ms();
    take_notes(b, bot, slice);
    bot->sight.reported = seen->reported;
    bot->sight.trading = seen->trading;
    bot->sight.active = seen->active;
    bot->sight.start_error = seen->start_error;
    if (seen->active)
        bot->last_seen = tb_wall_ms();
}

static void take_figures(struct bot *bot, char *figures, bool untransformed)
{
    struct tb_error ignored;
    struct tb_json_doc *doc = tb_json_parse(figures, strlen(figures), TB_JSON_UPSTREAM, &ignored);

    free(bot->figures);
    bot->figures = figures;
    bot->untransformed = untransformed;
    profit_take(bot, doc ? tb_json_get(tb_json_root(doc), "pnl") : NULL, tb_wall_ms());
    tb_json_free(doc);
    follow_peak(bot);
}

void transform_bot(struct tb_bots *b, struct bot *bot, const char *instance, char *slice,
                   size_t len)
{
    struct tb_error err;
    struct tb_json_doc *doc = tb_json_parse(slice, len, TB_JSON_UPSTREAM, &err);
    const char *plugin = bot->exchange;
    char *figures = NULL, *errors = NULL;
    struct sight seen = {0};
    struct made by = {0}, errors_by = {0};

    if (!doc) {
        free(slice);
        return;
    }
    sight_of_slice(tb_json_root(doc), &seen);
    if (seen.reported && seen.trading)
        figures = figures_of(b, bot, plugin, slice, len, &by);
    if (has_lines(tb_json_root(doc)))
        errors = errors_of(b, plugin, tb_json_root(doc), &errors_by);
    pthread_mutex_lock(&b->lock);
    if (strcmp(instance, bot->life.instance) != 0) {
        pthread_mutex_unlock(&b->lock);
        tb_json_free(doc);
        free(slice);
        free(figures);
        free(errors);
        return;
    }
    take_sight(b, bot, tb_json_root(doc), &seen);
    free(bot->raw);
    bot->raw = slice;
    bot->raw_len = len;
    if (figures)
        take_figures(bot, figures, by.untransformed);
    if (errors) {
        free(bot->errors);
        bot->errors = errors;
    }
    if (by.late || errors_by.late)
        bot->sight.hash = 0; /* so that the next look brings it again, changed or not */
    bot_changed(b, bot);
    pthread_mutex_unlock(&b->lock);
    tb_json_free(doc);
}
