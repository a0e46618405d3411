/* Every route of the bridge, one row each. Read-only data; base/http matches, api.c runs. */
#include "api/api_private.h"
#include "base/memory.h"

#define KIB ((size_t)1024)

/* method, pattern, name, minimum role, flags, body cap, query parameters, handler, summary */
static const struct api_route rows[] = {
    {"GET", "/", "root", API_OPEN, 0, 0, "", api_get_root,
     "name, version, status; the page when `text/html` is asked"},
    {"GET", "/web/{path...}", "web", API_OPEN, 0, 0, "", api_get_web, "files of the page"},
    {"GET", "/healthz", "healthz", API_OPEN, API_HEALTH, 0, "", api_get_health,
     "200 while the process serves, 503 while it shuts down"},
    {"GET", "/readyz", "readyz", API_OPEN, API_HEALTH, 0, "", api_get_ready,
     "200 once the store works and the bots in the Hummingbot API were looked at; else 503 with "
     "the "
     "reason's code"},
    {"GET", "/bots", "bots", API_CLIENT, API_ETAG, 0, "account state limit cursor", api_get_bots,
     "the bots; weak ETag"},
    {"POST", "/bots", "/bots", API_OPERATOR, API_AUDIT | API_KEY, 256 * KIB, "", api_create_bot,
     "creates a bot: 202 with the bot and its operation; `Prefer: wait=n` waits for the proof"},
    {"POST", "/bots/create", "/bots", API_OPERATOR, API_AUDIT | API_KEY, 256 * KIB, "",
     api_create_bot, "the same as POST /bots"},
    {"POST", "/bots/plan", "/bots/plan", API_OPERATOR, API_KEY | API_LANE, 256 * KIB, "lane",
     api_plan_bot,
     "shows what a create would send, and sends nothing; with `lane=draft|live` (developer) it is "
     "not stored"},
    {"GET", "/plans/{plan}", "plan", API_OPERATOR, 0, 0, "", api_get_plan,
     "a stored plan as it was shown, the operation that used it, and its backtests"},
    {"POST", "/plans/{plan}/backtest", "/plans/{plan}/backtest", API_OPERATOR, API_AUDIT | API_KEY,
     16 * KIB, "", api_backtest_plan,
     "has Hummingbot's own engine simulate the plan over the last `{days, fee_pct}`, on the server "
     "of BRIDGE_BACKTEST_URL and no other; 202, and the result is stored with the plan"},
    {"GET", "/bots/{id}", "bot", API_CLIENT, API_ETAG, 0, "raw", api_get_bot,
     "one bot by id, living name or instance; `raw=1` (operator) adds the API's own words"},
    {"DELETE", "/bots/{id}", "/bots/{id}", API_OPERATOR, API_AUDIT, 16 * KIB, "", api_delete_bot,
     "deletes the record of a failed or archived bot, nothing in the Hummingbot API"},
    {"POST", "/bots/{id}/start", "/bots/{id}/start", API_OPERATOR, API_AUDIT | API_KEY, 16 * KIB,
     "", api_start_bot, "starts a stopped bot"},
    {"POST", "/bots/{id}/stop", "/bots/{id}/stop", API_OPERATOR, API_AUDIT | API_KEY, 16 * KIB, "",
     api_stop_bot,
     "stops a bot, or of a bot in conflict the named `instance`; its effects, and what it may have "
     "left, are said in the operation"},
    {"POST", "/bots/emergency-stop", "/bots/emergency-stop", API_OPERATOR, API_AUDIT | API_KEY,
     256 * KIB, "", api_emergency_stop,
     "stops everything that lives: `{confirm: \"stop\", dry_run, exchange, bots, "
     "include_unmanaged}`; 202 with one operation that has `items[]`"},
    {"POST", "/bots/start", "/bots/start", API_OPERATOR, API_AUDIT | API_KEY, 256 * KIB, "",
     api_start_bots,
     "starts several bots one after another: `{bots: […] or \"those_that_ran\", dry_run, pause_s, "
     "stop_at_first_failure}`; 202 with one operation that has `items[]`"},
    {"POST", "/bots/{id}/restart", "/bots/{id}/restart", API_OPERATOR, API_AUDIT | API_KEY,
     16 * KIB, "", api_restart_bot,
     "stops a bot and, once that is proven, starts its container again"},
    {"POST", "/bots/{id}/archive", "/bots/{id}/archive", API_OPERATOR, API_AUDIT | API_KEY,
     16 * KIB, "", api_archive_bot,
     "stops a bot and, once that is proven, removes its container; the API keeps its folder"},
    {"POST", "/bots/{id}/redeploy", "/bots/{id}/redeploy", API_OPERATOR, API_AUDIT | API_KEY,
     256 * KIB, "", api_redeploy_bot,
     "stops a bot and, once that is proven, deploys it anew: `{params, risk, image, generation, "
     "dry_run}`, or with what is wanted of it; `generation` plans with that version of its plugin, "
     "live or kept; `dry_run` shows the plan and every changed field"},
    {"POST", "/bots/redeploy", "/bots/redeploy", API_OPERATOR, API_AUDIT | API_KEY, 256 * KIB, "",
     api_redeploy_bots,
     "redeploys several bots one after another and ends at the first failure: `{bots: […], params, "
     "risk, image, generation, dry_run, pause_s}`; 202 with one operation that has `items[]`"},
    {"POST", "/bots/adopt", "/bots/adopt", API_OPERATOR, API_AUDIT | API_KEY, 256 * KIB, "",
     api_adopt_bots,
     "takes over running bots that the bridge did not make, without touching them: `{instances: "
     "[…] or \"all\", dry_run}`"},
    {"POST", "/bots/{id}/release", "/bots/{id}/release", API_OPERATOR, API_AUDIT | API_KEY,
     16 * KIB, "", api_release_bot,
     "gives an adopted bot back: its record is deleted, the bot goes on"},
    {"PUT", "/bots/{id}", "/bots/{id}/params", API_OPERATOR, API_AUDIT | API_KEY, 256 * KIB, "",
     api_put_bot,
     "changes a bot's `{params, risk}` like PATCH /bots/{id}/params, also in other front ends' "
     "words; `If-Match` may be left out"},
    {"GET", "/bots/{id}/params", "params", API_OPERATOR, 0, 0, "", api_get_params,
     "the parameters that are wanted, their version as a strong ETag, and which changes are in "
     "force, pending or not known"},
    {"PATCH", "/bots/{id}/params", "/bots/{id}/params", API_OPERATOR, API_AUDIT | API_KEY,
     256 * KIB, "", api_patch_params,
     "changes parameters (`null` as in a create: none, or the form's default): live where the "
     "running bot takes them "
     "over, else with the next redeploy; needs `If-Match`"},
    {"GET", "/bots/{id}/config", "config", API_OPERATOR, 0, 0, "", api_get_config,
     "the deployed files as planned and as they are now, with the differences"},
    {"GET", "/bots/{id}/history", "history", API_OPERATOR, API_ETAG, 0, "", api_get_history,
     "operations, changes of state and parameters, the adoption, and instances that ended with "
     "what they had made, newest first"},
    {"GET", "/bots/{id}/logs", "logs", API_OPERATOR, 0, 0, "", api_get_logs,
     "last log lines, translated errors first"},
    {"GET", "/operations", "operations", API_OPERATOR, API_ETAG, 0, "bot limit cursor",
     api_get_operations, "operations, newest first"},
    {"GET", "/operations/{id}", "operation", API_OPERATOR, API_ETAG, 0, "", api_get_operation,
     "one operation with its steps"},
    {"GET", "/exchanges", "exchanges", API_OPERATOR, API_ETAG | API_LANE, 0, "lane",
     api_get_exchanges, "exchanges with their strategies"},
    {"GET", "/exchanges/{exchange}", "exchange", API_OPERATOR, API_ETAG | API_LANE, 0, "lane",
     api_get_exchange, "one exchange"},
    {"GET", "/exchanges/{exchange}/strategies/{strategy}", "strategy", API_OPERATOR,
     API_ETAG | API_LANE, 0, "lane choice", api_get_strategy,
     "the form of a strategy as JSON Schema, presets, risk, docs; with `choice` (of a strategy "
     "whose "
     "`form_of` is true: a controller of the API, as type/name) its form for that"},
    {"POST", "/exchanges/{exchange}/strategies/{strategy}/check",
     "/exchanges/{exchange}/strategies/{strategy}/check", API_OPERATOR, API_KEY | API_LANE,
     256 * KIB, "lane", api_check_form,
     "what is wrong with `{params, risk, account, image}`, and what a bot of them would do: `{ok, "
     "errors, warnings, params, facts, checks, preview, …}`; nothing is stored"},
    {"POST", "/exchanges/{exchange}/strategies/{strategy}/replay",
     "/exchanges/{exchange}/strategies/{strategy}/replay", API_OPERATOR, API_LANE, 256 * KIB,
     "lane", api_replay,
     "what the levels of `{params}` would have met in the candles of the last `{days}` (1 to 7 in "
     "minutes, to 30 in steps of five), exits included, the worst way through each candle taken: "
     "an estimate, with its candles and its optimism named"},
    {"POST", "/exchanges/{exchange}/actions/{action}", "/exchanges/{exchange}/actions/{action}",
     API_OPERATOR, API_AUDIT | API_KEY | API_LANE, 64 * KIB, "lane", api_run_action,
     "runs an action of the plugin: `{params, account, dry_run}`; says which calls were made and "
     "what became of each"},
    {"GET", "/plugins", "plugins", API_DEVELOPER, API_ETAG, 0, "", api_get_plugins,
     "loaded plugins, with the errors of those that failed"},
    {"GET", "/plugins/{plugin}", "plugin", API_DEVELOPER, API_ETAG, 0, "", api_get_plugin,
     "one plugin"},
    {"POST", "/plugins/reload", "/plugins/reload", API_DEVELOPER, API_AUDIT | API_KEY, 16 * KIB, "",
     api_reload_plugins, "reads the plugin folder again"},
    {"GET", "/plugins/{plugin}/generations", "generations", API_DEVELOPER, 0, 0, "from to limit",
     api_get_generations,
     "every version that was in force, newest first; `from` and `to`: what differs between two"},
    {"POST", "/plugins/{plugin}/activate", "/plugins/{plugin}/activate", API_DEVELOPER,
     API_AUDIT | API_KEY, 16 * KIB, "", api_activate_plugin,
     "puts the draft in force; shows what changes and which bots would be built differently; "
     "`{dry_run: true}` only shows"},
    {"POST", "/plugins/{plugin}/rollback", "/plugins/{plugin}/rollback", API_DEVELOPER,
     API_AUDIT | API_KEY, 16 * KIB, "", api_rollback_plugin,
     "puts an earlier version in force, `{generation}` or the one before, until the folder "
     "changes"},
    {"PUT", "/plugins/{plugin}", "/plugins/{plugin}", API_DEVELOPER, API_AUDIT | API_TAR,
     4096 * KIB, "dry_run", api_put_plugin,
     "uploads a plugin, a tar of its folder or `{files: {path: text}}`; only with "
     "BRIDGE_PLUGIN_UPLOAD=1"},
    {"DELETE", "/plugins/{plugin}", "/plugins/{plugin}", API_DEVELOPER, API_AUDIT, 16 * KIB,
     "dry_run", api_delete_plugin,
     "takes an uploaded plugin away; a folder of its name serves again. `dry_run=1` only shows "
     "what "
     "would serve and which bots would be built differently"},
    {"GET", "/hummingbot", "hummingbot", API_OPERATOR, 0, 0, "", api_get_hummingbot,
     "the Hummingbot API: version profile, differences, health, clock, lanes, broker"},
    {"POST", "/hummingbot/resume", "/hummingbot/resume", API_ADMIN, API_AUDIT, 16 * KIB, "",
     api_resume,
     "ends observe mode and remembers the instances that caused it; {another_bridge: true} when "
     "another bridge works on the same API"},
    {"POST", "/hummingbot/cleanup", "/hummingbot/cleanup", API_ADMIN, API_AUDIT, 16 * KIB,
     "dry_run", api_cleanup,
     "removes what the bridge's own ended attempts left in the API; `dry_run=1` only lists it"},
    {"GET", "/backup", "backup", API_ADMIN, API_AUDIT, 0, "", api_get_backup,
     "a tar of `bridge.db` and `series.db`, for `trading-bridge restore`"},
    {"POST", "/tokens", "/tokens", API_ADMIN, API_AUDIT | API_KEY, 16 * KIB, "", api_create_token,
     "makes a token; it is shown in this answer only"},
    {"GET", "/tokens", "tokens", API_ADMIN, 0, 0, "", api_get_tokens, "tokens, without secrets"},
    {"DELETE", "/tokens/{id}", "/tokens/{id}", API_ADMIN, API_AUDIT, 16 * KIB, "", api_delete_token,
     "revokes a token at once"},
    {"GET", "/session", "session", API_ANY, 0, 0, "", api_get_session, "whose token this is"},
    {"POST", "/session", "/session", API_OPEN, API_AUDIT, 16 * KIB, "", api_create_session,
     "signs the page in: {token} becomes an HttpOnly cookie"},
    {"DELETE", "/session", "/session", API_OPEN, 0, 16 * KIB, "", api_delete_session,
     "signs the page out"},
};

#define ROWS (sizeof rows / sizeof rows[0])

struct tb_http_route *api_routes_table(void)
{
    struct tb_http_route *table = tb_xcalloc(ROWS + 1, sizeof *table);
    for (size_t i = 0; i < ROWS; i++)
        table[i] = (struct tb_http_route){.method = rows[i].method,
                                          .pattern = rows[i].pattern,
                                          .handler = api_dispatch,
                                          .row = &rows[i]};
    return table;
}

size_t tb_api_route_count(void)
{
    return ROWS;
}

void tb_api_route_info(size_t index, struct tb_api_route_info *out)
{
    const struct api_route *row = &rows[index];
    *out = (struct tb_api_route_info){.method = row->method,
                                      .pattern = row->pattern,
                                      .role = api_role_word(row->role),
                                      .query = row->query,
                                      .summary = row->summary,
                                      .idempotency_key = (row->flags & API_KEY) != 0};
}
