-- kernel.candles: the past of a market for a replay, read page by page so that no answer is large. A page ends at
-- a whole multiple of its length, so that the same past is asked with the same words and kept for a while.
--
-- The feed is not believed: every candle has its place in time, and what is no candle (a missing, negative or
-- unordered price, a time between two places or outside of what was asked, another one for the same time) is
-- counted and left out. Holes are counted, never filled.
local _, host = ...
local hb = require("bridge.hb")

local candles = {}

-- days up to -> interval, its seconds
local INTERVALS = { { 7, "1m", 60 }, { 30, "5m", 300 } }
local PAGE, PAGE_S = 1440, 30
local COLUMNS = { "timestamp", "open", "high", "low", "close" }
local DAY_S = 86400
-- How upstream says that there is none in a page, with 404.
local EMPTY = "No historical data"

candles.DAYS_MAX = INTERVALS[#INTERVALS][1]

-- The candles of the last `days` days, those that are over: { interval, step_s, count, from, to } (seconds).
function candles.span(days, now_s)
  for _, row in ipairs(INTERVALS) do
    if days <= row[1] then
      local to = now_s // row[3] * row[3]
      return { interval = row[2], step_s = row[3], count = days * DAY_S // row[3], from = to - days * DAY_S, to = to }
    end
  end
end

-- A spot exchange often has no feed of its own; its perpetual one is near it.
function candles.feed(feeds, connector)
  for _, wanted in ipairs({ connector, connector .. "_perpetual" }) do
    for _, feed in ipairs(feeds or {}) do
      if feed == wanted then return feed end
    end
  end
end

-- NaN is not equal to itself and fails every comparison.
local function sound(open, high, low, close)
  return low > 0 and high < math.huge and low <= open and low <= close and open <= high and close <= high
end

local function is_same(candle, open, high, low, close)
  return candle.open == open and candle.high == high and candle.low == low and candle.close == close
end

local function put(page, slots, span)
  local bad = 0
  for i, at in ipairs(page.timestamp) do
    local open, high, low, close = page.open[i], page.high[i], page.low[i], page.close[i]
    local slot = math.tointeger((at - span.from) / span.step_s)
    local good = slot and slot >= 0 and slot < span.count and sound(open, high, low, close)
    if good and not slots[slot] then
      slots[slot] = { time = math.tointeger(at), open = open, high = high, low = low, close = close }
    elseif not good or not is_same(slots[slot], open, high, low, close) then
      bad = bad + 1
    end
  end
  return bad
end

local function gather(slots, span)
  local out, hole, longest = {}, 0, 0
  for slot = 0, span.count - 1 do
    local candle = slots[slot]
    hole = candle and 0 or hole + 1
    longest = math.max(longest, hole)
    if candle then out[#out + 1] = candle end
  end
  return out, longest
end

-- rows of { time, open, high, low, close } (floats), oldest first, and { missing, longest_gap_s, bad }; or nil,
-- code and why when a page cannot be read.
function candles.read(feed, pair, span)
  local slots, bad, page_s = {}, 0, PAGE * span.step_s
  local from = span.from
  while from < span.to do
    local to = math.min((from // page_s + 1) * page_s, span.to)
    -- The end is asked for inclusively or not, depending on the exchange; the last candle before it is wanted.
    local body = { connector_name = feed, trading_pair = pair, interval = span.interval, start_time = from, end_time = to - 1 }
    local ok, page = hb.try(host.columns, "market.candles_history", { body = body, within_s = PAGE_S }, COLUMNS)
    if ok then
      bad = bad + put(page, slots, span)
    elseif not tostring(page.message):find(EMPTY, 1, true) then
      return nil, page.code, (tostring(page.message):gsub("%.$", ""))
    end
    from = to
  end
  local rows, longest = gather(slots, span)
  return rows, { missing = span.count - #rows, longest_gap_s = longest * span.step_s, bad = bad }
end

return candles
