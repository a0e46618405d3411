-- Figures of the arbitrage: BitMart and Jupiter quote in different dollars (USDT, USDC), but the controller
-- reports one sum in the BitMart pair's quote, so the return on the size of one trade is well defined.
local decimal = require("bridge.decimal")

local json = require("bridge.json")

local transforms = {}

function transforms.status(bot, _, figures)
  local row = #figures.pnl == 1 and figures.pnl[1]
  if row and row.quote == json.null and #figures.controllers == 1 then row.quote = bot.quotes and bot.quotes[1] or json.null end
  local budget = bot.budget_quote and decimal.try(bot.budget_quote)
  if row and decimal.is(row.net) and budget and budget:sign() > 0 then
    row.return_pct = (row.net * 100):div(budget, 4, "half_even"):normal()
  end
  return figures
end

return transforms
