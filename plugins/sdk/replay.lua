-- kernel.replay: what a strategy's levels would have met in the market's past: an estimate, never a promise.
-- The levels are those of its preview (rows of kind order with distance_pct, or grid), set around the price at
-- which the candles begin; the exits are those of its config. A strategy's own replay(ctx, p, candles) hook
-- takes the place of this.
--
-- input: { strategy, params, days } -> { ok, errors, estimate = { … } }. candles: an array of
-- { time, open, high, low, close } (numbers, time in seconds, oldest first, holes stay holes). See candles.lua
-- for where they come from and reckon.lua for what is done with them.
local decimal = require("bridge.decimal")
local json = require("bridge.json")
local source = require("bridge.candles")
local exits = require("bridge.exits")
local reckon = require("bridge.reckon")
local copy = require("bridge.tables").copy

local replay = {}

local DAYS_USUAL = 7
local ENOUGH = 60
-- The newest candle and the market's price now may differ so much before it is said.
local DIFFERS = 0.1

local OPTIMISM = {
  "A touch of a price fills the whole order; in the market others wait in front of it.",
  "Orders cost nothing but the fee: no spread, slippage, delay or refused order is counted, and a stop sells at its price or at the candle's opening.",
  "Single orders are put anew in every candle; refresh times are not replayed.",
  "Limits of the whole bot (loss limits, global take profit or stop loss) are not replayed, nor what it does after a grid has ended.",
  "Sells without coins count as if the coins had been there.",
}
local PERPETUAL = "Funding payments and liquidation are not counted."

-- ---- what is said of it ----

local function refused(code, message, hint)
  return { ok = false, errors = json.array({ { pointer = "", code = code, message = message, hint = hint } }) }
end

local function optimism(made, connector, exit, own)
  local out = json.array(copy(OPTIMISM))
  if own then out = json.array({ "This strategy reckons by a rule of its own; what it leaves out is its author's to say." }) end
  if connector:find("_perpetual", 1, true) then out[#out + 1] = PERPETUAL end
  if not own and not exit then out[#out + 1] = "The take profit, stop loss, time limit and trailing stop of its orders are not known here and not replayed." end
  if made.feed ~= connector then out[#out + 1] = "The candles are of " .. made.feed .. ", since " .. connector .. " has none: its prices differ a little." end
  if made.interval ~= "1m" then out[#out + 1] = "Candles of " .. made.interval .. " hide what happened inside them." end
  if made.missing > 0 then
    out[#out + 1] = made.missing .. " of " .. made.asked .. " candles are missing, the longest hole is " .. made.longest_gap_s // 60 ..
      " minutes: what happened there is not counted."
  end
  return out
end

-- A feed of another market, or one that stands still, gives itself away by its newest price.
local function warnings_of(plan, candles)
  local out = json.array(copy(plan.warnings))
  local mids = plan.facts.mid and plan.facts.mid[plan.connector]
  local mid, last = mids and exits.positive(mids[plan.pair]), candles[#candles].close
  if mid and math.abs(last / mid - 1) > DIFFERS then
    out[#out + 1] = { pointer = "", code = "candles_differ", message = string.format("the newest candle closed at %.8g, the market's price is %.8g", last, mid),
      hint = "the candles may be of another market or old; do not rely on this estimate" }
  end
  return out
end

-- ---- the hooks ----

local function own_hook(strategy, ctx, p, candles)
  local found = strategy.replay(copy(ctx), copy(p), candles)
  if type(found) ~= "table" then error("replay must return a table", 0) end
  return found
end

-- Rows and barriers belong together only when there is one controller.
local function config_of(plan)
  return #plan.controllers == 1 and plan.controllers[1].config or {}
end

local function float(value)
  local n = value ~= nil and value ~= json.null and require("bridge.fields").number(value)
  return n and tonumber(tostring(n)) or nil
end

-- The candles of `days` days up to now, or a refusal.
local function read(plan, days)
  local view = require("bridge.market").new({})
  local feed = source.feed(view.candle_feeds(), plan.connector)
  if not feed then
    return nil, refused("no_candles", "the Hummingbot API has no candles of " .. plan.connector, "choose an exchange with a candle feed")
  end
  local span = source.span(days, os.time())
  local candles, said, why = source.read(feed, plan.pair, span)
  if not candles then
    return nil, refused("no_candles", feed .. " gave no candles of " .. plan.pair .. " (" .. tostring(said) .. ": " .. tostring(why) .. ")",
      "try again in a moment, or fewer days; what was read is kept for ten minutes")
  end
  if #candles < ENOUGH then
    local bad = said.bad > 0 and " and " .. said.bad .. " that are none" or ""
    return nil, refused("few_candles", feed .. " gave " .. #candles .. " candles of " .. plan.pair .. bad .. "; at least " .. ENOUGH .. " are needed",
      "choose more days")
  end
  return candles, { feed = feed, pair = plan.pair, interval = span.interval, count = #candles, asked = span.count, days = days,
    missing = said.missing, longest_gap_s = said.longest_gap_s, refused = said.bad, from_s = span.from, to_s = span.to }, span.step_s
end

function replay.make(plugin, input, k)
  local days = input.days == nil and DAYS_USUAL or input.days
  if math.type(days) ~= "integer" or days < 1 or days > source.DAYS_MAX then
    return { ok = false, errors = json.array({ { pointer = "/days", code = "not_allowed",
      message = "days must be a whole number from 1 to " .. source.DAYS_MAX } }) }
  end
  local plan = require("bridge.plan").make(plugin, { strategy = input.strategy, params = input.params, ctx = input.ctx, lenient = input.lenient,
    unchecked = true }, k)
  if not plan.ok then return { ok = false, errors = plan.errors } end
  local strategy = k.find_strategy(plugin, input.strategy)
  local p = strategy.form:validate(plan.params, "/params").values
  if not plan.connector or not plan.pair then
    return refused("no_levels", "this strategy has no one market whose candles could be replayed", nil)
  end
  if #plan.controllers > 1 and not strategy.replay then
    return refused("no_levels", "the levels of several controllers are not replayed together", "replay each controller by itself")
  end
  if not strategy.replay and reckon.grids(plan.preview) > 1 then
    return refused("no_levels", "the preview of this strategy has several grids; one can be replayed", "try each grid by itself")
  end
  local config = config_of(plan)
  local side = config.side
  if not strategy.replay and #reckon.orders(plan.preview) == 0 and not reckon.grid(plan.preview, side) then
    return refused("no_levels", "the preview of this strategy has no levels that could be replayed", "its orders follow from the market while it runs")
  end
  k.phase("facts", "candles")
  local candles, made, step_s = read(plan, days)
  if not candles then return made end
  k.phase("replay")
  local exit = exits.of(config)
  local estimate = strategy.replay and own_hook(strategy, input.ctx or {}, p, candles) or
    reckon.run(plan.preview, candles, { fee_pct = float(p.fee_pct), budget = float(plan.budget_quote), exit = exit, side = side, step_s = step_s })
  return k.wire({ ok = true, errors = json.array({}), params = plan.params, estimate = estimate, candles = made,
    optimism = optimism(made, plan.connector, exit, strategy.replay ~= nil), warnings = warnings_of(plan, candles) })
end

return replay
