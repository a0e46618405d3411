/* From one instance of a bot to the next. A bot keeps its id, name and curve; a redeploy, or a
 * start of what is gone or archived, gives it another instance, and the earlier ones are
 * remembered, the newest first, each with the figures it reported last (profit.h):
 * [{instance, image, plan_id, generation, started_at, ended_at, pnl, peak, budget_quote}]. Beyond
 * 20 the oldest are one: {instances, not_reported, started_at, ended_at, pnl, peak, budget_quote}.
 * What is written here is written in the commit that begins the next attempt, so each instance is
 * in it exactly once. */
#ifndef TB_BOTS_INSTANCES_H
#define TB_BOTS_INSTANCES_H

#include "bots/bots_private.h"

/* `shown` is a copy of the bot that goes from one state of its operation to the next: when the next
 * attempt begins, its earlier instance is remembered. A text that is new in `shown` is the caller's
 * until instances_take or instances_drop. */
void instances_show(struct bot *shown, const struct tb_life *before, const struct tb_life *next,
                    int64_t wall);
/* Remembers in `shown` an instance that ended and was never the bot's only one. entry: what is
 * known of it, NULL nothing; stored: the text that the bot has, which is not freed. */
void instances_show_other(struct bot *shown, const char *instance, const struct bot *entry,
                          const char *stored, int64_t wall);
/* Gives `shown` the plan that its next attempt is made from: its id, image and facts. */
void instances_renew(struct bot *shown, const struct plan *plan);
/* What is new in `shown` becomes the bot's (lock held), or is given up. */
void instances_take(struct bot *bot, const struct bot *shown);
void instances_drop(const struct bot *bot, const struct bot *shown);
/* Is it an earlier instance of a bot that upstream may still repeat, although it has ended? (lock
 * held) */
bool instances_ended(const struct tb_bots *b, const char *instance, int64_t wall);

#endif
