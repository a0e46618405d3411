/* The first state of the world: what the API ships, and in the default world keys, a Gateway with a
 * wallet and bots that no bridge made. Called once, before any thread. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "simulator/bot.h"
#include "simulator/engine.h"
#include "simulator/routes.h"

/* In the order of the original's list. */
static const char *const shipped_controllers[] = {
    "directional_trading/bollinger_v1",
    "directional_trading/bollinger_v2",
    "directional_trading/bollingrid",
    "directional_trading/dman_v3",
    "directional_trading/macd_bb_v1",
    "directional_trading/supertrend_v1",
    "market_making/dman_maker_v2",
    "market_making/pmm_dynamic",
    "market_making/pmm_simple",
    "generic/arbitrage_controller",
    "generic/grid_strike",
    "generic/hedge_asset",
    "generic/lp_rebalancer",
    "generic/multi_grid_strike",
    "generic/pmm",
    "generic/pmm_adjusted",
    "generic/pmm_mister",
    "generic/pmm_v1",
    "generic/quantum_grid_allocator",
    "generic/stat_arb",
    "generic/xemm_multiple_levels",
};

/* A market maker that somebody else runs; on paper in the fresh world, which has no keys. */
static void foreign_bot(struct sim_world *w, unsigned number)
{
    static const char *const pairs[] = {"BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT"};
    char name[64], stamp[32], id[32], text[640];
    time_t seconds = (time_t)(w->now / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &parts);
    snprintf(name, sizeof name, "sim-%03u-%s", number, stamp);
    snprintf(id, sizeof id, "sim_%03u", number);
    snprintf(text, sizeof text,
             "{\"buy_amounts_pct\":[1,1],\"buy_spreads\":[0.001,0.002],\"connector_name\":\"%s\","
             "\"controller_name\":\"pmm_simple\",\"controller_type\":\"market_making\","
             "\"cooldown_time\":5,\"executor_refresh_time\":20,\"id\":\"%s\",\"leverage\":1,"
             "\"sell_amounts_pct\":[1,1],\"sell_spreads\":[0.001,0.002],\"stop_loss\":0.01,"
             "\"take_profit\":0.003,\"time_limit\":120,\"total_amount_quote\":200,"
             "\"trading_pair\":\"%s\"}",
             w->fresh ? "bitmart_paper_trade" : "bitmart", id, pairs[number % 4]);
    sim_shelf_put(&w->controller_configs, id, text);
    snprintf(
        text, sizeof text,
        "{\"controllers_config\":[\"%s.yml\"],\"script_file_name\":\"v2_with_controllers.py\"}",
        id);
    sim_shelf_put(&w->script_configs, id, text);
    snprintf(text, sizeof text, "%s.yml", id);
    sim_engine_copy(w, name, text);
    struct sim_container *c = sim_container_add(w, name, w->images[0].name);
    tb_copy(c->account, sizeof c->account, "master_account");
    tb_copy(c->script_config, sizeof c->script_config, text);
    c->headless = true;
    sim_engine_start(w, c);
}

static void default_world(struct sim_world *w)
{
    struct sim_account *a = sim_account_find(w, "master_account");
    (void)sim_wallet_add(a, "bitmart");
    (void)sim_wallet_add(a, "bitmart_perpetual");
    (void)sim_wallet_add(a, "solana-mainnet-beta");
    w->gateway_running = true;
    w->gateway_port = 15888;
    w->gateway_created = w->now;
    tb_copy(w->gateway_image, sizeof w->gateway_image, "hummingbot/gateway:version-2.13.0");
    sim_image_add(w, "hummingbot/hummingbot:version-2.16.0", true);
}

void sim_world_init(struct sim_world *w, int64_t now, uint64_t seed, bool fresh, unsigned bots)
{
    *w = (struct sim_world){.now = now, .random = seed ^ 0x776f726c64u, .fresh = fresh};
    if (bots > 0)
        w->now -= 10000;
    sim_market_init(&w->market, seed);
    w->api_started = w->now;
    w->next_second = w->now + 1000;
    w->next_discovery = sim_discovery_after(w, w->now + 1);
    w->next_snapshot = w->now + SIM_SNAPSHOT_MS;
    sim_account_add(w, "master_account");
    sim_shelf_put(&w->scripts, "v2_with_controllers", "# the loader of controllers\n");
    for (size_t i = 0; i < sizeof shipped_controllers / sizeof shipped_controllers[0]; i++)
        sim_shelf_put(&w->controllers, shipped_controllers[i], "# as shipped\n");
    if (fresh)
        sim_image_add(w, "hummingbot/hummingbot:latest", true);
    else
        default_world(w);
    for (unsigned i = 1; i <= bots; i++)
        foreign_bot(w, i);
    if (bots > 0)
        sim_world_advance(w, now); /* they have been running for a while */
}
