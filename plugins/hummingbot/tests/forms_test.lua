-- The forms of the classes: what they take, refuse and where, what they build and know again.
local test = require("bridge.test")
local decimal = require("bridge.decimal")
local json = require("bridge.json")
local classes = require("bridge.classes")

local rows = {}
for i = 1, 600 do rows[i] = { open = 100, high = 101, low = 99, close = 100 } end
local FEEDS = json.array({ "binance", "binance_perpetual", "kucoin" })
local WORLD = { answers = { ["market.candles"] = json.array(rows), ["market.candle_connectors"] = FEEDS,
  ["trading.position_mode"] = { position_mode = "PositionMode.ONEWAY" } } }

local function world(changes)
  local answers = {}
  for name, answer in pairs(WORLD.answers) do answers[name] = answer end
  for name, answer in pairs(changes) do answers[name] = answer end
  return { answers = answers }
end

local function plan(t, strategy, params, options)
  options = options or {}
  options.world = options.world or WORLD
  return t.plan(strategy, params, options)
end

local function config_of(t, made)
  t.ok(made)
  return made.controllers[1].config
end

test.case("an empty form of every class makes a bot and is known again", function(t)
  for _, class in ipairs(classes.names()) do
    local name = class:match("/(.+)$")
    local made = plan(t, name, {})
    local config = config_of(t, made)
    for _, field in ipairs(classes.get(class).fields) do
      if field.name ~= "id" and config[field.name] == nil then error(class .. " lacks " .. field.name, 0) end
    end
    t.recognised(made)
    t.equal(plan(t, name, made.params).controllers, made.controllers)
  end
end)

test.case("what is left to the market is derived from it", function(t)
  local made = plan(t, "grid_strike", { trading_pair = "ETH-USDT", side = "SELL" })
  local config = config_of(t, made)
  t.equal(config.start_price, decimal("2850.114"))
  t.equal(config.limit_price, decimal("3240.1296"))
  t.equal(config.side, 2)
  t.golden("form_grid_strike", config)
  made = plan(t, "multi_grid_strike", { grids = { { grid_id = "a" }, { grid_id = "b", side = "SELL", end_price = "62000" } } })
  t.golden("form_multi_grid_strike", config_of(t, made))
  t.equal(made.facts.derived[1].field, "grids/0/start_price")
  t.recognised(made)
end)

test.case("every shape of a field", function(t)
  local made = plan(t, "pmm_simple", { connector_name = "binance_perpetual", buy_spreads = { "0.01", "0.02" }, buy_amounts_pct = { "1", "3" }, stop_loss = json.null,
    trailing_stop = { activation_price = "0.01", trailing_delta = "0.005" }, take_profit_order_type = "LIMIT_MAKER", leverage = 3,
    initial_positions = { { connector_name = "binance_perpetual", trading_pair = "BTC-USDT", amount = "0.5", side = "SELL" } } })
  t.golden("form_pmm_simple", config_of(t, made))
  t.recognised(made)
  t.equal(made.connector, "binance_perpetual")
  made = plan(t, "xemm_multiple_levels", { buy_levels_targets_amount = { { target_profitability = "0.004", weight = "2" } } })
  t.equal(config_of(t, made).buy_levels_targets_amount, { { decimal("0.004"), decimal("2") } })
  t.equal(made.quotes, { "USDT" })
  made = plan(t, "quantum_grid_allocator", { portfolio_allocation = { { asset = "BTC", part = "0.3" }, { asset = "ETH", part = "0.2" } }, connector_name = "kucoin" })
  t.equal(config_of(t, made).portfolio_allocation, { BTC = decimal("0.3"), ETH = decimal("0.2") })
  t.equal(made.connector, "kucoin")
  made = plan(t, "grid_strike", { triple_barrier_config = { take_profit = "0.01", stop_loss = "0.05", trailing_stop = { activation_price = "0.02", trailing_delta = "0.01" } } })
  t.equal(config_of(t, made).triple_barrier_config, { take_profit = decimal("0.01"), stop_loss = decimal("0.05"), time_limit = json.null, open_order_type = 3,
    take_profit_order_type = 3, stop_loss_order_type = 1, time_limit_order_type = 1, trailing_stop = { activation_price = decimal("0.02"), trailing_delta = decimal("0.01") } })
end)

test.case("two ways to say one thing are one", function(t)
  local made = plan(t, "pmm_dynamic", { candles_connector = "binance", candles_trading_pair = "BTC-USDT", buy_amounts_pct = { 1, 1, 1 } })
  t.equal(made.params.candles_connector, json.null)
  t.equal(made.params.candles_trading_pair, json.null)
  t.equal(made.params.buy_amounts_pct, json.null)
  t.equal(config_of(t, made).candles_connector, "binance")
  t.recognised(made)
end)

test.case("mistakes of the form, each at its field", function(t)
  local function wrong(strategy, params, code, pointer) t.refused(plan(t, strategy, params), code, "/params/" .. pointer) end
  wrong("pmm_simple", { stop_los = 1 }, "unknown_field", "stop_los")
  wrong("pmm_simple", { stop_loss = "3" }, "too_large", "stop_loss")
  wrong("pmm_simple", { stop_loss = "0" }, "too_small", "stop_loss")
  wrong("pmm_simple", { leverage = 0 }, "too_small", "leverage")
  wrong("pmm_simple", { cooldown_time = "1.5" }, "wrong_type", "cooldown_time")
  wrong("pmm_simple", { buy_spreads = { "0.01", "-1" } }, "too_small", "buy_spreads/1")
  wrong("pmm_simple", { buy_amounts_pct = { 2 } }, "other_length", "buy_amounts_pct")
  wrong("pmm_simple", { take_profit_order_type = "LIMITS" }, "not_allowed", "take_profit_order_type")
  wrong("pmm_simple", { trailing_stop = { activation_price = "0.01" } }, "required", "trailing_stop/trailing_delta")
  wrong("pmm_simple", { trailing_stop = { activation_price = "0.01", trailing_delta = "0.02" } }, "not_ordered", "trailing_stop")
  wrong("pmm_simple", { initial_positions = { { connector_name = "binance", amount = 1, side = "BUY" } } }, "required", "initial_positions/0/trading_pair")
  wrong("grid_strike", { start_price = "2", end_price = "1", limit_price = "0.5" }, "not_ordered", "limit_price")
  wrong("grid_strike", { triple_barrier_config = { open_order_type = "AMM_SWAP" } }, "not_allowed", "triple_barrier_config/open_order_type")
  wrong("multi_grid_strike", { grids = { { grid_id = "a", start_price = 2, end_price = 1, limit_price = "0.5" } } }, "not_ordered", "grids/0/limit_price")
  wrong("multi_grid_strike", { grids = { {}, {} } }, "not_unique", "grids/1/grid_id")
  wrong("quantum_grid_allocator", { portfolio_allocation = { { asset = "BTC", part = "0.5" }, { asset = "ETH", part = "0.6" } } }, "too_large", "portfolio_allocation")
  wrong("quantum_grid_allocator", { portfolio_allocation = { { asset = "BTC", part = "0.3" }, { asset = "BTC", part = "0.2" } } }, "not_unique", "portfolio_allocation/1/asset")
  wrong("pmm_mister", { target_base_pct = "0.9" }, "not_ordered", "target_base_pct")
  wrong("dman_v3", { dynamic_target = true, stop_loss = json.null }, "required", "stop_loss")
  wrong("xemm_multiple_levels", { min_profitability = "0.005" }, "too_small", "buy_levels_targets_amount/0")
  wrong("lp_rebalancer", { buy_price_min = 5, buy_price_max = 4 }, "not_ordered", "buy_price_max")
end)

test.case("markets that are not there, or have no book", function(t)
  t.refused(plan(t, "pmm_simple", { connector_name = "binanse" }), "unknown_connector", "/params/connector_name")
  t.refused(plan(t, "pmm_simple", { trading_pair = "NO-USDT" }), "unknown_pair", "/params/trading_pair")
  t.refused(plan(t, "arbitrage_controller", { exchange_pair_2_trading_pair = "NO-USDT" }), "unknown_pair", "/params/exchange_pair_2_trading_pair")
  t.refused(plan(t, "stat_arb", { connector_pair_hedge_connector_name = "binance_spot" }), "unknown_connector", "/params/connector_pair_hedge_connector_name")
  t.refused(plan(t, "pmm_simple", { connector_name = "binance_paper_trade" }), "paper_trade", "/params/connector_name")
  t.refused(plan(t, "pmm_simple", { connector_name = "solana-mainnet-beta" }), "no_order_book", "/params/connector_name")
  t.refused(plan(t, "xemm_multiple_levels", { maker_connector = "jupiter/router" }), "no_order_book", "/params/maker_connector")
  t.warned(plan(t, "arbitrage_controller", { exchange_pair_2_connector_name = "solana-mainnet-beta", exchange_pair_2_trading_pair = "SOL-USDC" }),
    "market_not_checked", "/params/exchange_pair_2_connector_name")
  t.refused(plan(t, "arbitrage_controller", { exchange_pair_1_connector_name = "solana-mainnet-beta", exchange_pair_2_connector_name = "jupiter/router" }),
    "two_routers", "/params/exchange_pair_2_connector_name")
end)

test.case("the market against what the form says", function(t)
  local function refused(strategy, params, code, pointer, changes)
    t.refused(plan(t, strategy, params, changes and { world = world(changes) }), code, "/params/" .. pointer)
  end
  refused("pmm_simple", { total_amount_quote = "8" }, "order_below_minimum", "total_amount_quote")
  refused("pmm_mister", { total_amount_quote = "100", portfolio_allocation = "0.05" }, "order_below_minimum", "total_amount_quote")
  refused("grid_strike", { min_order_amount_quote = "5" }, "order_below_minimum", "min_order_amount_quote")
  refused("bollinger_v1", { total_amount_quote = "8" }, "order_below_minimum", "total_amount_quote")
  refused("pmm_v1", { order_amount = "0.00001" }, "order_below_minimum", "order_amount")
  refused("hedge_asset", { min_notional_size = "1" }, "order_below_minimum", "min_notional_size")
  refused("xemm_multiple_levels", { total_amount_quote = "20" }, "order_below_minimum", "total_amount_quote")
  refused("dman_v3", { total_amount_quote = "30" }, "order_below_minimum", "total_amount_quote")
  refused("supertrend_v1", { stop_loss = "0.5", leverage = 2 }, "stop_beyond_liquidation", "stop_loss")
  refused("supertrend_v1", {}, "position_mode_differs", "position_mode", { ["trading.position_mode"] = { position_mode = "PositionMode.HEDGE" } })
  refused("supertrend_v1", { total_amount_quote = "2000000" }, "margin_short", "total_amount_quote")
  refused("supertrend_v1", {}, "no_candles", "interval", { ["market.candle_connectors"] = json.array({ "kucoin" }) })
  refused("supertrend_v1", { candles_connector = "gate_io" }, "no_candles", "candles_connector")
  refused("bollinger_v2", { bb_length = 200 }, "candles_short", "interval")
  t.warned(plan(t, "supertrend_v1", { leverage = 20, stop_loss = "0.01" }), "leverage_high", "/params/leverage")
  t.warned(plan(t, "pmm_simple", { leverage = 5 }), "leverage_on_spot", "/params/leverage")
  t.warned(plan(t, "pmm_simple", { total_amount_quote = "10000000" }), "budget_above_balance", "/params/total_amount_quote")
  t.warned(plan(t, "pmm_simple", {}, { ctx = { hummingbot = "2.15.0" } }), "class_of_other_version", "/image")
  t.warned(plan(t, "pmm_simple", {}, { ctx = { others = { { name = "b", connector = "binance", pair = "BTC-USDT" } } } }), "pair_taken", "/params/trading_pair")
end)

-- A file that somebody wrote by hand, without what Hummingbot fills in.
local THEIRS = { controller_type = "generic", controller_name = "grid_strike", connector_name = "kucoin", trading_pair = "ETH-USDT", total_amount_quote = 250,
  side = 1, start_price = 2900, end_price = 3100, limit_price = 2800, triple_barrier_config = { take_profit = decimal("0.004") } }

test.case("a config with holes is what runs", function(t)
  plan(t, "grid_strike", {})
  local found = t.recognise({ THEIRS })
  t.equal(found.strategy, "grid_strike")
  -- Left out of a nested object, a member has the object's default and not the class's.
  t.equal(found.params.triple_barrier_config, { take_profit = "0.004", stop_loss = json.null, time_limit = json.null, trailing_stop = json.null,
    open_order_type = "LIMIT", take_profit_order_type = "MARKET", stop_loss_order_type = "MARKET", time_limit_order_type = "MARKET" })
  t.equal(found.params.leverage, 20)
  t.equal(found.params.position_mode, "HEDGE")
  t.equal(found.params.min_order_amount_quote, "5")
  t.equal(found.params.max_open_orders, json.null)
  local holes = {}
  for _, row in ipairs(found.unknown) do holes[row.field] = true end
  for _, name in ipairs({ "leverage", "max_open_orders", "triple_barrier_config.open_order_type", "triple_barrier_config.stop_loss" }) do
    if not holes[name] then error(name .. " is not said to be missing", 0) end
  end
end)

return test
