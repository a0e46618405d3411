/* What the parts of `trading-bridge check` share: one line a finding, and its count. */
#ifndef TB_COMMANDS_CHECK_PRIVATE_H
#define TB_COMMANDS_CHECK_PRIVATE_H

#include "commands/commands_private.h"

enum verdict { CHECK_OK, CHECK_WARN, CHECK_FAIL };

struct check {
    const struct settings *settings;
    unsigned failed, warned;
};

/* Prints `ok|warn|fail  what  - remedy`, secrets and control characters taken out. remedy: NULL for
 * none. */
void check_line(struct check *check, enum verdict verdict, const char *remedy, const char *format,
                ...) TB_PRINTF(4, 5);
/* A failure told by another room: what it says, and after its last "; " or ": " what to do. */
void check_error(struct check *check, const char *subject, const struct tb_error *err);

/* check_network.c: address, proxy, DNS, TCP. False: it makes no sense to send anything. */
bool check_network(struct check *check);
/* check_api.c: what answers there, version, credentials, accounts, refusals. */
void check_api(struct check *check);
/* A read, parsed; NULL with *err. */
TB_MUST_CHECK
struct tb_json_doc *check_read(struct tb_hb *hb, const struct tb_hb_call *call,
                               struct tb_error *err);
/* check_bots.c: scripts, names, discovery, proof. */
void check_bots(struct check *check, struct tb_hb *hb, const struct tb_hb_profile *profile);

/* check_backtests.c */
void check_backtests(struct check *check);

/* check_plugins.c */
void check_plugins(struct check *check);

#endif
