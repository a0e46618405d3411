-- What strategies between an exchange and a chain share: pairs that are the same coin and money, and coins
-- and money on both sides. e.p.cex_pair is the exchange's pair, e.p.dex_pair the chain's.
local decimal = require("bridge.decimal")
local template = require("bridge.strategies.template")
local checks = require("bridge.strategies.checks")
local gateway = require("bridge.strategies.gateway")
local versions = require("bridge.strategies.versions")

local twosides = {}
local tokens = template.tokens

local QUOTE_MARGIN = decimal("1.02") -- buying costs fees and the price moves
local ZERO = decimal(0)

-- Wrapped coins that count as the coin itself.
local WRAPPED = { USOL = "SOL", WETH = "ETH", WBTC = "BTC" }

local function show(value) return template.show(value, 6) end

local function is_dollar(token)
  return token:find("USD", 1, true) ~= nil
end

function twosides.pairs(e)
  local base_1, quote_1 = tokens(e.p.cex_pair)
  local base_2, quote_2 = tokens(e.p.dex_pair)
  if (WRAPPED[base_1] or base_1) ~= (WRAPPED[base_2] or base_2) then
    e.report:error("dex_pair", "bases_differ", { cex = base_1, dex = base_2, exchange = e.o.title })
  end
  if quote_1 ~= quote_2 and not (is_dollar(quote_1) and is_dollar(quote_2)) then
    e.report:error("dex_pair", "quotes_differ", { cex = quote_1, dex = quote_2 })
  end
end

-- Coins of one trade at the exchange's price.
function twosides.coins(trade_of)
  return function(e) return e.mid and trade_of(e.p):div(e.mid, 12, "up") end
end

-- One token on one side: enough for a trade, and for those that may follow in the same direction. spare: an
-- amount that must stay (gas).
local function check_token(e, side, token, amount, spare, path)
  local trades = e.p.max_imbalance + 1
  local have, all = e.market.available(side.account, side.connector, token), amount * trades + spare
  local data = { where = side.place, token = token, have = show(have), need = show(amount + spare), all = show(all), trades = trades }
  if have < amount + spare then
    e.report:error(path, "inventory_short", data)
  elseif have < all then
    -- With several trades in one direction allowed, this is a leg left open; with one, only a trade less.
    local verb = e.p.max_imbalance > 1 and "error" or "warn"
    e.report[verb](e.report, path, "inventory_thin", data)
  else
    e.report:ok("inventory", data)
  end
end

-- Coins and money for a trade on both sides.
function twosides.inventory(trade_of, path)
  return function(e)
    if not e.mid then
      e.report:error("cex_pair", "no_mid", { pair = e.pair, exchange = e.o.title })
      return
    end
    local amount, money = trade_of(e.p):div(e.mid, 12, "up"), trade_of(e.p) * QUOTE_MARGIN
    if checks.keys(e, e.o.connector, e.o.title) then
      local exchange = { place = "on " .. e.o.title, account = e.ctx.account, connector = e.o.connector }
      local base, quote = tokens(e.p.cex_pair)
      check_token(e, exchange, base, amount, ZERO, path)
      check_token(e, exchange, quote, money, ZERO, path)
    end
    if not e.wallet then return end
    local wallet = { place = "in the wallet", account = gateway.WALLET_ACCOUNT, connector = versions.NETWORK }
    local base, quote = tokens(e.p.dex_pair)
    check_token(e, wallet, base, amount, base == "SOL" and gateway.GAS_SOL or ZERO, path)
    check_token(e, wallet, quote, money, quote == "SOL" and gateway.GAS_SOL or ZERO, path)
  end
end

return twosides
