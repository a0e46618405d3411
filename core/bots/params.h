/* The parameters people want a bot to have, beside those it was deployed with.
 *
 * A bot's `plan_id` and `facts` say what its files were made from. Once its parameters are changed,
 * `wanted` says what was asked for last: the version, a plan of its own with the files built from
 * it, and what became of each difference. It is one JSON text, stored with the bot:
 *   { version, at, plan_id, facts, instance, doubt_until, live: [row], doubt: [row], pending: [row]
 * } row: { controller (1 is the first, null the script's), name, field, from, to, reason, at }
 * live: what the instance's file holds by a change to the running bot, read back; from is the
 * deployed plan's value. doubt: was sent, or may have been, and was not read back. pending: waits
 * for a redeploy. The rows count only while the bot has that instance and another plan than
 * `plan_id`: after a redeploy with `plan_id` nothing is left over, and a new instance of the old
 * files has none of the live changes.
 *
 * For a redeploy: params_plan() is the plan whose stored files it takes when its request names no
 * parameters. For a plan of its own it compares (params_compare) and stores that plan as wanted
 * (params_write, the next version), all of it pending. Once the new instance is to be made it gives
 * the bot the wanted plan's id as `plan_id` and its facts as `facts` (what the bot's own have
 * beyond a plan's, such as "adoption", stays); with that nothing is pending, and the version stays.
 * deployed.h gives the files as they are expected to be. */
#ifndef TB_BOTS_PARAMS_H
#define TB_BOTS_PARAMS_H

#include "bots/bots_private.h"
#include "bots/deployed.h"
#include "bots/params_rows.h"

struct wanted {
    int64_t version, at, doubt_until;
    char plan_id[TB_ULID_TEXT], instance[TB_INSTANCE_NAME];
    bool same_instance; /* the one that `live` and `doubt` are about */
    const struct tb_json *facts, *live, *doubt, *pending; /* NULL: none */
    struct tb_json_doc *doc;                              /* holds them */
};

/* The lock, or the bot's claim, is held for all that take a bot. */

/* Version 1 with the bot's own plan and facts when nothing was changed. */
void wanted_of(const struct bot *bot, struct wanted *out);
void wanted_free(struct wanted *w);
/* The rows of `live`, as JSON that the caller frees, while they count; else NULL. */
char *params_live(const struct bot *bot);
/* Members of the bot on the wire: params, config, risk, params_version, pending_redeploy,
 * unknown_params. */
void params_write_wire(const struct bot *bot, struct tb_json_writer *w);
/* The answer of GET and PATCH /bots/{id}/params. */
void params_write_answer(const struct bot *bot, const struct tb_buffer *warnings,
                         struct tb_buffer *out);
/* Each member of the change replaces the one there was. null means what it means in a create: none
 * for an optional field, else the form's default; so what GET gives can be sent back as it is. */
void params_merge(struct tb_json_writer *w, const char *key, const struct tb_json *before,
                  const struct tb_json *change);
/* A plan was refused: was it for fields of the bot that the form has no more, and that the
 * request's own params (`said`, may be NULL) did not name? Then *err becomes TB_FORM_CHANGED. */
void params_check_form(const struct tb_problems *problems, const struct tb_json *said,
                       const char *strategy, struct tb_error *err);
/* The plan whose stored files a redeploy without own parameters takes, and a start that finds
 * nothing left to start. */
const char *params_plan(const struct bot *bot, char out[TB_ULID_TEXT]);
/* The text that makes the rows' plan the wanted one: for `wanted` of the bot that is committed.
 * version: the next one, or the present one when only the rows changed. */
struct params_text {
    int64_t version, at, doubt_until;
    const char *plan_id, *facts;
    const struct param_rows *live, *doubt, *pending; /* NULL: none */
};
char *params_write(const struct bot *bot, const struct params_text *text);
/* Replaces `wanted` in memory (lock held). */
void params_set(struct bot *bot, char *text);
/* Stores the text with the bot, which is claimed and whose lock is not held, after the change
 * `first` (may be NULL), and puts it in place; takes the text. used: the plan that it names, when
 * it is a new one. */
TB_MUST_CHECK
bool params_store(struct tb_bots *b, struct bot *bot, char *text,
                  const struct tb_store_change *first, const char *used, struct tb_error *err);
/* What a start does with what is pending. */
void params_warn_start(const struct bot *bot, struct tb_problems *problems);
/* The rows that are pending, as an operation shows what it changes; the caller frees them. */
char *params_changes(const struct bot *bot);
/* Every field in which the plan's files differ from those the key's instance runs with. No lock. */
TB_MUST_CHECK
bool params_compare(struct tb_bots *b, struct deployed_key *key, const char *plan_id,
                    const char *image, struct param_rows *out, struct deployed *deployed_out,
                    struct tb_error *err);

/* params_live.c: what was sent and not read back (watch thread, no lock held) */
void params_look(struct tb_bots *b);

#endif
