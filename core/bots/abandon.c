/* What stays of a bot that was abandoned: its operation has a good end, but orders and positions
 * may go on without anybody, and that must be read wherever the bot is. Pure; called with the
 * room's lock held or on a copy. */
#include <string.h>

#include "bots/bots_private.h"

#define ABANDONED "abandoned" /* the stop's own reason, and the bot's */

static const char detail[] =
    "It was abandoned: only its container was stopped. Orders and positions may be on the exchange "
    "unattended; close them there, or start the bot and stop it with the policy \"close\".";

/* Another stop of a stopped bot changes nothing of that. */
static bool is_abandoned(const struct bot *bot, const struct tb_life *life)
{
    if (life->kind != TB_OP_STOP)
        return false;
    if (!tb_op_state_final(life->state) || strcmp(life->reason, "already_stopped") == 0)
        return strcmp(bot->reason, ABANDONED) == 0;
    return life->state == TB_OPS_SUCCEEDED && strcmp(life->reason, ABANDONED) == 0;
}

bool abandon_follow(struct bot *bot, const struct tb_life *life)
{
    if (!is_abandoned(bot, life))
        return false;
    tb_copy(bot->reason, sizeof bot->reason, ABANDONED);
    tb_copy(bot->reason_detail, sizeof bot->reason_detail, detail);
    return true;
}
