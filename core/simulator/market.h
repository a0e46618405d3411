/* Prices of the simulated exchanges: one seeded random walk a token, pulled back to a known level,
 * and venues that differ a little; the decentralised venue is off by a few percent for some seconds
 * now and then, so that an arbitrage has something to find. Pure; the owner serialises. */
#ifndef TB_SIMULATOR_MARKET_H
#define TB_SIMULATOR_MARKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_TOKENS 25

struct sim_token {
    const char *symbol;
    double level; /* in USDT */
    double tick;  /* price increment of TOKEN-USDT */
    double lot;   /* amount increment */
};

struct sim_market {
    uint64_t random;
    double drift[SIM_TOKENS]; /* logarithm of price / level */
    double shift[SIM_TOKENS]; /* moved by a test, for good */
    double dex;               /* the decentralised venue's premium */
    int spike_left, spike_wait, spike_sign;
};

struct sim_rule {
    double min_order_size, price_increment, base_increment, min_notional, min_order_value;
};

extern const struct sim_token sim_tokens[SIM_TOKENS];
extern const char *const sim_stable_tokens[]; /* NULL-terminated; worth 1 USDT */

uint64_t sim_random_next(uint64_t *state);
double sim_random_unit(uint64_t *state); /* [0, 1) */

void sim_market_init(struct sim_market *m, uint64_t seed);
void sim_market_step(struct sim_market *m); /* one second */
/* Price of a token in USDT on the big exchanges; 0 when unknown. */
double sim_market_token(const struct sim_market *m, const char *token);
/* Middle price of BASE-QUOTE at a connector; false when it does not trade there. */
bool sim_market_price(const struct sim_market *m, const char *connector, const char *pair,
                      double *out);
bool sim_market_rule(const char *connector, const char *pair, struct sim_rule *out);
bool sim_market_set(struct sim_market *m, const char *token, double price);
bool sim_pair_split(const char *pair, char base[16], char quote[16]);
bool sim_venue_is_dex(const char *connector);

#endif
