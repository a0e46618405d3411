-- Market making on BitMart spot: controller market_making/pmm_simple of Hummingbot, orders on both sides of
-- the middle price.
--
-- Units: *_pct in percent, written as fractions into the config; money in the quote currency;
-- time_limit_min in minutes, written as seconds. The config has exactly the fields of PMMSimpleConfig (2.13
-- to 2.16). Every field is written: omitted spreads stay a string and omitted amounts stay None upstream,
-- and both fail on the first tick; skip_rebalance left out would buy coins with a market order.
-- Amounts are weights normalised over both sides together, so with weight 1 each every order gets
-- budget / (number of buy and sell orders).
local form = require("bridge.form")
local decimal = require("bridge.decimal")
local json = require("bridge.json")
local configs = require("bridge.configs")
local spot = require("spot")

local CONNECTOR = spot.CONNECTOR
-- A market buy pays the other side of the book and its fee.
local MARKET_BUY = decimal("1.01")

local function sides(p)
  return p.buy_spreads_pct or p.spreads_pct, p.sell_spreads_pct or p.spreads_pct
end

local function each_order(p)
  local buy, sell = sides(p)
  return p.budget_quote:div(#buy + #sell, 8, "down")
end

-- What buy orders and sell orders need, in quote money.
local function needs(p)
  local buy, sell = sides(p)
  local count = #buy + #sell
  return (p.budget_quote * #buy):div(count, 8, "up"), (p.budget_quote * #sell):div(count, 8, "up")
end

-- Nearest first, so the first value of each list decides. A sale at the nearest distance after a purchase
-- at the nearest distance earns their sum and pays two fees.
local function check_spreads(p, rules, mid, report)
  local buy, sell = sides(p)
  local buy_field = p.buy_spreads_pct and "buy_spreads_pct" or "spreads_pct"
  local sell_field = p.sell_spreads_pct and "sell_spreads_pct" or "spreads_pct"
  local earned = buy[1] + sell[1]
  if earned <= spot.round_trip(p) then
    report:warn({ buy_field, 1 }, "spread_below_fees",
      { earned = spot.show(earned), fees = spot.show(spot.round_trip(p)), fee = spot.show(p.fee_pct) })
  end
  local function check_tick(field, percent)
    local gap = mid and mid * percent:fraction()
    if gap and rules and rules.price_step and gap < rules.price_step then
      report:error({ field, 1 }, "spread_below_tick",
        { spread = spot.show(percent), gap = spot.show(gap, 12), tick = rules.price_step, pair = p.pair })
    end
  end
  check_tick(buy_field, buy[1])
  if sell_field ~= buy_field then check_tick(sell_field, sell[1]) end
end

local function check_exits(p, report)
  spot.check_take_profit(p, report)
  if p.stop_loss_pct and p.stop_loss_pct <= spot.round_trip(p) then
    report:warn("stop_loss_pct", "stop_loss_below_fees", { stop_loss = spot.show(p.stop_loss_pct), fees = spot.show(spot.round_trip(p)) })
  end
end

-- More than about an order a second in the mean makes BitMart refuse requests.
local function check_pace(p, report)
  local buy, sell = sides(p)
  local orders = #buy + #sell
  if p.refresh_s < 30 and orders > 4 then
    report:warn("refresh_s", "refresh_limits", { orders = orders, refresh = p.refresh_s })
  end
end

local function check_base(ctx, p, market, mid, report)
  if p.buy_inventory or not mid then return end
  local base = spot.tokens(p.pair)
  local _, sell = needs(p)
  local have, need = market.available(ctx.account, CONNECTOR, base), sell:div(mid, 8, "up")
  if have < need then
    report:warn("buy_inventory", "base_missing", { have = spot.show(have, 8), need = spot.show(need, 8), token = base })
  else
    report:ok("base_balance", { have = spot.show(have, 8), need = spot.show(need, 8), token = base })
  end
end

local function fractions(list)
  local out = {}
  for i, percent in ipairs(list) do out[i] = percent:fraction() end
  return json.array(out)
end

local function ones(list)
  local out = {}
  for i in ipairs(list) do out[i] = 1 end
  return json.array(out)
end

local function or_null(value)
  if value == nil then return json.null end
  return value
end

local function spread_list(name, options)
  options.of = form.percent { min = "0.02", max = "20" }
  options.min_items, options.max_items, options.ascending, options.group = 1, 5, true, "orders"
  return form.list(name, options)
end

return {
  name = "spot_mm",
  revision = 1,
  title = "Market making (spot)",
  summary = "Keeps buy and sell orders on both sides of the price and earns the difference when both are filled. Loses when the price runs away in one direction.",
  risk = "medium",
  executors = { "position" },
  budget = "budget_quote",
  pair = "pair",
  risk_defaults = { max_loss_quote = "10%", max_controller_loss_quote = "7.5%" },

  form = form.of {
    form.pair("pair", { default = "BTC-USDT", connector = CONNECTOR, group = "market", help = "Market as BASE-QUOTE, upper case." }),
    form.decimal("budget_quote", { default = "200", min = "20", unit = "quote", group = "market",
      help = "Money this bot may use, in the quote currency (both sides together)." }),
    spread_list("spreads_pct", { default = { "0.4", "0.8" }, help = "Distance of each order from the middle price, in percent, nearest first, for both sides." }),
    spread_list("buy_spreads_pct", { optional = true, help = "Distances of the buy orders when they differ from spreads_pct." }),
    spread_list("sell_spreads_pct", { optional = true, help = "Distances of the sell orders when they differ from spreads_pct." }),
    form.percent("take_profit_pct", { default = "0.8", min = "0.3", max = "100", optional = true, group = "exit",
      help = "Close a trade at this gain; must be above the fees of both sides. Empty: none." }),
    form.percent("stop_loss_pct", { default = "3", min = "0.1", max = "50", optional = true, group = "exit", help = "Close a trade at this loss. Empty: none." }),
    form.minutes("time_limit_min", { default = 240, min = 1, max = 10080, optional = true, group = "exit", help = "Close a trade after this long. Empty: never." }),
    form.seconds("refresh_s", { default = 120, min = 15, max = 3600, group = "orders", help = "Replace orders that were not filled after this long." }),
    form.seconds("cooldown_s", { default = 30, min = 5, max = 86400, group = "orders", help = "Wait after a stop loss before the next order of that level." }),
    form.boolean("buy_inventory", { default = false, group = "market",
      help = "Let the bot buy the coins it needs for its sell orders with one market order at the start." }),
    form.percent("fee_pct", { default = spot.FEE_PCT, min = "0", max = "2", group = "exit",
      help = "Fee of one trade on this account, used for checks only. BitMart's standard is 0.25 %." }),
  },

  presets = {
    careful = { budget_quote = "100", spreads_pct = { "0.8", "1.6" }, take_profit_pct = "1.2", stop_loss_pct = "2" },
    usual = { budget_quote = "200", spreads_pct = { "0.4", "0.8" }, take_profit_pct = "0.8", stop_loss_pct = "3" },
    bold = { budget_quote = "500", spreads_pct = { "0.3", "0.6", "0.9" }, take_profit_pct = "0.7", stop_loss_pct = "5", refresh_s = 60 },
  },

  docs = "Without coins in the account only the buy orders are placed, unless buy_inventory is set. Open trades are closed at market when the bot is stopped.",

  check = function(ctx, p, market, report)
    local rules, mid = market.rules(CONNECTOR, p.pair), market.mid(CONNECTOR, p.pair)
    check_spreads(p, rules, mid, report)
    check_exits(p, report)
    check_pace(p, report)
    spot.check_order(market, p.pair, each_order(p), "budget_quote", report)
    local buy, sell = needs(p)
    local need = p.buy_inventory and buy + sell * MARKET_BUY or buy
    if spot.check_quote(ctx, market, p, need, report) then check_base(ctx, p, market, mid, report) end
  end,

  build = function(_, p)
    local buy, sell = sides(p)
    return {
      controllers = {
        {
          type = "market_making",
          name = "pmm_simple",
          config = {
            total_amount_quote = p.budget_quote,
            manual_kill_switch = false,
            initial_positions = json.array({}),
            connector_name = CONNECTOR,
            trading_pair = p.pair,
            buy_spreads = fractions(buy),
            sell_spreads = fractions(sell),
            buy_amounts_pct = ones(buy),
            sell_amounts_pct = ones(sell),
            executor_refresh_time = p.refresh_s,
            cooldown_time = p.cooldown_s,
            leverage = 1,
            position_mode = "ONEWAY",
            stop_loss = or_null(p.stop_loss_pct and p.stop_loss_pct:fraction()),
            take_profit = or_null(p.take_profit_pct and p.take_profit_pct:fraction()),
            time_limit = or_null(p.time_limit_min and p.time_limit_min * 60),
            take_profit_order_type = 2,
            trailing_stop = json.null,
            position_rebalance_threshold_pct = decimal("0.05"),
            skip_rebalance = not p.buy_inventory,
          },
        },
      },
    }
  end,

  -- Left out of a config, skip_rebalance is false upstream: then the bot buys its coins.
  recognise = function(_, list)
    local c = configs.only(list, "market_making", "pmm_simple")
    if not c or c.buy_spreads == nil or c.sell_spreads == nil then return nil end
    local buy, sell = configs.percents(c.buy_spreads), configs.percents(c.sell_spreads)
    return {
      pair = c.trading_pair,
      budget_quote = c.total_amount_quote,
      spreads_pct = buy,
      buy_spreads_pct = json.null,
      sell_spreads_pct = configs.same(buy, sell) and json.null or sell,
      take_profit_pct = configs.percent(c.take_profit),
      stop_loss_pct = configs.percent(c.stop_loss),
      time_limit_min = configs.minutes(c.time_limit),
      refresh_s = c.executor_refresh_time,
      cooldown_s = c.cooldown_time,
      buy_inventory = c.skip_rebalance ~= true,
    }
  end,

  preview = function(_, p, facts)
    local mid = facts.mid and facts.mid[CONNECTOR] and facts.mid[CONNECTOR][p.pair]
    local each, rows = each_order(p), {}
    local buy, sell = sides(p)
    local function add(side, sign, list)
      for _, percent in ipairs(list) do
        local price = mid and (mid * (decimal(1) + percent:fraction() * sign)):round(12, "half_even"):normal()
        rows[#rows + 1] = { kind = "order", side = side, distance_pct = percent, price = price, quote = each }
      end
    end
    add("buy", -1, buy)
    add("sell", 1, sell)
    return rows
  end,

  effects = function(p, verb)
    if verb == "stop" and p.buy_inventory then
      return { "Coins that were bought at the start for the sell orders stay in the account." }
    elseif verb == "start" and p.buy_inventory then
      return { "The coins for the sell orders are bought with a market order if they are missing." }
    end
    return {}
  end,
}
