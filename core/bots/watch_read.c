/* What a bot's reports, log lines and files say to its watchdogs (watch.h). Pure. */
#include <stdio.h>
#include <string.h>

#include "bots/bots_private.h"

enum { MINUTE_MS = 60000, SHOWN_MAX = 60 };

void watch_forget(struct watch_notes *notes, int64_t start)
{
    char image[sizeof notes->image];
    tb_copy(image, sizeof image, notes->image);
    *notes = (struct watch_notes){.start = start, .open_orders = -1, .drawdown_pct = -1};
    tb_copy(notes->image, sizeof notes->image, image);
}

void watch_forget_limits(struct watch_notes *notes)
{
    notes->global_limit = false;
    notes->controllers_ended = 0;
}

/* ---- reports ---- */

static void mix(uint64_t *hash, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        *hash = (*hash ^ (unsigned char)bytes[i]) * 1099511628211u;
    *hash *= 1099511628211u; /* keeps neighbouring values apart */
}

static void mix_node(uint64_t *hash, const struct tb_json *node)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    if (node)
        tb_json_canonical(node, &text);
    mix(hash, tb_buffer_text(&text), text.len);
    tb_buffer_free(&text);
}

static bool is_zero(const struct tb_json *number)
{
    struct tb_decimal value;
    return !tb_json_decimal(number, &value) || tb_decimal_sign(&value) == 0;
}

/* Executors that end without having been able to place an order are no sign of trading. */
static void mix_closes(uint64_t *hash, const struct tb_json *closes)
{
    for (const struct tb_json *c = tb_json_first(closes); c; c = c->next) {
        if (strstr(c->key, "FAILED") || strstr(c->key, "INSUFFICIENT_BALANCE"))
            continue;
        mix(hash, c->key, c->key_len);
        mix_node(hash, c);
    }
}

/* Orders of a grid in the book; other controllers do not report theirs. */
static void read_open_orders(struct watch_notes *notes, const struct tb_json *custom)
{
    static const char *const states[] = {"OPEN_ORDER_PLACED", "CLOSE_ORDER_PLACED"};
    const struct tb_json *levels = tb_json_get(custom, "levels_by_state");

    if (!tb_json_is(levels, TB_JSON_OBJECT))
        return;
    if (notes->open_orders < 0)
        notes->open_orders = 0;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        const struct tb_json *level = tb_json_get(levels, states[i]);
        int64_t n = 0;
        if (tb_json_is(level, TB_JSON_ARRAY))
            n = (int64_t)level->len;
        else if (!tb_json_int64(level, &n))
            n = 0;
        notes->open_orders += n;
    }
}

static void read_reports(struct watch_notes *notes, const struct tb_json *performance, int64_t now)
{
    uint64_t report = 14695981039346656037u, activity = report;

    notes->holds = false;
    notes->open_orders = -1;
    mix_node(&report, performance);
    for (const struct tb_json *c = tb_json_first(performance); c; c = c->next) {
        const struct tb_json *figures = tb_json_get(c, "performance");
        const struct tb_json *held = tb_json_get(figures, "positions_summary");
        notes->holds |=
            tb_json_first(held) != NULL || !is_zero(tb_json_get(figures, "unrealized_pnl_quote"));
        read_open_orders(notes, tb_json_get(c, "custom_info"));
        mix(&activity, c->key, c->key_len);
        mix_node(&activity, tb_json_get(figures, "volume_traded"));
        mix_node(&activity, tb_json_get(figures, "realized_pnl_quote"));
        mix_closes(&activity, tb_json_get(figures, "close_type_counts"));
        for (const struct tb_json *p = tb_json_first(held); p; p = p->next)
            mix_node(&activity, tb_json_get(p, "amount"));
        mix_node(&activity, tb_json_get(tb_json_get(c, "custom_info"), "levels_by_state"));
    }
    if (report != notes->report || !notes->report_at)
        notes->report_at = now;
    if (activity != notes->activity || !notes->activity_at)
        notes->activity_at = now;
    notes->report = report;
    notes->activity = activity;
}

/* ---- log lines ---- */

static void ended(struct watch_notes *notes, const char *controller, size_t len, bool by_hand)
{
    struct watch_ended *e = NULL;
    for (size_t i = 0; i < notes->controllers_ended && !e; i++)
        if (strlen(notes->ended[i].controller) == len &&
            strncmp(notes->ended[i].controller, controller, len) == 0)
            e = &notes->ended[i];
    if (!e && notes->controllers_ended < WATCH_CONTROLLERS)
        e = &notes->ended[notes->controllers_ended++];
    if (!e)
        return;
    snprintf(e->controller, sizeof e->controller, "%.*s", (int)len, controller);
    e->by_hand = by_hand;
}

static void restarted(struct watch_notes *notes, const char *controller, size_t len)
{
    for (size_t i = 0; i < notes->controllers_ended; i++) {
        if (strlen(notes->ended[i].controller) != len ||
            strncmp(notes->ended[i].controller, controller, len) != 0)
            continue;
        notes->ended[i] = notes->ended[--notes->controllers_ended];
        return;
    }
}

/* The text between two others; false when the line has them not. */
static bool between(const char *line, const char *before, const char *after, const char **at_out,
                    size_t *len_out)
{
    const char *from = strstr(line, before);
    const char *to = from ? strstr(from + strlen(before), after) : NULL;
    if (!to)
        return false;
    *at_out = from + strlen(before);
    *len_out = (size_t)(to - *at_out);
    return true;
}

static void read_line(struct watch_notes *notes, const char *line)
{
    const char *at;
    size_t len;

    if (strstr(line, "Global drawdown reached"))
        notes->global_limit = true;
    else if (between(line, "Controller ", " reached max drawdown", &at, &len))
        ended(notes, at, len, false);
    else if (between(line, "Manual cash out for controller ", ".", &at, &len))
        ended(notes, at, len, true);
    else if (between(line, "Restarting controller ", ".", &at, &len))
        restarted(notes, at, len);
}

unsigned watch_errors_until(struct watch_notes *notes, int64_t now)
{
    int64_t minute = now / MINUTE_MS, steps = minute - notes->error_minute;
    unsigned sum = 0;

    if (steps < 0 || steps > WATCH_MINUTES)
        steps = WATCH_MINUTES;
    memmove(notes->errors + steps, notes->errors,
            (WATCH_MINUTES - (size_t)steps) * sizeof *notes->errors);
    memset(notes->errors, 0, (size_t)steps * sizeof *notes->errors);
    notes->error_minute = minute;
    for (size_t i = 0; i < WATCH_MINUTES; i++)
        sum += notes->errors[i];
    return sum;
}

/* The lines that were not read before. Errors that stood there already when the bridge first looked
 * came at times it did not see, so they are no rise. */
static void read_logs(struct watch_notes *notes, const struct tb_json *lines, int64_t *read_until,
                      int64_t log_from, bool errors, int64_t now)
{
    int64_t newest = *read_until;

    watch_errors_until(notes, now);
    for (const struct tb_json *l = tb_json_first(lines); l; l = l->next) {
        const char *msg = tb_json_get_string(l, "msg");
        double seconds;
        int64_t at;
        if (!tb_json_double(tb_json_get(l, "timestamp"), &seconds) || seconds < 0 || seconds > 1e11)
            continue;
        at = (int64_t)(seconds * 1000);
        if (at <= *read_until || at < log_from)
            continue;
        newest = at > newest ? at : newest;
        if (errors && *read_until > 0)
            notes->errors[0]++;
        else if (!errors && msg)
            read_line(notes, msg);
    }
    *read_until = newest > 0 ? newest : 1;
}

void watch_read_slice(struct watch_notes *notes, const struct tb_json *slice, int64_t log_from,
                      int64_t now)
{
    const struct tb_json *performance = tb_json_get(slice, "performance");

    if (tb_json_first(performance))
        read_reports(notes, performance, now);
    read_logs(notes, tb_json_get(slice, "general_logs"), &notes->log_at, log_from, false, now);
    read_logs(notes, tb_json_get(slice, "error_logs"), &notes->error_log_at, log_from, true, now);
}

/* ---- files ---- */

static bool fits(const char *pattern, const char *text)
{
    size_t n = strlen(pattern);
    if (n > 0 && pattern[n - 1] == '*')
        return strncmp(pattern, text, n - 1) == 0;
    return strcmp(pattern, text) == 0;
}

static const struct tb_watch_wait *wait_of(const struct tb_json *config)
{
    const char *type = tb_json_get_string(config, "controller_type");
    const char *name = tb_json_get_string(config, "controller_name");
    const struct tb_watch_wait *row = NULL;

    for (size_t i = 0; (row = tb_watch_wait(i)) != NULL; i++)
        if ((!row->type[0] || (type && strcmp(row->type, type) == 0)) &&
            fits(row->name, name ? name : ""))
            break;
    return row;
}

void watch_read_wait(struct watch_notes *notes, const struct tb_json *configs)
{
    enum { REFRESHES = 3 };
    notes->wait_ms = 0;
    notes->wait = NULL;
    /* The most patient controller decides: while it may wait, the bot may. */
    for (const struct tb_json *c = tb_json_first(configs); c; c = c->next) {
        const struct tb_watch_wait *row = wait_of(c);
        int64_t refresh_s = 0, ms = row->ms;
        if (tb_json_int64(tb_json_get(c, "executor_refresh_time"), &refresh_s) && refresh_s > 0 &&
            refresh_s < 86400 && refresh_s * 1000 * REFRESHES > ms)
            ms = refresh_s * 1000 * REFRESHES;
        if (ms > notes->wait_ms) {
            notes->wait_ms = ms;
            notes->wait = row;
        }
    }
}

/* A value as far as a sentence can hold it. */
static void shorten(const struct tb_json *value, char out[SHOWN_MAX])
{
    struct tb_buffer text = TB_BUFFER_INIT;
    if (value)
        tb_json_canonical(value, &text);
    snprintf(out, SHOWN_MAX, "%s", text.len ? text.data : "nothing");
    if (text.len >= SHOWN_MAX)
        memcpy(out + SHOWN_MAX - 4, "...", 4);
    tb_buffer_free(&text);
}

static void describe(const struct tb_json *d, char out[WATCH_TEXT])
{
    const char *field = tb_json_get_string(d, "field"), *file = tb_json_get_string(d, "file");
    const struct tb_json *planned = tb_json_get(d, "planned"), *found = tb_json_get(d, "found");
    char was[SHOWN_MAX], is[SHOWN_MAX];

    shorten(planned, was);
    shorten(found, is);
    if (field)
        snprintf(out, WATCH_TEXT, "%.60s of %.60s is %s, the bridge wrote %s.", field,
                 file ? file : "a config", is, was);
    else
        snprintf(out, WATCH_TEXT, "The config %.100s is %s.", file ? file : "of a controller",
                 tb_json_is(found, TB_JSON_OBJECT) ? "none that the bridge wrote" : "missing");
}

bool watch_read_drift(struct watch_notes *notes, const struct tb_json *differences)
{
    char now[WATCH_TEXT] = "";
    bool again;

    if (tb_json_first(differences))
        describe(tb_json_first(differences), now);
    again = now[0] && strcmp(now, notes->drift_seen) != 0;
    tb_copy(notes->drift_seen, sizeof notes->drift_seen, now);
    if (!again)
        tb_copy(notes->drift, sizeof notes->drift, now);
    return again;
}
