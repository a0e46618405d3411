-- Strategies that trade a signal of candles on a perpetual: bollinger_v1, macd_bb_v1, supertrend_v1 and
-- dman_v3 (averaging) of directional_trading.
--
-- Upstream: the whole budget goes into one trade a side (max_executors_per_side 1); cooldown_time is counted
-- only against trades that are open, so it does not delay the next one after a close; the bot waits until
-- its feed is full. candles_connector and candles_trading_pair are always written: left out they stay None.
local form = require("bridge.form")
local decimal = require("bridge.decimal")
local configs = require("bridge.configs")
local json = require("bridge.json")
local template = require("bridge.strategies.template")
local words = require("bridge.strategies.words")
local checks = require("bridge.strategies.checks")
local sizes = require("bridge.strategies.sizes")

local trend = {}
local show = template.show

local COOLDOWN = "Shortest time between two entries of a side. Hummingbot counts it only while a trade is open: after a close the next signal may enter at once."
local DOCS = "Open positions are closed at market when the bot is stopped. The bot waits until the candle feed has all the candles its signal needs."
local PRESETS = {
  careful = { leverage = 1, budget_quote = "100" },
  usual = { leverage = 3 },
  bold = { leverage = 5, budget_quote = "300" },
}

local function bb_length()
  return { form.integer("bb_length", { default = 100, min = 10, max = 400, group = "signal", help = "Candles in the band." }), "bb_length" }
end

local function fixed(o, more)
  local out = { connector_name = o.connector, max_executors_per_side = 1, take_profit_order_type = 2, trailing_stop = json.null,
    candles_connector = o.candles or o.connector, candles_trading_pair = function(_, p) return p.pair end }
  for key, value in pairs(more) do out[key] = value end
  return out
end

local function preview(_, p)
  local rows = { { kind = "trade", title = "One trade", quote = p.budget_quote, margin = p.budget_quote:div(p.leverage, 4, "up"), leverage = p.leverage } }
  if p.stop_loss_pct then rows[2] = { kind = "money", title = "Loss at the stop loss, about", quote = (p.budget_quote * p.stop_loss_pct:fraction()):normal() } end
  return rows
end

-- The whole budget at the price of the moment.
local function placed(p, mid)
  return { { quote = p.budget_quote, price = mid } }
end

-- signal: rows of the signal; need: candles it wants; spec: name, title, controller, summary and the like.
local function directional(o, spec)
  local rows = { words.pair(o, spec.base), words.budget(spec.budget or "100", spec.least or "10"), words.candle() }
  for _, row in ipairs(spec.signal) do rows[#rows + 1] = row end
  for _, row in ipairs({ words.leverage(3), words.position_mode() }) do rows[#rows + 1] = row end
  for _, row in ipairs(spec.exits) do rows[#rows + 1] = row end
  rows[#rows + 1] = words.cooldown(spec.cooldown or 600, COOLDOWN)
  rows[#rows + 1] = words.fee(o)
  local list = { checks.take_profit, checks.stop_loss, checks.leverage, checks.mode,
    sizes.check(spec.orders or placed, "budget_quote", spec.order_field), checks.margin(true), checks.candles(spec.need), checks.alone }
  for _, check in ipairs(spec.checks or {}) do list[#list + 1] = check end
  return {
    title = spec.title, risk = "high", executors = spec.executors or { "position" }, budget = "budget_quote", pair = "pair", connector = o.connector,
    controller = { "directional_trading", spec.controller }, summary = spec.summary, docs = DOCS .. (spec.docs or ""),
    risk_defaults = spec.risk_defaults or { max_loss_quote = "15%", max_controller_loss_quote = "10%" },
    rows = rows, fixed = fixed(o, spec.fixed), presets = spec.presets or PRESETS, checks = list, preview = spec.preview or preview,
  }
end

local function exits()
  return { words.stop_loss("2"), words.take_profit("3", "0.15", nil, true), words.time_limit(360) }
end

-- ---- bollinger ----

function trend.bollinger(given)
  return template.strategy(given, "perp_bollinger", function(o)
    return directional(o, {
      title = "Bollinger mean reversion (perpetual)", controller = "bollinger_v1", base = "XRP",
      summary = "Buys when the price falls out of the lower Bollinger band and sells short above the upper one, hoping that it comes back. Loses in a trend.",
      docs = " A trailing stop arms at a gain of 1.5 % and gives back 0.5 %.",
      signal = { bb_length(),
        { form.decimal("bb_std", { default = "2.0", min = "0.5", max = "5", group = "signal", help = "Band width, in standard deviations." }), "bb_std" } },
      exits = exits(), need = function(p) return p.bb_length end,
      fixed = { bb_long_threshold = decimal("0.0"), bb_short_threshold = decimal("1.0"),
        trailing_stop = { activation_price = decimal("0.015"), trailing_delta = decimal("0.005") } },
    })
  end)
end

-- ---- MACD and Bollinger ----

local MACD_FAST, MACD_SLOW, MACD_SIGNAL = 21, 42, 9

local function put_zone(config, p)
  config.bb_long_threshold = p.entry_zone_pct:fraction()
  config.bb_short_threshold = decimal(1) - p.entry_zone_pct:fraction()
end

function trend.macd_bb(given)
  return template.strategy(given, "perp_macd_bb", function(o)
    return directional(o, {
      title = "MACD + Bollinger (perpetual)", controller = "macd_bb_v1", base = "XRP",
      summary = "Bollinger mean reversion that waits until MACD turns in its direction. Fewer and later entries; loses in a trend.",
      docs = " MACD is 21, 42, 9 candles.",
      signal = { bb_length(),
        { form.percent("entry_zone_pct", { default = "20", min = "0", max = "49", group = "signal",
          help = "How near the band the price must be: 0 at the band, 49 nearly in the middle." }), put = put_zone,
          get = function(c) return configs.percent(c.bb_long_threshold) end } },
      exits = exits(), need = function(p) return math.max(p.bb_length, MACD_SLOW + MACD_SIGNAL) + 20 end,
      fixed = { bb_std = decimal("2.0"), macd_fast = MACD_FAST, macd_slow = MACD_SLOW, macd_signal = MACD_SIGNAL },
    })
  end)
end

-- ---- SuperTrend ----

function trend.supertrend(given)
  return template.strategy(given, "perp_supertrend", function(o)
    return directional(o, {
      title = "SuperTrend following (perpetual)", controller = "supertrend_v1", base = "DOGE",
      summary = "Follows the trend that the SuperTrend line shows, entering when the price is near the line. Loses when the market moves sideways.",
      signal = {
        { form.integer("length", { default = 20, min = 5, max = 200, group = "signal", help = "Candles of the line's average range." }), "length" },
        { form.decimal("multiplier", { default = "4.0", min = "1", max = "10", group = "signal", help = "Distance of the line, in average ranges (ATR)." }), "multiplier" },
        { form.percent("near_pct", { default = "1", min = "0.1", max = "10", group = "signal", help = "Enter only when the price is this near the line." }),
          "percentage_threshold", "fraction" },
      },
      exits = exits(), need = function(p) return p.length + 10 end, fixed = {},
    })
  end)
end

-- ---- averaging ----

local function total(list)
  local sum = decimal(0)
  for _, value in ipairs(list) do sum = sum + value end
  return sum
end

-- Legs of a purchase lie below the entry, those of a sale above it.
local function legs(p, mid)
  local sum, out = total(p.weights), {}
  for i, weight in ipairs(p.weights) do
    for _, sign in ipairs({ -1, 1 }) do
      out[#out + 1] = { quote = (p.budget_quote * weight):div(sum, 8, "down"), price = mid and mid * (decimal(1) + p.levels_pct[i]:fraction() * sign) }
    end
  end
  return out
end

local function check_weights(p, refuse)
  if #p.weights ~= #p.levels_pct then
    refuse("weights", "counts_differ", "there are " .. #p.weights .. " weights for " .. #p.levels_pct .. " levels", "give each level its share of the money")
  end
end

-- The stop loss is measured from the average entry.
local function check_levels(e)
  local p = e.p
  local last = p.levels_pct[#p.levels_pct]
  if p.stop_loss_pct and p.stop_loss_pct <= last then
    e.report:error("stop_loss_pct", "stop_inside_levels", { stop_loss = show(p.stop_loss_pct), level = show(last) })
  end
end

local function preview_legs(_, p, facts)
  local sum, rows = total(p.weights), {}
  for i, level in ipairs(p.levels_pct) do
    rows[i] = { kind = "order", side = "entry", distance_pct = level, quote = (p.budget_quote * p.weights[i]):div(sum, 4, "down") }
  end
  rows[#rows + 1] = preview(nil, p, facts)[2]
  return rows
end

local function trail(name, key, usual, least, most, help)
  return { form.percent(name, { default = usual, min = least, max = most, group = "exit", help = help }), "trailing_stop." .. key, "fraction" }
end

function trend.dca(given)
  return template.strategy(given, "perp_dca", function(o)
    return directional(o, {
      title = "Mean reversion with averaging (perpetual)", controller = "dman_v3", base = "XRP", budget = "300", least = "30", executors = { "dca" }, cooldown = 1800,
      summary = "Enters outside the Bollinger band and adds to the position while the price goes on against it, so that a small return pays. Loses much in a long trend.",
      docs = " The band is 100 candles and 2 deviations wide.",
      risk_defaults = { max_loss_quote = "13.3333%", max_controller_loss_quote = "10%" },
      signal = {
        { form.list("levels_pct", { of = form.percent { min = "0.01", max = "50" }, default = { "0.1", "1.5", "3.5" }, min_items = 1, max_items = 8,
          ascending = true, group = "orders", help = "Distance of each order from the entry, in percent." }), "dca_spreads", "fractions" },
        { form.list("weights", { of = form.decimal { above = "0", max = "1000" }, default = { "0.3", "0.3", "0.4" }, min_items = 1, max_items = 8,
          group = "orders", help = "Share of the money of each order; only their proportion counts." }), "dca_amounts_pct", "list" },
        form.custom(check_weights),
      },
      exits = { words.stop_loss("8"), trail("trail_start_pct", "activation_price", "1.2", "0.1", "50", "Profit at which the trailing stop arms."),
        trail("trail_gap_pct", "trailing_delta", "0.4", "0.05", "20", "Give-back that closes the trade."), form.ordered("trail_gap_pct", "trail_start_pct"),
        words.time_limit(1440) },
      need = function() return 100 end, orders = legs, order_field = "weights", checks = { check_levels }, preview = preview_legs,
      fixed = { take_profit = json.null, trailing_stop = {}, bb_length = 100, bb_std = decimal("2.0"), bb_long_threshold = decimal("0.0"), bb_short_threshold = decimal("1.0"),
        dynamic_order_spread = false, dynamic_target = false, activation_bounds = json.array({ decimal("0.01") }) },
      presets = {
        careful = { leverage = 1, budget_quote = "200", levels_pct = { "0.5", "2.5", "5" }, stop_loss_pct = "10" },
        usual = { leverage = 3, budget_quote = "300" },
        bold = { leverage = 5, budget_quote = "600", stop_loss_pct = "6" },
      },
    })
  end)
end

return trend
