/* The three strategies as far as their figures need them: a one-way grid, a market maker with
 * barriers, an arbitrage between two venues. Every figure follows from fills, every fill moves the
 * account's coins, every order in the book locks them. Called with the world's mutex held. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/bot.h"

#define FEE         0.001 /* share of the quote amount, either side */
#define DEX_FEE     0.0005
#define REJECTED_MS 10000 /* ten retries */

static const char *const close_types[SIM_CLOSE_TYPES] = {
    "CloseType.TIME_LIMIT",
    "CloseType.STOP_LOSS",
    "CloseType.TAKE_PROFIT",
    "CloseType.EARLY_STOP",
    "CloseType.INSUFFICIENT_BALANCE",
    "CloseType.FAILED",
    "CloseType.COMPLETED",
};

const char *sim_close_type_name(enum sim_close_type type)
{
    return close_types[type];
}

/* ---- money ---- */

struct desk {
    struct sim_wallet *wallet;
    char base[16], quote[16];
};

static bool desk_of(struct sim_world *w, const struct sim_container *c, const char *connector,
                    const char *pair, struct desk *out)
{
    out->wallet = sim_wallet_find(sim_account_find(w, c->account), connector);
    return out->wallet != NULL && sim_pair_split(pair, out->base, out->quote);
}

static bool lock_coin(struct sim_wallet *wallet, const char *token, double amount)
{
    struct sim_coin *coin = sim_coin_find(wallet, token);
    if (coin == NULL || coin->units - coin->locked < amount)
        return false;
    coin->locked += amount;
    return true;
}

static void unlock_coin(struct sim_wallet *wallet, const char *token, double amount)
{
    struct sim_coin *coin = sim_coin_find(wallet, token);
    if (coin != NULL)
        coin->locked = coin->locked > amount ? coin->locked - amount : 0;
}

static void record_fill(struct sim_world *w, struct sim_container *c, const char *connector,
                        const char *pair, bool buy, double price, double amount)
{
    struct sim_bot *b = &c->bot;
    if (b->fills == NULL)
        b->fills = tb_xcalloc(SIM_FILLS, sizeof *b->fills);
    if (b->fill_count == SIM_FILLS)
        memmove(b->fills, b->fills + 1, --b->fill_count * sizeof *b->fills);
    struct sim_fill *f = &b->fills[b->fill_count++];
    *f = (struct sim_fill){
        .at = w->now, .id = 9000 + w->next_fill++, .buy = buy, .price = price, .amount = amount};
    tb_copy(f->connector, sizeof f->connector, connector);
    tb_copy(f->pair, sizeof f->pair, pair);
}

/* One trade: coins change hands, the fee goes, volume grows. Returns the fee in quote. */
static double fill(struct sim_world *w, struct sim_container *c, struct sim_controller *k,
                   const char *connector, const char *pair, bool buy, double price, double amount)
{
    struct desk d;
    double fee = price * amount * (sim_venue_is_dex(connector) ? DEX_FEE : FEE);
    if (desk_of(w, c, connector, pair, &d)) {
        struct sim_coin *base = sim_coin_make(d.wallet, d.base);
        struct sim_coin *quote = sim_coin_make(d.wallet, d.quote);
        if (base != NULL)
            base->units += buy ? amount : -amount;
        if (quote != NULL)
            quote->units += (buy ? -price : price) * amount - fee;
    }
    k->now.volume += price * amount;
    record_fill(w, c, connector, pair, buy, price, amount);
    return fee;
}

/* ---- levels ---- */

static void level_unlock(const struct desk *d, const struct sim_level *l)
{
    unlock_coin(d->wallet, l->buy ? d->quote : d->base, l->buy ? l->price * l->amount : l->amount);
}

static void complain(struct sim_world *w, struct sim_container *c, const char *text)
{
    if (!c->bot.silent)
        sim_view_logged(w, c->name, 40, "hummingbot.strategy_v2.executors.executor_base", text);
}

/* Puts the order into the book; without the coins, or when the exchange refuses, the executor ends
 * at once and its level pauses. */
static bool level_place(struct sim_world *w, struct sim_container *c, struct sim_controller *k,
                        struct sim_level *l, double price)
{
    struct desk d;
    if (!desk_of(w, c, k->connector, k->pair, &d))
        return false;
    l->price = price;
    l->ready = w->now + k->cooldown_ms;
    if (w->orders_rejected) {
        k->now.closed[SIM_FAILED]++;
        l->ready += REJECTED_MS;
        complain(w, c, "Open order failed. Retrying 1/10");
        return false;
    }
    if (!lock_coin(d.wallet, l->buy ? d.quote : d.base, l->buy ? price * l->amount : l->amount)) {
        k->now.closed[SIM_INSUFFICIENT]++;
        complain(w, c, "Not enough budget to open position.");
        return false;
    }
    l->state = SIM_LEVEL_OPEN;
    l->since = w->now;
    return true;
}

static void level_cancel(struct sim_world *w, struct sim_container *c, struct sim_controller *k,
                         struct sim_level *l)
{
    struct desk d;
    if (l->state != SIM_LEVEL_OPEN)
        return;
    if (desk_of(w, c, k->connector, k->pair, &d))
        level_unlock(&d, l);
    l->state = SIM_LEVEL_IDLE;
    l->since = w->now;
}

static void level_open(struct sim_world *w, struct sim_container *c, struct sim_controller *k,
                       struct sim_level *l)
{
    double price = l->price;
    level_cancel(w, c, k, l);
    k->now.realised -= fill(w, c, k, k->connector, k->pair, l->buy, price, l->amount);
    l->entry = price;
    l->state = SIM_LEVEL_HELD;
    l->since = w->now;
}

static void level_close(struct sim_world *w, struct sim_container *c, struct sim_controller *k,
                        struct sim_level *l, double price)
{
    double sign = l->buy ? 1 : -1;
    k->now.realised += sign * (price - l->entry) * l->amount;
    k->now.realised -= fill(w, c, k, k->connector, k->pair, !l->buy, price, l->amount);
    l->state = SIM_LEVEL_IDLE;
    l->since = w->now;
    l->ready = w->now + k->cooldown_ms;
}

static double unrealised(const struct sim_controller *k, double mid)
{
    double sum = 0;
    for (size_t i = 0; i < k->level_count; i++) {
        const struct sim_level *l = &k->levels[i];
        if (l->state == SIM_LEVEL_HELD)
            sum += (l->buy ? 1 : -1) * (mid - l->entry) * l->amount;
    }
    return sum;
}

/* ---- grid ---- */

static void grid_place(struct sim_world *w, struct sim_container *c, struct sim_controller *k,
                       double mid)
{
    int open = 0;
    struct sim_level *best = NULL;
    for (size_t i = 0; i < k->level_count; i++) {
        struct sim_level *l = &k->levels[i];
        open += l->state == SIM_LEVEL_OPEN;
        if (l->state != SIM_LEVEL_IDLE || w->now < l->ready ||
            (k->activation > 0 && fabs(l->fixed / mid - 1) > k->activation))
            continue;
        if (best == NULL || fabs(l->fixed - mid) < fabs(best->fixed - mid))
            best = l;
    }
    if (best == NULL || open >= k->max_open || w->now < k->next_batch)
        return;
    k->next_batch = w->now + k->batch_ms;
    /* A level on the wrong side of the market is entered right at it. */
    bool behind = best->buy ? best->fixed >= mid : best->fixed <= mid;
    double near = best->buy ? mid * 0.9999 : mid * 1.0001;
    double price = behind ? near : best->fixed;
    best->amount = best->share * k->total / price;
    level_place(w, c, k, best, price);
}

/* A grid needs its whole budget when it starts; without it one executor a second fails. */
static bool grid_funded(struct sim_world *w, struct sim_container *c, struct sim_controller *k)
{
    struct desk d;
    if (sim_controller_busy(k) || k->level_count == 0 || !k->levels[0].buy)
        return true;
    if (!desk_of(w, c, k->connector, k->pair, &d))
        return false;
    const struct sim_coin *coin = sim_coin_find(d.wallet, d.quote);
    if (coin != NULL && coin->units - coin->locked >= k->total)
        return true;
    k->now.closed[SIM_INSUFFICIENT]++;
    complain(w, c, "Not enough budget to open position.");
    return false;
}

static void grid_step(struct sim_world *w, struct sim_container *c, struct sim_controller *k,
                      double mid)
{
    bool buy = k->level_count > 0 && k->levels[0].buy;
    if (k->limit_price > 0 && (buy ? mid < k->limit_price : mid > k->limit_price)) {
        sim_controller_cancel(w, c, k);
        for (size_t i = 0; i < k->level_count; i++) {
            if (k->levels[i].state == SIM_LEVEL_HELD)
                level_close(w, c, k, &k->levels[i], mid);
        }
        k->now.closed[SIM_STOP_LOSS]++;
        k->over = true;
        return;
    }
    for (size_t i = 0; i < k->level_count; i++) {
        struct sim_level *l = &k->levels[i];
        if (l->state == SIM_LEVEL_OPEN && (l->buy ? mid <= l->price : mid >= l->price)) {
            level_open(w, c, k, l);
        } else if (l->state == SIM_LEVEL_HELD && k->take_profit > 0) {
            double goal = l->entry * (l->buy ? 1 + k->take_profit : 1 - k->take_profit);
            if (l->buy ? mid >= goal : mid <= goal)
                level_close(w, c, k, l, goal);
        }
    }
    if (mid >= k->start_price && mid <= k->end_price && grid_funded(w, c, k))
        grid_place(w, c, k, mid);
}

/* ---- market maker ---- */

static enum sim_close_type maker_exit(const struct sim_world *w, const struct sim_controller *k,
                                      const struct sim_level *l, double mid)
{
    double gain = (l->buy ? 1 : -1) * (mid / l->entry - 1);
    if (k->take_profit > 0 && gain >= k->take_profit)
        return SIM_TAKE_PROFIT;
    if (k->stop_loss > 0 && gain <= -k->stop_loss)
        return SIM_STOP_LOSS;
    if (k->time_limit_ms > 0 && w->now - l->since >= k->time_limit_ms)
        return SIM_TIME_LIMIT;
    return SIM_CLOSE_TYPES;
}

static void maker_step(struct sim_world *w, struct sim_container *c, struct sim_controller *k,
                       double mid)
{
    for (size_t i = 0; i < k->level_count; i++) {
        struct sim_level *l = &k->levels[i];
        if (l->state == SIM_LEVEL_OPEN) {
            if (l->buy ? mid <= l->price : mid >= l->price) {
                level_open(w, c, k, l);
            } else if (w->now - l->since >= k->refresh_ms) {
                level_cancel(w, c, k, l);
                k->now.closed[SIM_EARLY_STOP]++;
            }
        } else if (l->state == SIM_LEVEL_HELD) {
            enum sim_close_type why = maker_exit(w, k, l, mid);
            if (why != SIM_CLOSE_TYPES) {
                level_close(w, c, k, l, mid);
                k->now.closed[why]++;
            }
        }
        if (l->state == SIM_LEVEL_IDLE && w->now >= l->ready) {
            double price = mid * (l->buy ? 1 - l->spread : 1 + l->spread);
            l->amount = l->share * k->total / price;
            level_place(w, c, k, l, price);
        }
    }
}

/* ---- arbitrage ---- */

static bool can_pay(struct sim_world *w, struct sim_container *c, const char *connector,
                    const char *pair, bool buy, double price, double amount)
{
    struct desk d;
    if (!desk_of(w, c, connector, pair, &d))
        return false;
    const struct sim_coin *coin = sim_coin_find(d.wallet, buy ? d.quote : d.base);
    return coin != NULL && coin->units - coin->locked >= (buy ? price * amount * 1.01 : amount);
}

static void arbitrage_step(struct sim_world *w, struct sim_container *c, struct sim_controller *k)
{
    double one, two;
    if (w->now < k->next_batch || !sim_market_price(&w->market, k->connector, k->pair, &one) ||
        !sim_market_price(&w->market, k->connector_2, k->pair_2, &two))
        return;
    bool buy_one = two > one;
    double gain = (buy_one ? two / one : one / two) - 1 - FEE - DEX_FEE;
    int next = k->imbalance + (buy_one ? 1 : -1);
    if (gain < k->min_profit || abs(next) > k->max_imbalance)
        return;
    double amount = k->total / one;
    if (!can_pay(w, c, k->connector, k->pair, buy_one, one, amount) ||
        !can_pay(w, c, k->connector_2, k->pair_2, !buy_one, two, amount))
        return;
    double fees = fill(w, c, k, k->connector, k->pair, buy_one, one, amount);
    fees += fill(w, c, k, k->connector_2, k->pair_2, !buy_one, two, amount);
    k->now.realised += fabs(two - one) * amount - fees;
    k->now.closed[SIM_COMPLETED]++;
    k->imbalance = next;
    k->next_batch = w->now + k->delay_ms;
}

/* ---- for all ---- */

void sim_controller_step(struct sim_world *w, struct sim_container *c, struct sim_controller *k)
{
    double mid = 0;
    if (k->kind == SIM_IDLE || !sim_market_price(&w->market, k->connector, k->pair, &mid))
        return;
    if (!k->killed && !k->over) {
        if (k->kind == SIM_GRID)
            grid_step(w, c, k, mid);
        else if (k->kind == SIM_MAKER)
            maker_step(w, c, k, mid);
        else
            arbitrage_step(w, c, k);
    }
    k->now.unrealised = unrealised(k, mid);
}

void sim_controller_cancel(struct sim_world *w, struct sim_container *c, struct sim_controller *k)
{
    for (size_t i = 0; i < k->level_count; i++) {
        if (k->levels[i].state == SIM_LEVEL_OPEN) {
            level_cancel(w, c, k, &k->levels[i]);
            if (k->kind == SIM_MAKER)
                k->now.closed[SIM_EARLY_STOP]++;
        }
    }
}

void sim_controller_close(struct sim_world *w, struct sim_container *c, struct sim_controller *k)
{
    double mid;
    if (!sim_market_price(&w->market, k->connector, k->pair, &mid))
        return;
    bool any = false;
    for (size_t i = 0; i < k->level_count; i++) {
        if (k->levels[i].state == SIM_LEVEL_HELD) {
            level_close(w, c, k, &k->levels[i], mid);
            any = true;
            if (k->kind == SIM_MAKER)
                k->now.closed[SIM_EARLY_STOP]++;
        }
    }
    if (any && k->kind == SIM_GRID)
        k->now.closed[SIM_EARLY_STOP]++;
    k->now.unrealised = 0;
}

bool sim_controller_busy(const struct sim_controller *k)
{
    for (size_t i = 0; i < k->level_count; i++) {
        if (k->levels[i].state != SIM_LEVEL_IDLE)
            return true;
    }
    return false;
}

void sim_controller_clear(struct sim_controller *k)
{
    free(k->id);
    free(k->file);
    free(k->loaded);
    *k = (struct sim_controller){0};
}
