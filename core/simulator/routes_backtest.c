/* /backtesting/tasks: tasks in the API process's memory, lost when it restarts, fifty of them at
 * most. As derived from the real one's code, since no recording has one that ran: a task waits for
 * a second, runs for three and has the figures of a fair week; a controller that the API does not
 * have fails. One request with the event loop held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/routes.h"

static const char CLOSES[] = "{\"close\":{\"0\":1.0}}";
static const char ENDS[] = "{\"TAKE_PROFIT\":40,\"STOP_LOSS\":2}";

enum { TASKS_MAX = 50, PENDING_MS = 1000, RUNS_MS = 3000 };

static const char *status_of(const struct sim_call *call, const struct sim_backtest *task,
                             bool known)
{
    int64_t age = call->w->now - task->at;
    return age < PENDING_MS             ? "pending"
           : age < PENDING_MS + RUNS_MS ? "running"
           : known                      ? "completed"
                                        : "failed";
}

/* The members of a real result that are figures; the lists of a real one are long. */
static void write_result(struct tb_json_writer *out, const struct tb_json *config)
{
    double budget = 100;
    (void)tb_json_double(tb_json_get(config, "total_amount_quote"), &budget);
    tb_jw_key(out, "result");
    tb_jw_object(out);
    tb_jw_kv_raw(out, "executors", "[]", 2);
    tb_jw_kv_raw(out, "processed_data", CLOSES, sizeof CLOSES - 1);
    tb_jw_key(out, "results");
    tb_jw_object(out);
    sim_kv_float(out, "net_pnl", 0.0125);
    sim_kv_float(out, "net_pnl_quote", budget * 0.0125);
    tb_jw_kv_int(out, "total_executors", 42);
    sim_kv_float(out, "sharpe_ratio", 1.5);
    tb_jw_kv_raw(out, "close_types", ENDS, sizeof ENDS - 1);
    tb_jw_end_object(out);
    tb_jw_kv_raw(out, "position_holds", "[]", 2);
    tb_jw_kv_raw(out, "position_held_timeseries", "[]", 2);
    tb_jw_kv_raw(out, "pnl_timeseries", "[]", 2);
    tb_jw_end_object(out);
}

static void kv_time(struct tb_json_writer *out, const char *key, int64_t at)
{
    if (at)
        sim_kv_iso(out, key, at);
    else
        tb_jw_kv_string(out, key, NULL);
}

static void write_task(struct sim_call *call, const struct sim_backtest *task, bool whole)
{
    struct tb_json_writer *out = &call->out;
    struct tb_json_doc *doc =
        tb_json_parse(task->config, strlen(task->config), TB_JSON_CLIENT, NULL);
    const struct tb_json *config = tb_json_root(doc);
    const char *type = tb_json_get_string(config, "controller_type");
    const char *name = tb_json_get_string(config, "controller_name");
    char path[2 * SIM_NAME];
    snprintf(path, sizeof path, "%.100s/%.100s", type ? type : "", name ? name : "");
    bool known = sim_shelf_get(&call->w->controllers, path) != NULL;
    const char *status = status_of(call, task, known);
    bool begun = strcmp(status, "pending") != 0, failed = strcmp(status, "failed") == 0;
    bool completed = strcmp(status, "completed") == 0;
    tb_jw_object(out);
    tb_jw_kv_string(out, "task_id", task->id);
    tb_jw_kv_string(out, "status", status);
    tb_jw_kv_node(out, "config", config);
    kv_time(out, "created_at", task->at);
    kv_time(out, "started_at", begun ? task->at + PENDING_MS : 0);
    kv_time(out, "completed_at", completed || failed ? task->at + PENDING_MS + RUNS_MS : 0);
    tb_jw_kv_string(out, "error", failed ? "No module named the controller" : NULL);
    if (whole && completed)
        write_result(out, config);
    tb_jw_end_object(out);
    tb_json_free(doc);
}

void sim_get_backtests(struct sim_call *call)
{
    tb_jw_array(&call->out);
    for (size_t i = 0; i < call->w->backtest_count; i++)
        write_task(call, &call->w->backtests[i], false);
    tb_jw_end_array(&call->out);
}

void sim_post_backtest(struct sim_call *call)
{
    struct sim_world *w = call->w;
    struct tb_buffer config = TB_BUFFER_INIT;
    if (w->backtest_count == TASKS_MAX)
        sim_backtests_forget(w, 0, 1);
    w->backtests = tb_xrealloc(w->backtests, (w->backtest_count + 1) * sizeof *w->backtests);
    struct sim_backtest *task = &w->backtests[w->backtest_count++];
    tb_json_canonical(tb_json_get(call->body, "config"), &config);
    *task = (struct sim_backtest){.config = tb_buffer_steal(&config, NULL), .at = w->now};
    snprintf(task->id, sizeof task->id, "%08x", (unsigned)(sim_random(w) * 4294967296.0));
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "task_id", task->id);
    tb_jw_kv_string(&call->out, "status", "pending");
    tb_jw_end_object(&call->out);
}

/* Its index, or the number of tasks when there is none, which is answered. */
static size_t find(struct sim_call *call)
{
    size_t i = 0;
    while (i < call->w->backtest_count && strcmp(call->w->backtests[i].id, call->arg[0]) != 0)
        i++;
    if (i == call->w->backtest_count)
        sim_detail(call, 404, "Task %s not found", call->arg[0]);
    return i;
}

void sim_get_backtest(struct sim_call *call)
{
    size_t i = find(call);
    if (i < call->w->backtest_count)
        write_task(call, &call->w->backtests[i], true);
}

void sim_delete_backtest(struct sim_call *call)
{
    size_t i = find(call);
    if (i == call->w->backtest_count)
        return;
    sim_backtests_forget(call->w, i, i + 1);
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "status", "deleted");
    tb_jw_kv_string(&call->out, "task_id", call->arg[0]);
    tb_jw_end_object(&call->out);
}
