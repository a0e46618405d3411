-- Other front ends' words. `spread` is their market making: bid_spread and ask_spread are fractions
-- (0.003 = 0.3 %), order_amount is quote money. Numbers are converted as decimals, so 0.003 becomes
-- exactly 0.3. Equal sides become spreads_pct; different ones are taken exactly, side by side.
local decimal = require("bridge.decimal")
local json = require("bridge.json")

-- A fraction as percent; what is no number is passed on, so that the form names it.
local function percent(value)
  local n = decimal.is(value) and value or nil
  if not n and (math.type(value) == "integer" or type(value) == "string") then n = decimal.try(value) end
  return n and (n * 100):normal() or value
end

local function same(a, b)
  if decimal.is(a) and decimal.is(b) then return a:compare(b) == 0 end
  return a == b
end

local function spreads(params, note)
  local bid, ask = params.bid_spread, params.ask_spread
  if bid == nil and ask == nil then return params end
  if params.spreads_pct ~= nil or params.buy_spreads_pct ~= nil or params.sell_spreads_pct ~= nil then return params end
  params.bid_spread, params.ask_spread = nil, nil
  local buy, sell = percent(bid == nil and ask or bid), percent(ask == nil and bid or ask)
  if same(buy, sell) then
    params.spreads_pct = json.array({ buy })
    if bid ~= nil then note("bid_spread", "spreads_pct") end
    if ask ~= nil then note("ask_spread", "spreads_pct") end
    return params
  end
  params.buy_spreads_pct, params.sell_spreads_pct = json.array({ buy }), json.array({ sell })
  note("bid_spread", "buy_spreads_pct")
  note("ask_spread", "sell_spreads_pct")
  return params
end

return {
  strategies = {
    spread = { to = "spot_mm", on = { bitmart_perpetual = "perp_mm" }, rename = { order_amount = "budget_quote" }, convert = spreads },
    volume = { refuse = "no_volume" },
    spot_bollinger = { refuse = "spot_short" }, spot_macd_bb = { refuse = "spot_short" }, spot_supertrend = { refuse = "spot_short" },
    spot_dca = { refuse = "spot_short" }, spot_short_grid = { refuse = "spot_short" },
  },
}
