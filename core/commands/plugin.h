/* What `plugin check` and `check` both tell of a plugin folder. */
#ifndef TB_COMMANDS_PLUGIN_H
#define TB_COMMANDS_PLUGIN_H

#include "base/buffer.h"
#include "base/error.h"

struct plugin_report {
    struct tb_buffer text; /* one line a plugin, with an excerpt below those that fail */
    unsigned good, bad;
};

/* only: one plugin's name, NULL for all. False when the folder or the SDK cannot be read. */
TB_MUST_CHECK
bool plugin_report(const char *dir, const char *only, struct plugin_report *report,
                   struct tb_error *err);

#endif
