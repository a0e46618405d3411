-- What a config's own numbers lead to: its smallest orders, for the check against the exchange's minimum, and the
-- rows of a preview. p is what the expert form has: { controller, connector, pair, budget_quote, config }; whole
-- is the config with every field of the class.
local decimal = require("bridge.decimal")
local json = require("bridge.json")

local orders = {}

local function is_list(value) return type(value) == "table" and json.is_array(value) and #value > 0 end

local function sum(list)
  local total = decimal(0)
  for _, weight in ipairs(list) do total = total + weight end
  return total
end

local function least(list)
  local found
  for _, weight in ipairs(list) do
    if not found or decimal(weight) < found then found = decimal(weight) end
  end
  return found
end

-- The smallest part of `money` over the weights of all lists together.
local function smallest(money, ...)
  local all, one = decimal(0), nil
  for _, list in ipairs({ ... }) do
    if is_list(list) then
      all = all + sum(list)
      one = one and decimal.min(one, least(list)) or least(list)
    end
  end
  if not one or all:sign() <= 0 then return nil end
  return (money * one):div(all, 8, "down")
end

local function weights_of_levels(levels)
  local out = {}
  for i, level in ipairs(levels) do out[i] = level[2] end
  return out
end

local function each_trade(p, whole) return p.budget_quote:div(whole.max_executors_per_side, 8, "down"), "total_amount_quote" end

local function by_minimum(_, whole)
  local amount = whole.min_order_amount_quote
  return amount ~= json.null and decimal(amount) or nil, "min_order_amount_quote"
end

-- null is what upstream reads as the same weight for each.
local function weights_of(amounts, spreads)
  if amounts ~= json.null then return amounts end
  local out = {}
  for i in ipairs(spreads) do out[i] = 1 end
  return out
end

local function by_weights(p, whole)
  local money = p.budget_quote
  if whole.portfolio_allocation then money = money * whole.portfolio_allocation end
  local order = smallest(money, weights_of(whole.buy_amounts_pct, whole.buy_spreads), weights_of(whole.sell_amounts_pct, whole.sell_spreads))
  if order and whole.dca_amounts then order = smallest(order, whole.dca_amounts) end
  return order, "total_amount_quote"
end

local function of_side(p, whole)
  return smallest(p.budget_quote:div(2, 8, "down"), weights_of_levels(whole.buy_levels_targets_amount)), "total_amount_quote"
end

-- By the class's name: its smallest order in quote money, and the field that says it.
local SMALLEST = {
  grid_strike = by_minimum, multi_grid_strike = by_minimum, bollingrid = by_minimum,
  bollinger_v1 = each_trade, bollinger_v2 = each_trade, macd_bb_v1 = each_trade, supertrend_v1 = each_trade, ai_livestream = each_trade,
  dman_v3 = function(p, whole) return smallest(each_trade(p, whole), whole.dca_amounts_pct), "total_amount_quote" end,
  pmm_simple = by_weights, pmm_dynamic = by_weights, pmm = by_weights, pmm_adjusted = by_weights, pmm_mister = by_weights, dman_maker_v2 = by_weights,
  pmm_v1 = function(_, whole, mid) return mid and mid * whole.order_amount or nil, "order_amount" end,
  xemm_multiple_levels = of_side,
  arbitrage_controller = function(p) return p.budget_quote, "total_amount_quote" end,
  hedge_asset = function(_, whole) return decimal(whole.min_notional_size), "min_notional_size" end,
  stat_arb = function(_, whole) return decimal(whole.min_amount_quote), "min_amount_quote" end,
}

-- Quote money or nil, and the field that decides it.
function orders.smallest(class, p, whole, mid)
  local row = SMALLEST[class.name]
  if not row then return nil end
  return row(p, whole, mid)
end

-- Whether total_amount_quote is money that the class uses.
function orders.uses_budget(class)
  return class.name ~= "pmm_v1" and class.name ~= "hedge_asset"
end

-- Whole parts, of which nobody counts more.
local function whole_parts(value, part)
  return decimal.min(value:div(part, 0, "down"), decimal(1000000)):integer()
end

-- As grid_strike counts: by its money and by the room between two prices.
local function grid_row(p, whole, mid)
  local low, high = decimal(whole.start_price), decimal(whole.end_price)
  local by_money = whole_parts(p.budget_quote, whole.min_order_amount_quote)
  local by_room = whole_parts(high - low, low * whole.min_spread_between_orders)
  local count = math.max(1, math.min(by_money, by_room))
  return { kind = "grid", title = "Grid", levels = count, each_quote = p.budget_quote:div(count, 8, "down"), low = low, high = high,
    stop = decimal(whole.limit_price), mid = mid }
end

local function positive(value)
  return value ~= nil and value ~= json.null and decimal(value):sign() > 0
end

local function side_rows(p, whole, mid)
  local buys, sells = weights_of(whole.buy_amounts_pct, whole.buy_spreads), weights_of(whole.sell_amounts_pct, whole.sell_spreads)
  local rows, all = {}, sum(buys) + sum(sells)
  if all:sign() <= 0 then return rows end
  local function add(side, sign, spreads, amounts)
    for i, spread in ipairs(spreads) do
      rows[#rows + 1] = { kind = "order", side = side, distance_pct = (decimal(spread) * 100):normal(),
        price = mid and (mid * (decimal(1) + decimal(spread) * sign)):round(12, "half_even"):normal(),
        quote = (p.budget_quote * amounts[i]):div(all, 8, "down") }
    end
  end
  add("buy", -1, whole.buy_spreads, buys)
  add("sell", 1, whole.sell_spreads, sells)
  return rows
end

-- Rows for a preview: the budget, and the orders of the classes whose levels follow from the config alone.
function orders.preview(class, p, whole, facts)
  local rows = { { kind = "money", title = "Budget", quote = p.budget_quote } }
  local mid = facts.mid and facts.mid[p.connector] and facts.mid[p.connector][p.pair]
  if class.name == "grid_strike" and positive(whole.min_order_amount_quote) and positive(whole.min_spread_between_orders) then
    rows[2] = grid_row(p, whole, mid)
  elseif class.name == "pmm_simple" then
    for _, row in ipairs(side_rows(p, whole, mid)) do rows[#rows + 1] = row end
  end
  return rows
end

return orders
