/* The random walks and the trading rules. Pure functions of struct sim_market. */
#include "simulator/market.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

#define PULL  0.012  /* share of the deviation that a second takes back */
#define SIGMA 0.0012 /* of a second's step; the deviation stays near 0.8 percent */

const struct sim_token sim_tokens[SIM_TOKENS] = {
    {"BTC", 60000, 0.01, 1e-5}, {"ETH", 3000, 0.01, 1e-4}, {"SOL", 150, 0.01, 1e-3},
    {"XRP", 0.6, 1e-4, 0.1},    {"DOGE", 0.15, 1e-5, 1},   {"ADA", 0.45, 1e-4, 0.1},
    {"BMX", 0.3, 1e-4, 0.1},    {"LTC", 85, 0.01, 1e-3},   {"LINK", 15, 1e-3, 0.01},
    {"AVAX", 28, 1e-3, 0.01},   {"DOT", 6, 1e-3, 0.1},     {"TRX", 0.13, 1e-5, 1},
    {"MATIC", 0.55, 1e-4, 0.1}, {"WLD", 0.5, 1e-4, 0.1},   {"JUP", 0.9, 1e-4, 0.1},
    {"BONK", 2e-5, 1e-9, 1000}, {"WIF", 2, 1e-4, 0.1},     {"RAY", 2.5, 1e-4, 0.1},
    {"ORCA", 2, 1e-4, 0.1},     {"PYTH", 0.35, 1e-4, 0.1}, {"PEPE", 1e-5, 1e-10, 1000},
    {"SHIB", 2e-5, 1e-9, 1000}, {"SUI", 1.8, 1e-4, 0.1},   {"mSOL", 178, 0.01, 1e-3},
    {"HYPE", 35, 1e-3, 0.01},
};

const char *const sim_stable_tokens[] = {"USDT", "USDC", "USD", "FDUSD", "TUSD", NULL};

uint64_t sim_random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double sim_random_unit(uint64_t *state)
{
    return (double)(sim_random_next(state) >> 11) * (1.0 / 9007199254740992.0);
}

/* Near enough to a normal variable: the sum of twelve uniform ones. */
static double normal(uint64_t *state)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += sim_random_unit(state);
    return sum;
}

void sim_market_init(struct sim_market *m, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    m->random = seed ^ 0x6d61726b6574u;
    m->spike_wait = 8;
    m->spike_sign = 1;
}

static void step_dex(struct sim_market *m)
{
    if (m->spike_left > 0) {
        if (--m->spike_left == 0) {
            m->dex = 0;
            m->spike_sign = -m->spike_sign;
            m->spike_wait = 8 + (int)(sim_random_next(&m->random) % 15);
        }
        return;
    }
    m->dex = m->dex * 0.9 + 0.0003 * normal(&m->random);
    if (--m->spike_wait <= 0) {
        m->spike_left = 4;
        m->dex = m->spike_sign * (0.018 + 0.012 * sim_random_unit(&m->random));
    }
}

void sim_market_step(struct sim_market *m)
{
    for (size_t i = 0; i < SIM_TOKENS; i++)
        m->drift[i] += -PULL * m->drift[i] + SIGMA * normal(&m->random);
    step_dex(m);
}

static int token_index(const char *token)
{
    for (int i = 0; i < SIM_TOKENS; i++) {
        if (strcmp(sim_tokens[i].symbol, token) == 0)
            return i;
    }
    return -1;
}

static bool is_stable(const char *token)
{
    for (size_t i = 0; sim_stable_tokens[i] != NULL; i++) {
        if (strcmp(sim_stable_tokens[i], token) == 0)
            return true;
    }
    return false;
}

double sim_market_token(const struct sim_market *m, const char *token)
{
    if (is_stable(token))
        return 1;
    int i = token_index(token);
    if (i < 0)
        return 0;
    return sim_tokens[i].level * exp(m->drift[i] + m->shift[i]);
}

bool sim_market_set(struct sim_market *m, const char *token, double price)
{
    int i = token_index(token);
    if (i < 0 || !(price > 0))
        return false;
    m->drift[i] = 0;
    m->shift[i] = log(price / sim_tokens[i].level);
    return true;
}

bool sim_pair_split(const char *pair, char base[16], char quote[16])
{
    const char *dash = strchr(pair, '-');
    if (dash == NULL || dash == pair || dash[1] == '\0' || strchr(dash + 1, '-') != NULL)
        return false;
    size_t len = (size_t)(dash - pair);
    if (len >= 16)
        return false;
    memcpy(base, pair, len);
    base[len] = '\0';
    return tb_copy(quote, 16, dash + 1);
}

bool sim_venue_is_dex(const char *connector)
{
    return strncmp(connector, "solana-", 7) == 0 || strchr(connector, '/') != NULL;
}

bool sim_market_price(const struct sim_market *m, const char *connector, const char *pair,
                      double *out)
{
    char base[16], quote[16];
    if (!sim_pair_split(pair, base, quote))
        return false;
    double b = sim_market_token(m, base), q = sim_market_token(m, quote);
    if (b <= 0 || q <= 0 || strcmp(base, quote) == 0)
        return false;
    double price = b / q;
    if (sim_venue_is_dex(connector)) {
        *out = price * (1 + m->dex);
        return true;
    }
    double tick = is_stable(quote) && token_index(base) >= 0 ? sim_tokens[token_index(base)].tick
                                                             : price * 1e-6;
    *out = round(price / tick) * tick;
    return true;
}

bool sim_market_rule(const char *connector, const char *pair, struct sim_rule *out)
{
    char base[16], quote[16];
    if (!sim_pair_split(pair, base, quote) || token_index(base) < 0 || !is_stable(quote) ||
        strcmp(quote, "USD") == 0)
        return false;
    const struct sim_token *t = &sim_tokens[token_index(base)];
    *out = (struct sim_rule){
        .min_order_size = t->lot,
        .price_increment = t->tick,
        .base_increment = t->lot,
        .min_notional = 5,
    };
    /* BitMart spot publishes its minimum under the other name. */
    if (strcmp(connector, "bitmart") == 0) {
        out->min_notional = 0;
        out->min_order_value = 5;
    }
    return true;
}
