/* One profit over all instances of a bot. Its id stays while a redeploy, or a start of what is
 * gone, gives it another instance, and the reports of each begin at 0. What each earned is kept
 * (instances.h), and the profit of the bot is derived from that and from the living one's figures
 * whenever it is shown: there is no sum that a crash could lose or add to twice.
 *
 * The rules: quotes are never added to each other; a value that one instance does not report is
 * unknown in the sum; an instance that never reported anything is left out and counted in
 * `not_reported`; a sum is as proven as its least proven part. Pure; the room's lock, or the bot's
 * claim, is held. */
#ifndef TB_BOTS_PROFIT_H
#define TB_BOTS_PROFIT_H

#include "bots/bots_private.h"

/* The figures of a transform as the bot keeps them: bot->pnl, "" when they have no rows. */
void profit_take(struct bot *bot, const struct tb_json *rows, int64_t at);
/* Members of the bot on the wire: pnl, over all instances, and for operators instance_pnl, of the
 * last one alone. */
void profit_write(const struct bot *bot, const struct tb_json *facts, bool client,
                  struct tb_json_writer *w);
/* Members of an instance that ends: pnl, peak (its highest net profit), budget_quote. proven: a
 * stop of it was proven and nothing was started since. */
void profit_write_ended(const struct bot *bot, const struct tb_json *facts, bool proven,
                        struct tb_json_writer *w);
/* Two ended ones as one: the same members, with instances and not_reported. */
void profit_write_both(const struct tb_json *newer, const struct tb_json *older,
                       struct tb_json_writer *w);

#endif
