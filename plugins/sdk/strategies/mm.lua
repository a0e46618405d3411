-- Market making, orders on both sides of the middle price: mm.spot and mm.perpetual on controller
-- market_making/pmm_simple, mm.dynamic on market_making/pmm_dynamic, whose distances follow volatility.
--
-- Units: *_pct in percent, written as fractions into the config; money in the quote currency;
-- time_limit_min in minutes, written as seconds. Every field is written (2.13 to 2.16): omitted spreads
-- stay a string and omitted amounts stay None upstream, and both fail on the first tick; skip_rebalance
-- left out would buy coins with a market order. Amounts are weights normalised over both sides together,
-- so with weight 1 each every order gets budget / (number of buy and sell orders).
local form = require("bridge.form")
local decimal = require("bridge.decimal")
local json = require("bridge.json")
local configs = require("bridge.configs")
local template = require("bridge.strategies.template")
local words = require("bridge.strategies.words")
local checks = require("bridge.strategies.checks")
local sizes = require("bridge.strategies.sizes")

local mm = {}
local show = template.show

-- A market buy pays the other side of the book and its fee.
local MARKET_BUY = decimal("1.01")

-- Distances of both sides; pmm_dynamic has one list for both.
local function sides(p)
  local both = p.spreads_pct or p.width
  return p.buy_spreads_pct or both, p.sell_spreads_pct or both
end

local function orders(p)
  local buy, sell = sides(p)
  return #buy + #sell
end

local function each_order(p)
  return p.budget_quote:div(orders(p), 8, "down")
end

-- What buy orders and sell orders need, in quote money.
local function needs(p)
  local buy, sell = sides(p)
  return (p.budget_quote * #buy):div(orders(p), 8, "up"), (p.budget_quote * #sell):div(orders(p), 8, "up")
end

local function quote_need(p)
  local buy, sell = needs(p)
  return p.buy_inventory and buy + sell * MARKET_BUY or buy
end

local function coin_need(p, mid)
  local _, sell = needs(p)
  return sell:div(mid, 8, "up")
end

-- Each order at its own price. Distances that follow volatility are not known beforehand.
local function placed(p, mid)
  local quote, out = each_order(p), {}
  local buy, sell = sides(p)
  local function add(sign, list)
    for _, distance in ipairs(list) do
      out[#out + 1] = { quote = quote, price = mid and (p.width and mid or mid * (decimal(1) + distance:fraction() * sign)) }
    end
  end
  add(-1, buy)
  add(1, sell)
  return out
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

-- ---- rows ----

local function no_read() return json.null end

-- The two sides of spreads_pct: equal ones are read back as one list, different ones side by side.
local function put_sides(config, p)
  local buy, sell = sides(p)
  config.buy_spreads, config.sell_spreads = fractions(buy), fractions(sell)
  config.buy_amounts_pct, config.sell_amounts_pct = ones(buy), ones(sell)
end

local function get_sell(config)
  return configs.same(config.buy_spreads, config.sell_spreads) and json.null or configs.percents(config.sell_spreads)
end

local function spread_rows(usual)
  return { words.distances("spreads_pct", usual, "Distance of each order from the middle price, in percent, nearest first, for both sides."),
      put = put_sides, get = function(c) return configs.percents(c.buy_spreads) end },
    { words.distances("buy_spreads_pct", nil, "Distances of the buy orders when they differ from spreads_pct.", { optional = true }),
      put = function() end, get = no_read },
    { words.distances("sell_spreads_pct", nil, "Distances of the sell orders when they differ from spreads_pct.", { optional = true }),
      put = function() end, get = get_sell }
end

local COOLDOWN = "Wait after a stop loss before the next order of that level."

local function fixed(o, more)
  local out = { connector_name = o.connector, take_profit_order_type = 2, trailing_stop = json.null,
    position_rebalance_threshold_pct = decimal("0.05") }
  for key, value in pairs(more) do out[key] = value end
  return out
end

local function preview(o)
  return function(_, p, facts)
    local mid = facts.mid and facts.mid[o.connector] and facts.mid[o.connector][p.pair]
    local each, rows = each_order(p), {}
    local buy, sell = sides(p)
    local function add(side, sign, list)
      for _, distance in ipairs(list) do
        if p.width then
          rows[#rows + 1] = { kind = "order", side = side, natr_multiple = distance, quote = each }
        else
          local price = mid and (mid * (decimal(1) + distance:fraction() * sign)):round(12, "half_even"):normal()
          rows[#rows + 1] = { kind = "order", side = side, distance_pct = distance, price = price, quote = each }
        end
      end
    end
    add("buy", -1, buy)
    add("sell", 1, sell)
    return rows
  end
end

local function effects(p, verb)
  if verb == "stop" and p.buy_inventory then
    return { "Coins that were bought at the start for the sell orders stay in the account." }
  elseif verb == "start" and p.buy_inventory then
    return { "The coins for the sell orders are bought with a market order, also when the account holds such coins." }
  end
  return {}
end

local SPOT_DOCS = "Without coins in the account only the buy orders are placed, unless buy_inventory is set. Open trades are closed at market when the bot is stopped."

function mm.spot(given)
  return template.strategy(given, "spot_mm", function(o)
    local both, buy, sell = spread_rows({ "0.4", "0.8" })
    return {
      title = "Market making (spot)", risk = "medium", executors = { "position" }, budget = "budget_quote", pair = "pair",
      connector = o.connector, controller = { "market_making", "pmm_simple" }, needs = { "buy_spreads", "sell_spreads" },
      summary = "Keeps buy and sell orders on both sides of the price and earns the difference when both are filled. Loses when the price runs away in one direction.",
      docs = SPOT_DOCS,
      risk_defaults = { max_loss_quote = "10%", max_controller_loss_quote = "7.5%" },
      rows = { words.pair(o, "BTC"), words.budget("200", "20"), both, buy, sell, words.take_profit("0.8", "0.3", nil, true),
        words.stop_loss("3"), words.time_limit(240), words.refresh(120), words.cooldown(30, COOLDOWN), words.buy_inventory(), words.fee(o), words.spot_only() },
      fixed = fixed(o, { leverage = 1, position_mode = "ONEWAY" }),
      presets = {
        careful = { budget_quote = "100", spreads_pct = { "0.8", "1.6" }, take_profit_pct = "1.2", stop_loss_pct = "2" },
        usual = { budget_quote = "200", spreads_pct = { "0.4", "0.8" }, take_profit_pct = "0.8", stop_loss_pct = "3" },
        bold = { budget_quote = "500", spreads_pct = { "0.3", "0.6", "0.9" }, take_profit_pct = "0.7", stop_loss_pct = "5", refresh_s = 60 },
      },
      checks = { checks.spreads, checks.take_profit, checks.stop_loss, checks.pace(orders), sizes.check(placed, "budget_quote"),
        checks.closable(each_order, "budget_quote"), checks.quote(quote_need), checks.coins(coin_need, "buy_inventory", "base_missing"), checks.alone },
      preview = preview(o), effects = effects,
    }
  end)
end

-- ---- distances that follow volatility ----

-- Hummingbot's own lengths: MACD 21/42/9 shifts the middle price, NATR 14 scales the distances.
local MACD_SLOW, NATR, WARM_UP = 42, 14, 100

-- The mean true range of the newest candles in percent of the price, as NATR measures it.
local function natr_of(candles)
  local sum, count = decimal(0), math.min(NATR, #candles - 1)
  if count < 1 then return nil end
  for i = #candles - count + 1, #candles do
    local c, before = candles[i], candles[i - 1].close
    local range = decimal.max(c.high, before) - decimal.min(c.low, before)
    sum = sum + (range * 100):div(c.close, 8, "half_even")
  end
  return sum:div(count, 6, "half_even")
end

local function check_width(e)
  local natr = e.candles and natr_of(e.candles)
  if not natr then return end
  local width, fees = e.p.width[1], checks.round_trip(e.p)
  if natr * width * 2 < fees then
    e.report:warn({ "width", 1 }, "width_below_fees", { natr = show(natr), width = show(width), spread = show(natr * width), fees = show(fees) })
  end
end

function mm.dynamic(given)
  return template.strategy(given, "spot_mm_dynamic", function(o)
    return {
      title = "Volatility-scaled market making (spot)", risk = "medium", executors = { "position" }, budget = "budget_quote",
      pair = "pair", connector = o.connector, controller = { "market_making", "pmm_dynamic" },
      summary = "Market making whose distances grow and shrink with the market's recent movement. Needs candles, which may come from another exchange.",
      docs = SPOT_DOCS .. " Distances are multiples of NATR, the mean range of a candle in percent; the middle price is shifted by MACD (21, 42, 9). Until the feed has all its candles the bot waits.",
      risk_defaults = { max_loss_quote = "10%", max_controller_loss_quote = "6.6667%" },
      rows = {
        words.pair(o, "SOL"), words.budget("300", "20"),
        { form.list("width", { of = form.decimal { min = "0.2", max = "10" }, default = { "1", "2" }, min_items = 1, max_items = 5, ascending = true,
          group = "orders", help = "Order distances as multiples of recent volatility (NATR), nearest first." }),
          put = function(config, p)
            config.buy_spreads, config.sell_spreads = json.array(p.width), json.array(p.width)
            config.buy_amounts_pct, config.sell_amounts_pct = ones(p.width), ones(p.width)
          end, get = function(c) return c.buy_spreads end },
        { form.enum("candles_from", { values = words.FEEDS, default = o.candles or "binance", group = "signal",
          help = "Where candles come from; not every exchange has a candle feed in Hummingbot." }), "candles_connector" },
        words.candle(),
        words.take_profit("1", "0.3", nil, true), words.stop_loss("4"), words.time_limit(240), words.refresh(120),
        words.buy_inventory(), words.fee(o), words.spot_only(),
      },
      fixed = fixed(o, { leverage = 1, position_mode = "ONEWAY", cooldown_time = 30, candles_trading_pair = function(_, p) return p.pair end,
        macd_fast = 21, macd_slow = MACD_SLOW, macd_signal = 9, natr_length = NATR }),
      presets = {
        careful = { budget_quote = "150", width = { "2", "4" }, take_profit_pct = "1.5", stop_loss_pct = "3" },
        usual = { budget_quote = "300", width = { "1", "2" } },
        bold = { budget_quote = "600", width = { "0.7", "1.4", "2.1" }, take_profit_pct = "0.8", refresh_s = 60 },
      },
      checks = { checks.take_profit, checks.stop_loss, checks.pace(orders), sizes.check(placed, "budget_quote"),
        checks.closable(each_order, "budget_quote"), checks.quote(quote_need), checks.coins(coin_need, "buy_inventory", "base_missing"),
        checks.candles(function() return MACD_SLOW + WARM_UP end), check_width, checks.alone },
      preview = preview(o), effects = effects,
    }
  end)
end

-- ---- perpetual ----

local function check_netting(e)
  if e.p.position_mode == "ONEWAY" then e.report:warn("position_mode", "oneway_nets", {}) end
end

function mm.perpetual(given)
  return template.strategy(given, "perp_mm", function(o)
    local both, buy, sell = spread_rows({ "0.2", "0.4" })
    return {
      title = "Market making (perpetual)", risk = "high", executors = { "position" }, budget = "budget_quote", pair = "pair",
      connector = o.connector, controller = { "market_making", "pmm_simple" }, needs = { "buy_spreads", "sell_spreads" },
      summary = "Keeps buy and sell orders on both sides of the price with leverage. Earns the difference when both are filled; loses, times the leverage, when the price runs away.",
      docs = "Open positions are closed at market when the bot is stopped.",
      risk_defaults = { max_loss_quote = "10%", max_controller_loss_quote = "6.6667%" },
      rows = {
        words.pair(o, "XRP"), words.budget("300", "30"),
        both, buy, sell, words.leverage(3), words.position_mode(), words.take_profit("0.4", "0.1", nil, true), words.stop_loss("2"), words.time_limit(120),
        words.refresh(60), words.cooldown(60, COOLDOWN), words.fee(o),
      },
      fixed = fixed(o, { skip_rebalance = true }),
      presets = {
        careful = { budget_quote = "150", spreads_pct = { "0.4", "0.8" }, leverage = 1, take_profit_pct = "0.6" },
        usual = { budget_quote = "300", spreads_pct = { "0.2", "0.4" }, leverage = 3 },
        bold = { budget_quote = "600", spreads_pct = { "0.15", "0.3", "0.45" }, leverage = 5, take_profit_pct = "0.3", refresh_s = 30 },
      },
      checks = { checks.spreads, checks.take_profit, checks.stop_loss, checks.pace(orders), checks.leverage, checks.mode, check_netting,
        sizes.check(placed, "budget_quote"), checks.margin(false), checks.alone },
      preview = preview(o), effects = function() return {} end,
    }
  end)
end

return mm
