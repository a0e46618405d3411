/* What the Hummingbot API's own validator says of one controller config, as a row of a plan. It is
 * advice and never stops a plan: the route is missing from older builds, it may be slow, and for
 * some classes its refusal is known to be wrong. Any thread; owns nothing. */
#ifndef TB_BOTS_VERDICT_H
#define TB_BOTS_VERDICT_H

#include "bots/bots_private.h"

/* Whom to ask about what. */
struct tb_verdict_question {
    const char *type, *name; /* of the controller */
    const struct tb_buffer *config;
    int64_t mono_deadline_ms;
};

/* Adds what it said to `checks`, and to `warnings` when it refuses for a reason to believe. */
void verdict_ask(struct tb_bots *b, const struct tb_verdict_question *question,
                 struct tb_buffer *checks, struct tb_buffer *warnings);

/* Its refusal as JSON {"detail": …}, of a config of this class: is it wrong by what is known? */
bool verdict_known_wrong(const char *type, const char *name, const char *body, size_t len);

#endif
