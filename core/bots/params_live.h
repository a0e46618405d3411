/* Changing a running bot: the write to its instance's config file, the reading back, and what is
 * kept of both. Nothing is called applied that was not read back; what may have arrived and was not
 * is in doubt, until it was read back or can no longer arrive. */
#ifndef TB_BOTS_PARAMS_LIVE_H
#define TB_BOTS_PARAMS_LIVE_H

#include "bots/params.h"

/* Takes the right to change the bot's parameters, waiting for who has it (lock held; given up while
 * waiting). False: it took too long, or the bot was deleted. */
bool live_begin(struct tb_bots *b, struct bot *bot);
void live_end(struct tb_bots *b, struct bot *bot);

/* Looks at the instance's files before anything is stored: rows that must not be sent get their
 * reason. */
void live_check(struct tb_bots *b, const struct deployed *d, const char *instance,
                struct param_rows *rows);
/* Sends the rows that are PARAM_LIVE, one write a controller, each once. What surely did not arrive
 * gets its reason. */
void live_send(struct tb_bots *b, const struct deployed *d, const char *instance,
               struct param_rows *rows);
/* Reads the rows' fields back: those that are as wanted get `at`. patient: look again for a moment.
 * False with *err: nothing could be read; TB_NOT_FOUND: the instance has no such files. */
TB_MUST_CHECK
bool live_confirm(struct tb_bots *b, const struct deployed *d, const char *instance, bool patient,
                  struct param_rows *rows, struct tb_error *err);
/* Stores what became of the rows in doubt: those with `at` are live, those with a reason pending.
 * `answer`, if there is one, is the Idempotency-Key's row: it gets the answer. False: nothing
 * changed, and they are in doubt still. */
TB_MUST_CHECK
bool live_settle(struct tb_bots *b, struct bot *bot, int64_t version, const struct param_rows *rows,
                 struct tb_store_idempotency *answer, const struct tb_buffer *warnings,
                 struct tb_error *err);

#endif
