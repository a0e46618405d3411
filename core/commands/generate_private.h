/* What the parts of `trading-bridge generate` share. */
#ifndef TB_COMMANDS_GENERATE_PRIVATE_H
#define TB_COMMANDS_GENERATE_PRIVATE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

/* Writes one file below dir, whose missing folders are made; false and a line on stderr. */
TB_MUST_CHECK
bool generate_file(const char *dir, const char *name, void (*write)(FILE *out, const void *arg),
                   const void *arg);
/* generate_types.c: plugins/types and .luarc.json, for editors. */
TB_MUST_CHECK
bool generate_types(const char *dir);
/* generate_exchanges.c: docs/exchanges, a page for each plugin below dir/plugins. */
TB_MUST_CHECK
bool generate_exchanges(const char *dir);

#endif
