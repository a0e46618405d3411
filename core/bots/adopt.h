/* Taking over bots that the bridge did not make: what the files of the take-over share. Reading
 * (adopt_read.c) changes nothing anywhere; adopt.c makes and releases the records. */
#ifndef TB_BOTS_ADOPT_H
#define TB_BOTS_ADOPT_H

#include "bots/bots_private.h"

/* What upstream tells of one instance. Texts are "" and documents NULL where it tells nothing. */
struct found {
    char instance[TB_INSTANCE_NAME];
    char exchange[64], strategy[64], account[132], image[160], connector[64], pair[64];
    char script_name[128]; /* of the script config, without ".yml" */
    int64_t deployed_at;   /* 0: not known */
    struct tb_json_doc *configs, *script, *recognised, *effects;
    struct tb_buffer unknown;  /* [{field, detail}], without its brackets */
    struct tb_buffer failed;   /* [{message, plugin}] of plugins that were asked, likewise */
    struct tb_buffer not_kept; /* why the configs cannot be deployed again; empty: they can */
};
void found_free(struct found *f);
/* GETs only. image: as the container list names it. False: it could not be read. */
TB_MUST_CHECK
bool found_read(struct tb_bots *b, const char *instance, const char *image,
                int64_t mono_deadline_ms, struct found *f, struct tb_error *err);
/* The quote of its only pair, or NULL. */
const char *found_quote(const struct found *f);
/* {params, plugin, risk, budget_quote, quotes, effects} of the recognised strategy into an open
 * object. */
void found_write_facts(struct tb_bots *b, const struct found *f, struct tb_json_writer *w);
/* The plan that start deploys from when the container is gone (life and files as plan.c makes
 * them). `name` is the bot's. Only for an f whose not_kept is empty. */
void found_plan(const struct found *f, const char *name, const char *stem, struct tb_buffer *doc);

#endif
