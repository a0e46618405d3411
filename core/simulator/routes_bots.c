/* Bots: status, MQTT state, start, stop, stop-and-archive, history. Each handler is one request
 * with the event loop held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/bot.h"
#include "simulator/engine.h"
#include "simulator/routes.h"

#define DISCOVERED_MS (INT64_C(10) * SIM_SILENCE_MS)

static void begin_success(struct sim_call *call, const char *key)
{
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "status", "success");
    tb_jw_key(&call->out, key);
}

void sim_get_status(struct sim_call *call)
{
    bool finite = true;
    begin_success(call, "data");
    tb_jw_object(&call->out);
    for (size_t i = 0; i < call->w->view_count; i++) {
        const struct sim_view *view = call->w->views[i];
        if (!view->active || view->stopping)
            continue;
        tb_jw_key(&call->out, view->name);
        finite = sim_view_write(call->w, &call->out, view, true) && finite;
    }
    tb_jw_end_object(&call->out);
    tb_jw_end_object(&call->out);
    if (!finite)
        sim_crash(call);
}

void sim_get_bot_status(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    const struct sim_view *view = sim_view_active(call->w, call->arg[0]);
    begin_success(call, "data");
    if (view == NULL) {
        char text[SIM_NAME + 32];
        snprintf(text, sizeof text, "Bot %s not found", call->arg[0]);
        tb_jw_object(out);
        tb_jw_kv_string(out, "status", "not_found");
        tb_jw_kv_string(out, "error", text);
        tb_jw_end_object(out);
    } else if (view->stopping) {
        tb_jw_object(out);
        tb_jw_kv_string(out, "status", "stopping");
        tb_jw_kv_string(out, "message", "Bot is currently being stopped and archived");
        tb_jw_kv_raw(out, "performance", "{}", 2);
        tb_jw_kv_raw(out, "error_logs", "[]", 2);
        tb_jw_kv_raw(out, "general_logs", "[]", 2);
        tb_jw_kv_bool(out, "recently_active", false);
        tb_jw_end_object(out);
    } else if (!sim_view_write(call->w, out, view, false)) {
        sim_crash(call);
        return;
    }
    tb_jw_end_object(out);
}

void sim_get_mqtt(struct sim_call *call)
{
    struct sim_world *w = call->w;
    struct tb_json_writer *out = &call->out;
    begin_success(call, "data");
    tb_jw_object(out);
    tb_jw_kv_bool(out, "mqtt_connected", true); /* true even while the broker is down */
    tb_jw_key(out, "discovered_bots");
    tb_jw_array(out);
    for (size_t i = 0; i < w->view_count; i++) {
        const struct sim_view *view = w->views[i];
        if (view->last_message != 0 && w->now - view->last_message < DISCOVERED_MS && view->active)
            tb_jw_string(out, view->name);
    }
    tb_jw_end_array(out);
    tb_jw_key(out, "active_bots");
    tb_jw_array(out);
    for (size_t i = 0; i < w->view_count; i++) {
        if (w->views[i]->active)
            tb_jw_string(out, w->views[i]->name);
    }
    tb_jw_end_array(out);
    tb_jw_kv_string(out, "broker_host", "localhost");
    tb_jw_kv_int(out, "broker_port", 1883);
    tb_jw_kv_string(out, "broker_username", "admin");
    tb_jw_kv_string(out, "client_state", "connected");
    tb_jw_end_object(out);
    tb_jw_end_object(out);
}

/* {"status":"success","response":{"success":…,"message":…}} */
static void command_answer(struct sim_call *call, bool success, const char *message, bool timeout)
{
    begin_success(call, "response");
    tb_jw_object(&call->out);
    tb_jw_kv_bool(&call->out, "success", success);
    if (message != NULL)
        tb_jw_kv_string(&call->out, "message", message);
    if (timeout)
        tb_jw_kv_bool(&call->out, "timeout", true);
    tb_jw_end_object(&call->out);
    tb_jw_end_object(&call->out);
}

/* The container whose process listens on that bot's topics, also one the engine has lost. */
static struct sim_container *process_of(struct sim_world *w, const char *name)
{
    for (size_t i = 0; i < w->container_count; i++) {
        if (strcmp(w->containers[i]->name, name) == 0)
            return w->containers[i];
    }
    return NULL;
}

static bool known_bot(struct sim_call *call, const char *name)
{
    if (sim_view_active(call->w, name) != NULL)
        return true;
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_buffer_printf(&text, "Bot %s not found", name);
    command_answer(call, false, tb_buffer_text(&text), false);
    tb_buffer_free(&text);
    return false;
}

void sim_post_start_bot(struct sim_call *call)
{
    const char *name = tb_json_get_string(call->body, "bot_name");
    if (!known_bot(call, name))
        return;
    bool sent = !call->w->broker_down;
    sim_view_heard(call->w, name); /* the API hears its own command */
    command_answer(call, sent, NULL, false);
}

static char *final_status(struct sim_world *w, const struct sim_view *view)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer out;
    tb_jw_init(&out, &text);
    (void)sim_view_write(w, &out, view, true);
    return tb_buffer_steal(&text, NULL);
}

static void run_stopped(struct sim_world *w, const char *name, const struct sim_view *view)
{
    struct sim_run *run = w->database_down ? NULL : sim_run_open(w, name);
    if (run == NULL)
        return;
    run->stopped = w->now;
    run->final_status = final_status(w, view);
}

void sim_post_stop_bot(struct sim_call *call)
{
    struct sim_world *w = call->w;
    const char *name = tb_json_get_string(call->body, "bot_name");
    if (!known_bot(call, name))
        return;
    if (w->broker_down) {
        command_answer(call, false, NULL, false);
        return;
    }
    struct sim_view *view = sim_view_active(w, name);
    run_stopped(w, name, view);
    sim_view_drop_reports(view);
    sim_view_heard(w, name);
    struct sim_container *c = process_of(w, name);
    if (c != NULL)
        sim_bot_stop(w, c);
    command_answer(call, true, NULL, false);
}

static void archive_unknown(struct sim_call *call, const char *name)
{
    struct sim_world *w = call->w;
    struct tb_json_writer *out = &call->out;
    const char **names = calloc(w->view_count + 1, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; names != NULL && i < w->view_count; i++) {
        if (w->views[i]->active)
            names[count++] = w->views[i]->name;
    }
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_buffer_printf(&text, "Bot '%s' not found in active bots. Active bots: ", name);
    sim_python_list(&text, names, count);
    tb_buffer_puts(&text, ". Cannot perform graceful shutdown.");
    tb_jw_object(out);
    tb_jw_kv_string(out, "status", "error");
    tb_jw_kv_string(out, "message", tb_buffer_text(&text));
    tb_jw_key(out, "details");
    tb_jw_object(out);
    tb_jw_kv_string(out, "input_name", name);
    tb_jw_kv_string(out, "actual_bot_name", name);
    tb_jw_kv_string(out, "container_name", name);
    tb_jw_key(out, "active_bots");
    tb_jw_array(out);
    for (size_t i = 0; i < count; i++)
        tb_jw_string(out, names[i]);
    tb_jw_end_array(out);
    tb_jw_kv_string(out, "reason", "Bot must be actively managed via MQTT for graceful shutdown");
    tb_jw_end_object(out);
    tb_jw_end_object(out);
    tb_buffer_free(&text);
    free(names);
}

void sim_post_archive(struct sim_call *call)
{
    struct sim_world *w = call->w;
    struct tb_json_writer *out = &call->out;
    const char *name = call->arg[0];
    struct sim_view *view = sim_view_active(w, name);
    if (view == NULL) {
        archive_unknown(call, name);
        return;
    }
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_buffer_printf(&text, "Stop and archive process started for bot %s", name);
    tb_jw_object(out);
    tb_jw_kv_string(out, "status", "success");
    tb_jw_kv_string(out, "message", tb_buffer_text(&text));
    tb_jw_key(out, "details");
    tb_jw_object(out);
    tb_jw_kv_string(out, "input_name", name);
    tb_jw_kv_string(out, "actual_bot_name", name);
    tb_jw_kv_string(out, "container_name", name);
    tb_jw_kv_string(out, "process",
                    "The bot will be gracefully stopped, archived, and removed in the background. "
                    "This process typically takes 20-30 seconds.");
    tb_jw_end_object(out);
    tb_jw_end_object(out);
    tb_buffer_free(&text);
    run_stopped(w, name, view); /* the row says STOPPED before anything is stopped */
    if (w->broker_down)
        return; /* the stop cannot be published: the background task gives up */
    view->stopping = true;
    sim_view_heard(w, name);
    struct sim_container *c = process_of(w, name);
    if (c != NULL)
        sim_bot_stop(w, c);
    sim_world_job(w, w->now + 15000, SIM_JOB_ARCHIVE_STOP, name, NULL);
}

static void write_trade(struct tb_json_writer *out, const struct sim_fill *f)
{
    char text[48], base[16] = "", quote[16] = "";
    (void)sim_pair_split(f->pair, base, quote);
    tb_jw_object(out);
    tb_jw_kv_string(out, "market", f->connector);
    snprintf(text, sizeof text, "%llu", (unsigned long long)f->id);
    tb_jw_kv_string(out, "trade_id", text);
    snprintf(text, sizeof text, "%.10g", f->price);
    tb_jw_kv_string(out, "price", text);
    snprintf(text, sizeof text, "%.10g", f->amount);
    tb_jw_kv_string(out, "quantity", text);
    tb_jw_kv_string(out, "symbol", f->pair);
    tb_jw_kv_int(out, "trade_timestamp", f->at / 1000 * 1000);
    tb_jw_kv_string(out, "trade_type", f->buy ? "BUY" : "SELL");
    tb_jw_kv_string(out, "base_asset", base);
    tb_jw_kv_string(out, "quote_asset", quote);
    tb_jw_key(out, "raw_json");
    tb_jw_object(out);
    tb_jw_key(out, "trade_fee");
    tb_jw_object(out);
    tb_jw_kv_string(out, "fee_type", "DeductedFromReturns");
    tb_jw_kv_string(out, "percent", "0");
    tb_jw_kv_string(out, "percent_token", quote);
    tb_jw_key(out, "flat_fees");
    tb_jw_array(out);
    tb_jw_object(out);
    tb_jw_kv_string(out, "token", quote);
    snprintf(text, sizeof text, "%.8f", f->price * f->amount * 0.001);
    tb_jw_kv_string(out, "amount", text);
    tb_jw_end_object(out);
    tb_jw_end_array(out);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
}

static void history_answer(struct sim_call *call, const struct sim_container *c)
{
    struct tb_json_writer *out = &call->out;
    begin_success(call, "response");
    tb_jw_object(out);
    tb_jw_kv_bool(out, "success", true);
    tb_jw_key(out, "data");
    tb_jw_object(out);
    tb_jw_key(out, "header");
    tb_jw_object(out);
    tb_jw_kv_string(out, "reply_to", "");
    tb_jw_kv_int(out, "timestamp", call->w->now);
    tb_jw_kv_string(out, "content_type", "json");
    tb_jw_kv_string(out, "encoding", "utf8");
    tb_jw_kv_string(out, "agent", "commlib");
    tb_jw_end_object(out);
    tb_jw_key(out, "data");
    tb_jw_object(out);
    tb_jw_kv_int(out, "status", 200);
    tb_jw_kv_string(out, "msg", "");
    tb_jw_key(out, "trades");
    tb_jw_array(out);
    /* Once its strategy stopped, the bot forgets its config file and with it the trades. */
    bool remembers = c->bot.strategy == SIM_STRATEGY_RUNNING || call->w->history_kept;
    for (size_t i = 0; remembers && i < c->bot.fill_count; i++) {
        if (c->bot.fills[i].at >= c->bot.started)
            write_trade(out, &c->bot.fills[i]);
    }
    tb_jw_end_array(out);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
}

void sim_get_history(struct sim_call *call)
{
    struct sim_world *w = call->w;
    const char *name = call->arg[0];
    if (!known_bot(call, name))
        return;
    const char *given = sim_query(call, "timeout");
    double timeout = given == NULL ? 30 : strtod(given, NULL);
    struct sim_container *c = process_of(w, name);
    if (!w->broker_down)
        sim_view_heard(w, name);
    if (!w->broker_down && c != NULL && sim_bot_answers(w, c)) {
        history_answer(call, c);
        return;
    }
    if (!w->broker_down)
        sim_wait(call, (int64_t)(timeout * 1000));
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_buffer_printf(&text, "No response received from %s within %.1f seconds", name, timeout);
    command_answer(call, false, tb_buffer_text(&text), true);
    tb_buffer_free(&text);
}
