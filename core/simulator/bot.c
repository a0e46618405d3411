/* The life of a bot process, from its start to its death, as measured on real ones (2.16.0): silent
 * for 3 to 4 s, first report after 5.4 to 6.6 s, dead after 4 s when a file is missing. Called with
 * the world's mutex held. */
#include "simulator/bot.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/engine.h"

#define BEAT_MS    10000
#define RELOAD_MS  10600
#define V2_LOGGER  "hummingbot.strategy.strategy_v2_base"
#define CLOCK_NAME "hummingbot.core.clock"

static void say(struct sim_world *w, const struct sim_container *c, int level, const char *logger,
                const char *text)
{
    if (!c->bot.silent && !c->bot.mute)
        sim_view_logged(w, c->name, level, logger, text);
}

static void report(struct sim_world *w, struct sim_container *c, bool farewell)
{
    if (!c->bot.silent && !c->bot.mute && !(c->bot.frozen && !farewell))
        sim_view_reported(w, c, farewell);
}

/* ---- start ---- */

static bool is_paper(const char *connector)
{
    size_t len = strlen(connector);
    return len > 12 && strcmp(connector + len - 12, "_paper_trade") == 0;
}

static bool connector_ready(struct sim_world *w, const struct sim_container *c,
                            const char *connector)
{
    if (connector[0] == '\0' || is_paper(connector))
        return true;
    if (sim_venue_is_dex(connector))
        return w->gateway_running;
    return sim_wallet_find(sim_account_find(w, c->account), connector) != NULL;
}

TB_PRINTF(2, 3)
static bool fail(struct sim_container *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_buffer_vprintf(&text, format, args);
    va_end(args);
    tb_copy(c->bot.death, sizeof c->bot.death, tb_buffer_text(&text));
    tb_buffer_free(&text);
    return false;
}

static double number_of(const struct tb_json *object, const char *key)
{
    double value;
    return tb_json_double(tb_json_get(object, key), &value) && value > 0 ? value : 0;
}

static bool load_controller(struct sim_world *w, struct sim_container *c,
                            const struct sim_instance *instance, const char *file)
{
    size_t len = file == NULL ? 0 : strlen(file);
    char *stem = tb_xstrndup(file == NULL ? "" : file, len > 4 ? len - 4 : len);
    const char *text = len > 4 && strcmp(file + len - 4, ".yml") == 0
                           ? sim_shelf_get(&instance->controllers, stem)
                           : NULL;
    struct sim_bot *b = &c->bot;
    bool ok = text != NULL;
    if (!ok) {
        fail(c,
             "Failed to start strategy v2_with_controllers: [Errno 2] No such file or directory: "
             "'/home/hummingbot/conf/controllers/%s'",
             file == NULL ? "" : file);
    } else {
        b->controllers =
            tb_xrealloc(b->controllers, (b->controller_count + 1) * sizeof *b->controllers);
        struct sim_controller *k = &b->controllers[b->controller_count];
        memset(k, 0, sizeof *k);
        char reason[400];
        ok = sim_controller_load(w, k, text, reason, sizeof reason);
        if (ok) {
            k->file = tb_xstrdup(stem);
            k->broken = is_paper(k->connector);
            b->controller_count++;
        } else {
            sim_controller_clear(k);
            fail(c, "Failed to start strategy v2_with_controllers: %s", reason);
        }
    }
    free(stem);
    return ok;
}

static bool load_controllers(struct sim_world *w, struct sim_container *c,
                             const struct sim_instance *instance, const struct tb_json *script)
{
    for (const struct tb_json *m = script->child; m != NULL; m = m->next) {
        const struct sim_field *field = sim_field_find(sim_script_fields, m->key);
        if (field == NULL)
            return fail(c, "Extra inputs are not permitted: %s", m->key);
        if (!sim_field_accepts(field, m))
            return fail(c, "Input has a wrong type: %s", m->key);
    }
    const struct tb_json *list = tb_json_get(script, "controllers_config");
    for (const struct tb_json *e = list == NULL ? NULL : list->child; e != NULL; e = e->next) {
        if (!load_controller(w, c, instance, tb_json_string(e)))
            return false;
    }
    c->bot.global_stop = number_of(script, "max_global_drawdown_quote");
    for (size_t i = 0; i < c->bot.controller_count; i++)
        c->bot.controllers[i].stop_at = number_of(script, "max_controller_drawdown_quote");
    return true;
}

/* What the start comes to. False: it fails, for the reason in bot.death; *fatal_out: even with the
 * terminal UI. */
static bool plan_start(struct sim_world *w, struct sim_container *c, bool *fatal_out)
{
    struct sim_bot *b = &c->bot;
    b->after_start = SIM_STRATEGY_NONE;
    if (c->script_config[0] == '\0')
        return true;
    *fatal_out = true;
    struct sim_instance *instance = sim_instance_find(w, c->name);
    const char *text =
        instance == NULL ? NULL : sim_shelf_get(&instance->scripts, c->script_config);
    if (text == NULL)
        return fail(c, "V2 config file not found: /home/hummingbot/conf/scripts/%s",
                    c->script_config);
    struct tb_json_doc *doc = tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, NULL);
    const struct tb_json *script = tb_json_root(doc);
    const char *file = tb_json_get_string(script, "script_file_name");
    bool ok = false;
    if (file == NULL || file[0] == '\0') {
        fail(c, "script_file_name is missing in %s", c->script_config);
    } else if (strcmp(file, "v2_with_controllers.py") != 0) {
        size_t len = strlen(file);
        char *stem = tb_xstrndup(file, len > 3 ? len - 3 : len);
        ok = sim_shelf_get(&w->scripts, stem) != NULL || fail(c, "No script %s", file);
        free(stem);
        b->after_start = SIM_STRATEGY_PLAIN;
    } else {
        *fatal_out = false;
        ok = load_controllers(w, c, instance, script);
        b->after_start = SIM_STRATEGY_RUNNING;
        for (size_t i = 0; i < b->controller_count; i++) {
            if (!connector_ready(w, c, b->controllers[i].connector) ||
                !connector_ready(w, c, b->controllers[i].connector_2))
                b->after_start = SIM_STRATEGY_WAITING;
        }
    }
    tb_json_free(doc);
    return ok;
}

/* The bot's database outlives its process: results go on from where they were. */
static void carry_over(struct sim_bot *b, const struct sim_controller *old, size_t count)
{
    for (size_t i = 0; i < b->controller_count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (strcmp(b->controllers[i].id, old[j].id) == 0) {
                b->controllers[i].now = old[j].now;
                b->controllers[i].now.unrealised = 0;
            }
        }
    }
}

void sim_bot_start(struct sim_world *w, struct sim_container *c, bool mute)
{
    struct sim_bot old = c->bot;
    c->bot = (struct sim_bot){.alive = true, .mute = mute, .started = w->now};
    struct sim_bot *b = &c->bot;
    b->fills = old.fills;
    b->fill_count = old.fill_count;
    if (!mute) {
        bool fatal = false;
        bool ok = plan_start(w, c, &fatal);
        b->first_message = w->now + sim_random_between(w, 3100, 3800);
        b->first_report = w->now + sim_random_between(w, 5400, 6200);
        b->next_beat = b->first_message;
        b->next_reload = b->first_report + RELOAD_MS;
        if (!ok && (fatal || c->headless))
            b->dies = w->now + sim_random_between(w, 3400, 4500);
        if (!ok)
            b->after_start = SIM_STRATEGY_NONE;
        carry_over(b, old.controllers, old.controller_count);
    }
    for (size_t i = 0; i < old.controller_count; i++)
        sim_controller_clear(&old.controllers[i]);
    free(old.controllers);
}

/* ---- one step ---- */

static void strategy_up(struct sim_world *w, struct sim_container *c)
{
    c->bot.strategy = c->bot.after_start;
    if (c->bot.strategy != SIM_STRATEGY_RUNNING)
        return;
    c->bot.sees_farewell = true;
    say(w, c, 20, "hummingbot.connector.exchange_py_base",
        "Network status has changed to NetworkStatus.CONNECTED. Starting networking...");
    report(w, c, false);
}

static void reload(struct sim_world *w, struct sim_container *c)
{
    const struct sim_instance *instance = sim_instance_find(w, c->name);
    for (size_t i = 0; instance != NULL && i < c->bot.controller_count; i++) {
        struct sim_controller *k = &c->bot.controllers[i];
        const char *text = sim_shelf_get(&instance->controllers, k->file);
        if (text == NULL || strcmp(text, k->loaded) == 0)
            continue;
        char reason[400], line[512];
        bool was = k->killed;
        if (!sim_controller_reload(w, k, text, reason, sizeof reason)) {
            snprintf(line, sizeof line, "Unexpected error running clock tick.\n%s", reason);
            say(w, c, 40, CLOCK_NAME, line);
            return;
        }
        if (k->killed && !was) {
            snprintf(line, sizeof line, "Manual cash out for controller %.200s.", k->id);
            say(w, c, 20, V2_LOGGER, line);
            sim_controller_cancel(w, c, k);
            k->kill_closes = w->now + 6000;
        } else if (was && !k->killed) {
            snprintf(line, sizeof line, "Restarting controller %.200s.", k->id);
            say(w, c, 20, V2_LOGGER, line);
            k->kill_closes = 0;
        }
    }
}

static double result_of(const struct sim_controller *k)
{
    return k->now.realised + k->now.unrealised;
}

static void drawdown(struct sim_world *w, struct sim_container *c)
{
    struct sim_bot *b = &c->bot;
    double total = 0;
    for (size_t i = 0; i < b->controller_count; i++) {
        struct sim_controller *k = &b->controllers[i];
        double result = result_of(k);
        total += result;
        if (result > k->peak)
            k->peak = result;
        if (k->stop_at > 0 && !k->over && k->peak - result > k->stop_at) {
            char line[160];
            snprintf(line, sizeof line,
                     "Controller %.96s reached max drawdown. Stopping the controller.", k->id);
            say(w, c, 20, V2_LOGGER, line);
            sim_controller_cancel(w, c, k);
            sim_controller_close(w, c, k);
            k->over = true;
        }
    }
    if (total > b->peak)
        b->peak = total;
    if (b->global_stop > 0 && b->peak - total > b->global_stop) {
        say(w, c, 20, V2_LOGGER, "Global drawdown reached. Stopping the strategy.");
        b->global_stop = 0;
        sim_bot_stop(w, c);
    }
}

static void trade(struct sim_world *w, struct sim_container *c)
{
    struct sim_bot *b = &c->bot;
    for (size_t i = 0; i < b->controller_count; i++) {
        struct sim_controller *k = &b->controllers[i];
        if (k->broken) {
            if (w->now - b->last_error >= 5000)
                say(w, c, 40, "hummingbot.data_feed.market_data_provider",
                    "Error fetching prices: the paper trade connector has no such module");
            continue;
        }
        if (k->kill_closes != 0 && w->now >= k->kill_closes) {
            sim_controller_close(w, c, k);
            k->kill_closes = 0;
        }
        sim_controller_step(w, c, k);
    }
    if (w->now - b->last_error >= 5000)
        b->last_error = w->now;
    drawdown(w, c);
    if (b->strategy == SIM_STRATEGY_RUNNING)
        report(w, c, false);
}

static void stopping(struct sim_world *w, struct sim_container *c)
{
    struct sim_bot *b = &c->bot;
    if (b->stop_closes != 0 && w->now >= b->stop_closes) {
        for (size_t i = 0; i < b->controller_count; i++)
            sim_controller_close(w, c, &b->controllers[i]);
        b->stop_closes = 0;
    }
    if (w->now >= b->stop_ends) {
        b->strategy = SIM_STRATEGY_NONE;
        report(w, c, true);
    }
}

void sim_bot_step(struct sim_world *w, struct sim_container *c, bool second)
{
    struct sim_bot *b = &c->bot;
    if (!b->alive || b->mute)
        return;
    if (b->dies != 0 && w->now >= b->dies) {
        sim_engine_exited(w, c, 1);
        return;
    }
    if (b->dies == 0 && w->now >= b->next_beat) {
        b->next_beat = w->now + BEAT_MS;
        if (!b->silent)
            sim_view_heard(w, c->name);
    }
    if (b->strategy == SIM_STRATEGY_STARTING && b->dies == 0 && w->now >= b->first_report)
        strategy_up(w, c);
    if (b->strategy == SIM_STRATEGY_STOPPING)
        stopping(w, c);
    if (b->strategy == SIM_STRATEGY_WAITING && w->now >= b->next_warning) {
        b->next_warning = w->now + BEAT_MS;
        say(w, c, 30, V2_LOGGER, "The connectors are not ready. Please wait...");
    }
    if (b->strategy != SIM_STRATEGY_RUNNING)
        return;
    if (w->now >= b->next_reload) {
        b->next_reload = w->now + RELOAD_MS;
        reload(w, c);
    }
    if (second)
        trade(w, c);
}

/* ---- commands ---- */

bool sim_bot_answers(const struct sim_world *w, const struct sim_container *c)
{
    const struct sim_bot *b = &c->bot;
    return b->alive && !b->mute && !b->silent && b->dies == 0 && w->now >= b->first_message;
}

void sim_bot_stop(struct sim_world *w, struct sim_container *c)
{
    struct sim_bot *b = &c->bot;
    if (!b->alive || b->mute || b->dies != 0)
        return;
    if (b->strategy == SIM_STRATEGY_PLAIN || b->strategy == SIM_STRATEGY_WAITING)
        b->strategy = SIM_STRATEGY_NONE;
    if (b->strategy != SIM_STRATEGY_RUNNING)
        return;
    int64_t closes = 0, ends = 200;
    for (size_t i = 0; i < b->controller_count; i++) {
        struct sim_controller *k = &b->controllers[i];
        if (sim_controller_busy(k)) {
            bool grid = k->kind == SIM_GRID;
            int64_t this_end =
                grid ? 7000 + sim_random_between(w, 0, 300) : 13100 + sim_random_between(w, 0, 400);
            if (this_end > ends)
                ends = this_end;
            if (closes < (grid ? 400 : 6200))
                closes = grid ? 400 : 6200;
        }
        sim_controller_cancel(w, c, k);
    }
    b->strategy = SIM_STRATEGY_STOPPING;
    b->stop_closes = closes == 0 ? 0 : w->now + closes;
    b->stop_ends = w->now + ends;
}

/* What rests in the book stays there, owned by nobody. */
static void orphan(struct sim_world *w, const struct sim_bot *b)
{
    for (size_t i = 0; i < b->controller_count; i++) {
        for (size_t l = 0; l < b->controllers[i].level_count; l++)
            w->orphan_orders += b->controllers[i].levels[l].state == SIM_LEVEL_OPEN;
    }
}

void sim_bot_kill(struct sim_world *w, struct sim_container *c)
{
    if (c->bot.alive)
        orphan(w, &c->bot);
    sim_engine_exited(w, c, 137);
}

void sim_bot_clear(struct sim_world *w, struct sim_container *c)
{
    if (c->bot.alive)
        orphan(w, &c->bot);
    for (size_t i = 0; i < c->bot.controller_count; i++)
        sim_controller_clear(&c->bot.controllers[i]);
    free(c->bot.controllers);
    free(c->bot.fills);
    c->bot = (struct sim_bot){0};
}
