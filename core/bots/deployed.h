/* The config files a bot's instance was deployed with: from its stored plan, under the names they
 * have upstream, with the changes that were made to the running bot since (params.h). The one place
 * that knows what an instance's files are expected to hold. Any thread. */
#ifndef TB_BOTS_DEPLOYED_H
#define TB_BOTS_DEPLOYED_H

#include "bots/bots_private.h"

struct deployed {
    char base[TB_BASE_NAME]; /* of the instance; "" for an adopted bot's own names */
    struct tb_json_doc *plan, *live;
    const struct tb_json *files;     /* of the plan, NULL without one */
    const struct tb_json *live_rows; /* what the bot has taken over since, NULL when nothing */
};

/* What is read of a bot before its files can be; copied under the lock. */
struct deployed_key {
    char instance[TB_INSTANCE_NAME], plan_id[TB_ULID_TEXT], base[TB_BASE_NAME];
    char *live; /* JSON, may be NULL; freed by deployed_read */
};
void deployed_key_of(const struct bot *bot, struct deployed_key *out); /* lock held */

/* A bot without a plan has no files here. Frees the key's text. */
TB_MUST_CHECK
bool deployed_read(struct tb_bots *b, struct deployed_key *key, struct deployed *out,
                   struct tb_error *err);
void deployed_free(struct deployed *d);

bool deployed_is_script(const struct tb_json *file);
/* The file's name upstream. */
const char *deployed_name(const struct deployed *d, const struct tb_json *file);
/* What the file is expected to hold now: an object, or NULL when nothing of it is kept. index:
 * its place in `files`. */
struct tb_json_doc *deployed_config(const struct deployed *d, const struct tb_json *file,
                                    size_t index);
bool deployed_same_name(const char *a, const char *b); /* with or without .yml */
/* The bot's controller config of this name in the answer of /controllers/bots/{bot}/configs. */
const struct tb_json *deployed_find(const struct tb_json *configs, const char *name);

#endif
