-- What the spot strategies share: fees, order minimums, balances. Money is in the pair's quote currency,
-- percents are percents.
--
-- BitMart publishes its smallest order as min_order_value (usually 5 USDT), which Hummingbot's executors
-- do not read: an order below it reaches the exchange and is refused there, again and again. So it is
-- checked here, with 5 % to spare for the price moving between the check and the order.
local decimal = require("bridge.decimal")

local spot = {}

spot.CONNECTOR = "bitmart"
-- BitMart's standard fee per trade, maker and taker alike; accounts with a discount say so in fee_pct.
spot.FEE_PCT = "0.25"

local MARGIN = decimal("1.05")

-- "USDT" of "BTC-USDT".
function spot.tokens(pair)
  return pair:match("^(.-)%-(.*)$")
end

-- A number for people: at most `places` decimals.
function spot.show(value, places)
  return tostring(value:round(places or 4, "half_even"):normal())
end

-- Fee of a whole trade (buying and selling), in percent.
function spot.round_trip(p)
  return p.fee_pct * 2
end

-- Take profit has to earn more than the fees of both sides.
function spot.check_take_profit(p, report)
  if p.take_profit_pct and p.take_profit_pct <= spot.round_trip(p) then
    report:error("take_profit_pct", "take_profit_below_fees",
      { take_profit = spot.show(p.take_profit_pct), fees = spot.show(spot.round_trip(p)), fee = spot.show(p.fee_pct) })
  end
end

-- The smallest order in quote money that is safe to send, or nil when the market does not say.
function spot.minimum(market, pair)
  local least = market.min_order_value(spot.CONNECTOR, pair)
  return least and (least * MARGIN):round(8, "ceiling") or nil
end

-- One order of `quote` money against the exchange's minimum. path: the field to change.
function spot.check_order(market, pair, quote, path, report)
  local needed = spot.minimum(market, pair)
  if not needed then
    report:warn("pair", "minimum_unknown", { pair = pair })
  elseif quote < needed then
    report:error(path, "order_below_minimum",
      { order = spot.show(quote), minimum = spot.show(market.min_order_value(spot.CONNECTOR, pair)), needed = spot.show(needed) })
  else
    report:ok("order_size", { order = spot.show(quote), needed = spot.show(needed) })
  end
end

-- The account must have the quote money, and at best twice the budget. Returns false when it shows no
-- balances at all.
function spot.check_quote(ctx, market, p, need, report)
  local _, quote = spot.tokens(p.pair)
  if next(market.balances(ctx.account, spot.CONNECTOR)) == nil then
    report:error("/account", "no_balances", { account = ctx.account })
    return false
  end
  local free = market.available(ctx.account, spot.CONNECTOR, quote)
  if free < need then
    report:error("budget_quote", "quote_balance",
      { have = spot.show(free), need = spot.show(need), token = quote, account = ctx.account })
  elseif p.budget_quote * 2 > free then
    report:warn("budget_quote", "budget_above_half", { budget = spot.show(p.budget_quote), have = spot.show(free), token = quote })
  else
    report:ok("balance", { have = spot.show(free), need = spot.show(need), token = quote })
  end
  return true
end

return spot
