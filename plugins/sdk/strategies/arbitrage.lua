-- Arbitrage between an exchange and Jupiter: controller generic/arbitrage_controller, which buys on the
-- cheaper side and sells on the dearer one, both at once.
--
-- Units: trade_quote in quote money (size of one trade, total_amount_quote upstream), *_pct in percent,
-- written as fractions; pause_s in seconds. The config names Jupiter as the image's version wants it.
-- Measured upstream: a leg can be filled while the other one is not, and an unconfirmed swap is retried as
-- a new one; so coins and money for a second trade are asked for on both sides, and trades are small and
-- apart.
local form = require("bridge.form")
local decimal = require("bridge.decimal")
local template = require("bridge.strategies.template")
local words = require("bridge.strategies.words")
local gateway = require("bridge.strategies.gateway")
local twosides = require("bridge.strategies.twosides")
local sizes = require("bridge.strategies.sizes")

local arbitrage = {}

local PRICE_MOVE_PCT = decimal("0.1")
local SAFE_PAUSE_S = 60

local function show(value) return template.show(value, 6) end
local function trade_of(p) return p.trade_quote end

local function placed(p, mid)
  return { { quote = p.trade_quote, price = mid } }
end

local function check_profit(e)
  if not e.gateway then return end
  local p = e.p
  local fees = p.fee_pct + PRICE_MOVE_PCT
  local worst = fees + e.slippage
  local data = { profit = show(p.min_profit_pct), fee = show(p.fee_pct), move = show(PRICE_MOVE_PCT), slippage = show(e.slippage),
    needed = show(fees), worst = show(worst), exchange = e.o.title }
  if p.min_profit_pct < fees then
    e.report:error("min_profit_pct", "profit_below_fees", data)
  elseif p.min_profit_pct < worst then
    e.report:warn("min_profit_pct", "profit_below_slippage", data)
  else
    e.report:ok("profit", data)
  end
end

local function check_pause(e)
  if e.p.pause_s < SAFE_PAUSE_S then e.report:error("pause_s", "pause_short", { pause = e.p.pause_s, least = SAFE_PAUSE_S }) end
end

local function integer(name, path, usual, least, most, help)
  return { form.integer(name, { default = usual, min = least, max = most, group = "size", help = help }), path }
end

function arbitrage.with_jupiter(given)
  return template.strategy(given, "arbitrage", function(o)
    return {
      title = "Arbitrage " .. o.title .. " <-> Jupiter", risk = "high", executors = { "arbitrage" }, budget = "trade_quote", pair = "cex_pair",
      connector = o.connector, controller = { "generic", "arbitrage_controller" },
      summary = "Buys where a coin is cheaper and sells where it is dearer, at the same time on " .. o.title .. " and on Jupiter. Needs coins and money on both sides.",
      docs = "The bot asks Jupiter for about two quotes a second, more than its free service answers: give Gateway a Jupiter API key and an own Solana node. Profit is counted by Hummingbot in the " .. o.title .. " pair's quote currency. The loss limit is a share of one trade, not of all coins on both sides.",
      risk_defaults = { max_loss_quote = "20%", max_controller_loss_quote = "20%" },
      rows = {
        words.pair(o, "SOL", "exchange_pair_1.trading_pair", { name = "cex_pair", title = o.title .. " pair", help = o.title .. " market." }),
        words.pair(o, "SOL", "exchange_pair_2.trading_pair", { name = "dex_pair", quote = "USDC", connector = false, title = "Jupiter pair",
          help = "Same coin on Solana (symbols of Gateway's token list)." }),
        { form.decimal("trade_quote", { default = "100", min = "10", unit = "quote", group = "size", title = "Size of one trade", help = "Size of one arbitrage." }),
          "total_amount_quote" },
        { form.percent("min_profit_pct", { default = "1.2", min = "0.3", max = "20", group = "size",
          help = "Trade only when this much is left after fees and gas. Must cover " .. o.title .. "'s fee, slippage and the price moving." }), "min_profitability", "fraction" },
        { form.seconds("pause_s", { default = 60, min = 30, max = 3600, group = "size", help = "Wait after one trade before the next; less than 60 is refused, as a swap may be unconfirmed that long." }), "delay_between_executors" },
        integer("max_imbalance", "max_executors_imbalance", 1, 1, 5, "Stop after this many trades in the same direction."),
        words.fee(o),
      },
      fixed = { exchange_pair_1 = { connector_name = o.connector }, exchange_pair_2 = { connector_name = gateway.name },
        rate_connector = "binance", quote_conversion_asset = "USDT" },
      presets = {
        careful = { trade_quote = "50", min_profit_pct = "1.6", pause_s = 120 },
        usual = { trade_quote = "100", min_profit_pct = "1.2", pause_s = 60 },
        bold = { trade_quote = "300", min_profit_pct = "1", pause_s = 60, max_imbalance = 2 },
      },
      checks = { gateway.version, twosides.pairs, sizes.check(placed, "trade_quote"), gateway.up, gateway.pair("dex_pair"), gateway.wallet(gateway.GAS_SOL),
        gateway.settings, check_profit, check_pause, gateway.route("dex_pair", twosides.coins(trade_of)), gateway.compare("dex_pair"), twosides.inventory(trade_of, "trade_quote") },
      preview = function(ctx, p, facts)
        local mid = facts.mid and facts.mid[o.connector] and facts.mid[o.connector][p.cex_pair]
        return {
          { kind = "trade", title = "One trade", quote = p.trade_quote, base = mid and p.trade_quote:div(mid, 8, "down"), mid = mid,
            min_profit_quote = (p.trade_quote * p.min_profit_pct:fraction()):normal(), connector = gateway.name(ctx) },
        }
      end,
      effects = function(_, verb)
        if verb == "stop" then
          return { "Coins and money stay where the trades left them, on " .. o.title .. " and in the wallet; nothing is moved back." }
        end
        return {}
      end,
    }
  end)
end

return arbitrage
