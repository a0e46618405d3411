-- kernel.reckon: what orders or a grid would have done over candles. Pure reckoning in floats, which are good
-- enough for an estimate.
-- candles: an array of { time, open, high, low, close }, time in seconds, oldest first, holes allowed.
--
-- Touching a price fills the whole order at it. The worst way through a candle is taken: what is bought in it
-- is not sold in it at a profit, stops act before targets, and the value is also measured at the end of the
-- candle that is against the position.
local decimal = require("bridge.decimal")
local json = require("bridge.json")
local exits = require("bridge.exits")

local reckon = {}

local FEE_PCT = 0.25

local function number(value)
  return value == 0 and 0 or exits.positive(value)
end

local function shown(value)
  return decimal(string.format("%.8f", value)):normal()
end

-- ---- levels of a preview ----

function reckon.orders(preview)
  local out = {}
  for _, row in ipairs(preview) do
    local distance, quote = number(row.distance_pct), number(row.quote)
    if row.kind == "order" and distance and quote and (row.side == "buy" or row.side == "sell") then
      local sign = row.side == "buy" and 1 or -1
      out[#out + 1] = { sign = sign, factor = 1 - sign * distance / 100, quote = quote }
    end
  end
  return out
end

function reckon.grids(preview)
  local count = 0
  for _, row in ipairs(preview) do
    if row.kind == "grid" then count = count + 1 end
  end
  return count
end

-- Of a grid that buys (sign 1) the far end is the low one and the stop is below it; of one that sells (-1), the
-- other way round. Prices are fractions of the present one. side: the config's own, 1 or 2, when it says.
function reckon.grid(preview, side)
  for _, row in ipairs(preview) do
    local low, high, mid, levels, each = number(row.low), number(row.high), number(row.mid), number(row.levels), number(row.each_quote)
    if row.kind == "grid" and low and high and mid and levels and each and levels >= 1 and low < high then
      local stop = number(row.stop)
      local sells = side == 2 or side ~= 1 and stop ~= nil and stop > high
      local sign = sells and -1 or 1
      local far, near = sells and high or low, sells and low or high
      if not stop or sign * (far - stop) > 0 then
        return { sign = sign, far = far / mid, near = near / mid, stop = stop and stop / mid, levels = math.tointeger(levels // 1), each = each }
      end
    end
  end
end

-- ---- the account of one replay ----

local Account = {}
Account.__index = Account

local function new_account(fee_pct)
  return setmetatable({ cash = 0, base = 0, fees = 0, volume = 0, fills = 0, worst = 0, peak = 0, drawdown = 0, fee = (fee_pct or FEE_PCT) / 100,
    exits = {} }, Account)
end

-- sign 1 buys, -1 sells.
function Account:trade(sign, price, base)
  local quote = price * base
  self.base = self.base + sign * base
  self.cash = self.cash - sign * quote - quote * self.fee
  self.fees = self.fees + quote * self.fee
  self.volume = self.volume + quote
  self.fills = self.fills + 1
end

function Account:ended(kind)
  self.exits[kind] = (self.exits[kind] or 0) + 1
end

function Account:measure(candle)
  local adverse = self.cash + self.base * (self.base > 0 and candle.low or candle.high)
  if adverse < self.worst then self.worst = adverse end
  if self.peak - adverse > self.drawdown then self.drawdown = self.peak - adverse end
  local value = self.cash + self.base * candle.close
  if value > self.peak then self.peak = value end
end

function Account:measure_at(price)
  self:measure({ low = price, high = price, close = price })
end

-- The candle's four prices as gains of a position.
local function gains(candle, entry, sign)
  local low, high = candle.low, candle.high
  if sign < 0 then low, high = high, low end
  return sign * (candle.open / entry - 1), sign * (low / entry - 1), sign * (high / entry - 1), sign * (candle.close / entry - 1)
end

-- ---- single orders ----

-- Without barriers each order is put anew in every candle, within the budget.
local function run_plain(account, orders, candles, budget)
  local before = candles[1].open
  for _, candle in ipairs(candles) do
    for _, order in ipairs(orders) do
      local price = before * order.factor
      local touched = order.sign > 0 and candle.low <= price or order.sign < 0 and candle.high >= price
      local held = account.base * price
      if touched and (not budget or math.abs(held + order.sign * order.quote) <= budget) then
        account:trade(order.sign, price, order.quote / price)
      end
    end
    account:measure(candle)
    before = candle.close
  end
end

local function close_position(account, order, candle, gain, kind)
  local position = order.position
  -- The way to a target may have led through the candle's other end.
  if kind == "take_profit" or kind == "time_limit" then account:measure_at(order.sign > 0 and candle.low or candle.high) end
  account:trade(-order.sign, position.entry * (1 + order.sign * gain), position.base)
  account:ended(kind)
  order.position = nil
end

-- With barriers a level is empty, or holds one position until one of them ends it.
local function meet_order(account, order, candle, before, exit, step_s)
  local position = order.position
  if position then
    position.fresh = false
  else
    local price = before * order.factor
    local touched = order.sign > 0 and candle.low <= price or order.sign < 0 and candle.high >= price
    if not touched or order.rest_until and candle.time < order.rest_until then return end
    position = { entry = price, base = order.quote / price, fresh = true, until_s = exit.limit_s and candle.time + exit.limit_s }
    order.position = position
    account:trade(order.sign, price, position.base)
  end
  local open, low, high, close = gains(candle, position.entry, order.sign)
  local gain, kind = exits.meet(exit, position, open, low, high, close, candle.time + step_s)
  if not gain then return end
  close_position(account, order, candle, gain, kind)
  if kind == "stop_loss" then order.rest_until = candle.time + step_s + exit.cooldown_s end
end

local function run_orders(account, orders, candles, exit, step_s)
  local before = candles[1].open
  for _, candle in ipairs(candles) do
    for _, order in ipairs(orders) do meet_order(account, order, candle, before, exit, step_s) end
    account:measure(candle)
    before = candle.close
  end
end

-- ---- a grid ----

local Grid = {}
Grid.__index = Grid

-- Level i is i - 1 steps from the far end; held[i] is the amount bought there.
local function new_grid(grid, candles, exit)
  local start, sign = candles[1].open, grid.sign
  local far, near = grid.far * start, grid.near * start
  local step = (near - far) / grid.levels
  local self = setmetatable({ sign = sign, near = near, stop = grid.stop and grid.stop * start, each = grid.each, exit = exit, held = {}, price = {},
    target = {}, base = 0, cost = 0, position = { until_s = exit.limit_s and candles[1].time + exit.limit_s } }, Grid)
  for i = 1, grid.levels do
    self.price[i] = far + (i - 1) * step
    self.target[i] = exit.take and self.price[i] * (1 + sign * exit.take) or self.price[i] + step
  end
  return self
end

-- Where a holding of base for cost would be stopped: by the stop price or the stop loss, whichever comes first.
function Grid:stop_at(base, cost)
  local at, kind = self.stop, "stop_price"
  if self.exit.stop and base > 0 then
    local loss = cost / base * (1 - self.sign * self.exit.stop)
    if not at or self.sign * (loss - at) > 0 then at, kind = loss, "stop_loss" end
  end
  return at, kind
end

-- The price on its way to the candle's adverse end: which levels it buys, and where it is stopped, if it is.
function Grid:fall(before, adverse)
  local sign, base, cost, buys = self.sign, self.base, self.cost, {}
  for i = #self.price, 1, -1 do
    local price = self.price[i]
    if sign * (adverse - price) > 0 then break end
    if not self.held[i] and sign * (before - price) > 0 then
      local at, kind = self:stop_at(base, cost)
      if at and sign * (at - price) >= 0 then return buys, at, kind end
      buys[#buys + 1] = i
      base, cost = base + self.each / price, cost + self.each
    end
  end
  local at, kind = self:stop_at(base, cost)
  if at and sign * (adverse - at) <= 0 then return buys, at, kind end
  return buys
end

function Grid:buy(account, buys)
  for _, i in ipairs(buys) do
    local base = self.each / self.price[i]
    self.held[i] = base
    self.base, self.cost = self.base + base, self.cost + self.each
    account:trade(self.sign, self.price[i], base)
  end
end

function Grid:sell(account, candle)
  local best = self.sign > 0 and candle.high or candle.low
  for i, price in ipairs(self.price) do
    local base = self.held[i]
    if base and self.sign * (best - self.target[i]) >= 0 then
      account:trade(-self.sign, self.target[i], base)
      account:ended("take_profit")
      self.base, self.cost, self.held[i] = self.base - base, self.cost - price * base, nil
    end
  end
  if next(self.held) == nil then self.base, self.cost, self.position.peak = 0, 0, nil end
end

function Grid:close(account, price)
  local base = 0
  for i in ipairs(self.price) do base = base + (self.held[i] or 0) end
  if base > 0 then account:trade(-self.sign, price, base) end
end

-- The trailing stop and the time limit are of the whole holding. Its target is the grid's own.
function Grid:limits(candle, step_s)
  local exit, at_s = self.exit, candle.time + step_s
  if self.base > 0 then
    local entry = self.cost / self.base
    local open, low, high, close = gains(candle, entry, self.sign)
    local gain, kind = exits.meet({ arm = exit.arm, gap = exit.gap }, self.position, open, low, high, close, at_s)
    if gain then return entry * (1 + self.sign * gain), kind end
  end
  if exit.limit_s and at_s >= self.position.until_s then return candle.close, "time_limit" end
end

-- The end of a grid: what the candle bought and sold before it, the worst way taken.
function Grid:finish(account, candle, buys, price, kind)
  if kind == "time_limit" then
    self:sell(account, candle)
    self:buy(account, buys)
    account:measure(candle)
  elseif kind == "end_price" then -- what it bought in this candle would only have earned
    self:sell(account, candle)
  else
    local above = {}
    for _, i in ipairs(buys) do
      if self.sign * (self.price[i] - price) > 0 then above[#above + 1] = i end
    end
    self:buy(account, above)
  end
  account:measure_at(price)
  self:close(account, price)
  account:measure_at(price)
end

-- One candle; what ended the grid in it, or nil.
function Grid:meet(account, candle, before, step_s)
  local sign = self.sign
  local adverse, best = candle.low, candle.high
  if sign < 0 then adverse, best = best, adverse end
  local buys, price, kind = self:fall(before, adverse)
  if price then
    if sign * (candle.open - price) < 0 then price = candle.open end
  else
    price, kind = self:limits(candle, step_s)
    if kind ~= "trailing_stop" then account:measure_at(adverse) end
    if not price and sign * (best - self.near) > 0 then price, kind = self.near, "end_price" end
  end
  if price then
    self:finish(account, candle, buys, price, kind)
    return kind
  end
  self:sell(account, candle)
  self:buy(account, buys)
  account:measure(candle)
end

local function run_grid(account, given, candles, exit, step_s)
  local grid = new_grid(given, candles, exit or { cooldown_s = 0 })
  local before = candles[1].open
  for index, candle in ipairs(candles) do
    local ended = grid:meet(account, candle, before, step_s)
    if ended then return ended, index end
    before = candle.close
  end
end

-- ---- the whole ----

local function exits_of(account)
  local out = {}
  for _, kind in ipairs({ "take_profit", "stop_loss", "trailing_stop", "time_limit" }) do out[kind] = account.exits[kind] or 0 end
  return out
end

-- preview: rows of a plan on our wire. options: { fee_pct, budget, exit = of exits.of, side, step_s }.
-- nil when there are no levels to replay.
function reckon.run(preview, candles, options)
  local account = new_account(options.fee_pct)
  local orders, grid = reckon.orders(preview), reckon.grid(preview, options.side)
  local ended, at
  if grid then
    ended, at = run_grid(account, grid, candles, options.exit, options.step_s)
  elseif #orders == 0 then
    return nil
  elseif options.exit then
    run_orders(account, orders, candles, options.exit, options.step_s)
  else
    run_plain(account, orders, candles, options.budget)
  end
  local last = candles[at or #candles].close
  return {
    fills = account.fills, volume_quote = shown(account.volume), fees_quote = shown(account.fees),
    net_quote = shown(account.cash + account.base * last), worst_quote = shown(account.worst), drawdown_quote = shown(account.drawdown),
    position_base = shown(account.base), exits = exits_of(account), ended_by = ended or json.null, price_first = shown(candles[1].open),
    price_last = shown(last), levels = grid and grid.levels or #orders, fee_pct = shown(account.fee * 100),
  }
end

return reckon
