-- Order sizes against every minimum of an exchange, as Hummingbot sends them: the money of an order divided by
-- the price of the order itself (a far sale has fewer coins than a near one), cut off to the step of amounts.
-- BitMart spot publishes its minimum as min_order_value, which no executor reads; market.rules has both as
-- min_value.
--
-- An order is { quote = money, price = what divides it } or { base = coins, price = }, at = the price it is
-- placed at when that is another one. All orders of a check grow in proportion to one field of the form, so the
-- smallest value of that field can be named.
local decimal = require("bridge.decimal")
local copy = require("bridge.tables").copy
local template = require("bridge.strategies.template")

local sizes = {}
local show, tokens = template.show, template.tokens

-- Room for the price moving between the check and the order.
sizes.MARGIN = decimal("1.05")

-- Coins of the smallest order at a price that are left of it after cutting off to the step.
local function least_coins(m, price)
  local rules, coins = m.rules, m.rules.min_base or decimal(0)
  if rules.min_value then coins = decimal.max(coins, rules.min_value:div(price, 12, "up")) end
  return rules.base_step and coins:quantize(rules.base_step, "ceiling") or coins
end

-- What an order has and at least needs, both in money or both in coins; least: the exchange's minimum at its price.
local function measure(m, order)
  local one, rules, at = { order = order, have = order.base or order.quote }, m.rules, order.at or order.price
  local coins = at and least_coins(m, at) or decimal(0)
  if order.base then
    one.least = decimal.max(rules.min_base or decimal(0), rules.min_value and rules.min_value:div(at, 12, "up") or decimal(0))
    one.need = coins
  else
    one.least = decimal.max(rules.min_value or decimal(0), (rules.min_base or decimal(0)) * (order.price or 0))
    one.need = (coins * (order.price or 0)):round(8, "up")
  end
  one.margin = (one.least * sizes.MARGIN):round(8, "up")
  one.need = decimal.max(one.need, one.margin)
  return one
end

-- The order that lacks most, and whether it lacks anything.
local function worst_of(m, orders)
  local worst, most
  for _, order in ipairs(orders) do
    local one = measure(m, order)
    local lack = one.need:div(decimal.max(one.have, decimal("1e-12")), 12, "up")
    if not worst or lack > most then worst, most = one, lack end
  end
  return worst, worst.have < worst.need
end

-- The smallest value of the field with which every order passes: in proportion, then to the tick. nil when an
-- order is so small that nothing can be said.
local function smallest(e, m, orders_of, name, worst)
  if worst.have:sign() <= 0 then return nil end
  local field, p = e.form.by_name[name], copy(e.p)
  local places = field.unit == "base" and 8 or 2
  local tick = decimal(1):div(math.tointeger(10 ^ places), places, "up")
  local least = (p[name] * worst.need):div(worst.have, places, "ceiling")
  local function short(value)
    p[name] = value
    return value:sign() <= 0 or select(2, worst_of(m, orders_of(p, m.mid)))
  end
  for _ = 1, 8 do
    if short(least) then least = least + tick end
  end
  for _ = 1, 8 do
    if not short(least - tick) then least = least - tick end
  end
  return (field.min and decimal.max(field.min, least) or least):normal()
end

local function report_short(e, m, worst, path, data)
  local step, order = m.rules.base_step, worst.order
  local amount = order.base or order.price and order.quote:div(order.price, 12, "down")
  local sent = step and amount and amount:quantize(step, "floor")
  local least = m.contracts and decimal.max(m.rules.min_base or m.contracts, m.contracts) or m.rules.min_base
  if sent then data.step, data.amount, data.rounded = step, show(amount, 8), show(sent, 8) end
  if sent and least and sent < least and (m.contracts or amount >= least) then
    data.minimum = least
    e.report:error(path, "order_rounds_to_zero", data)
  elseif not sent or worst.have < worst.margin then
    e.report:error(path, "order_below_minimum", data)
  else
    data.value = show(sent * (order.at or order.price))
    e.report:error(path, "order_cut_below_minimum", data)
  end
end

-- Contracts: the rest of an order beyond whole ones is counted by the bot and not sent.
local function report_contracts(e, m, worst, path)
  local least = m.rules.min_base
  if not m.contracts or not worst.order.price or not least then return end
  local sent, token = worst.order.quote:div(worst.order.price, 12, "down"):quantize(m.contracts, "floor"), tokens(m.pair)
  if sent:quantize(least, "floor") < sent then
    e.report:warn(path, "order_not_contracts", { amount = show(sent, 8), token = token, contract = least })
  else
    e.report:ok("contracts", { amount = show(sent, 8), token = token, step = least })
  end
end

-- Reports the worst of the orders. path: where a refusal points at; name_of(m, worst): the field that makes
-- orders larger, and its smallest value.
local function report_worst(e, orders, path, name_of)
  local report = e.report
  if not orders or not e.rules or not e.market.min_order_value(e.o.connector, e.pair) then
    report:warn(e.pair_field, e.rules and not e.mid and "no_mid" or "minimum_unknown", { pair = e.pair, exchange = e.o.title })
    return
  end
  local m = { rules = e.rules, pair = e.pair, mid = e.mid, contracts = e.o.contracts and e.rules.base_step }
  local worst, short = worst_of(m, orders)
  local base, quote = tokens(e.pair)
  local function money(value)
    local places = (worst.order.base or value < 1) and 8 or 4
    return tostring(value:round(places, "ceiling"):normal()) .. " " .. (worst.order.base and base or quote)
  end
  local data = { order = money(worst.have), minimum = money(worst.least), needed = money(worst.need), exchange = e.o.title, pair = e.pair, token = base }
  data.field, data.least = name_of(m, worst)
  data.field, data.least = data.field or "the size of an order", data.least or data.needed
  if short then
    report_short(e, m, worst, path, data)
  else
    report:ok("order_size", data)
    report_contracts(e, m, worst, path)
  end
end

-- orders_of(p, mid): the orders; nil when they need a price and there is none. field: what makes all of them
-- larger; path: where a refusal points at, left out the field.
function sizes.check(orders_of, field, path)
  return function(e)
    report_worst(e, orders_of(e.p, e.mid), path or field, function(m, worst)
      local least = smallest(e, m, orders_of, field, worst)
      if not least then return nil end
      e.report:ok("least_value", { field = field, least = least })
      return field, least
    end)
  end
end

-- One order of `quote` money at the middle price.
function sizes.order(e, quote, path)
  report_worst(e, { { quote = quote, price = e.mid } }, path, function() end)
end

return sizes
