/* The world's lists and its clock: what exists, and what happens while nobody asks. Called with the
 * world's mutex held. */
#include "simulator/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/bot.h"
#include "simulator/engine.h"

#define GROW(array, count) ((array) = tb_xrealloc((array), ((count) + 1) * sizeof *(array)))

const char *sim_shelf_get(const struct sim_shelf *shelf, const char *name)
{
    for (size_t i = 0; i < shelf->count; i++) {
        if (strcmp(shelf->files[i].name, name) == 0)
            return shelf->files[i].text;
    }
    return NULL;
}

void sim_shelf_put(struct sim_shelf *shelf, const char *name, const char *text)
{
    for (size_t i = 0; i < shelf->count; i++) {
        if (strcmp(shelf->files[i].name, name) == 0) {
            char *copy = tb_xstrdup(text);
            free(shelf->files[i].text);
            shelf->files[i].text = copy;
            return;
        }
    }
    GROW(shelf->files, shelf->count);
    shelf->files[shelf->count++] = (struct sim_file){tb_xstrdup(name), tb_xstrdup(text)};
}

bool sim_shelf_remove(struct sim_shelf *shelf, const char *name)
{
    for (size_t i = 0; i < shelf->count; i++) {
        if (strcmp(shelf->files[i].name, name) != 0)
            continue;
        free(shelf->files[i].name);
        free(shelf->files[i].text);
        memmove(&shelf->files[i], &shelf->files[i + 1],
                (shelf->count - i - 1) * sizeof *shelf->files);
        shelf->count--;
        return true;
    }
    return false;
}

void sim_shelf_clear(struct sim_shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++) {
        free(shelf->files[i].name);
        free(shelf->files[i].text);
    }
    free(shelf->files);
    *shelf = (struct sim_shelf){0};
}

double sim_random(struct sim_world *w)
{
    return sim_random_unit(&w->random);
}

int64_t sim_random_between(struct sim_world *w, int64_t low, int64_t high)
{
    return low + (int64_t)(sim_random(w) * (double)(high - low + 1));
}

/* ---- accounts ---- */

struct sim_account *sim_account_find(struct sim_world *w, const char *name)
{
    for (size_t i = 0; i < w->account_count; i++) {
        if (strcmp(w->accounts[i].name, name) == 0)
            return &w->accounts[i];
    }
    return NULL;
}

struct sim_account *sim_account_add(struct sim_world *w, const char *name)
{
    GROW(w->accounts, w->account_count);
    struct sim_account *a = &w->accounts[w->account_count++];
    memset(a, 0, sizeof *a);
    tb_copy(a->name, sizeof a->name, name);
    return a;
}

struct sim_wallet *sim_wallet_find(struct sim_account *account, const char *connector)
{
    for (size_t i = 0; account != NULL && i < account->wallet_count; i++) {
        if (strcmp(account->wallets[i].connector, connector) == 0)
            return &account->wallets[i];
    }
    return NULL;
}

static const struct sim_coin usual_coins[] = {
    {"BTC", 1, 0}, {"ETH", 10, 0}, {"USDT", 100000, 0}, {"BNB", 5, 0}, {"SOL", 200, 0},
};
static const struct sim_coin wallet_coins[] = {{"SOL", 100, 0}, {"USDC", 25000, 0}};
static const struct sim_coin hyperliquid_coins[] = {{"HYPE", 100, 0}, {"USDC", 25000, 0}};

/* The coins of a venue that differs from most; `connector` is how its connectors begin. */
static const struct sim_venue {
    const char *connector;
    const struct sim_coin *coins;
    size_t count;
} venues[] = {
    {"hyperliquid", hyperliquid_coins, sizeof hyperliquid_coins / sizeof hyperliquid_coins[0]},
};
static const struct sim_venue on_chain = {"", wallet_coins,
                                          sizeof wallet_coins / sizeof wallet_coins[0]};
static const struct sim_venue usual = {"", usual_coins, sizeof usual_coins / sizeof usual_coins[0]};

static const struct sim_venue *venue_of(const char *connector)
{
    for (size_t i = 0; i < sizeof venues / sizeof venues[0]; i++) {
        if (strncmp(connector, venues[i].connector, strlen(venues[i].connector)) == 0)
            return &venues[i];
    }
    return sim_venue_is_dex(connector) ? &on_chain : &usual;
}

struct sim_wallet *sim_wallet_add(struct sim_account *account, const char *connector)
{
    struct sim_wallet *wallet = sim_wallet_find(account, connector);
    if (wallet != NULL)
        return wallet;
    if (account->wallet_count == sizeof account->wallets / sizeof account->wallets[0])
        return NULL;
    wallet = &account->wallets[account->wallet_count++];
    memset(wallet, 0, sizeof *wallet);
    tb_copy(wallet->connector, sizeof wallet->connector, connector);
    const struct sim_venue *venue = venue_of(connector);
    wallet->coin_count = venue->count;
    memcpy(wallet->coins, venue->coins, venue->count * sizeof wallet->coins[0]);
    return wallet;
}

struct sim_coin *sim_coin_find(struct sim_wallet *wallet, const char *token)
{
    for (size_t i = 0; wallet != NULL && i < wallet->coin_count; i++) {
        if (strcmp(wallet->coins[i].token, token) == 0)
            return &wallet->coins[i];
    }
    return NULL;
}

struct sim_coin *sim_coin_make(struct sim_wallet *wallet, const char *token)
{
    struct sim_coin *coin = sim_coin_find(wallet, token);
    if (coin != NULL || wallet == NULL)
        return coin;
    if (wallet->coin_count == sizeof wallet->coins / sizeof wallet->coins[0])
        return NULL;
    coin = &wallet->coins[wallet->coin_count++];
    memset(coin, 0, sizeof *coin);
    tb_copy(coin->token, sizeof coin->token, token);
    return coin;
}

/* ---- runs ---- */

struct sim_run *sim_run_open(struct sim_world *w, const char *name)
{
    for (size_t i = w->run_count; i > 0; i--) {
        struct sim_run *run = &w->runs[i - 1];
        if (strcmp(run->name, name) == 0 && run->stopped == 0)
            return run;
    }
    return NULL;
}

/* ---- the clock ---- */

void sim_world_job(struct sim_world *w, int64_t due, enum sim_job_kind kind, const char *name,
                   void *late)
{
    GROW(w->jobs, w->job_count);
    struct sim_job *job = &w->jobs[w->job_count++];
    *job = (struct sim_job){.due = due, .kind = kind, .late = late};
    tb_copy(job->name, sizeof job->name, name == NULL ? "" : name);
}

bool sim_frozen(const struct sim_world *w)
{
    return w->now < w->frozen_until;
}

static void job_run(struct sim_world *w, const struct sim_job *job)
{
    switch (job->kind) {
    case SIM_JOB_ARCHIVE_STOP:
        sim_engine_archive_stop(w, job->name);
        break;
    case SIM_JOB_ARCHIVE_FINISH:
        sim_engine_archive_finish(w, job->name);
        break;
    case SIM_JOB_CREATE:
        sim_engine_created_late(w, job->name);
        break;
    case SIM_JOB_LATE:
        if (w->run_late != NULL)
            w->run_late(w, job->late);
        break;
    }
}

/* What the engine does by itself goes on while the API's loop is blocked; the rest waits. */
static bool job_may_run(const struct sim_world *w, const struct sim_job *job)
{
    return job->due <= w->now && (!sim_frozen(w) || job->kind == SIM_JOB_CREATE);
}

static void run_jobs(struct sim_world *w)
{
    for (size_t i = 0; i < w->job_count;) {
        if (!job_may_run(w, &w->jobs[i])) {
            i++;
            continue;
        }
        struct sim_job job = w->jobs[i];
        memmove(&w->jobs[i], &w->jobs[i + 1], (w->job_count - i - 1) * sizeof *w->jobs);
        w->job_count--;
        job_run(w, &job);
        i = 0; /* a job may have added others */
    }
}

static void step(struct sim_world *w)
{
    bool second = w->now >= w->next_second;
    if (second) {
        w->next_second += 1000;
        sim_market_step(&w->market);
    }
    for (size_t i = 0; i < w->container_count; i++)
        sim_bot_step(w, w->containers[i], second);
    run_jobs(w);
    if (sim_frozen(w) || w->now < w->api_started)
        return;
    if (w->now >= w->next_discovery) {
        w->next_discovery = sim_discovery_after(w, w->now + 1);
        sim_view_discover(w);
    }
    if (w->now >= w->next_snapshot) {
        w->next_snapshot += SIM_SNAPSHOT_MS;
        if (!w->database_down)
            sim_view_snapshot(w);
    }
}

void sim_world_advance(struct sim_world *w, int64_t now)
{
    while (w->now + SIM_TICK <= now) {
        w->now += SIM_TICK;
        step(w);
    }
}

/* Reports come on the second, discovery 0.6 s later: a bot that fell silent is `idle` for that long
 * before it is dropped, as measured. */
int64_t sim_discovery_after(const struct sim_world *w, int64_t earliest)
{
    int64_t late = (earliest - w->next_second - 600) % 1000;
    return earliest + (1000 - late) % 1000;
}

void sim_backtests_forget(struct sim_world *w, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        free(w->backtests[i].config);
    for (size_t i = end; i < w->backtest_count; i++)
        w->backtests[first + i - end] = w->backtests[i];
    w->backtest_count -= end - first;
}

void sim_world_restart_api(struct sim_world *w)
{
    sim_backtests_forget(w, 0, w->backtest_count);
    for (size_t i = 0; i < w->view_count; i++)
        sim_view_free(w->views[i]);
    w->view_count = 0;
    /* Work in the background dies with the process; the engine's own does not. */
    size_t kept = 0;
    for (size_t i = 0; i < w->job_count; i++) {
        if (w->jobs[i].kind == SIM_JOB_CREATE || w->jobs[i].kind == SIM_JOB_LATE)
            w->jobs[kept++] = w->jobs[i];
    }
    w->job_count = kept;
    w->api_started = w->now;
    w->next_discovery = sim_discovery_after(w, w->now + 500);
    w->next_snapshot = w->now + SIM_SNAPSHOT_MS;
}

void sim_world_free(struct sim_world *w)
{
    while (w->container_count > 0)
        sim_container_remove(w, w->containers[0]);
    while (w->instance_count > 0)
        sim_instance_forget(w, w->instances[0]->name);
    for (size_t i = 0; i < w->view_count; i++)
        sim_view_free(w->views[i]);
    for (size_t i = 0; i < w->run_count; i++) {
        free(w->runs[i].name);
        free(w->runs[i].strategy);
        free(w->runs[i].config);
        free(w->runs[i].account);
        free(w->runs[i].image);
        free(w->runs[i].deployment);
        free(w->runs[i].final_status);
    }
    for (size_t i = 0; i < w->snapshot_count; i++) {
        free(w->snapshots[i].bot);
        free(w->snapshots[i].controller);
    }
    struct sim_shelf *shelves[] = {&w->scripts, &w->script_configs, &w->controllers,
                                   &w->controller_configs, &w->made};
    for (size_t i = 0; i < sizeof shelves / sizeof shelves[0]; i++)
        sim_shelf_clear(shelves[i]);
    free(w->accounts);
    free(w->images);
    free(w->containers);
    free(w->instances);
    for (size_t i = 0; i < w->archive_count; i++)
        sim_archive_clear(&w->archives[i]);
    free(w->archives);
    free(w->views);
    free(w->runs);
    free(w->snapshots);
    free(w->pulls);
    sim_backtests_forget(w, 0, w->backtest_count);
    free(w->backtests);
    free(w->orders);
    free(w->jobs);
}
