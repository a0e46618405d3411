-- A price grid: controller generic/grid_strike. grid.spot buys low and sells higher; grid.perpetual also runs
-- short, with leverage.
--
-- Units: prices and money in the quote currency; *_pct in percent, written as fractions into the config.
-- The config has exactly the fields of GridStrikeConfig (2.13 to 2.16): an unknown key keeps the bot from
-- starting, an omitted one falls back to defaults meant for perpetuals (leverage 20, HEDGE).
-- Upstream behaviour used here: a long grid waits below `low`, ends at once above `high`, a short one the
-- other way round; order types inside triple_barrier_config are numbers (1 market, 3 limit maker);
-- keep_position acts only when the grid reaches its own limit, an operator's stop and the loss limit sell
-- everything at market.
local form = require("bridge.form")
local decimal = require("bridge.decimal")
local json = require("bridge.json")
local template = require("bridge.strategies.template")
local words = require("bridge.strategies.words")
local checks = require("bridge.strategies.checks")
local sizes = require("bridge.strategies.sizes")

local grid = {}
local show = template.show

local function floor(value)
  return value:round(0, "floor"):integer() or math.maxinteger
end

local function is_short(p) return p.direction == "short" end

-- The money of one level at least: the executor adds 5 % and then rounds the coins up to their step.
local function level_money(p, mid, step)
  local money = p.order_quote * sizes.MARGIN
  return mid and step and money:div(mid, 12, "up"):quantize(step, "ceiling") * mid or money
end

-- Levels of the grid as the executor counts them: limited by the money and by the gap. At least 1, which takes
-- more than the budget when that does not pay it.
local function levels(p, mid, step)
  local by_money = floor(p.budget_quote:div(level_money(p, mid, step), 8, "down"))
  local by_step = floor((p.high - p.low):div(p.low * p.step_pct:fraction(), 8, "down"))
  return math.max(1, math.min(by_money, by_step)), by_money, by_step
end

local function each_order(p, e)
  return p.budget_quote:div(levels(p, e.mid, e.rules and e.rules.base_step), 2, "down")
end

-- The executor divides an order's money by the price of the moment, which may rise to `high`.
local function placed(p, mid)
  return { { quote = p.order_quote, price = mid }, { quote = p.order_quote, price = mid and decimal.max(mid, p.high) } }
end

-- Loss when the price moves to `stop` with the whole budget in the grid on its way there.
local function loss_at_stop(p, mid)
  local from = mid and decimal.max(p.low, decimal.min(mid, p.high)) or (is_short(p) and p.low or p.high)
  local entry = ((is_short(p) and p.high or p.low) + from):div(2, 12, "half_even")
  return (p.budget_quote * decimal.abs(entry - p.stop)):div(entry, 2, "half_up")
end

-- Notes in e.ordered whether the prices make a grid at all.
local function check_prices(e)
  local p, report = e.p, e.report
  e.ordered = true
  if p.low >= p.high then
    report:error("low", "low_not_below_high", { low = p.low, high = p.high })
    e.ordered = false
  end
  if is_short(p) and p.stop <= p.high then
    report:error("stop", "stop_not_above_high", { stop = p.stop, high = p.high })
    e.ordered = false
  elseif not is_short(p) and p.stop >= p.low then
    report:error("stop", "stop_not_below_low", { stop = p.stop, low = p.low })
    e.ordered = false
  end
end

-- Which row holds, first to last: { test(p, mid), verb, path, code }.
local LONG = {
  { function(p, mid) return mid > p.high end, "error", "high", "price_above_range" },
  { function(p, mid) return mid <= p.stop end, "error", "stop", "price_below_stop" },
  { function(p, mid) return mid < p.low end, "warn", "low", "price_below_range" },
}
local SHORT = {
  { function(p, mid) return mid < p.low end, "error", "low", "short_below_range" },
  { function(p, mid) return mid >= p.stop end, "error", "stop", "short_above_stop" },
  { function(p, mid) return mid > p.high end, "warn", "high", "short_above_range" },
}

local function check_range(e)
  local p, mid = e.p, e.mid
  if not e.ordered then return end
  if not mid then
    e.report:warn("pair", "no_mid", { pair = p.pair, exchange = e.o.title })
    return
  end
  local data = { mid = mid, low = p.low, high = p.high, stop = p.stop }
  for _, row in ipairs(is_short(p) and SHORT or LONG) do
    if row[1](p, mid) then
      e.report[row[2]](e.report, row[3], row[4], data)
      return
    end
  end
  e.report:ok("price_in_range", data)
end

local function check_levels(e)
  local p, report = e.p, e.report
  if not e.ordered then return end
  local step = e.rules and e.rules.base_step
  local count, by_money, by_step = levels(p, e.mid, step)
  local needed = level_money(p, e.mid, step):round(2, "ceiling")
  report:ok("least_value", { field = "budget_quote", least = decimal.max(e.form.by_name.budget_quote.min, needed):normal() })
  if by_money < 1 then
    report:error("budget_quote", "budget_below_order", { budget = p.budget_quote, needed = show(needed) })
  end
  if by_step < 1 then
    report:error("step_pct", "range_below_step", { step = p.step_pct, range = show(((p.high - p.low) * 100):div(p.low, 4, "down")) })
  end
  local tick = e.rules and e.rules.price_step
  if tick and p.low * p.step_pct:fraction() < tick then
    report:error("step_pct", "step_below_tick", { gap = show(p.low * p.step_pct:fraction(), 12), tick = tick, pair = p.pair })
  end
  if by_money >= 1 and by_step >= 1 then
    report:ok("grid_levels", { levels = count, each = show(p.budget_quote:div(count, 2, "down")) })
  end
end

local function check_loss(e)
  local p = e.p
  local limit = e.ctx.risk and e.ctx.risk.max_controller_loss_quote
  local loss = e.ordered and loss_at_stop(p, e.mid)
  if limit and loss and loss > limit then
    e.report:warn("stop", "loss_limit_before_stop", { stop = p.stop, loss = show(loss, 2), limit = show(limit, 2) })
  end
end

local function check_keep(e)
  if e.p.keep then e.report:warn("keep", "keep_only_at_limit", {}) end
end

local function price(name, path, from_mid, help)
  return { form.price(name, { from_mid = from_mid, above = "0", unit = "quote", group = "range", help = help }), path }
end

local function order_rows(take_profit, step, size, least_profit)
  return words.take_profit(take_profit, least_profit, "triple_barrier_config.take_profit"),
    { form.percent("step_pct", { default = step, min = "0.05", max = "10", group = "orders", help = "Smallest gap between two grid orders." }),
      "min_spread_between_orders", "fraction" },
    { form.decimal("order_quote", { default = size, min = "5", unit = "quote", group = "orders", help = "Smallest size of one grid order." }),
      "min_order_amount_quote" }
end

local function fixed(o)
  return { connector_name = o.connector, max_open_orders = 3, max_orders_per_batch = 1, order_frequency = 10, activation_bounds = decimal("0.02"),
    triple_barrier_config = { stop_loss = json.null, time_limit = json.null, trailing_stop = json.null, open_order_type = 3,
      take_profit_order_type = 3, stop_loss_order_type = 1, time_limit_order_type = 1 } }
end

local function preview(o)
  return function(_, p, facts)
    local mid = facts.mid and facts.mid[o.connector] and facts.mid[o.connector][p.pair]
    local rules = facts.rules and facts.rules[o.connector] and facts.rules[o.connector][p.pair]
    local count = levels(p, mid, rules and rules.base_step)
    return {
      { kind = "grid", title = "Grid", levels = count, each_quote = p.budget_quote:div(count, 2, "down"),
        low = p.low, high = p.high, stop = p.stop, mid = mid },
      { kind = "money", title = "Loss at the stop price, about", quote = loss_at_stop(p, mid) },
    }
  end
end

local function effects(_, verb)
  if verb == "start" then
    return { "The grid's prices are the stored ones: look whether they still fit the market." }
  end
  return {}
end

function grid.spot(given)
  return template.strategy(given, "spot_grid", function(o)
    local fixed_part = fixed(o)
    fixed_part.side, fixed_part.leverage, fixed_part.position_mode = 1, 1, "ONEWAY"
    local take_profit, step, size = order_rows("0.8", "0.6", "6", "0.3")
    return {
      title = "Grid, buy low sell higher (spot)", risk = "medium", executors = { "grid" }, budget = "budget_quote", pair = "pair",
      connector = o.connector, controller = { "generic", "grid_strike" },
      summary = "Places buy orders between two prices and sells each purchase a little higher. Earns while the price moves up and down inside the range; loses when it falls out of it.",
      docs = "Prices that are left out are taken from the market when the plan is made and shown in it. Coins bought by the grid are sold at market when the bot is stopped.",
      -- 40 of 300 and three quarters of it: the limits the template was made with.
      risk_defaults = { max_loss_quote = "13.3333%", max_controller_loss_quote = "10%" },
      rows = {
        words.pair(o, "ETH"),
        { form.decimal("budget_quote", { default = "300", min = "20", unit = "quote", group = "market",
          help = "Money this bot may use, in the quote currency." }), "total_amount_quote" },
        price("low", "start_price", "-5", "Lowest grid price. Left out: 5 % below the present price."),
        price("high", "end_price", "5", "Highest grid price; the grid ends when the price goes above it. Left out: 5 % above the present price."),
        price("stop", "limit_price", "-8", "Below this price the grid sells what it holds and stops. Left out: 8 % below the present price."),
        take_profit, step, size,
        { form.boolean("keep", { default = false, group = "end",
          help = "Keep the coins when the grid reaches its own limit. Not honoured when the bot is stopped or the loss limit acts: then everything is sold at market." }),
          "keep_position" },
        words.fee(o), words.spot_only(),
      },
      fixed = fixed_part,
      presets = {
        careful = { budget_quote = "100", take_profit_pct = "1.2", step_pct = "1" },
        usual = { budget_quote = "300", take_profit_pct = "0.8", step_pct = "0.6" },
        bold = { budget_quote = "1000", take_profit_pct = "0.7", step_pct = "0.4" },
      },
      checks = { check_prices, check_range, check_levels, check_loss, checks.take_profit,
        sizes.check(placed, "order_quote"), checks.closable(each_order, "budget_quote"),
        checks.quote(function(p) return p.budget_quote end), checks.fee_coins, checks.alone, check_keep },
      preview = preview(o), effects = effects,
    }
  end)
end

function grid.perpetual(given)
  return template.strategy(given, "perp_grid", function(o)
    local fixed_part = fixed(o)
    fixed_part.keep_position = false
    local take_profit, step, size = order_rows("0.4", "0.4", "10", "0.1")
    return {
      title = "Grid long or short (perpetual)", risk = "high", executors = { "grid" }, budget = "budget_quote", pair = "pair",
      connector = o.connector, controller = { "generic", "grid_strike" },
      summary = "A grid with leverage: long buys low and sells higher, short sells high and buys back lower. Earns inside the range; loses, times the leverage, when the price leaves it towards the stop.",
      docs = "Prices that are left out are taken from the market when the plan is made and shown in it. When the bot is stopped, the position is closed at market.",
      risk_defaults = { max_loss_quote = "12%", max_controller_loss_quote = "10%" },
      rows = {
        words.pair(o, "XRP"), words.budget("500", "30"),
        { form.enum("direction", { values = { "long", "short" }, default = "short", group = "range",
          help = "long buys low and sells higher; short the reverse." }), "side", "direction" },
        price("low", "start_price", "-5", "Lowest grid price. Left out: 5 % below the present price."),
        price("high", "end_price", "5", "Highest grid price. Left out: 5 % above the present price."),
        price("stop", "limit_price", { direction = { long = "-8", short = "8" } },
          "Long: below low. Short: above high. Left out: 8 % below the present price, above it for a short grid."),
        take_profit, step, size, words.leverage(3), words.position_mode(),
        words.stop_loss("10", "triple_barrier_config.stop_loss"), words.fee(o),
      },
      fixed = fixed_part,
      presets = {
        careful = { budget_quote = "200", leverage = 1, take_profit_pct = "0.6", step_pct = "0.6" },
        usual = { budget_quote = "500", leverage = 3 },
        bold = { budget_quote = "1000", leverage = 5, stop_loss_pct = "8" },
      },
      checks = { check_prices, check_range, check_levels, check_loss, checks.take_profit, checks.leverage, checks.mode,
        sizes.check(placed, "order_quote"), checks.margin(false), checks.alone },
      preview = preview(o), effects = effects,
    }
  end)
end

return grid
