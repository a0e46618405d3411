/* The bridge's HTTP face: routes, roles, tokens, problems, the page.
 *
 * Handlers run on the threads of base/http; the room owns that server, the page's sessions and the
 * counters of refused requests, nothing else. It holds no lock while it calls another room. */
#ifndef TB_API_API_H
#define TB_API_API_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/embed.h"
#include "base/error.h"
#include "base/json.h"
#include "bots/backtest.h"
#include "bots/bots.h"
#include "plugins/host.h"
#include "store/store.h"

struct tb_api;

struct tb_api_config {
    const char *bind; /* an IPv4 address */
    int port;         /* 0: any free one */
    unsigned workers; /* requests served at once */
    const char *admin_token;
    const char *cors_origins; /* comma-separated exact origins; NULL for none */
    struct tb_store *store;
    struct tb_plugins *plugins;
    struct tb_bots *bots;
    struct tb_backtests *backtests;
    bool uploads;                  /* plugins may come by PUT */
    const struct tb_embedded *web; /* the page; a table without index.html serves none */
};

/* Listens from then on. Strings are copied, rooms are borrowed until tb_api_stop. */
TB_MUST_CHECK
struct tb_api *tb_api_start(const struct tb_api_config *config, struct tb_error *err);
int tb_api_port(const struct tb_api *api);
/* Replaces the administrator's token; sessions made with the old one end. */
void tb_api_set_admin_token(struct tb_api *api, const char *token);
/* From now on 503 with Retry-After, health included (it says `draining`); waits end early. */
void tb_api_drain(struct tb_api *api);
/* Waits for the requests inside until the deadline (tb_mono_ms), then stops listening and frees. */
void tb_api_stop(struct tb_api *api, int64_t mono_deadline_ms);

/* POST /tokens without the HTTP: validates {name, role, bots?, expires_at?}, stores the hash of a
 * new token and writes {id, name, role, bots, created_at, expires_at, token}. Also for
 * `token create` when no bridge runs. */
TB_MUST_CHECK
bool tb_api_token_create(struct tb_store *store, const struct tb_json *request,
                         struct tb_buffer *out, struct tb_problems *problems, struct tb_error *err);

/* The route table as data, for the generated documentation. */
struct tb_api_route_info {
    const char *method, *pattern;
    const char *role;  /* minimum role, "open" or "any" */
    const char *query; /* accepted query parameters, space-separated */
    const char *summary;
    bool idempotency_key;
};
size_t tb_api_route_count(void);
void tb_api_route_info(size_t index, struct tb_api_route_info *out);

#endif
