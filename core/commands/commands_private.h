/* What several commands need: where things are, and one question to the bridge on this machine. Not
 * for other rooms. */
#ifndef TB_COMMANDS_COMMANDS_PRIVATE_H
#define TB_COMMANDS_COMMANDS_PRIVATE_H

#include "base/json.h"
#include "commands/commands.h"
#include "commands/settings.h"
#include "hummingbot/client.h"

/* Loads the settings for a command: prints problems on stderr; false when one is fatal. */
TB_MUST_CHECK
bool command_settings(struct settings *s);

/* ---- places.c ---- */
/* BRIDGE_PLUGINS, ./plugins or the installed folder. */
const char *place_plugins(const struct settings *s);
/* Does a saved plugin wait for a developer? */
bool place_saves_drafts(const struct settings *s);
/* A file beside the store; malloc'd. */
char *place_beside_store(const struct settings *s, const char *name);
/* The nearest folder above `path` that exists. */
void place_existing_folder(const char *path, char *out, size_t size);
enum place_lasting {
    PLACE_LASTS,
    PLACE_IN_MEMORY, /* of a machine that is no container: it lasts until the next reboot */
    PLACE_GOES_WITH_CONTAINER,
};
/* Will the store's folder be there after a redeploy? */
enum place_lasting place_store_lasting(const struct settings *s);
/* BRIDGE_ADMIN_TOKEN or the generated one; malloc'd. make: generate it when there is none.
 * generated_out (may be NULL): it comes from the file. NULL with *err. */
TB_MUST_CHECK
char *place_admin_token(const struct settings *s, bool make, bool *generated_out,
                        struct tb_error *err);
struct tb_hb_config place_hummingbot(const struct settings *s);
/* The second one; its url is NULL when none is marked. */
struct tb_hb_config place_backtests(const struct settings *s);

/* ---- ask.c ---- */
/* One request to the bridge of these settings on this machine; true when it answered (any status).
 */
TB_MUST_CHECK
bool ask_bridge(const struct settings *s, const char *method, const char *path, const char *token,
                const char *body, int *status_out, struct tb_buffer *answer, struct tb_error *err);
/* A GET whose answer, when it is 200, goes to the descriptor and else into `answer`. */
TB_MUST_CHECK
bool ask_bridge_file(const struct settings *s, const char *path, const char *token, int to,
                     int *status_out, struct tb_buffer *answer, struct tb_error *err);

#endif
