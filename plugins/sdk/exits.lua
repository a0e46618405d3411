-- kernel.exits: how a position ends by itself: the triple barrier of Hummingbot's executors, met by candles.
-- Everything is a gain, a fraction of the entry price and positive when the position earns; fees are left out.
-- of(config) -> { take, stop, limit_s, arm, gap, cooldown_s }, or nil when the config has no such fields.
--
-- Inside a candle nobody knows the way of the price, so the worst one is taken: the stop before the trailing
-- stop before the target. In the candle of the purchase only the stop and the time limit count, since its
-- favourable end may have been before.
local fields = require("bridge.fields")
local json = require("bridge.json")

local exits = {}

local FIELDS = { "take_profit", "stop_loss", "time_limit", "trailing_stop" }

-- A positive float, else nil: null and "" mean off.
local function positive(value)
  local n = value ~= nil and value ~= json.null and fields.number(value)
  local float = n and tonumber(tostring(n))
  return float and float > 0 and float or nil
end
exits.positive = positive

-- "0.015,0.005" is how a class default writes { activation_price, trailing_delta }.
local function trailing(value)
  if type(value) == "string" then
    local arm, gap = value:match("^%s*([%d.]+)%s*,%s*([%d.]+)%s*$")
    return positive(arm), positive(gap)
  elseif type(value) == "table" then
    return positive(value.activation_price), positive(value.trailing_delta)
  end
end

function exits.of(config)
  local from = type(config.triple_barrier_config) == "table" and config.triple_barrier_config or config
  local has = false
  for _, name in ipairs(FIELDS) do has = has or from[name] ~= nil end
  if not has then return nil end
  local arm, gap = trailing(from.trailing_stop)
  return { take = positive(from.take_profit), stop = positive(from.stop_loss), limit_s = positive(from.time_limit),
    arm = gap and arm, gap = arm and gap, cooldown_s = positive(config.cooldown_time) or 0 }
end

-- When it falls back by the gap inside the candle, the worst way is: up as far as that takes, then to its end.
local function trail(exit, position, open, low, high)
  local floor
  if position.peak then
    floor = position.peak - exit.gap
    if low <= floor then return math.min(floor, open) end
  elseif high >= exit.arm then
    floor = exit.arm - exit.gap
    if low <= floor then return floor end
  else
    return nil
  end
  if low <= high - exit.gap then return low end
  position.peak = math.max(position.peak or high, high)
end

-- The gain at which the candle ends the position, and the barrier's name; nil when it stays open.
-- position: { fresh = bought in this candle, peak = best gain since it armed, until_s = its time limit };
-- open, low, high, close: gains at the candle's prices, low the adverse one; at_s: the candle's end.
function exits.meet(exit, position, open, low, high, close, at_s)
  if exit.stop and low <= -exit.stop then
    return position.fresh and -exit.stop or math.min(-exit.stop, open), "stop_loss"
  end
  if not position.fresh then
    local fell = exit.arm and trail(exit, position, open, low, high)
    if fell then return fell, "trailing_stop" end
    if exit.take and high >= exit.take then return exit.take, "take_profit" end
  end
  if position.until_s and at_s >= position.until_s then return close, "time_limit" end
end

return exits
