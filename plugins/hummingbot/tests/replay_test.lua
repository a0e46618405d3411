-- Replays over candles whose outcome was reckoned by hand. A fee of 0.25 % a trade where nothing is said.
local test = require("bridge.test")
local json = require("bridge.json")
local decimal = require("bridge.decimal")

local d = decimal

local function flat(count, price)
  local out = {}
  for i = 1, count do out[i] = { price, price, price, price } end
  return out
end

local function followed_by(candles, ...)
  for _, candle in ipairs({ ... }) do candles[#candles + 1] = candle end
  return candles
end

local function one_percent() return json.array({ d("0.01") }) end

local QUIET = { ["ETH-USDT"] = 100 }

-- One buy and one sell order of 50 at 1 %, with these exits.
local function mm(exits)
  local config = { buy_spreads = one_percent(), sell_spreads = one_percent(), stop_loss = json.null, take_profit = json.null, time_limit = json.null }
  for key, value in pairs(exits) do config[key] = value end
  return { pair = "ETH-USDT", budget_quote = "100", config = config }
end

local function run(t, exits, ...)
  local found = t.replay("controller", mm(exits), followed_by(flat(60, 100), ...), { mid = QUIET })
  t.equal(found.ok, true)
  return found.estimate
end

local function ends(take_profit, stop_loss, trailing_stop, time_limit)
  return { take_profit = take_profit, stop_loss = stop_loss, trailing_stop = trailing_stop, time_limit = time_limit }
end

-- ---- single orders ----

-- 50 bought at 99 is 0.50505051; sold at 99 * 1.02 = 100.98 for 51: a gain of 1, fees 0.125 + 0.1275. At the
-- low of 98 it was worth 49.49494949, less 50.125: the worst. The sell order at 101 is not reached.
test.case("a target is met a candle later", function(t)
  local found = run(t, { take_profit = d("0.02") }, { 100, 100, 98, 100 }, { 100, d("100.98"), 100, 100 })
  t.equal(found, { fills = 2, levels = 2, volume_quote = "101", fees_quote = "0.2525", net_quote = "0.7475", worst_quote = "-0.63005051",
    drawdown_quote = "0.63005051", position_base = "0", exits = ends(1, 0, 0, 0), ended_by = json.null, price_first = "100", price_last = "100",
    fee_pct = "0.25" })
end)

-- The candle of the target may have been at its low first: 0.50505051 * 97 - 50.125.
test.case("the worst value is also looked for in the candle of the target", function(t)
  local found = run(t, { take_profit = d("0.02") }, { 100, 100, 99, 100 }, { 100, d("100.98"), 97, 100 })
  t.equal(found.exits, ends(1, 0, 0, 0))
  t.equal(found.worst_quote, "-1.13510101")
end)

-- The candle of the purchase reaches the target's price, perhaps before it: not sold.
test.case("no target in the candle of the purchase", function(t)
  local found = run(t, { take_profit = d("0.01") }, { 100, d("100.5"), 99, d("99.9") })
  t.equal(found.fills, 1)
  t.equal(found.exits, ends(0, 0, 0, 0))
end)

-- 99 * 0.98 = 97.02. The candle reaches stop and target: the stop counts, also in that of the purchase.
test.case("the stop before the target", function(t)
  local both = { take_profit = d("0.005"), stop_loss = d("0.02") }
  local found = run(t, both, { 100, 100, 99, d("99.2") }, { d("99.2"), d("99.9"), 97, d("99.5") })
  t.equal(found.exits, ends(0, 1, 0, 0))
  -- 50 lost 1; fees 0.125 and 49 * 0.25 % = 0.1225.
  t.equal(found.net_quote, "-1.2475")
  found = run(t, both, { 100, 100, 97, d("99.5") })
  t.equal(found.exits, ends(0, 1, 0, 0))
  t.equal(found.net_quote, "-1.2475")
end)

-- The candle opens at 90, below the stop: sold there, 0.50505051 * 90 = 45.45454545.
test.case("a stop that is jumped over sells at the opening", function(t)
  local found = run(t, { stop_loss = d("0.02") }, { 100, 100, 99, 99 }, { 90, 90, 90, 90 })
  t.equal(found.exits, ends(0, 1, 0, 0))
  t.equal(found.net_quote, "-4.78409091")
end)

-- Sold at 101, bought back at 101 * 1.02 = 103.02: 50 lost 1. Its rest of 120 s begins with the end of that
-- candle: the next two sell nothing, whatever they reach.
test.case("a sell order is stopped above, and its level rests", function(t)
  local exits = { stop_loss = d("0.02"), cooldown_time = 120 }
  local found = run(t, exits, { 100, 104, 100, 100 }, { 100, 101, 100, 100 }, { 100, 101, 100, 100 })
  t.equal(found.exits, ends(0, 1, 0, 0))
  t.equal(found.fills, 2)
  t.equal(found.net_quote, "-1.2525")
  found = run(t, exits, { 100, 104, 100, 100 }, { 100, 101, 100, 100 }, { 100, 101, 100, 100 }, { 100, 101, 100, 100 })
  t.equal(found.fills, 3)
end)

-- Bought at 99. It arms at +1 % (99.99) and gives back 0.5 % (0.495). The peak of 101.97 (+3 %) leaves the
-- floor at +2.5 %, 101.475, also after a candle that ends lower, and there the last one sells: 50 * 1.025 = 51.25; fees 0.125 + 0.128125.
test.case("a trailing stop follows the best price", function(t)
  local exits = { trailing_stop = { activation_price = d("0.01"), trailing_delta = d("0.005") }, sell_spreads = json.array({ d("0.5") }) }
  local found = run(t, exits, { 100, 100, 99, d("99.5") }, { d("101.8"), d("101.97"), d("101.6"), d("101.7") },
    { d("101.7"), d("101.8"), d("101.6"), d("101.7") }, { d("101.7"), d("101.9"), 101, 101 })
  t.equal(found.exits, ends(0, 0, 1, 0))
  t.equal(found.net_quote, "0.996875")
end)

-- The candle that arms it also falls back to the floor of +0.5 %: the worst way through it sells there, 50.25.
test.case("a trailing stop armed and met in one candle", function(t)
  local exits = { trailing_stop = { activation_price = d("0.01"), trailing_delta = d("0.005") }, sell_spreads = json.array({ d("0.5") }) }
  local found = run(t, exits, { 100, 100, 99, d("99.4") }, { d("99.4"), d("101.97"), d("99.4"), d("101.9") })
  t.equal(found.exits, ends(0, 0, 1, 0))
  t.equal(found.net_quote, "-0.000625")
  -- Not as low as the floor, but back by more than the gap: at its low of 99.99, +1 %.
  found = run(t, exits, { 100, 100, 99, d("99.4") }, { d("99.99"), d("101.97"), d("99.99"), d("101.9") })
  t.equal(found.net_quote, "0.24875")
end)

-- 180 s from the candle of the purchase: the close of the third is 100, 50.50505051 for the 50.
test.case("a time limit sells at the close", function(t)
  local found = run(t, { time_limit = 180, sell_spreads = json.array({ d("0.5") }) }, { 100, 100, 99, 99 }, { 99, 99, 99, 99 }, { 99, 100, 99, 100 }, { 100, 101, 100, 101 })
  t.equal(found.exits, ends(0, 0, 0, 1))
  t.equal(found.net_quote, "0.25378788")
end)

-- A hole of an hour counts as an hour.
test.case("a time limit that passes in a hole", function(t)
  local candles = followed_by(flat(60, 100), { 100, 100, 99, 99 })
  for _ = 1, 60 do candles[#candles + 1] = false end
  local found = t.replay("controller", mm({ time_limit = 1800 }), followed_by(candles, { 98, 98, 98, 98 }), { mid = QUIET })
  t.equal(found.estimate.exits, ends(0, 0, 0, 1))
  t.equal(found.candles.longest_gap_s >= 3600, true)
end)

-- A level that holds a position buys no second one; with every exit off nothing is ever sold.
test.case("a level holds one position", function(t)
  local falling = {}
  for i = 1, 20 do falling[i] = { 100, 100, 90, 100 } end
  local found = run(t, {}, table.unpack(falling))
  t.equal(found.fills, 1)
  t.equal(found.volume_quote, "50")
end)

-- A candle that reaches both orders fills both; one that stops short of them fills none.
test.case("a touch is a fill", function(t)
  t.equal(run(t, {}, { 100, 101, 99, 100 }).fills, 2)
  t.equal(run(t, {}, { 100, d("100.99"), d("99.01"), 100 }).fills, 0)
end)

-- ---- grids ----

local function grid(more, barriers)
  local config = { start_price = 95, end_price = 105, limit_price = 90, min_order_amount_quote = 25, min_spread_between_orders = d("0.02"), side = 1,
    triple_barrier_config = { take_profit = d("0.02"), stop_loss = json.null, time_limit = json.null, trailing_stop = json.null } }
  for key, value in pairs(more or {}) do config[key] = value end
  for key, value in pairs(barriers or {}) do config.triple_barrier_config[key] = value end
  return { controller = "generic/grid_strike", pair = "ETH-USDT", budget_quote = "100", config = config }
end

local function run_grid(t, params, ...)
  local found = t.replay("controller", params, followed_by(flat(60, 100), ...), { mid = QUIET })
  t.equal(found.ok, true)
  return found.estimate
end

-- Levels 95, 97.5, 100, 102.5 of 25 each. 97.5 is bought and sold at 97.5 * 1.02 = 99.45: +0.5. Then 97.5 and
-- 95 are bought in a fall to 89, and the stop at 90 sells both: 25 * 90 / 97.5 + 25 * 90 / 95 = 46.76113360 for
-- 50. Fees: 0.0625 * 3 purchases, 0.06375, 0.11690283. What comes after it does not count.
test.case("a grid down to its stop", function(t)
  local found = run_grid(t, grid(), { 100, 100, 97, 98 }, { 98, d("99.5"), 98, d("99.5") }, { d("99.5"), d("99.5"), 89, 89 }, { 89, 200, 89, 200 })
  t.equal(found.levels, 4)
  t.equal(found.fills, 5)
  t.equal(found.ended_by, "stop_price")
  t.equal(found.net_quote, "-3.10701923")
  t.equal(found.position_base, "0")
end)

-- 97.5 is bought; the next candle opens at 85, below the stop at 90, buys at 95 on its way and sells both at 85:
-- 0.51956815 * 85 = 44.16329285 for 50; fees 0.125 and 0.11040823.
test.case("a grid's stop that is jumped over", function(t)
  local found = run_grid(t, grid(), { 100, 100, 97, 98 }, { 85, 85, 85, 85 })
  t.equal(found.ended_by, "stop_price")
  t.equal(found.net_quote, "-6.07211538")
end)

-- 97.5 is bought; the candle of its target may have been at 96 first: 25 / 97.5 * 96 - 25.0625.
test.case("the worst value of a grid", function(t)
  local found = run_grid(t, grid(), { 100, 100, 97, 98 }, { 98, d("99.5"), 96, d("99.5") })
  t.equal(found.exits, ends(1, 0, 0, 0))
  t.equal(found.worst_quote, "-0.44711538")
end)

-- Sells first: with its stop above, levels at 105, 102.5, 100, 97.5; 102.5 is sold and bought back 2 % lower,
-- at 100.45, for 24.5: +0.5. Then 102.5 and 105 are sold in a rise to 111, and the stop at 110 buys both back:
-- 25 * 110 / 102.5 + 25 * 110 / 105 = 53.01974448 for 50. Fees 0.1875 + 0.06125 + 0.13254936.
test.case("a selling grid up to its stop", function(t)
  local params = grid({ side = 2, limit_price = 110 })
  local found = run_grid(t, params, { 100, 103, 100, 102 }, { 102, 102, d("100.4"), d("100.5") }, { d("100.5"), 111, d("100.5"), 111 }, { 111, 111, 1, 1 })
  t.equal(found.fills, 5)
  t.equal(found.ended_by, "stop_price")
  t.equal(found.net_quote, "-2.90104384")
  t.equal(found.position_base, "0")
end)

-- 97.5 and 95 bought: 25 / 97.5 + 25 / 95 = 0.51956815 for 50, 96.23376623 each; a stop loss of 3 % of that is
-- 93.34675325, above the stop price. It sells for 48.5: -1.5, fees 0.125 + 0.12125.
test.case("the stop loss of a grid is of the whole holding", function(t)
  local found = run_grid(t, grid({}, { stop_loss = d("0.03") }), { 100, 100, 89, 89 })
  t.equal(found.ended_by, "stop_loss")
  t.equal(found.net_quote, "-1.74625")
  -- One of 1 % acts at 96.525, before the level at 95 is reached: 25 lost 0.25, fees 0.0625 + 0.061875.
  found = run_grid(t, grid({}, { stop_loss = d("0.01") }), { 100, 100, 89, 89 })
  t.equal(found.fills, 2)
  t.equal(found.net_quote, "-0.374375")
end)

-- The candle reaches the stop and the end above: the stop counts. A grid above its end sells what it has: 97.5
-- at its target of 117, which is beyond the end, so at 105: 25 * 105 / 97.5 = 26.92307692.
test.case("the end of a grid", function(t)
  t.equal(run_grid(t, grid(), { 100, 106, 89, 106 }).ended_by, "stop_price")
  local found = run_grid(t, grid({}, { take_profit = d("0.2") }), { 100, 100, 97, 98 }, { 98, 106, 95, 106 }, { 106, 106, 80, 80 })
  t.equal(found.ended_by, "end_price")
  t.equal(found.fills, 2)
  t.equal(found.net_quote, "1.79326923")
end)

-- 97.5 is bought and closed at 98 at the end of 65 candles of a minute: 25.12820513, fees 0.0625 + 0.06282051.
test.case("the time limit of a grid", function(t)
  local candles = {}
  for i = 1, 10 do candles[i] = { 98, 98, 98, 98 } end
  local found = run_grid(t, grid({}, { time_limit = 3900 }), { 100, 100, 97, 98 }, table.unpack(candles))
  t.equal(found.ended_by, "time_limit")
  t.equal(found.net_quote, "0.00288462")
  -- The last candle reaches its target of 99.45 before its end: +0.5, fees 0.0625 + 0.06375.
  candles[4] = { 98, d("99.5"), 98, 98 }
  found = run_grid(t, grid({}, { time_limit = 3900 }), { 100, 100, 97, 98 }, table.unpack(candles))
  t.equal(found.ended_by, "time_limit")
  t.equal(found.net_quote, "0.37375")
end)

-- 97.5 is bought; armed at +1 % (98.475), floor +0.5 % (97.9875). The candle rises to 99 and falls to 94: sold at
-- 97.9875 for 25.125, before its target of 99.45 and before the level at 95 is reached.
test.case("the trailing stop of a grid", function(t)
  local params = grid({}, { trailing_stop = { activation_price = d("0.01"), trailing_delta = d("0.005") } })
  local found = run_grid(t, params, { 100, 100, d("97.4"), 98 }, { 98, 99, 94, 99 })
  t.equal(found.ended_by, "trailing_stop")
  t.equal(found.net_quote, "-0.0003125")
end)

-- The whole range moves with the price that the candles begin with, and what is bought in a candle is not
-- sold in it.
test.case("a grid in another time", function(t)
  local candles = followed_by(flat(60, 200), { 200, 210, 194, 196 })
  local found = t.replay("controller", grid(), candles, { mid = QUIET })
  t.equal(found.estimate.fills, 1)
  t.warned(found, "candles_differ")
end)

-- ---- the source of the candles ----

-- Holes and what is no candle are counted, and the price after them goes on from the last candle before.
test.case("candles that are none", function(t)
  local nan = json.null
  local candles = followed_by(flat(60, 100), false, false, { 100, nan, 100, 100 }, { 100, 90, 95, 100 }, { 100, 101, -1, 100 }, { 0, 0, 0, 0 },
    { 100, 100, 99, 100 })
  local found = t.replay("controller", mm({}), candles, { mid = QUIET, days = 1 })
  t.equal(found.candles.count, 61)
  t.equal(found.candles.missing, 1379)
  t.equal(found.candles.refused, 4)
  t.equal(found.candles.longest_gap_s, 1373 * 60)
  t.equal(found.estimate.fills, 1)
end)

-- Shuffled, twice (the same again is no lie), between two minutes, from the future and from before: each minute
-- counts once, the first one that was said.
test.case("a feed that lies about the time", function(t)
  local to = 1767323040 -- the minute of the tests
  local function row(minutes, low) return { timestamp = to - minutes * 60, open = 100, high = 100, low = low, close = 100 } end
  local rows = { row(1, 99), row(1, 99), row(1, 90), row(0, 90), row(-5, 90), row(70 * 1440, 90), row(d("2.5"), 90) }
  for i = 60, 2, -1 do rows[#rows + 1] = row(i, 100) end
  local found = t.replay("controller", mm({}), {}, { mid = QUIET, days = 1,
    answers = { ["market.candles_history"] = function(args)
      return args.body.end_time == to - 1 and json.array(rows) or json.array({})
    end } })
  t.equal(found.candles.count, 60)
  t.equal(found.candles.refused, 5)
  t.equal(found.estimate.fills, 1)
  t.equal(found.estimate.worst_quote, "-0.125")
end)

-- A week of minutes, a page for each day of the calendar that it touches; none in a page is no failure. To be
-- quick, the feed has every tenth minute only.
test.case("a week of minutes is read in pages", function(t)
  local pages = 0
  local found = t.replay("controller", mm({}), {}, { mid = QUIET,
    answers = { ["market.candles_history"] = function(args)
      local body, out = args.body, json.array({})
      pages = pages + 1
      if pages == 3 then error({ upstream = true, code = "not_found", status = 404, message = "No historical data available" }, 0) end
      for at = (body.start_time + 599) // 600 * 600, body.end_time, 600 do out[#out + 1] = { timestamp = at, open = 100, high = 100, low = 100, close = 100 } end
      return out
    end } })
  t.equal(pages, 8)
  t.equal(found.candles.asked, 10080)
  t.equal(found.candles.interval, "1m")
  t.equal(found.candles.count, 1008 - 144)
  t.equal(found.candles.refused, 0)
end)

test.case("what cannot be replayed says why", function(t)
  t.refused(t.replay("controller", mm({}), flat(59, 100)), "few_candles")
  t.refused(t.replay("controller", { controller = "directional_trading/supertrend_v1" }, flat(60, 100)), "no_levels")
  t.refused(t.replay("controller", { connector = "kucoin" }, flat(60, 100)), "no_candles")
  t.refused(t.replay("controller", mm({}), flat(60, 100), { days = 31 }), "not_allowed", "/days")
  t.refused(t.replay("controller", { config = { nothing = 1 } }, flat(60, 100)), "unknown_field")
  t.refused(t.replay("controller", mm({}), {}, { answers = { ["market.candles_history"] = function()
    error({ upstream = true, code = "upstream_timeout", status = 0, message = "no answer" }, 0)
  end } }), "no_candles")
end)

return test
