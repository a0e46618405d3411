-- The strategy for any controller: what it takes, what it refuses and where, and every class it knows.
local test = require("bridge.test")
local decimal = require("bridge.decimal")
local json = require("bridge.json")
local classes = require("bridge.classes")

local GRID = [[
id: somebody_elses
controller_name: grid_strike
controller_type: generic
connector_name: kucoin
trading_pair: ETH-USDT
total_amount_quote: 250
side: BUY
start_price: 2900
end_price: 3100
limit_price: 2800
min_order_amount_quote: 6
triple_barrier_config: {take_profit: 0.004, open_order_type: LIMIT_MAKER}
]]

-- Feeds of every connector with more candles than any class waits for.
local rows = {}
for i = 1, 600 do rows[i] = { open = 100, high = 101, low = 99, close = 100 } end
local CANDLES = { answers = { ["market.candles"] = json.array(rows), ["trading.position_mode"] = { position_mode = "PositionMode.ONEWAY" },
  ["market.candle_connectors"] = json.array({ "binance", "binance_perpetual", "bitmart", "kucoin" }) } }

local function plan(t, params, options) return t.plan("controller", params, options) end

-- Somebody's bot of these configs: what it is known as makes the same ones again.
local function known_again(t, made)
  t.ok(made)
  local found = t.recognise({ made.controllers[1].config }, made.script.config)
  t.equal(t.plan(found.strategy, found.params, { world = CANDLES }).controllers, made.controllers)
  return found
end

local function config_of(t, made)
  t.ok(made)
  return made.controllers[1].config
end

test.case("an empty form is a market maker", function(t)
  local made = plan(t, {})
  t.equal(made.params, { controller = "market_making/pmm_simple", connector = "binance", pair = "BTC-USDT", budget_quote = "100", config = {} })
  t.golden("pmm_simple", config_of(t, made))
  t.equal(known_again(t, made).strategy, "pmm_simple")
end)

test.case("a file of Hummingbot as it is", function(t)
  local made = plan(t, { config = GRID })
  t.equal(made.connector, "kucoin")
  t.equal(made.pair, "ETH-USDT")
  t.equal(made.budget_quote, "250")
  t.equal(made.params.controller, "generic/grid_strike")
  t.equal(made.effects[1]:find("grid", 1, true) ~= nil, true)
  t.golden("grid_strike", config_of(t, made))
  t.equal(known_again(t, made).strategy, "grid_strike")
end)

test.case("planned again from what was stored it is the same", function(t)
  local made = plan(t, { config = GRID })
  t.equal(plan(t, made.params).controllers, made.controllers)
end)

test.case("an object says the same as text", function(t)
  local made = plan(t, { controller = "generic/grid_strike", connector = "kucoin", pair = "ETH-USDT", budget_quote = "250",
    config = { side = 1, start_price = 2900, end_price = 3100, limit_price = 2800, min_order_amount_quote = 6,
      triple_barrier_config = { take_profit = "0.004", open_order_type = 3 } } })
  t.equal(config_of(t, made), config_of(t, plan(t, { config = GRID })))
end)

test.case("unknown keys are refused with the near one", function(t)
  local made = plan(t, { config = { cooldown_tme = 5, buy_spreads = json.array({ 1 }), trailing_stop = { activation = 1, trailing_delta = 1 } } })
  t.refused(made, "unknown_field", "/params/config/cooldown_tme")
  t.equal(made.errors[1].hint, "did you mean cooldown_time?")
  t.refused(made, "unknown_field", "/params/config/trailing_stop/activation")
  t.refused(made, "required", "/params/config/trailing_stop/activation_price")
end)

test.case("each type is checked", function(t)
  local function wrong(config, pointer, code)
    t.refused(plan(t, { config = config }), code or "wrong_type", "/params/config" .. pointer)
  end
  wrong({ executor_refresh_time = "60" }, "/executor_refresh_time")
  wrong({ executor_refresh_time = decimal("1.5") }, "/executor_refresh_time")
  wrong({ skip_rebalance = "no" }, "/skip_rebalance")
  wrong({ position_mode = "ONE_WAY" }, "/position_mode")
  wrong({ take_profit_order_type = "LIMITS" }, "/take_profit_order_type")
  wrong({ buy_spreads = json.array({ 1, "x" }) }, "/buy_spreads/1")
  wrong({ buy_spreads = 1 }, "/buy_spreads")
  wrong({ stop_loss = 0 }, "/stop_loss", "too_small")
  wrong({ leverage = 0 }, "/leverage", "too_small")
  wrong({ buy_spreads = json.array({ decimal("0.01"), 0 }) }, "/buy_spreads/1", "too_small")
  wrong({ buy_spreads = json.array({ 1, 2, 3 }), buy_amounts_pct = json.array({ 1 }) }, "/buy_amounts_pct", "other_length")
  wrong({ buy_amounts_pct = json.array({ 1, 1 }) }, "/buy_amounts_pct", "other_length")
  wrong({ connector_name = 5 }, "/connector_name", "bad_text")
  wrong({ buy_spreads = json.array({ decimal("1e16") }) }, "/buy_spreads/0", "too_large")
  wrong({ buy_spreads = json.array({ 1 }), buy_amounts_pct = json.array({ 0 }) }, "/buy_amounts_pct/0", "too_small")
  wrong("controller_name: bollinger_v1\nmax_executors_per_side: 0", "/max_executors_per_side", "too_small")
  wrong(GRID:gsub("2800", "-1"):gsub("2900", "0"), "/start_price", "too_small")
  wrong("controller_name: xemm_multiple_levels\ntaker_connector: kucoin\ntaker_trading_pair: BTC-USDT\nbuy_levels_targets_amount: [[0.01]]", "/buy_levels_targets_amount/0")
  wrong({ controller_name = "quantum_grid_allocator", quote_asset = { a = 1 }, portfolio_allocation = { BTC = decimal("0.5") } }, "/quote_asset")
  wrong({ controller_name = "pmm_simpel" }, "/controller_name", "unknown_controller")
end)

test.case("sides without orders, and more levels than anybody counts", function(t)
  t.ok(plan(t, { config = { buy_spreads = json.array({}), sell_spreads = json.array({}) } }))
  t.equal(plan(t, { config = { buy_amounts_pct = json.null } }).preview[2].quote, "25")
  local made = plan(t, { config = GRID .. "min_spread_between_orders: 0.000000000000000000000000000001\n" })
  t.equal(made.preview[2].levels, 41)
end)

test.case("null and an empty text are none", function(t)
  local config = config_of(t, plan(t, { config = { stop_loss = json.null, take_profit = "" } }))
  t.equal(config.stop_loss, json.null)
  t.equal(config.take_profit, json.null)
end)

test.case("nobody trades what nobody named", function(t)
  local made = plan(t, { controller = "generic/arbitrage_controller", connector = "binance", pair = "SOL-USDT" })
  t.refused(made, "required", "/params/config/exchange_pair_2")
  made = plan(t, { controller = "generic/grid_strike" })
  for _, name in ipairs({ "start_price", "end_price", "limit_price" }) do t.refused(made, "required", "/params/config/" .. name) end
  t.refused(plan(t, { controller = "generic/pmm_v1" }), "required", "/params/config/order_amount")
  t.refused(plan(t, { controller = "generic/lp_rebalancer" }), "required", "/params/config/pool_address")
end)

test.case("two markets", function(t)
  local made = plan(t, { controller = "generic/arbitrage_controller", config = {
    exchange_pair_1 = { connector_name = "kucoin", trading_pair = "SOL-USDT" }, exchange_pair_2 = { connector_name = "bitmart", trading_pair = "SOL-USDC" } } })
  t.equal(config_of(t, made).exchange_pair_1, { connector_name = "kucoin", trading_pair = "SOL-USDT" })
  t.equal(made.connector, "kucoin")
  known_again(t, made)
  made = plan(t, { controller = "generic/arbitrage_controller", config = {
    exchange_pair_1 = { connector_name = "kucoin", trading_pair = "SOL-USDT" }, exchange_pair_2 = { connector_name = "bitmart", trading_pair = "NO-USDC" } } })
  t.refused(made, "unknown_market", "/params/config/exchange_pair_2")
  made = plan(t, { controller = "generic/arbitrage_controller", config = {
    exchange_pair_1 = { connector_name = "kucoin", trading_pair = "SOL-USDT" }, exchange_pair_2 = { connector_name = "jupiter/router", trading_pair = "SOL-USDC" } } })
  t.warned(made, "market_not_checked")
end)

test.case("contradictions are refused", function(t)
  t.refused(plan(t, { connector = "kucoin", config = { connector_name = "bitmart" } }), "contradiction", "/params/config/connector_name")
  t.refused(plan(t, { budget_quote = "5", config = { total_amount_quote = 6 } }), "contradiction", "/params/config/total_amount_quote")
  t.refused(plan(t, { controller = "generic/pmm", config = GRID }), "contradiction", "/params/config/controller_name")
end)

test.case("the market is looked at", function(t)
  t.refused(plan(t, { connector = "kucion" }), "unknown_connector", "/params/connector")
  t.refused(plan(t, { pair = "NO-USDT" }), "unknown_pair", "/params/pair")
  t.refused(plan(t, { connector = "binance_paper_trade" }), "paper_trade", "/params/connector")
  t.refused(plan(t, { budget_quote = "8" }), "order_below_minimum", "/params/budget_quote")
  t.refused(plan(t, { config = { buy_spreads = json.array({ 1 }), buy_amounts_pct = json.array({ 1 }), sell_spreads = json.array({ 1 }),
    sell_amounts_pct = json.array({ 99 }) } }), "order_below_minimum", "/params/budget_quote")
  t.warned(plan(t, { budget_quote = "10000000" }), "budget_above_balance")
  t.warned(plan(t, { connector = "solana-mainnet-beta", pair = "SOL-USDC" }), "market_not_checked")
  t.warned(plan(t, {}, { ctx = { hummingbot = "2.15.0" } }), "class_of_other_version")
end)

test.case("a grid's orders against the minimum", function(t)
  t.refused(plan(t, { config = GRID:gsub("quote: 6", "quote: 4") }), "order_below_minimum", "/params/config/min_order_amount_quote")
  t.refused(plan(t, { config = GRID:gsub("2800", "3000") }), "not_ordered", "/params/config/limit_price")
  t.refused(plan(t, { config = GRID:gsub("take_profit: 0.004, ", "") }), "required", "/params/config/triple_barrier_config/take_profit")
end)

test.case("text that is no config", function(t)
  t.refused(plan(t, { config = "a: &b 1" }), "bad_config", "/params/config")
  t.refused(plan(t, { config = "- a" }), "wrong_type", "/params/config")
  t.refused(plan(t, { config = 5 }), "wrong_type", "/params/config")
end)

local UNKNOWN = { answers = { ["controllers.list"] = { generic = json.array({ "my_own" }) },
  ["controllers.template"] = { connector_name = {}, trading_pair = {}, spread = {} } } }

test.case("a class that nobody knows", function(t)
  local made = plan(t, { controller = "generic/my_own", config = { spread = decimal("0.1") } }, { world = UNKNOWN })
  t.equal(config_of(t, made), { connector_name = "binance", trading_pair = "BTC-USDT", spread = decimal("0.1"), controller_name = "my_own",
    controller_type = "generic" })
  t.warned(made, "class_unverified")
  t.refused(plan(t, { controller = "generic/my_own", config = { spraed = 1 } }, { world = UNKNOWN }), "template_differs", "/params/config/spraed")
  t.refused(plan(t, { controller = "generic/my_own", config = { zzzzzz = 1 } }, { world = UNKNOWN }), "template_differs", "/params/config/zzzzzz")
  t.refused(plan(t, { controller = "generic/my_oven" }, { world = UNKNOWN }), "unknown_controller_near", "/params/controller")
  t.refused(plan(t, { controller = "generic/zzzz" }, { world = UNKNOWN }), "unknown_controller", "/params/controller")
end)

-- As the API writes it: types in Python's words, defaults as texts, nothing ever required.
local TEMPLATE = { answers = { ["controllers.list"] = { generic = json.array({ "my_own" }) }, ["controllers.template"] = {
  id = { type = "<class 'str'>", default = "PydanticUndefined", required = false }, connector_name = { type = "<class 'str'>", default = "okx" },
  trading_pair = { type = "<class 'str'>", default = "WLD-USDT" }, total_amount_quote = { type = "<class 'decimal.Decimal'>", default = "1000" },
  leverage = { type = "<class 'int'>", default = 20 }, side = { type = "<enum 'TradeType'>", default = "TradeType.BUY" },
  widths = { type = "typing.List[float]", default = "1,2" }, pool = { type = "<class 'str'>", default = "PydanticUndefined" },
  pause = { type = "int | None", default = json.null }, exits = { type = "<class 'a.b.TripleBarrierConfig'>", default = "stop_loss=None" },
  odd = { type = "typing.Callable[[int], str]", default = "x" } } } }

test.case("an unknown class by what its template says", function(t)
  local params = { controller = "generic/my_own", config = { pool = "abc" } }
  local made = plan(t, params, { world = TEMPLATE })
  t.equal(config_of(t, made), { controller_type = "generic", controller_name = "my_own", connector_name = "binance", trading_pair = "BTC-USDT",
    total_amount_quote = 100, leverage = 1, side = 1, widths = { 1, 2 }, pool = "abc", pause = json.null })
  local function wrong(config, pointer)
    config.pool = config.pool or "abc"
    t.refused(plan(t, { controller = "generic/my_own", config = config }, { world = TEMPLATE }), "template_differs", "/params/config/" .. pointer)
  end
  t.refused(plan(t, { controller = "generic/my_own" }, { world = TEMPLATE }), "template_differs", "/params/config/pool")
  wrong({ leverage = "many" }, "leverage")
  wrong({ pause = decimal("1.5") }, "pause")
  wrong({ widths = json.array({ 1, "x" }) }, "widths/1")
  wrong({ exits = { take_proft = 1 } }, "exits/take_proft")
end)

-- What each class cannot do without.
local NEEDED = {
  ["generic/arbitrage_controller"] = { exchange_pair_2 = { connector_name = "bitmart", trading_pair = "BTC-USDT" } },
  ["generic/grid_strike"] = { start_price = 59000, end_price = 61000, limit_price = 58000, min_order_amount_quote = 6 },
  ["generic/hedge_asset"] = { spot_connector_name = "bitmart", asset_to_hedge = "BTC" },
  ["generic/lp_rebalancer"] = { pool_address = "x" },
  ["generic/multi_grid_strike"] = { min_order_amount_quote = 6, grids = json.array({ { grid_id = "a", start_price = 1, end_price = 2, limit_price = decimal("0.5"), side = 1, amount_quote_pct = 1 } }) },
  ["generic/pmm_v1"] = { order_amount = 1 },
  ["generic/quantum_grid_allocator"] = { portfolio_allocation = { BTC = decimal("0.5") } },
  ["generic/stat_arb"] = { connector_pair_hedge = { connector_name = "bitmart", trading_pair = "ETH-USDT" } },
  ["generic/xemm_multiple_levels"] = { taker_connector = "bitmart", taker_trading_pair = "BTC-USDT" },
}

test.case("every class: all fields written, each of its type, known again", function(t)
  for _, name in ipairs(classes.names()) do
    local made = plan(t, { controller = name, budget_quote = "100000", config = NEEDED[name] or {} }, { world = CANDLES })
    local config = config_of(t, made)
    for _, field in ipairs(classes.get(name).fields) do
      if field.name ~= "id" and config[field.name] == nil then error(name .. " lacks " .. field.name, 0) end
      if field.type:find("^List") and not json.is_array(config[field.name]) then error(name .. ": " .. field.name .. " is no list", 0) end
    end
    known_again(t, made)
    t.equal(plan(t, made.params, { world = CANDLES }).controllers, made.controllers)
  end
end)

-- What a form does not take (a stop of more than the whole) is still a config.
test.case("a config that no form can say", function(t)
  local made = plan(t, { controller = "market_making/pmm_simple", config = { stop_loss = decimal("1.5"), buy_spreads = json.array({ decimal("0.01") }) } })
  t.equal(known_again(t, made).strategy, "controller")
  t.recognised(made)
  t.equal(made.params.config, { stop_loss = decimal("1.5"), buy_spreads = json.array({ decimal("0.01") }) })
end)

return test
