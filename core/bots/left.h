/* What a stop may have left on the exchange: read after the stop, said with what cannot be known.
 * Not for other rooms. */
#ifndef TB_BOTS_LEFT_H
#define TB_BOTS_LEFT_H

#include "bots/bots_private.h"

enum { LEGS_MAX = 16, LEFT_BALANCES = 2 * LEGS_MAX };

/* A market the bot trades on. */
struct leg {
    char connector[64], pair[64], base[24], quote[24];
};

/* The stop that is looked at, copied out of the bot. */
struct stopped {
    const struct bot *bot; /* only to be told from others */
    char exchange[64], strategy[64], account[132], connector[64], pair[64];
    char plan_id[TB_ULID_TEXT];
    char *facts;
    struct tb_life life; /* of the stop */
};

/* JSON of the operation's `left`; *proof_out: "reported", "fills" or "settled". stop_wait: tells
 * that the process ends; may be called from time to time, waits up to ms. */
void left_look(struct tb_bots *b, const struct stopped *s,
               bool (*stop_wait)(struct tb_bots *, int64_t), struct tb_buffer *out,
               const char **proof_out);

/* legs.c: the markets of a bot, from its stored plan, else from its record. */
size_t legs_of(struct tb_bots *b, const struct stopped *s, struct leg out[LEGS_MAX]);
/* Orders of this market lock a part of the balances that the portfolio shows. */
bool leg_is_spot(const struct leg *leg);
/* A router has no order book, so nothing can rest in it. */
bool leg_is_router(const struct leg *leg);

#endif
