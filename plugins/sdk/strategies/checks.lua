-- Market checks that many strategies share. Each takes e = { ctx, p, market, report, o, pair, mid, rules } of
-- template.lua and reports with codes of messages.lua; those that need a strategy's own numbers are made by a
-- function of them. Money is in the pair's quote currency, percents are percents.
local decimal = require("bridge.decimal")
local template = require("bridge.strategies.template")

local show, tokens = template.show, template.tokens

local checks = {}

-- What they say: the messages of a strategy that calls them.
checks.messages = require("bridge.strategies.messages")

local CANDLES_WAIT_S = 4

-- Fee of a whole trade (buying and selling), in percent.
function checks.round_trip(p)
  return p.fee_pct * 2
end
local round_trip = checks.round_trip

-- ---- sense of prices and fees ----

-- Take profit has to earn more than the fees of both sides.
function checks.take_profit(e)
  local p = e.p
  if p.take_profit_pct and p.take_profit_pct <= round_trip(p) then
    e.report:error("take_profit_pct", "take_profit_below_fees",
      { take_profit = show(p.take_profit_pct), fees = show(round_trip(p)), fee = show(p.fee_pct) })
  end
end

function checks.stop_loss(e)
  local p = e.p
  if p.stop_loss_pct and p.stop_loss_pct <= round_trip(p) then
    e.report:warn("stop_loss_pct", "stop_loss_below_fees", { stop_loss = show(p.stop_loss_pct), fees = show(round_trip(p)) })
  end
end

-- Nearest first, so the first value of each list decides. A sale at the nearest distance after a purchase
-- at the nearest distance earns their sum and pays two fees.
function checks.spreads(e)
  local p = e.p
  local buy, sell = p.buy_spreads_pct or p.spreads_pct, p.sell_spreads_pct or p.spreads_pct
  local buy_field = p.buy_spreads_pct and "buy_spreads_pct" or "spreads_pct"
  local sell_field = p.sell_spreads_pct and "sell_spreads_pct" or "spreads_pct"
  local earned = buy[1] + sell[1]
  if earned <= round_trip(p) then
    local data = { earned = show(earned), fees = show(round_trip(p)), fee = show(p.fee_pct) }
    if p.take_profit_pct then
      e.report:warn({ buy_field, 1 }, "spread_below_fees", data)
    else
      e.report:error({ buy_field, 1 }, "spread_loses", data)
    end
  end
  local function tick(field, percent)
    local gap = e.mid and e.mid * percent:fraction()
    if gap and e.rules and e.rules.price_step and gap < e.rules.price_step then
      e.report:error({ field, 1 }, "spread_below_tick", { spread = show(percent), gap = show(gap, 12), tick = e.rules.price_step, pair = p.pair })
    end
  end
  tick(buy_field, buy[1])
  if sell_field ~= buy_field then tick(sell_field, sell[1]) end
end

-- The other bots of the account on the same connector.
local function others_of(e)
  local out = {}
  for _, other in ipairs(type(e.ctx.others) == "table" and e.ctx.others or {}) do
    if other.connector == e.o.connector and type(other.pair) == "string" then out[#out + 1] = other end
  end
  return out
end

-- An exchange limits the requests of an account, whichever of its bots sends them.
local FAST_S, FEW = 30, 4
function checks.pace(orders_of)
  return function(e)
    local orders, bots = orders_of(e.p), 1 + #others_of(e)
    if e.p.refresh_s < FAST_S and orders * bots > FEW then
      e.report:error("refresh_s", "refresh_limits", { orders = orders, refresh = e.p.refresh_s, bots = bots, least = FAST_S, exchange = e.o.title })
    end
  end
end

-- ---- sizes ----

-- A partly filled order leaves a rest that has to be closed, too.
function checks.closable(quote_of, path)
  return function(e)
    local least = e.market.min_order_value(e.o.connector, e.pair)
    local quote = quote_of(e.p, e)
    if least and quote >= least and quote < least * 2 then
      e.report:warn(path, "order_near_minimum", { order = show(quote), minimum = show(least) })
    end
  end
end

-- ---- money ----

-- False, and said, when the account shows nothing at all on the connector.
function checks.keys(e, connector, exchange)
  if next(e.market.balances(e.ctx.account, connector)) == nil then
    e.report:error("/account", "no_balances", { account = tostring(e.ctx.account), exchange = exchange })
    return false
  end
  return true
end

-- Free quote money on spot, at best twice the budget. need_of(p): what the orders need.
function checks.quote(need_of, path)
  return function(e)
    local p, o = e.p, e.o
    local _, quote = tokens(e.pair)
    if not checks.keys(e, o.connector, o.title) then return end
    local need, free = need_of(p, e), e.market.available(e.ctx.account, o.connector, quote)
    if free < need then
      e.report:error(path or "budget_quote", "quote_balance", { have = show(free), need = show(need), token = quote, account = e.ctx.account, exchange = o.title })
    elseif (p.budget_quote or need) * 2 > free then
      e.report:warn(path or "budget_quote", "budget_above_half", { budget = show(p.budget_quote or need), have = show(free), token = quote })
    else
      e.report:ok("balance", { have = show(free), need = show(need), token = quote })
    end
  end
end

-- Coins for the sell orders on spot. need_of(p, mid): coins; code: what to say when they are missing.
function checks.coins(need_of, path, code)
  return function(e)
    if e.p.buy_inventory or not e.mid or next(e.market.balances(e.ctx.account, e.o.connector)) == nil then return end
    local base = tokens(e.pair)
    local have, need = e.market.available(e.ctx.account, e.o.connector, base), need_of(e.p, e.mid)
    if have < need then
      local data = { have = show(have, 8), need = show(need, 8), token = base }
      e.report:warn(path, code, data)
    else
      e.report:ok("base_balance", { have = show(have, 8), need = show(need, 8), token = base })
    end
  end
end

-- Executors that sell all that was bought need a little more than is left of it after a fee in coins: 1 % of
-- the budget. The grid's do; a position's count the fee.
function checks.fee_coins(e)
  if not e.mid or next(e.market.balances(e.ctx.account, e.o.connector)) == nil then return end
  local base = tokens(e.pair)
  local have, need = e.market.available(e.ctx.account, e.o.connector, base), e.p.budget_quote:fraction():div(e.mid, 8, "up")
  local data = { have = show(have, 8), need = show(need, 8), token = base, exchange = e.o.title }
  if have < need then e.report:warn("budget_quote", "fee_in_coins", data) else e.report:ok("fee_coins", data) end
end

local TENTH = decimal("1.1")

-- Margin of a perpetual account. both: a buy and a sell position may be open at once.
function checks.margin(both)
  return function(e)
    local p, o = e.p, e.o
    local _, quote = tokens(e.pair)
    if not checks.keys(e, o.connector, o.title) then return end
    local sides = both and p.position_mode == "HEDGE" and 2 or 1
    local need = (p.budget_quote * sides * TENTH):div(p.leverage, 4, "up")
    local free = e.market.available(e.ctx.account, o.connector, quote)
    local data = { account = e.ctx.account, exchange = o.title, have = show(free), need = show(need), token = quote, leverage = p.leverage }
    if free < need then
      e.report:error("budget_quote", "margin_short", data)
    else
      e.report:ok("margin", data)
    end
  end
end

-- ---- perpetuals ----

local MARGIN_LOSS_PCT = decimal(80)

function checks.leverage(e)
  local p, o = e.p, e.o
  -- No route of the API tells an exchange's maximum, and Hummingbot only logs that one was refused.
  local data = { leverage = p.leverage, exchange = o.title, pair = e.pair, most = o.max_leverage }
  if p.leverage > o.max_leverage then e.report:warn("leverage", "leverage_high", data) else e.report:ok("leverage", data) end
  local loss = p.stop_loss_pct and p.stop_loss_pct * p.leverage
  if loss and loss >= MARGIN_LOSS_PCT then
    e.report:error("stop_loss_pct", "stop_beyond_liquidation", { stop_loss = show(p.stop_loss_pct), leverage = p.leverage, loss = show(loss) })
  end
end

-- The mode belongs to the account, so reading it holds this bot against all others of the account.
function checks.mode_on(e, connector, exchange)
  local have, why = e.market.position_mode(e.ctx.account, connector)
  local data = { account = tostring(e.ctx.account), exchange = exchange, have = have or "", want = e.p.position_mode, why = why or "" }
  if not have then
    e.report:warn("position_mode", "position_mode_unknown", data)
  elseif have ~= e.p.position_mode then
    e.report:error("position_mode", "position_mode_differs", data)
  else
    e.report:ok("position_mode", data)
  end
end

function checks.mode(e)
  checks.mode_on(e, e.o.connector, e.o.title)
end

-- ---- candles ----

local function has(list, word)
  for _, item in ipairs(list) do
    if item == word then return true end
  end
  return false
end

-- The bot trades only when its feed has `need_of(p)` candles, so a young market idles for ever.
function checks.candles(need_of)
  return function(e)
    local p = e.p
    local feed, need = p.candles_from or e.o.candles or e.o.connector, need_of(p)
    local field = p.candles_from and "candles_from" or "candle"
    local data = { feed = feed, interval = p.candle, pair = p.pair, need = need, wait = CANDLES_WAIT_S }
    local feeds = e.market.candle_feeds()
    if feeds and not has(feeds, feed) then
      e.report:error(field, "no_candles", data)
      return
    end
    local candles, code, why = e.market.candles(feed, p.pair, p.candle, need, CANDLES_WAIT_S)
    if not candles and (code == "upstream_timeout" or code == "upstream_busy") then
      e.report:warn(field, "candles_slow", data)
    elseif not candles then
      data.why = why
      e.report:error(field, "candles_missing", data)
    elseif #candles < need then
      data.have = #candles
      e.report:error("candle", "candles_short", data)
    else
      e.candles = candles
      e.report:ok("candles", data)
    end
  end
end

-- ---- other bots of the account ----

-- ctx.others: the living bots of the account that the bridge knows, each { name, connector, pair, budget_quote }.
function checks.alone(e)
  local _, quote = tokens(e.pair)
  local names, reserved = {}, decimal(0)
  for _, other in ipairs(others_of(e)) do
    local _, its = tokens(other.pair)
    local budget = its == quote and type(other.budget_quote) == "string" and decimal.try(other.budget_quote)
    if other.pair == e.pair then
      e.report:warn(e.pair_field, "pair_taken", { other = other.name, pair = e.pair, exchange = e.o.title })
    end
    if budget then
      reserved = reserved + budget
      names[#names + 1] = other.name
    end
  end
  local need = e.p.budget_quote
  if not need or e.p.leverage or #names == 0 then return end
  local have = e.market.available(e.ctx.account, e.o.connector, quote)
  if have >= need and reserved + need > have then
    e.report:warn("budget_quote", "budgets_exceed", { others = table.concat(names, ", "), reserved = show(reserved), token = quote, need = show(need), have = show(have) })
  end
end


return checks
