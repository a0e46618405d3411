-- The market against a controller of a known class, for the forms and for the expert's config alike: the checks
-- that the exchange-neutral strategies share (bridge.strategies.checks), given this config's numbers under
-- their names, and what they report put at the field that the person filled in.
--
--   checks.run(ctx, class, p, whole, market, report, place)   place(name) -> the path of a field of the class
local decimal = require("bridge.decimal")
local fields = require("bridge.fields")
local json = require("bridge.json")
local shared = require("bridge.strategies.checks")
local sizes = require("bridge.strategies.sizes")
local orders = require("orders")

local checks = {}

local VERSION = "2.16."

local function given(value)
  if value == nil or value == json.null then return nil end
  return value
end

-- Their names for what a class calls otherwise.
local function names_of(whole)
  return { budget_quote = "total_amount_quote", stop_loss_pct = "stop_loss", candle = whole.candles_interval and "candles_interval" or "interval",
    candles_from = whole.candles_connector_name and "candles_connector_name" or "candles_connector" }
end

local function reported(report, whole, place)
  local names, out = names_of(whole), {}
  local function path_of(path)
    if type(path) == "string" and path:sub(1, 1) == "/" then return path end
    return place(names[path] or path)
  end
  function out.error(_, path, code, data) report:error(path_of(path), code, data) end
  function out.warn(_, path, code, data) report:warn(path_of(path), code, data) end
  function out.ok(_, code, data) report:ok(code, data) end
  return out
end

-- What the shared checks look at.
local function view_of(ctx, p, whole, market, report, place)
  local stop = given(whole.stop_loss)
  local connector = p.connector
  return { ctx = ctx, market = market, report = reported(report, whole, place), pair = p.pair, pair_field = "trading_pair",
    mid = market.mid(connector, p.pair), rules = market.rules(connector, p.pair),
    o = { connector = connector, title = connector, max_leverage = 10, contracts = connector == "bitmart_perpetual" },
    p = { budget_quote = p.budget_quote, leverage = whole.leverage, position_mode = whole.position_mode, stop_loss_pct = stop and decimal(stop) * 100,
      pair = given(whole.candles_trading_pair) or p.pair, candle = whole.candles_interval or whole.interval,
      candles_from = given(p.config.candles_connector) or given(p.config.candles_connector_name) } }
end

-- How many candles a class waits for.
local function most(whole, ...)
  local out = 0
  for _, name in ipairs({ ... }) do out = math.max(out, whole[name]) end
  return out
end
local CANDLES = {
  bollinger_v1 = function(w) return w.bb_length end, bollingrid = function(w) return w.bb_length end, dman_v3 = function(w) return w.bb_length end,
  bollinger_v2 = function(w) return w.bb_length * 5 end, quantum_grid_allocator = function(w) return w.bb_length end,
  macd_bb_v1 = function(w) return most(w, "bb_length", "macd_fast", "macd_slow", "macd_signal") + 20 end,
  supertrend_v1 = function(w) return w.length + 10 end,
  pmm_dynamic = function(w) return most(w, "natr_length", "macd_fast", "macd_slow", "macd_signal") + 100 end,
  stat_arb = function(w) return w.lookback_period + 20 end,
}

local function check_perpetual(e, class, whole)
  if not e.o.connector:find("_perpetual", 1, true) then
    if whole.leverage and whole.leverage > 1 then e.report:warn("leverage", "leverage_on_spot", { leverage = whole.leverage, connector = e.o.connector }) end
    return
  end
  if not whole.leverage then return end
  shared.leverage(e)
  shared.mode(e)
  if orders.uses_budget(class) then shared.margin(whole.max_executors_per_side ~= nil)(e) end
end

-- Coins may be there instead of money, so a budget above it is a warning.
local function check_balance(e, class)
  if not orders.uses_budget(class) or e.o.connector:find("_perpetual", 1, true) then return end
  local token = e.pair:match("%-([^-]+)$")
  local have, need = e.market.available(e.ctx.account, e.o.connector, token), e.p.budget_quote
  local data = { account = e.ctx.account, have = have:round(4, "half_even"):normal(), token = token, connector = e.o.connector, need = need }
  if have < need then e.report:warn("budget_quote", "budget_above_balance", data) else e.report:ok("balance", data) end
end

local function check_candles(e, class, whole)
  local need = CANDLES[class.name]
  if need then shared.candles(function() return need(whole) end)(e) end
end

local function check_version(ctx, p, report)
  if ctx.hummingbot ~= "" and ctx.hummingbot:sub(1, #VERSION) ~= VERSION then
    report:warn("/image", "class_of_other_version", { controller = p.controller, version = ctx.hummingbot })
  end
end

function checks.run(ctx, class, p, whole, market, report, place)
  check_version(ctx, p, report)
  if not fields.has_book(p.connector) then
    report:warn(place("connector_name"), "market_not_checked", { connector = p.connector })
    return
  end
  local e = view_of(ctx, p, whole, market, report, place)
  local order, field = orders.smallest(class, p, whole, e.mid)
  if order and e.rules then sizes.order(e, order, field) end
  check_perpetual(e, class, whole)
  check_balance(e, class)
  check_candles(e, class, whole)
  shared.alone(e)
end

return checks
