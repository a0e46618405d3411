/* The tests' own routes under /_simulator: faults, crashes, conditions, the ledger, time. They take
 * the mutex but never wait for the event loop. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "simulator/bot.h"
#include "simulator/engine.h"
#include "simulator/host.h"

#define CONTROL_BODY_MAX ((size_t)64 * 1024)
#define ADVANCE_MAX_MS   (INT64_C(7) * 24 * 3600 * 1000)

struct control {
    struct sim_host *host;
    struct sim_world *w;
    const struct tb_http_request *req;
    const struct tb_json *body;
    struct tb_http_response *res;
};

static void answer(struct control *c, int status, const char *json)
{
    c->res->status = status;
    tb_buffer_clear(&c->res->body);
    tb_buffer_puts(&c->res->body, json);
}

static void control_ledger(struct control *c)
{
    struct tb_json_writer out;
    tb_jw_init(&out, &c->res->body);
    sim_ledger_write(c->host, &out);
}

static void control_ledger_forget(struct control *c)
{
    sim_ledger_forget(c->host);
}

static void control_fault(struct control *c)
{
    const char *word = tb_json_get_string(c->body, "kind");
    const struct tb_json *match = tb_json_get(c->body, "match");
    struct sim_fault f = {.kind = sim_fault_parse(word == NULL ? "" : word), .left = 1};
    if (f.kind == SIM_FAULT_NONE) {
        answer(c, 422, "{\"detail\":\"unknown kind of fault\"}");
        return;
    }
    const char *text = tb_json_get_string(match, "method");
    tb_copy(f.method, sizeof f.method, text == NULL ? "" : text);
    text = tb_json_get_string(match, "path");
    tb_copy(f.path, sizeof f.path, text == NULL ? "" : text);
    text = tb_json_get_string(c->body, "detail");
    tb_copy(f.detail, sizeof f.detail, text == NULL ? "" : text);
    if (!tb_json_int64(tb_json_get(c->body, "delay_ms"), &f.delay_ms) &&
        (f.kind == SIM_FAULT_LATE || f.kind == SIM_FAULT_LATE_HANG))
        f.delay_ms = sim_random_between(c->w, 1000, 120000);
    (void)tb_json_int64(tb_json_get(c->body, "count"), &f.left);
    c->host->faults =
        tb_xrealloc(c->host->faults, (c->host->fault_count + 1) * sizeof *c->host->faults);
    c->host->faults[c->host->fault_count++] = f;
}

static void control_faults_delete(struct control *c)
{
    c->host->fault_count = 0;
}

/* By its whole name or by its base name. */
static struct sim_container *bot_of(struct control *c)
{
    for (size_t i = c->w->container_count; i > 0; i--) {
        char base[SIM_NAME];
        struct sim_container *one = c->w->containers[i - 1];
        sim_base_name(one->name, base);
        if (strcmp(one->name, c->req->arg[0]) == 0 || strcmp(base, c->req->arg[0]) == 0)
            return one;
    }
    answer(c, 404, "{\"detail\":\"no such bot\"}");
    return NULL;
}

static void control_crash(struct control *c)
{
    struct sim_container *bot = bot_of(c);
    if (bot != NULL)
        sim_bot_kill(c->w, bot);
}

static void control_silence(struct control *c)
{
    struct sim_container *bot = bot_of(c);
    if (bot != NULL)
        bot->bot.silent = true;
}

static void control_freeze(struct control *c)
{
    struct sim_container *bot = bot_of(c);
    if (bot != NULL)
        bot->bot.frozen = !tb_json_is(tb_json_get(c->body, "frozen"), TB_JSON_BOOL) ||
                          tb_json_true(tb_json_get(c->body, "frozen"));
}

static void control_nan(struct control *c)
{
    struct sim_container *bot = bot_of(c);
    if (bot != NULL)
        bot->bot.nan = true;
}

static void control_stubborn(struct control *c)
{
    struct sim_container *bot = bot_of(c);
    if (bot != NULL)
        bot->stubborn =
            tb_json_get(c->body, "is") == NULL || tb_json_true(tb_json_get(c->body, "is"));
}

static void control_drawdown(struct control *c)
{
    struct sim_container *bot = bot_of(c);
    double quote = 25;
    (void)tb_json_double(tb_json_get(c->body, "quote"), &quote);
    if (bot != NULL && bot->bot.controller_count > 0)
        bot->bot.controllers[0].now.realised -= quote;
}

static void control_restart(struct control *c)
{
    sim_world_restart_api(c->w);
}

/* The host goes down and comes up again: no container starts by itself, the API does. */
static void control_reboot(struct control *c)
{
    for (size_t i = 0; i < c->w->container_count; i++) {
        if (c->w->containers[i]->state == SIM_RUNNING)
            sim_bot_kill(c->w, c->w->containers[i]);
    }
    sim_world_restart_api(c->w);
}

static void condition(const struct tb_json *body, const char *key, const char *bad, bool *flag)
{
    const char *word = tb_json_get_string(body, key);
    if (word != NULL)
        *flag = strcmp(word, bad) == 0;
}

static void control_conditions(struct control *c)
{
    struct sim_world *w = c->w;
    condition(c->body, "broker", "down", &w->broker_down);
    condition(c->body, "engine", "down", &w->engine_down);
    condition(c->body, "database", "down", &w->database_down);
    condition(c->body, "orders", "rejected", &w->orders_rejected);
    condition(c->body, "candles", "missing", &w->candles_missing);
    condition(c->body, "history", "kept", &w->history_kept);
    bool stopped = c->host->clock_stopped;
    condition(c->body, "clock", "stopped", &stopped);
    sim_host_stop_clock(c->host, stopped);
    (void)tb_json_int64(tb_json_get(c->body, "engine_sleep_ms"), &w->engine_sleep_ms);
    if (tb_json_true(tb_json_get(c->body, "forget_containers"))) {
        for (size_t i = 0; i < w->container_count; i++)
            w->containers[i]->forgotten = true;
    }
}

static void control_images(struct control *c)
{
    const char *name = tb_json_get_string(c->body, "name");
    const struct tb_json *bot = tb_json_get(c->body, "bot");
    if (name != NULL)
        sim_image_add(c->w, name, bot == NULL || tb_json_true(bot));
}

static void control_advance(struct control *c)
{
    int64_t ms = 0;
    if (!tb_json_int64(tb_json_get(c->body, "ms"), &ms) || ms < 0 || ms > ADVANCE_MAX_MS) {
        answer(c, 422, "{\"detail\":\"ms must be an integer from 0 to one week\"}");
        return;
    }
    c->host->skew += ms;
    sim_host_advance(c->host);
}

/* Orders that a person or another program placed on the account lock a part of a coin. */
static void control_lock(struct control *c)
{
    const char *account = tb_json_get_string(c->body, "account");
    const char *connector = tb_json_get_string(c->body, "connector");
    const char *token = tb_json_get_string(c->body, "token");
    struct sim_account *a = sim_account_find(c->w, account == NULL ? "master_account" : account);
    struct sim_wallet *wallet =
        a == NULL || connector == NULL ? NULL : sim_wallet_find(a, connector);
    struct sim_coin *coin = wallet == NULL || token == NULL ? NULL : sim_coin_find(wallet, token);
    if (coin == NULL || !tb_json_double(tb_json_get(c->body, "amount"), &coin->locked))
        answer(c, 422, "{\"detail\":\"no such coin, or no amount\"}");
}

static void control_price(struct control *c)
{
    const char *token = tb_json_get_string(c->body, "token");
    double price = 0;
    if (token == NULL || !tb_json_double(tb_json_get(c->body, "price"), &price) ||
        !sim_market_set(&c->w->market, token, price))
        answer(c, 422, "{\"detail\":\"unknown token or price\"}");
}

struct control_row {
    void (*act)(struct control *c);
};

static const struct control_row row_ledger = {control_ledger};
static const struct control_row row_forget = {control_ledger_forget};
static const struct control_row row_fault = {control_fault};
static const struct control_row row_no_faults = {control_faults_delete};
static const struct control_row row_crash = {control_crash};
static const struct control_row row_silence = {control_silence};
static const struct control_row row_freeze = {control_freeze};
static const struct control_row row_nan = {control_nan};
static const struct control_row row_stubborn = {control_stubborn};
static const struct control_row row_drawdown = {control_drawdown};
static const struct control_row row_restart = {control_restart};
static const struct control_row row_reboot = {control_reboot};
static const struct control_row row_conditions = {control_conditions};
static const struct control_row row_images = {control_images};
static const struct control_row row_advance = {control_advance};
static const struct control_row row_lock = {control_lock};
static const struct control_row row_price = {control_price};

static void control(struct tb_http_request *req, struct tb_http_response *res, void *user)
{
    struct control c = {.host = user, .req = req, .res = res};
    const struct control_row *row = req->route->row;
    struct tb_json_doc *doc = NULL;
    struct tb_error err;
    c.w = &c.host->world;
    if (!tb_http_read_body(req, CONTROL_BODY_MAX, tb_mono_ms() + 10000, &err) ||
        (req->body_len > 0 &&
         (doc = tb_json_parse(req->body, req->body_len, TB_JSON_CLIENT, &err)) == NULL)) {
        answer(&c, 400, "{\"detail\":\"the body must be one JSON object\"}");
        return;
    }
    c.body = doc == NULL ? NULL : tb_json_root(doc);
    pthread_mutex_lock(&c.host->mutex);
    sim_host_advance(c.host);
    row->act(&c);
    pthread_cond_broadcast(&c.host->changed);
    pthread_mutex_unlock(&c.host->mutex);
    if (res->body.len == 0)
        answer(&c, 200, "{\"ok\":true}");
    tb_json_free(doc);
}

const struct tb_http_route sim_control_routes[] = {
    {"GET", "/_simulator/ledger", control, &row_ledger},
    {"DELETE", "/_simulator/ledger", control, &row_forget},
    {"POST", "/_simulator/faults", control, &row_fault},
    {"DELETE", "/_simulator/faults", control, &row_no_faults},
    {"POST", "/_simulator/bots/{name}/crash", control, &row_crash},
    {"POST", "/_simulator/bots/{name}/silence", control, &row_silence},
    {"POST", "/_simulator/bots/{name}/freeze", control, &row_freeze},
    {"POST", "/_simulator/bots/{name}/nan", control, &row_nan},
    {"POST", "/_simulator/bots/{name}/stubborn", control, &row_stubborn},
    {"POST", "/_simulator/bots/{name}/drawdown", control, &row_drawdown},
    {"POST", "/_simulator/restart", control, &row_restart},
    {"POST", "/_simulator/reboot", control, &row_reboot},
    {"POST", "/_simulator/conditions", control, &row_conditions},
    {"POST", "/_simulator/images", control, &row_images},
    {"POST", "/_simulator/advance", control, &row_advance},
    {"POST", "/_simulator/price", control, &row_price},
    {"POST", "/_simulator/lock", control, &row_lock},
    {NULL, NULL, NULL, NULL},
};
