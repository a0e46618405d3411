-- kernel.replay: what a strategy's levels would have met in the market's past: an estimate, never a promise.
-- The levels are those of its preview (rows of kind order with distance_pct, or grid), set around the price at
-- which the candles begin. A strategy's own replay(ctx, p, candles) hook takes the place of this.
--
-- input: { strategy, params, days } -> { ok, errors, estimate = { … } }. candles: an array of
-- { open, high, low, close } (numbers, oldest first). Floats are good enough for an estimate; a week of
-- minutes is done in the hook's budget of a second.
--
-- Touching a price fills the whole order at it. Inside a candle nobody knows which end came first, so the
-- worse one is taken: what a grid buys in a candle it does not sell in it, and the value is also measured at
-- the candle's end that is against the position.
local decimal = require("bridge.decimal")
local fields = require("bridge.fields")
local json = require("bridge.json")
local copy = require("bridge.tables").copy

local replay = {}

-- days up to -> interval and candles a day; the API gives a few thousand in one answer.
local INTERVALS = { { 3, "1m", 1440 }, { 14, "5m", 288 }, { 30, "15m", 96 } }
local DAYS_MAX, DAYS_USUAL, FEED_S = 30, 7, 30
local ENOUGH = 60
local FEE_PCT = 0.25

local OPTIMISM = {
  "A touch of a price fills the whole order; in the market others wait in front of it.",
  "Orders cost nothing but the fee: no spread, slippage, delay or refused order is counted.",
  "Take profit, stop loss, time limits and refresh times of single orders are not replayed, except a grid's stop price.",
  "Sells without coins count as if the coins had been there.",
}

local function number(value)
  local n = value ~= nil and value ~= json.null and fields.number(value)
  return n and tonumber(tostring(n)) or nil
end

local function shown(value)
  return decimal(string.format("%.8f", value)):normal()
end

-- ---- levels ----

local function orders_of(preview)
  local out = {}
  for _, row in ipairs(preview) do
    local distance, quote = number(row.distance_pct), number(row.quote)
    if row.kind == "order" and distance and quote and (row.side == "buy" or row.side == "sell") then
      out[#out + 1] = { side = row.side, factor = 1 + (row.side == "buy" and -distance or distance) / 100, quote = quote }
    end
  end
  return out
end

-- A buying grid only: a selling one has its stop above.
local function grid_of(preview)
  for _, row in ipairs(preview) do
    local low, high, stop, mid = number(row.low), number(row.high), number(row.stop), number(row.mid)
    local levels, each = number(row.levels), number(row.each_quote)
    if row.kind == "grid" and low and high and mid and levels and each and levels >= 1 and (not stop or stop < low) then
      return { low = low / mid, high = high / mid, stop = stop and stop / mid, levels = math.tointeger(levels // 1), each = each }
    end
  end
end

-- ---- the account of one replay ----

local Account = {}
Account.__index = Account

function Account:trade(side, price, quote)
  local base = quote / price
  local sign = side == "buy" and 1 or -1
  self.base = self.base + sign * base
  self.cash = self.cash - sign * quote - quote * self.fee
  self.fees = self.fees + quote * self.fee
  self.volume = self.volume + quote
  self.fills = self.fills + 1
end

function Account:measure(candle)
  local adverse = self.cash + self.base * (self.base > 0 and candle.low or candle.high)
  if adverse < self.worst then self.worst = adverse end
  if self.peak - adverse > self.drawdown then self.drawdown = self.peak - adverse end
  local value = self.cash + self.base * candle.close
  if value > self.peak then self.peak = value end
end

-- Each order is put anew around the close before; one fill an order and candle, within the budget.
local function run_orders(account, orders, candles, budget)
  local before = candles[1].open
  for _, candle in ipairs(candles) do
    for _, order in ipairs(orders) do
      local price = before * order.factor
      local touched = order.side == "buy" and candle.low <= price or order.side == "sell" and candle.high >= price
      local held = account.base * price
      local room = not budget or math.abs(held + (order.side == "buy" and order.quote or -order.quote)) <= budget
      if touched and room then account:trade(order.side, price, order.quote) end
    end
    account:measure(candle)
    before = candle.close
  end
end

local function close_grid(account, price)
  if account.base > 0 then account:trade("sell", price, account.base * price) end
end

-- Each level buys when the price comes down to it and sells one step higher in a later candle.
local function run_grid(account, grid, candles)
  local start = candles[1].open
  local low, high, stop = grid.low * start, grid.high * start, grid.stop and grid.stop * start
  local step = (high - low) / grid.levels
  local bought = {}
  for index, candle in ipairs(candles) do
    local before = index == 1 and start or candles[index - 1].close
    for i = 1, grid.levels do
      local price = low + (i - 1) * step
      if bought[i] then
        if candle.high >= price + step then
          account:trade("sell", price + step, bought[i] * (price + step))
          bought[i] = nil
        end
      elseif before > price and candle.low <= price then
        account:trade("buy", price, grid.each)
        bought[i] = grid.each / price
      end
    end
    account:measure(candle)
    if stop and candle.low <= stop then
      close_grid(account, stop)
      return "stop_price", index
    end
  end
end

-- preview: rows of a plan on our wire; candles: numbers. nil when there are no levels to replay.
function replay.run(preview, candles, options)
  local account = setmetatable({ cash = 0, base = 0, fees = 0, volume = 0, fills = 0, worst = 0, peak = 0, drawdown = 0,
    fee = (options.fee_pct or FEE_PCT) / 100 }, Account)
  local orders, grid = orders_of(preview), grid_of(preview)
  local ended, at
  if grid then
    ended, at = run_grid(account, grid, candles)
  elseif #orders > 0 then
    run_orders(account, orders, candles, options.budget)
  else
    return nil
  end
  local last = candles[at or #candles].close
  return {
    fills = account.fills, volume_quote = shown(account.volume), fees_quote = shown(account.fees),
    net_quote = shown(account.cash + account.base * last), worst_quote = shown(account.worst), drawdown_quote = shown(account.drawdown),
    position_base = shown(account.base), ended_by = ended or json.null, price_first = shown(candles[1].open), price_last = shown(last),
    levels = grid and grid.levels or #orders, fee_pct = shown(account.fee * 100),
  }
end

-- ---- candles ----

local function interval_of(days)
  for _, row in ipairs(INTERVALS) do
    if days <= row[1] then return row[2], row[3] * days end
  end
end

-- Spot exchanges often have no feed of their own; their perpetual one is near it.
local function feed_of(view, connector)
  local feeds = view.candle_feeds() or {}
  for _, wanted in ipairs({ connector, connector .. "_perpetual" }) do
    for _, feed in ipairs(feeds) do
      if feed == wanted then return feed end
    end
  end
end

local function read_candles(view, feed, pair, interval, count)
  local rows, code, why = view.candles(feed, pair, interval, count, FEED_S)
  if not rows then return nil, code, why end
  local out = {}
  for i, row in ipairs(rows) do
    out[i] = { open = tonumber(tostring(row.open)), high = tonumber(tostring(row.high)), low = tonumber(tostring(row.low)), close = tonumber(tostring(row.close)) }
  end
  return out
end

local function refused(code, message, hint)
  return { ok = false, errors = json.array({ { pointer = "", code = code, message = message, hint = hint } }) }
end

local function optimism(feed, connector, interval)
  local out = json.array(copy(OPTIMISM))
  if feed ~= connector then out[#out + 1] = "The candles are of " .. feed .. ", since " .. connector .. " has none: its prices differ a little." end
  if interval ~= "1m" then out[#out + 1] = "Candles of " .. interval .. " hide what happened inside them." end
  return out
end

local function own_hook(strategy, ctx, p, candles)
  local found = strategy.replay(copy(ctx), copy(p), candles)
  if type(found) ~= "table" then error("replay must return a table", 0) end
  return found
end

function replay.make(plugin, input, k)
  local days = input.days == nil and DAYS_USUAL or input.days
  if math.type(days) ~= "integer" or days < 1 or days > DAYS_MAX then
    return { ok = false, errors = json.array({ { pointer = "/days", code = "not_allowed", message = "days must be a whole number from 1 to " .. DAYS_MAX } }) }
  end
  local plan = require("bridge.plan").make(plugin, { strategy = input.strategy, params = input.params, ctx = input.ctx, lenient = input.lenient,
    unchecked = true }, k)
  if not plan.ok then return { ok = false, errors = plan.errors } end
  local strategy = k.find_strategy(plugin, input.strategy)
  local p = strategy.form:validate(plan.params, "/params").values
  if not plan.connector or not plan.pair then
    return refused("no_levels", "this strategy has no one market whose candles could be replayed", nil)
  end
  if not strategy.replay and #orders_of(plan.preview) == 0 and not grid_of(plan.preview) then
    return refused("no_levels", "the preview of this strategy has no levels that could be replayed", "its orders follow from the market while it runs")
  end
  k.phase("facts")
  local view = require("bridge.market").new({})
  local feed = feed_of(view, plan.connector)
  if not feed then
    return refused("no_candles", "the Hummingbot API has no candles of " .. plan.connector, "choose an exchange with a candle feed")
  end
  local interval, count = interval_of(days)
  local candles, code, why = read_candles(view, feed, plan.pair, interval, count)
  if not candles then
    return refused("no_candles", feed .. " gave no candles of " .. plan.pair .. " (" .. tostring(code) .. ": " .. tostring(why) .. ")", "try again in a moment")
  end
  if #candles < ENOUGH then
    return refused("few_candles", feed .. " gave " .. #candles .. " candles of " .. plan.pair .. "; at least " .. ENOUGH .. " are needed", "choose more days")
  end
  k.phase("replay")
  local budget = number(plan.budget_quote)
  local estimate = strategy.replay and own_hook(strategy, input.ctx or {}, p, candles) or
    replay.run(plan.preview, candles, { fee_pct = number(p.fee_pct), budget = budget })
  return k.wire({ ok = true, errors = json.array({}), params = plan.params, estimate = estimate,
    candles = { feed = feed, pair = plan.pair, interval = interval, count = #candles, asked = count, days = days },
    optimism = optimism(feed, plan.connector, interval), warnings = plan.warnings })
end

return replay
