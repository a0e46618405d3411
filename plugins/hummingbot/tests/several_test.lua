-- Several controllers in one bot.
local test = require("bridge.test")
local decimal = require("bridge.decimal")
local json = require("bridge.json")

local GRID = "controller_name: grid_strike\nconnector_name: kucoin\ntrading_pair: ETH-USDT\ntotal_amount_quote: 250\nstart_price: 2900\n" ..
  "end_price: 3100\nlimit_price: 2800\nmin_order_amount_quote: 6\ntriple_barrier_config: {take_profit: 0.004}\n"

local function plan(t, list, more)
  local params = { controllers = json.array(list) }
  for name, value in pairs(more or {}) do params[name] = value end
  return t.plan("controllers", params)
end

test.case("an empty form is one market maker", function(t)
  local made = t.plan("controllers", {})
  t.ok(made)
  t.equal(made.budget_quote, "100")
  t.equal(made.connector, "binance")
  t.equal(#made.controllers, 1)
end)

test.case("two controllers, each as it was written", function(t)
  local made = plan(t, { { config = GRID }, { controller = "market_making/pmm_simple", pair = "SOL-USDC", connector = "binance", budget_quote = "60" } },
    { budget_quote = json.null })
  t.refused(made, "budget_of_several_quotes", "/params/budget_quote")
  made = plan(t, { { config = GRID }, { pair = "SOL-USDT", budget_quote = "60" } })
  t.ok(made)
  t.equal(made.budget_quote, "310")
  t.equal(made.risk.max_loss_quote, "31")
  t.equal(made.connector, "kucoin")
  t.equal(made.pair, "ETH-USDT")
  t.equal(made.controllers[1].config.start_price, 2900)
  t.equal(made.controllers[2].config.trading_pair, "SOL-USDT")
  t.equal(#made.effects, 2)
  t.recognised(made)
  t.equal(t.plan("controllers", made.params).controllers, made.controllers)
end)

test.case("paid in two coins", function(t)
  local made = plan(t, { { pair = "SOL-USDT" }, { pair = "SOL-USDC", connector = "kucoin" } }, { budget_quote = "150", pair = "SOL-USDC", connector = "kucoin" })
  t.ok(made)
  t.equal(made.quotes, { "USDT", "USDC" })
  t.equal(made.connector, "kucoin")
  -- What they may lose together is nothing that the configs say.
  local found = t.recognise({ made.controllers[1].config, made.controllers[2].config })
  t.equal(found.strategy, "controllers")
  t.equal(found.params.budget_quote, json.null)
end)

test.case("mistakes stand at their controller", function(t)
  t.refused(plan(t, {}), "too_few", "/params/controllers")
  t.refused(plan(t, { {}, { config = { cooldown_tme = 5 } } }), "unknown_field", "/params/controllers/1/config/cooldown_tme")
  t.refused(plan(t, { {}, { pair = "NO-USDT" } }), "unknown_pair", "/params/controllers/1/pair")
  t.refused(plan(t, { {}, { pair = "ETH-USDT", budget_quote = "8" } }), "order_below_minimum", "/params/controllers/1/budget_quote")
  t.refused(plan(t, { { config = GRID:gsub("quote: 6", "quote: 4") } }), "order_below_minimum", "/params/controllers/0/config/min_order_amount_quote")
  t.refused(plan(t, { {}, { pair = "ETH-USDT" } }, { budget_quote = "50" }), "contradiction", "/params/budget_quote")
  t.refused(plan(t, { {} }, { pair = "ETH-USDT" }), "contradiction", "/params/pair")
  t.warned(plan(t, { {}, {} }), "pair_twice", "/params/controllers/1/pair")
end)

-- Two files that somebody wrote by hand.
test.case("somebody's bot of several controllers", function(t)
  t.plan("controllers", {})
  local one = { controller_type = "generic", controller_name = "grid_strike", connector_name = "kucoin", trading_pair = "ETH-USDT", total_amount_quote = 250,
    side = 1, start_price = 2900, end_price = 3100, limit_price = 2800, leverage = 1, triple_barrier_config = { take_profit = decimal("0.004") } }
  local two = { controller_type = "market_making", controller_name = "pmm_simple", connector_name = "binance", trading_pair = "SOL-USDT", total_amount_quote = 50,
    buy_spreads = json.array({ decimal("0.01") }), sell_spreads = json.array({ decimal("0.01") }), leverage = 1, position_mode = "ONEWAY" }
  local found = t.recognise({ one, two }, { max_global_drawdown_quote = 20 })
  t.equal(found.strategy, "controllers")
  t.equal(found.params.controllers[1].controller, "generic/grid_strike")
  t.equal(found.params.controllers[2].budget_quote, "50")
  t.equal(found.risk.max_loss_quote, "20")
  local holes = {}
  for _, row in ipairs(found.unknown) do holes[row.field] = true end
  for _, name in ipairs({ "budget_quote", "controllers.0.position_mode", "controllers.0.triple_barrier_config.open_order_type", "controllers.1.stop_loss" }) do
    if not holes[name] then error(name .. " is not said to be missing", 0) end
  end
end)

test.case("no replay of several", function(t)
  local candles = {}
  for i = 1, 60 do candles[i] = { 100, 100, 100, 100 } end
  t.refused(t.replay("controllers", { controllers = json.array({ { pair = "ETH-USDT" }, { pair = "SOL-USDT" } }) }, candles), "no_levels")
end)

return test
