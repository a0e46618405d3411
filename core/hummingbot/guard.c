/* Bodies that upstream accepts and that break something there for everybody, refused before they
 * are sent. Any thread. */
#include <string.h>

#include "base/json.h"
#include "hummingbot/client_private.h"

static bool guard_state(const struct tb_json *body, struct tb_error *err)
{
    /* It would overwrite upstream's cache: all other connectors vanish until the next refresh. */
    const struct tb_json *connectors = tb_json_get(body, "connector_names");
    const struct tb_json *accounts = tb_json_get(body, "account_names");
    bool some = tb_json_is(connectors, TB_JSON_ARRAY) && connectors->len > 0;
    bool scoped = tb_json_is(accounts, TB_JSON_ARRAY) && accounts->len > 0;
    return !some || scoped ||
           tb_fail(
               err, TB_INVALID,
               "portfolio.state with `connector_names` needs `account_names` as well: without them "
               "the API forgets the balances of every other connector");
}

static bool guard_distribution(const struct tb_json *body, struct tb_error *err)
{
    const struct tb_json *accounts = tb_json_get(body, "account_names");
    return !tb_json_is(accounts, TB_JSON_ARRAY) || accounts->len < 2 ||
           tb_fail(
               err, TB_INVALID,
               "portfolio.distribution answers zeros for more than one account; ask for one at a "
               "time");
}

static bool guard_live_update(const struct tb_json *body, struct tb_error *err)
{
    /* Reading a bot's configs adds this key; written back it breaks every reload for good. */
    return !tb_json_get(body, "_config_name") ||
           tb_fail(
               err, TB_INVALID,
               "controllers.bot_config_update must not send `_config_name`: the bot would refuse "
               "its config from then on, the kill switch included");
}

static const struct guard {
    enum tb_hb_endpoint endpoint;
    bool (*check)(const struct tb_json *body, struct tb_error *err);
} GUARDS[] = {
    {TB_HB_PORTFOLIO_STATE, guard_state},
    {TB_HB_PORTFOLIO_DISTRIBUTION, guard_distribution},
    {TB_HB_CONTROLLERS_BOT_CONFIG_UPDATE, guard_live_update},
};

bool tb_hb_guard(const struct tb_hb_call *call, struct tb_error *err)
{
    for (size_t i = 0; i < sizeof GUARDS / sizeof *GUARDS; i++) {
        if (GUARDS[i].endpoint != call->endpoint || !call->body)
            continue;
        struct tb_json_doc *doc = tb_json_parse(call->body, call->body_len, TB_JSON_CLIENT, err);
        bool ok = doc && GUARDS[i].check(tb_json_root(doc), err);
        tb_json_free(doc);
        return ok;
    }
    return true;
}
