/* What every command on a bot has in common: the answer to a repeated request, the bot it is about,
 * one commit of bot, operation and Idempotency-Key, and the operation that opens behind it. Not for
 * other rooms. */
#ifndef TB_BOTS_COMMAND_H
#define TB_BOTS_COMMAND_H

#include "bots/bots_private.h"

/* How soon what was just committed must be found in memory. */
enum { APPEARS_MS = 2000 };

struct opening {
    struct tb_bots *b;
    struct bot *bot;
    struct bot shown; /* the bot as it will be once committed: nobody sees it before */
    const struct tb_caller *caller;
    const struct tb_idempotency *key;
    struct tb_life life;
    char id[TB_ULID_TEXT];
    const char *plan_id;          /* used by this operation, or NULL */
    struct operation *superseded; /* ended in the same commit, or NULL */
    const struct plan *renewed;   /* what the attempt that begins now is made from, or NULL */
    /* of a redeploy */
    const char *next_plan; /* what the bot gets once its old instance has ended, or NULL */
    char *changes;         /* JSON; the operation's once it is open */
    char *wanted;          /* see params.h; the bot's once it is committed; NULL: as it was */
    uint64_t halts;        /* command_halts() when it was asked */
    int64_t wall;
};

/* How many emergency stops were pressed: taken when a command arrives. One that is pressed while
 * the command is prepared does not know its bot, so the command is refused. */
uint64_t command_halts(struct tb_bots *b);

/* Answers from an earlier request with the same key, before any work is done for this one.
 * *done_out: the request is finished, by the replay or by *err. */
TB_MUST_CHECK
bool command_replayed(struct tb_bots *b, const struct tb_caller *caller,
                      const struct tb_idempotency *key, struct tb_command_result *result,
                      bool *done_out, struct tb_error *err);
/* The bot that an id names, claimed: give it back with bot_release. */
TB_MUST_CHECK
bool command_bot(struct tb_bots *b, const char *id, struct bot **bot_out, struct tb_error *err);
/* False when the request has a field that is none of `fields` (NULL-terminated). */
TB_MUST_CHECK
bool command_fields(const struct tb_json *request, const char *const *fields,
                    struct tb_problems *problems, struct tb_error *err);
/* commands.c: is it in a state from which a start makes sense? (lock held) */
TB_MUST_CHECK
bool command_may_start(const struct bot *bot, struct tb_error *err);
/* redeploy.c: likewise for a redeploy (lock held) */
TB_MUST_CHECK
bool command_may_redeploy(const struct bot *bot, struct tb_error *err);
/* The plugins that a redeploy is planned with: the version of this one that the request names
 * (NULL: none, so those that are live), released by the caller. */
TB_MUST_CHECK
struct tb_generation *redeploy_generation(struct tb_bots *b, const char *exchange,
                                          const struct tb_json *generation,
                                          struct tb_problems *problems, struct tb_error *err);
/* A second command of the same kind joins the operation that is under way (lock held). */
bool command_join(struct tb_bots *b, struct bot *bot, const struct operation *op,
                  struct tb_command_result *result);
/* A start or restart of a claimed bot: when nothing of its instance is left, what it deploys is
 * what is wanted of the bot by then. plan_out: that plan, the caller's to free; one without an id
 * when it is the plan that the bot was made from. */
TB_MUST_CHECK
bool command_renewal(struct tb_bots *b, const struct bot *bot, struct plan *plan_out,
                     struct tb_error *err);
/* Tells the life that has just begun, and people (lock held). */
void command_renews(struct opening *o, const struct plan *plan, struct tb_problems *problems);
/* Fails with TB_OPERATION_IN_PROGRESS, naming it. */
bool command_in_progress(const struct operation *op, struct tb_error *err);

/* The steps of a command whose life has begun, with the bot claimed and without the lock. */
void command_show(struct opening *o, const char *intent); /* fills o->shown */
TB_MUST_CHECK
bool command_commit(struct opening *o, struct tb_command_result *result, struct tb_error *err);
/* Opens the operation in memory after its commit. */
void command_opened(struct opening *o, const struct tb_problems *problems,
                    struct tb_command_result *result);
/* All three, for a bot that is in the registry already. */
TB_MUST_CHECK
bool command_open(struct opening *o, const char *intent, struct tb_command_result *result,
                  struct tb_problems *problems, struct tb_error *err);

/* stop.c */
struct stop_order {
    bool abandon;  /* the container is stopped; orders and positions stay */
    bool join_any; /* a stop that is under way is joined, whichever it is */
};
/* Stops a claimed bot; also an instance that no record has (its operation then has no bot). */
TB_MUST_CHECK
bool command_stop(struct tb_bots *b, struct bot *bot, struct stop_order order,
                  const struct tb_caller *caller, const struct tb_idempotency *key,
                  struct tb_command_result *result, struct tb_problems *problems,
                  struct tb_error *err);

#endif
