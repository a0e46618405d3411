-- A swap of the same size again and again: controller examples.basic_order_example on a router.
--
-- Upstream: the size is amount_quote divided by the price of the bot's rate source (Binance), so the pair
-- must have one there; a purchase is an exact amount bought, which many routes do not offer; every tick sends
-- one market order, and an unconfirmed swap is tried again as a new one.
local form = require("bridge.form")
local hb = require("bridge.hb")
local template = require("bridge.strategies.template")
local words = require("bridge.strategies.words")
local gateway = require("bridge.strategies.gateway")
local versions = require("bridge.strategies.versions")

local swap = {}
local show, tokens = template.show, template.tokens

local RATES = "binance"

-- The rate source's price in e.rate.
local function check_rate(e)
  local ok, price = hb.try(e.market.mid, RATES, e.p.pair)
  e.rate = ok and price or nil
  if not e.rate then e.report:error("pair", "no_oracle_rate", { pair = e.p.pair }) end
end

local function swap_size(e)
  return e.rate and e.p.amount_quote:div(e.rate, 8, "up") or nil
end

local function check_coins(e)
  if not e.wallet or not e.rate then return end
  local p = e.p
  local base, quote = tokens(p.pair)
  local token = p.side == "BUY" and quote or base
  local need = p.side == "BUY" and p.amount_quote or swap_size(e)
  if token == "SOL" then need = need + gateway.GAS_SOL end
  local have = e.market.available(gateway.WALLET_ACCOUNT, versions.NETWORK, token)
  local data = { token = token, where = "in the wallet", have = show(have, 6), need = show(need, 6), all = show(need, 6), trades = 1 }
  if have < need then e.report:error("amount_quote", "inventory_short", data) else e.report:ok("inventory", data) end
end

function swap.recurring(given)
  return template.strategy(given, "recurring_swap", function(o)
    return {
      title = "Recurring swap (DCA) through Jupiter", risk = "medium", executors = { "order" }, pair = "pair",
      controller = { "generic", "examples.basic_order_example" },
      summary = "Buys or sells the same value of a coin again and again, whatever the price is.",
      docs = "The first swap is sent as soon as the bot runs. When the bot is stopped, what was swapped stays.",
      risk_defaults = { max_loss_quote = "50", max_controller_loss_quote = "none" },
      rows = {
        words.pair(o, "SOL", "trading_pair", { quote = "USDC", connector = false, help = "What to buy or sell." }),
        { form.enum("side", { values = { "BUY", "SELL" }, default = "BUY", group = "size", help = "BUY buys the first coin with the second." }), "side", "side" },
        { form.decimal("amount_quote", { default = "10", min = "1", unit = "quote", group = "size", help = "Value of each swap." }), "amount_quote" },
        { form.minutes("every_min", { default = 1440, min = 5, max = 43200, group = "size", help = "Time between swaps." }), "order_frequency", "minutes" },
      },
      fixed = { total_amount_quote = 100, connector_name = gateway.name, position_mode = "ONEWAY", leverage = 1 },
      presets = {
        careful = { amount_quote = "5", every_min = 1440 },
        usual = { amount_quote = "10", every_min = 1440 },
        bold = { amount_quote = "50", every_min = 720 },
      },
      checks = { gateway.version, gateway.up, gateway.pair("pair"), gateway.wallet(gateway.GAS_SOL), gateway.settings, check_rate, check_coins,
        gateway.route("pair", swap_size, function(p) return p.side end) },
      preview = function(ctx, p)
        return { { kind = "trade", title = "Each swap", quote = p.amount_quote, every_min = p.every_min, side = p.side, connector = gateway.name(ctx) } }
      end,
    }
  end)
end

return swap
