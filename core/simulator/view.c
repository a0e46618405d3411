/* What the API process remembers of bots: discovery once a second, last message, reports, the last
 * hundred log lines of either kind, snapshots. In memory only; a restart loses all but the
 * snapshots. Called with the world's mutex held. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/answer.h"
#include "simulator/world.h"

#define GROW(array, count) ((array) = tb_xrealloc((array), ((count) + 1) * sizeof *(array)))
#define SNAPSHOTS_MAX      20000

struct sim_view *sim_view_find(struct sim_world *w, const char *name)
{
    for (size_t i = 0; i < w->view_count; i++) {
        if (strcmp(w->views[i]->name, name) == 0)
            return w->views[i];
    }
    return NULL;
}

struct sim_view *sim_view_active(struct sim_world *w, const char *name)
{
    struct sim_view *view = sim_view_find(w, name);
    return view != NULL && view->active ? view : NULL;
}

struct sim_view *sim_view_make(struct sim_world *w, const char *name)
{
    struct sim_view *view = sim_view_find(w, name);
    if (view != NULL)
        return view;
    view = tb_xcalloc(1, sizeof *view);
    tb_copy(view->name, sizeof view->name, name);
    GROW(w->views, w->view_count);
    w->views[w->view_count++] = view;
    return view;
}

static void logs_free(struct sim_log **logs, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        free((*logs)[i].text);
    free(*logs);
    *logs = NULL;
    *count = 0;
}

void sim_view_drop_reports(struct sim_view *view)
{
    for (size_t i = 0; i < view->report_count; i++)
        free(view->reports[i].controller);
    free(view->reports);
    view->reports = NULL;
    view->report_count = 0;
    view->has_reports = false;
}

void sim_view_forget(struct sim_view *view)
{
    sim_view_drop_reports(view);
    logs_free(&view->errors, &view->error_count);
    logs_free(&view->general, &view->general_count);
}

void sim_view_free(struct sim_view *view)
{
    sim_view_forget(view);
    free(view);
}

static bool heard_lately(const struct sim_world *w, const struct sim_view *view)
{
    return view->last_message != 0 && w->now - view->last_message < SIM_SILENCE_MS;
}

/* The API looks for a tag of the form "<something>/hummingbot:<tag>". */
static bool is_bot_image(const char *image)
{
    const char *mark = strstr(image, "/hummingbot:");
    return mark != NULL && mark != image;
}

static bool in_docker(const struct sim_world *w, const char *name)
{
    for (size_t i = 0; i < w->container_count; i++) {
        const struct sim_container *c = w->containers[i];
        if (!c->forgotten && c->state == SIM_RUNNING && is_bot_image(c->image) &&
            strcmp(c->name, name) == 0)
            return true;
    }
    return false;
}

/* Puts a bot that becomes active behind the others, as a Python dict does. */
static void to_the_end(struct sim_world *w, struct sim_view *view)
{
    size_t i = 0;
    while (w->views[i] != view)
        i++;
    memmove(&w->views[i], &w->views[i + 1], (w->view_count - i - 1) * sizeof(struct sim_view *));
    w->views[w->view_count - 1] = view;
}

static void activate(struct sim_world *w, struct sim_view *view, bool docker)
{
    view->active = true;
    view->docker = docker;
    to_the_end(w, view);
}

void sim_view_discover(struct sim_world *w)
{
    if (w->engine_down) /* the loop raises every second: the list stays as it was */
        return;
    for (size_t i = 0; i < w->view_count; i++) {
        struct sim_view *view = w->views[i];
        if (!view->active)
            continue;
        if (view->stopping || (!in_docker(w, view->name) && !heard_lately(w, view))) {
            view->active = false;
            sim_view_forget(view);
        }
    }
    for (size_t i = 0; i < w->container_count; i++) {
        const char *name = w->containers[i]->name;
        if (!in_docker(w, name))
            continue;
        struct sim_view *view = sim_view_make(w, name);
        if (!view->active && !view->stopping)
            activate(w, view, true);
    }
    for (size_t i = 0, n = w->view_count; i < n; i++) {
        struct sim_view *view = w->views[i];
        if (!view->active && !view->stopping && heard_lately(w, view)) {
            activate(w, view, false);
            i--;
            n--;
        }
    }
}

void sim_view_heard(struct sim_world *w, const char *name)
{
    if (w->broker_down || w->now < w->api_started)
        return;
    sim_view_make(w, name)->last_message = w->now;
}

void sim_view_reported(struct sim_world *w, struct sim_container *c, bool farewell)
{
    if (w->broker_down || w->now < w->api_started)
        return;
    struct sim_view *view = sim_view_make(w, c->name);
    view->last_message = w->now;
    if (!view->active)
        return;
    sim_view_drop_reports(view);
    view->has_reports = c->bot.controller_count > 0;
    view->report_count = c->bot.controller_count;
    view->reports = tb_xcalloc(view->report_count + 1, sizeof *view->reports);
    for (size_t i = 0; i < view->report_count; i++) {
        view->reports[i].controller = tb_xstrdup(c->bot.controllers[i].id);
        view->reports[i].report = c->bot.controllers[i].now;
        view->reports[i].report.empty = farewell;
        view->reports[i].report.nan = c->bot.nan && !farewell;
    }
}

void sim_view_logged(struct sim_world *w, const char *name, int level, const char *logger,
                     const char *text)
{
    if (w->broker_down || w->now < w->api_started)
        return;
    struct sim_view *view = sim_view_make(w, name);
    view->last_message = w->now;
    if (!view->active)
        return;
    struct sim_log **logs = level == 40 ? &view->errors : &view->general;
    size_t *count = level == 40 ? &view->error_count : &view->general_count;
    if (*count > 0 && (*logs)[*count - 1].at / 1000 == w->now / 1000 &&
        strcmp((*logs)[*count - 1].text, text) == 0)
        return; /* the same text within a second is dropped */
    if (*logs == NULL)
        *logs = tb_xcalloc(SIM_LOGS, sizeof **logs);
    if (*count == SIM_LOGS) {
        free((*logs)[0].text);
        memmove(*logs, *logs + 1, (SIM_LOGS - 1) * sizeof **logs);
        (*count)--;
    }
    (*logs)[(*count)++] = (struct sim_log){w->now, level, tb_xstrdup(text), logger};
}

static void drop_old_snapshots(struct sim_world *w)
{
    size_t gone = SNAPSHOTS_MAX / 2;
    for (size_t i = 0; i < gone; i++) {
        free(w->snapshots[i].bot);
        free(w->snapshots[i].controller);
    }
    w->snapshot_count -= gone;
    memmove(w->snapshots, w->snapshots + gone, w->snapshot_count * sizeof *w->snapshots);
}

void sim_view_snapshot(struct sim_world *w)
{
    for (size_t i = 0; i < w->view_count; i++) {
        const struct sim_view *view = w->views[i];
        for (size_t r = 0; view->active && r < view->report_count; r++) {
            if (view->reports[r].report.empty)
                continue;
            if (w->snapshot_count == SNAPSHOTS_MAX)
                drop_old_snapshots(w);
            GROW(w->snapshots, w->snapshot_count);
            w->snapshots[w->snapshot_count++] = (struct sim_snapshot){
                w->now, tb_xstrdup(view->name), tb_xstrdup(view->reports[r].controller),
                view->reports[r].report};
        }
    }
}

/* ---- as JSON ---- */

static void write_counts(struct tb_json_writer *out, const struct sim_report *report)
{
    tb_jw_key(out, "close_type_counts");
    tb_jw_object(out);
    for (int t = 0; t < SIM_CLOSE_TYPES; t++) {
        if (report->closed[t] > 0)
            tb_jw_kv_int(out, sim_close_type_name((enum sim_close_type)t), report->closed[t]);
    }
    tb_jw_end_object(out);
}

void sim_report_write(struct tb_json_writer *out, const struct sim_report *report)
{
    tb_jw_object(out);
    if (!report->empty) {
        double global = report->realised + report->unrealised;
        double per_cent = report->volume > 0 ? 100 / report->volume : 0;
        sim_kv_float(out, "realized_pnl_quote", report->realised);
        sim_kv_float(out, "unrealized_pnl_quote", report->unrealised);
        sim_kv_float(out, "unrealized_pnl_pct", report->unrealised * per_cent);
        sim_kv_float(out, "realized_pnl_pct", report->realised * per_cent);
        sim_kv_float(out, "global_pnl_quote", global);
        sim_kv_float(out, "global_pnl_pct", global * per_cent);
        sim_kv_float(out, "volume_traded", report->volume);
        tb_jw_key(out, "positions_summary");
        tb_jw_array(out);
        tb_jw_end_array(out);
        write_counts(out, report);
    }
    tb_jw_end_object(out);
}

static void write_logs(struct tb_json_writer *out, const char *key, const struct sim_log *logs,
                       size_t count)
{
    tb_jw_key(out, key);
    tb_jw_array(out);
    for (size_t i = 0; i < count; i++) {
        tb_jw_object(out);
        tb_jw_kv_string(out, "level_name",
                        logs[i].level == 40   ? "ERROR"
                        : logs[i].level == 30 ? "WARNING"
                                              : "INFO");
        tb_jw_kv_string(out, "msg", logs[i].text);
        sim_kv_float(out, "timestamp", (double)logs[i].at / 1000);
        tb_jw_kv_int(out, "level_no", logs[i].level);
        tb_jw_kv_string(out, "logger_name", logs[i].logger);
        tb_jw_end_object(out);
    }
    tb_jw_end_array(out);
}

static const char *view_state(const struct sim_world *w, const struct sim_view *view)
{
    if (!view->has_reports)
        return "stopped";
    return heard_lately(w, view) ? "running" : "idle";
}

bool sim_view_write(struct sim_world *w, struct tb_json_writer *out, const struct sim_view *view,
                    bool with_source)
{
    bool finite = true;
    tb_jw_object(out);
    tb_jw_kv_string(out, "status", view_state(w, view));
    tb_jw_key(out, "performance");
    tb_jw_object(out);
    for (size_t i = 0; i < view->report_count; i++) {
        finite = finite && !view->reports[i].report.nan;
        tb_jw_key(out, view->reports[i].controller);
        tb_jw_object(out);
        tb_jw_kv_string(out, "status", "running");
        tb_jw_key(out, "performance");
        sim_report_write(out, &view->reports[i].report);
        tb_jw_key(out, "custom_info");
        tb_jw_object(out);
        tb_jw_end_object(out);
        tb_jw_end_object(out);
    }
    tb_jw_end_object(out);
    write_logs(out, "error_logs", view->errors, view->error_count);
    write_logs(out, "general_logs", view->general, view->general_count);
    tb_jw_kv_bool(out, "recently_active", heard_lately(w, view));
    if (with_source)
        tb_jw_kv_string(out, "source", view->docker ? "docker" : "mqtt");
    tb_jw_end_object(out);
    return finite;
}
