-- A price grid on BitMart spot: controller generic/grid_strike of Hummingbot, bought low and sold higher.
--
-- Units: prices and money in the quote currency; *_pct in percent, written as fractions into the config.
-- The config has exactly the fields of GridStrikeConfig (2.13 to 2.16): an unknown key keeps the bot from
-- starting, an omitted one falls back to defaults meant for perpetuals (leverage 20, HEDGE).
-- Upstream behaviour used here: the grid waits below `low`, ends at once above `high`; order types inside
-- triple_barrier_config are numbers (1 market, 3 limit maker); keep_position acts only when the grid
-- reaches its own limit, an operator's stop and the loss limit sell everything at market.
local form = require("bridge.form")
local decimal = require("bridge.decimal")
local json = require("bridge.json")
local configs = require("bridge.configs")
local spot = require("spot")

local CONNECTOR = spot.CONNECTOR
-- The executor keeps this much above the smallest order when it counts its levels.
local ORDER_MARGIN = decimal("1.05")

local function floor(value)
  return value:round(0, "floor"):integer() or math.maxinteger
end

-- Levels of the grid as the executor counts them: limited by the money and by the gap. At least 1.
local function levels(p)
  local by_money = floor(p.budget_quote:div(p.order_quote * ORDER_MARGIN, 8, "down"))
  local by_step = floor((p.high - p.low):div(p.low * p.step_pct:fraction(), 8, "down"))
  return math.max(1, math.min(by_money, by_step)), by_money, by_step
end

-- Loss when the price falls to `stop` with the whole budget bought between `low` and the present price.
local function loss_at_stop(p, mid)
  local from = mid and decimal.min(mid, p.high) or p.high
  if from < p.low then from = p.low end
  local entry = (p.low + from):div(2, 12, "half_even")
  return (p.budget_quote * (entry - p.stop)):div(entry, 2, "half_up")
end

local function check_order_of_prices(p, report)
  local good = true
  if p.low >= p.high then
    report:error("low", "low_not_below_high", { low = p.low, high = p.high })
    good = false
  end
  if p.stop >= p.low then
    report:error("stop", "stop_not_below_low", { stop = p.stop, low = p.low })
    good = false
  end
  return good
end

local function check_range(p, mid, report)
  if not mid then
    report:warn("pair", "no_mid", { pair = p.pair })
  elseif mid > p.high then
    report:error("high", "price_above_range", { mid = mid, high = p.high })
  elseif mid <= p.stop then
    report:error("stop", "price_below_stop", { mid = mid, stop = p.stop })
  elseif mid < p.low then
    report:warn("low", "price_below_range", { mid = mid, low = p.low })
  else
    report:ok("price_in_range", { mid = mid, low = p.low, high = p.high })
  end
end

local function check_levels(p, rules, report)
  local count, by_money, by_step = levels(p)
  if by_money < 1 then
    report:error("budget_quote", "budget_below_order", { budget = p.budget_quote, needed = spot.show(p.order_quote * ORDER_MARGIN) })
  end
  if by_step < 1 then
    report:error("step_pct", "range_below_step",
      { step = p.step_pct, range = spot.show(((p.high - p.low) * 100):div(p.low, 4, "down")) })
  end
  if rules and rules.price_step and p.low * p.step_pct:fraction() < rules.price_step then
    report:error("step_pct", "step_below_tick",
      { gap = spot.show(p.low * p.step_pct:fraction(), 12), tick = rules.price_step, pair = p.pair })
  end
  if by_money >= 1 and by_step >= 1 then
    report:ok("grid_levels", { levels = count, each = spot.show(p.budget_quote:div(count, 2, "down")) })
  end
end

local function check_loss(ctx, p, mid, report)
  local limit = ctx.risk and ctx.risk.max_controller_loss_quote
  local loss = loss_at_stop(p, mid)
  if limit and loss > limit then
    report:warn("stop", "loss_limit_before_stop", { stop = p.stop, loss = spot.show(loss, 2), limit = spot.show(limit, 2) })
  end
end

return {
  name = "spot_grid",
  revision = 1,
  title = "Grid, buy low sell higher (spot)",
  summary = "Places buy orders between two prices and sells each purchase a little higher. Earns while the price moves up and down inside the range; loses when it falls out of it.",
  risk = "medium",
  executors = { "grid" },
  budget = "budget_quote",
  pair = "pair",
  -- 40 of 300 and three quarters of it: the limits the template was made with.
  risk_defaults = { max_loss_quote = "13.3333%", max_controller_loss_quote = "10%" },

  form = form.of {
    form.pair("pair", { default = "ETH-USDT", connector = CONNECTOR, group = "market", help = "Market as BASE-QUOTE, upper case." }),
    form.decimal("budget_quote", { default = "300", min = "20", unit = "quote", group = "market",
      help = "Money this bot may use, in the quote currency." }),
    form.price("low", { from_mid = "-5", above = "0", unit = "quote", group = "range", help = "Lowest grid price. Left out: 5 % below the present price." }),
    form.price("high", { from_mid = "5", above = "0", unit = "quote", group = "range",
      help = "Highest grid price; the grid ends when the price goes above it. Left out: 5 % above the present price." }),
    form.price("stop", { from_mid = "-8", above = "0", unit = "quote", group = "range",
      help = "Below this price the grid sells what it holds and stops. Left out: 8 % below the present price." }),
    form.percent("take_profit_pct", { default = "0.8", min = "0.3", max = "100", group = "orders",
      help = "Sell each purchase this much higher; must be above the fees of both sides." }),
    form.percent("step_pct", { default = "0.6", min = "0.05", max = "10", group = "orders", help = "Smallest gap between two grid orders." }),
    form.decimal("order_quote", { default = "6", min = "5", unit = "quote", group = "orders", help = "Smallest size of one grid order." }),
    form.boolean("keep", { default = false, group = "end",
      help = "Keep the coins when the grid reaches its own limit. Not honoured when the bot is stopped or the loss limit acts: then everything is sold at market." }),
    form.percent("fee_pct", { default = spot.FEE_PCT, min = "0", max = "2", group = "orders",
      help = "Fee of one trade on this account, used for checks only. BitMart's standard is 0.25 %." }),
  },

  presets = {
    careful = { budget_quote = "100", take_profit_pct = "1.2", step_pct = "1" },
    usual = { budget_quote = "300", take_profit_pct = "0.8", step_pct = "0.6" },
    bold = { budget_quote = "1000", take_profit_pct = "0.7", step_pct = "0.4" },
  },

  docs = "Prices that are left out are taken from the market when the plan is made and shown in it. Coins bought by the grid are sold at market when the bot is stopped.",

  check = function(ctx, p, market, report)
    local rules, mid = market.rules(CONNECTOR, p.pair), market.mid(CONNECTOR, p.pair)
    if check_order_of_prices(p, report) then
      check_range(p, mid, report)
      check_levels(p, rules, report)
      check_loss(ctx, p, mid, report)
    end
    spot.check_take_profit(p, report)
    spot.check_order(market, p.pair, p.order_quote, "order_quote", report)
    spot.check_quote(ctx, market, p, p.budget_quote, report)
    if p.keep then report:warn("keep", "keep_only_at_limit", {}) end
  end,

  build = function(_, p)
    return {
      controllers = {
        {
          type = "generic",
          name = "grid_strike",
          config = {
            total_amount_quote = p.budget_quote,
            manual_kill_switch = false,
            initial_positions = json.array({}),
            connector_name = CONNECTOR,
            trading_pair = p.pair,
            side = 1,
            leverage = 1,
            position_mode = "ONEWAY",
            start_price = p.low,
            end_price = p.high,
            limit_price = p.stop,
            min_spread_between_orders = p.step_pct:fraction(),
            min_order_amount_quote = p.order_quote,
            max_open_orders = 3,
            max_orders_per_batch = 1,
            order_frequency = 10,
            activation_bounds = decimal("0.02"),
            keep_position = p.keep,
            triple_barrier_config = {
              stop_loss = json.null,
              take_profit = p.take_profit_pct:fraction(),
              time_limit = json.null,
              trailing_stop = json.null,
              open_order_type = 3,
              take_profit_order_type = 3,
              stop_loss_order_type = 1,
              time_limit_order_type = 1,
            },
          },
        },
      },
    }
  end,

  recognise = function(_, list)
    local c = configs.only(list, "generic", "grid_strike")
    local exits = c and c.triple_barrier_config
    if type(exits) ~= "table" then return nil end
    return {
      pair = c.trading_pair,
      budget_quote = c.total_amount_quote,
      low = c.start_price,
      high = c.end_price,
      stop = c.limit_price,
      take_profit_pct = configs.percent(exits.take_profit),
      step_pct = configs.percent(c.min_spread_between_orders),
      order_quote = c.min_order_amount_quote,
      keep = c.keep_position,
    }
  end,

  preview = function(_, p, facts)
    local count = levels(p)
    local mid = facts.mid and facts.mid[CONNECTOR] and facts.mid[CONNECTOR][p.pair]
    return {
      { kind = "grid", title = "Grid", levels = count, each_quote = p.budget_quote:div(count, 2, "down"),
        low = p.low, high = p.high, stop = p.stop, mid = mid },
      { kind = "money", title = "Loss at the stop price, about", quote = loss_at_stop(p, mid) },
    }
  end,

  effects = function(_, verb)
    if verb == "start" then
      return { "The grid's prices are the stored ones: look whether they still fit the market." }
    end
    return {}
  end,
}
