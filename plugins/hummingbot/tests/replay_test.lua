-- Replays over candles whose outcome was reckoned by hand.
local test = require("bridge.test")
local json = require("bridge.json")
local decimal = require("bridge.decimal")

local function flat(count, price)
  local out = {}
  for i = 1, count do out[i] = { price, price, price, price } end
  return out
end

local function followed_by(candles, ...)
  for _, candle in ipairs({ ... }) do candles[#candles + 1] = candle end
  return candles
end

local function one_percent() return json.array({ decimal("0.01") }) end

local MM = { pair = "ETH-USDT", budget_quote = "100", config = { buy_spreads = one_percent(), sell_spreads = one_percent() } }

-- 50 bought at 99, sold at 99.5 * 1.01; each pays 0.25 %. In between, at 98, it was worth the least.
test.case("a purchase and a sale", function(t)
  local found = t.replay("controller", MM, followed_by(flat(60, 100), { 100, decimal("100.5"), 98, decimal("99.5") },
    { decimal("99.5"), 101, decimal("99.4"), 101 }))
  t.equal(found.ok, true)
  t.equal(found.estimate, { fills = 2, levels = 2, volume_quote = "100", fees_quote = "0.25", net_quote = "0.50884473", worst_quote = "-0.63005051",
    drawdown_quote = "0.63005051", position_base = "0.00751331", ended_by = json.null, price_first = "100", price_last = "101", fee_pct = "0.25" })
end)

-- A candle that reaches both orders fills both; one that stops short of them fills none.
test.case("a touch is a fill", function(t)
  t.equal(t.replay("controller", MM, followed_by(flat(60, 100), { 100, 101, 99, 100 })).estimate.fills, 2)
  t.equal(t.replay("controller", MM, followed_by(flat(60, 100), { 100, decimal("100.99"), decimal("99.01"), 100 })).estimate.fills, 0)
end)

test.case("never more than the budget", function(t)
  local falling = flat(60, 100)
  for _ = 1, 20 do falling[#falling + 1] = { 100, 100, 90, 100 } end
  t.equal(t.replay("controller", MM, falling).estimate.volume_quote, "100")
end)

local GRID = { controller = "generic/grid_strike", pair = "ETH-USDT", budget_quote = "100", config = { start_price = 95, end_price = 105, limit_price = 90,
  min_order_amount_quote = 25, min_spread_between_orders = decimal("0.02") } }

-- Levels 95, 97.5, 100, 102.5 of 25 each: 97.5 is bought, sold at 100; then 95 and 97.5 are bought in a fall
-- to 89, and the stop at 90 sells both. What comes after it does not count.
test.case("a grid down to its stop", function(t)
  local candles = followed_by(flat(60, 100), { 100, 100, 97, 98 }, { 98, decimal("100.5"), 98, 100 }, { 100, 100, 89, 89 }, { 89, 200, 89, 200 })
  local found = t.replay("controller", GRID, candles, { mid = { ["ETH-USDT"] = 100 } })
  t.equal(found.estimate.levels, 4)
  t.equal(found.estimate.fills, 5)
  t.equal(found.estimate.ended_by, "stop_price")
  t.equal(found.estimate.net_quote, "-2.96634615")
  t.equal(found.estimate.worst_quote, "-3.36901147")
  t.equal(found.estimate.position_base, "0")
end)

-- The whole range moves with the price that the candles begin with, and what is bought in a candle is not
-- sold in it.
test.case("a grid in another time", function(t)
  local candles = followed_by(flat(60, 200), { 200, 210, 194, 196 })
  t.equal(t.replay("controller", GRID, candles, { mid = { ["ETH-USDT"] = 100 } }).estimate.fills, 1)
end)

test.case("what cannot be replayed says why", function(t)
  t.refused(t.replay("controller", MM, flat(59, 100)), "few_candles")
  t.refused(t.replay("controller", { controller = "directional_trading/supertrend_v1" }, flat(60, 100)), "no_levels")
  t.refused(t.replay("controller", { connector = "kucoin" }, flat(60, 100)), "no_candles")
  t.refused(t.replay("controller", MM, flat(60, 100), { days = 31 }), "not_allowed", "/days")
  t.refused(t.replay("controller", { config = { nothing = 1 } }, flat(60, 100)), "unknown_field")
end)

return test
