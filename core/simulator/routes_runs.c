/* Bot runs and controller performance: what the API's database holds. One request with the event
 * loop held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "simulator/routes.h"

static void write_run(struct tb_json_writer *out, const struct sim_run *run)
{
    tb_jw_object(out);
    tb_jw_kv_int(out, "id", run->id);
    tb_jw_kv_string(out, "bot_name", run->name);
    tb_jw_kv_string(out, "instance_name", run->name);
    sim_kv_iso(out, "deployed_at", run->deployed);
    sim_kv_iso(out, "stopped_at", run->stopped);
    tb_jw_kv_string(out, "strategy_type", run->script ? "script" : "controller");
    tb_jw_kv_string(out, "strategy_name", run->strategy);
    tb_jw_kv_string(out, "config_name", run->config);
    tb_jw_kv_string(out, "account_name", run->account);
    tb_jw_kv_string(out, "image_version", run->image);
    tb_jw_kv_string(out, "deployment_status", run->archived ? "ARCHIVED" : "DEPLOYED");
    tb_jw_kv_string(out, "run_status", run->stopped == 0 ? "CREATED" : "STOPPED");
    tb_jw_kv_string(out, "deployment_config", run->deployment);
    tb_jw_kv_string(out, "final_status", run->final_status);
    tb_jw_kv_string(out, "error_message", NULL);
    tb_jw_end_object(out);
}

static bool database_up(struct sim_call *call)
{
    if (!call->w->database_down)
        return true;
    sim_detail(call, 500, "[Errno 111] Connection refused");
    return false;
}

static bool matches(const struct sim_call *call, const char *name, const char *value)
{
    const char *wanted = sim_query(call, name);
    return wanted == NULL || strcmp(wanted, value) == 0;
}

static bool run_matches(const struct sim_call *call, const struct sim_run *run)
{
    return matches(call, "bot_name", run->name) && matches(call, "account_name", run->account) &&
           matches(call, "strategy_type", run->script ? "script" : "controller") &&
           matches(call, "strategy_name", run->strategy) &&
           matches(call, "run_status", run->stopped == 0 ? "CREATED" : "STOPPED") &&
           matches(call, "deployment_status", run->archived ? "ARCHIVED" : "DEPLOYED");
}

void sim_get_runs(struct sim_call *call)
{
    struct sim_world *w = call->w;
    struct tb_json_writer *out = &call->out;
    int64_t limit, offset, total = 0;
    if (!sim_query_int(call, "limit", 100, INT64_MIN, INT64_MAX, &limit) ||
        !sim_query_int(call, "offset", 0, INT64_MIN, INT64_MAX, &offset) || !database_up(call))
        return;
    if (limit < 0 || offset < 0) {
        sim_detail(call, 500,
                   "(sqlalchemy.dialects.postgresql.asyncpg.Error) <class "
                   "'asyncpg.exceptions.InvalidRowCountIn%sClauseError'>: %s must not be negative\n"
                   "[SQL: SELECT bot_runs.id \nFROM bot_runs ORDER BY bot_runs.deployed_at DESC]",
                   limit < 0 ? "Limit" : "ResultOffset", limit < 0 ? "LIMIT" : "OFFSET");
        return;
    }
    tb_jw_object(out);
    tb_jw_kv_string(out, "status", "success");
    tb_jw_key(out, "data");
    tb_jw_array(out);
    int64_t skip = offset;
    for (size_t i = w->run_count; i > 0; i--) {
        if (!run_matches(call, &w->runs[i - 1]) || skip-- > 0 || total >= limit)
            continue;
        write_run(out, &w->runs[i - 1]);
        total++;
    }
    tb_jw_end_array(out);
    tb_jw_kv_int(out, "total", total);
    tb_jw_kv_int(out, "limit", limit);
    tb_jw_kv_int(out, "offset", offset);
    tb_jw_end_object(out);
}

static void kv_count(struct tb_json_writer *out, const char *key, size_t count)
{
    if (count > 0)
        tb_jw_kv_int(out, key, (int64_t)count);
}

void sim_get_runs_stats(struct sim_call *call)
{
    struct sim_world *w = call->w;
    struct tb_json_writer *out = &call->out;
    if (!database_up(call))
        return;
    size_t scripts = 0, stopped = 0;
    for (size_t i = 0; i < w->run_count; i++) {
        scripts += w->runs[i].script;
        stopped += w->runs[i].stopped != 0;
    }
    tb_jw_object(out);
    tb_jw_kv_string(out, "status", "success");
    tb_jw_key(out, "data");
    tb_jw_object(out);
    tb_jw_kv_int(out, "total_runs", (int64_t)w->run_count);
    tb_jw_kv_int(out, "active_runs", 0);
    tb_jw_key(out, "strategy_type_counts");
    tb_jw_object(out);
    kv_count(out, "script", scripts);
    kv_count(out, "controller", w->run_count - scripts);
    tb_jw_end_object(out);
    tb_jw_key(out, "status_counts");
    tb_jw_object(out);
    kv_count(out, "CREATED", w->run_count - stopped);
    kv_count(out, "STOPPED", stopped);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
}

/* The row that the path names, or NULL when an answer was written. */
static struct sim_run *run_named(struct sim_call *call)
{
    char *end;
    long id = strtol(call->arg[0], &end, 10);
    if (*end != '\0') {
        call->status = 422;
        struct tb_json_writer *out = &call->out;
        tb_jw_object(out);
        tb_jw_key(out, "detail");
        tb_jw_array(out);
        tb_jw_object(out);
        tb_jw_kv_string(out, "type", "int_parsing");
        tb_jw_kv_raw(out, "loc", "[\"path\",\"bot_run_id\"]", 21);
        tb_jw_kv_string(out, "msg",
                        "Input should be a valid integer, unable to parse string as an integer");
        tb_jw_kv_string(out, "input", call->arg[0]);
        tb_jw_end_object(out);
        tb_jw_end_array(out);
        tb_jw_end_object(out);
        return NULL;
    }
    if (!database_up(call))
        return NULL;
    for (size_t i = 0; i < call->w->run_count; i++) {
        if (call->w->runs[i].id == id)
            return &call->w->runs[i];
    }
    sim_detail(call, 404, "Bot run %ld not found", id);
    return NULL;
}

void sim_get_run(struct sim_call *call)
{
    const struct sim_run *run = run_named(call);
    if (run == NULL)
        return;
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "status", "success");
    tb_jw_key(&call->out, "data");
    write_run(&call->out, run);
    tb_jw_end_object(&call->out);
}

static bool archive_delete(struct sim_world *w, const char *name)
{
    for (size_t i = 0; i < w->archive_count; i++) {
        if (strcmp(w->archives[i].name, name) == 0) {
            sim_archive_clear(&w->archives[i]);
            memmove(&w->archives[i], &w->archives[i + 1],
                    (w->archive_count - i - 1) * sizeof *w->archives);
            w->archive_count--;
            return true;
        }
    }
    return false;
}

void sim_delete_run(struct sim_call *call)
{
    struct sim_world *w = call->w;
    struct sim_run *run = run_named(call);
    if (run == NULL)
        return;
    char text[64];
    snprintf(text, sizeof text, "Bot run %d deleted successfully", run->id);
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "status", "success");
    tb_jw_kv_string(&call->out, "message", text);
    tb_jw_kv_string(&call->out, "bot_name", run->name);
    tb_jw_kv_bool(&call->out, "archived_folder_deleted", archive_delete(w, run->name));
    tb_jw_end_object(&call->out);
    char *texts[] = {run->name,  run->strategy,   run->config,      run->account,
                     run->image, run->deployment, run->final_status};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    memmove(run, run + 1, (size_t)(w->runs + w->run_count - run - 1) * sizeof *run);
    w->run_count--;
}

/* ---- controller performance ---- */

static void write_snapshot(struct tb_json_writer *out, const struct sim_snapshot *s)
{
    tb_jw_object(out);
    sim_kv_iso(out, "timestamp", s->at);
    tb_jw_kv_string(out, "bot_name", s->bot);
    tb_jw_kv_string(out, "controller_id", s->controller);
    tb_jw_kv_string(out, "status", "running");
    tb_jw_key(out, "performance");
    sim_report_write(out, &s->report);
    tb_jw_kv_raw(out, "custom_info", "{}", 2);
    tb_jw_end_object(out);
}

static bool snapshot_matches(const struct sim_call *call, const struct sim_snapshot *s)
{
    return matches(call, "bot_name", s->bot) && matches(call, "controller_id", s->controller);
}

static bool is_newest(const struct sim_world *w, size_t index)
{
    for (size_t i = index + 1; i < w->snapshot_count; i++) {
        if (strcmp(w->snapshots[i].bot, w->snapshots[index].bot) == 0 &&
            strcmp(w->snapshots[i].controller, w->snapshots[index].controller) == 0)
            return false;
    }
    return true;
}

void sim_get_performance_latest(struct sim_call *call)
{
    struct sim_world *w = call->w;
    struct tb_json_writer *out = &call->out;
    tb_jw_object(out);
    tb_jw_kv_string(out, "status", "success");
    tb_jw_key(out, "data");
    tb_jw_array(out);
    for (size_t i = 0; !w->database_down && i < w->snapshot_count; i++) {
        if (snapshot_matches(call, &w->snapshots[i]) && is_newest(w, i))
            write_snapshot(out, &w->snapshots[i]);
    }
    tb_jw_end_array(out);
    tb_jw_end_object(out);
}

struct span {
    const char *word;
    int64_t ms;
};

static const struct span intervals[] = {
    {"5m", 300000},   {"15m", 900000},   {"30m", 1800000}, {"1h", 3600000},
    {"4h", 14400000}, {"12h", 43200000}, {"1d", 86400000},
};

static bool read_time(struct sim_call *call, const char *name, int64_t *out)
{
    const char *text = sim_query(call, name);
    if (text == NULL || tb_time_parse(text, out))
        return true;
    sim_detail(call, 400, "Invalid datetime format: Invalid isoformat string: '%s'", text);
    return false;
}

void sim_get_performance_history(struct sim_call *call)
{
    struct sim_world *w = call->w;
    struct tb_json_writer *out = &call->out;
    int64_t limit, from = INT64_MIN, until = INT64_MAX, cursor = INT64_MAX, step = 300000;
    const char *interval = sim_query(call, "interval");
    if (!sim_query_int(call, "limit", 100, INT64_MIN, 1000, &limit) ||
        !sim_query_choice(call, "interval", "^(5m|15m|30m|1h|4h|12h|1d)$") ||
        !read_time(call, "start_time", &from) || !read_time(call, "end_time", &until) ||
        !read_time(call, "cursor", &cursor))
        return;
    for (size_t i = 0; interval != NULL && i < sizeof intervals / sizeof intervals[0]; i++) {
        if (strcmp(intervals[i].word, interval) == 0)
            step = intervals[i].ms;
    }
    tb_jw_object(out);
    tb_jw_kv_string(out, "status", "success");
    tb_jw_key(out, "data");
    tb_jw_array(out);
    int64_t written = 0, last = 0;
    bool more = false;
    for (size_t i = w->database_down ? 0 : w->snapshot_count; i > 0; i--) {
        const struct sim_snapshot *s = &w->snapshots[i - 1];
        if (!snapshot_matches(call, s) || s->at < from || s->at > until || s->at >= cursor ||
            (step > 300000 && last != 0 && s->at != last && last - s->at < step))
            continue;
        if (written == limit) {
            more = true;
            break;
        }
        write_snapshot(out, s);
        last = s->at;
        written++;
    }
    tb_jw_end_array(out);
    tb_jw_key(out, "pagination");
    tb_jw_object(out);
    sim_kv_iso(out, "next_cursor", more ? last : 0);
    tb_jw_kv_bool(out, "has_more", more);
    tb_jw_kv_int(out, "limit", limit);
    tb_jw_kv_string(out, "interval", interval == NULL ? "5m" : interval);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
}
