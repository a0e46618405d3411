-- Arbitrage between BitMart and Jupiter: controller generic/arbitrage_controller of Hummingbot, which buys
-- on the cheaper side and sells on the dearer one, both at once.
--
-- Units: trade_quote in quote money (size of one trade, total_amount_quote upstream), *_pct in percent,
-- written as fractions; pause_s in seconds. The config has exactly the fields of
-- ArbitrageControllerConfig (2.13 to 2.16) and names Jupiter as the image's version wants it.
-- Measured upstream: a leg can be filled while the other one is not, and an unconfirmed swap is retried as
-- a new one; so coins and money for a second trade are asked for on both sides, and trades are small and
-- apart.
local form = require("bridge.form")
local decimal = require("bridge.decimal")
local json = require("bridge.json")
local configs = require("bridge.configs")
local names = require("connector_names")
local gateway = require("gateway")

local BITMART = "bitmart"
local MINIMUM_MARGIN = decimal("1.05")
local QUOTE_MARGIN = decimal("1.02") -- buying costs fees and the price moves
local PRICE_MOVE_PCT = decimal("0.1")

-- Wrapped coins that count as the coin itself.
local WRAPPED = { USOL = "SOL", WETH = "ETH", WBTC = "BTC" }

local function tokens(pair)
  return pair:match("^(.-)%-(.*)$")
end

local function show(value, places)
  return tostring(value:round(places or 6, "half_even"):normal())
end

local function is_dollar(token)
  return token:find("USD", 1, true) ~= nil
end

local function check_pairs(p, report)
  local base_1, quote_1 = tokens(p.cex_pair)
  local base_2, quote_2 = tokens(p.dex_pair)
  if (WRAPPED[base_1] or base_1) ~= (WRAPPED[base_2] or base_2) then
    report:error("dex_pair", "bases_differ", { cex = base_1, dex = base_2 })
  end
  if quote_1 ~= quote_2 and not (is_dollar(quote_1) and is_dollar(quote_2)) then
    report:error("dex_pair", "quotes_differ", { cex = quote_1, dex = quote_2 })
  end
end

local function check_version(ctx, report)
  local name, how = names.of(ctx.hummingbot)
  local version = type(ctx.hummingbot) == "string" and ctx.hummingbot or "of unknown version"
  if not name then
    report:error("/image", "version_too_old", { version = version })
  elseif how == "newer" then
    report:warn("/image", "version_not_tried", { version = version, name = name })
  else
    report:ok("connector_name", { name = name, version = version })
  end
end

local function check_profit(p, slippage, report)
  local fees = p.fee_pct + PRICE_MOVE_PCT
  local with_slippage = fees + slippage
  local data = { profit = show(p.min_profit_pct), fee = show(p.fee_pct), move = show(PRICE_MOVE_PCT), slippage = show(slippage),
    needed = show(fees), worst = show(with_slippage) }
  if p.min_profit_pct < fees then
    report:error("min_profit_pct", "profit_below_fees", data)
  elseif p.min_profit_pct < with_slippage then
    report:warn("min_profit_pct", "profit_below_slippage", data)
  else
    report:ok("profit", data)
  end
end

local function check_minimum(p, market, report)
  local least = market.min_order_value(BITMART, p.cex_pair)
  if not least then
    report:warn("cex_pair", "minimum_unknown", { pair = p.cex_pair })
  elseif p.trade_quote < least * MINIMUM_MARGIN then
    report:error("trade_quote", "trade_below_minimum", { trade = p.trade_quote, minimum = show(least), needed = show(least * MINIMUM_MARGIN) })
  else
    report:ok("trade_size", { trade = p.trade_quote, minimum = show(least) })
  end
end

-- One token on one side: enough for a trade, and for those that may follow in the same direction.
-- spare: an amount that must stay (gas).
local function check_token(p, market, side, token, amount, spare, report)
  local have = market.available(side.account, side.connector, token)
  local all = amount * (p.max_imbalance + 1) + spare
  local data = { where = side.place, token = token, have = show(have), need = show(amount + spare), all = show(all), trades = p.max_imbalance + 1 }
  if have < amount + spare then
    report:error("trade_quote", "inventory_short", data)
  elseif have < all then
    report:warn("trade_quote", "inventory_thin", data)
  else
    report:ok("inventory", data)
  end
end

local function check_inventory(ctx, p, market, with_wallet, report)
  local mid = market.mid(BITMART, p.cex_pair)
  if not mid then
    report:error("cex_pair", "no_mid", { pair = p.cex_pair })
    return
  end
  local amount, money = p.trade_quote:div(mid, 12, "up"), p.trade_quote * QUOTE_MARGIN
  local none = decimal(0)
  local bitmart = { place = "on BitMart", account = ctx.account, connector = BITMART }
  if next(market.balances(ctx.account, BITMART)) == nil then
    report:error("/account", "no_balances", { account = tostring(ctx.account) })
  else
    local base, quote = tokens(p.cex_pair)
    check_token(p, market, bitmart, base, amount, none, report)
    check_token(p, market, bitmart, quote, money, none, report)
  end
  if not with_wallet then return end
  local wallet = { place = "in the wallet", account = gateway.WALLET_ACCOUNT, connector = names.NETWORK }
  local base, quote = tokens(p.dex_pair)
  check_token(p, market, wallet, base, amount, base == "SOL" and gateway.GAS_SOL or none, report)
  check_token(p, market, wallet, quote, money, quote == "SOL" and gateway.GAS_SOL or none, report)
end

return {
  name = "arbitrage",
  revision = 1,
  title = "Arbitrage BitMart <-> Jupiter",
  summary = "Buys where a coin is cheaper and sells where it is dearer, at the same time on BitMart and on Jupiter. Needs coins and money on both sides.",
  risk = "high",
  executors = { "arbitrage" },
  budget = "trade_quote",
  pair = "cex_pair",
  risk_defaults = { max_loss_quote = "20%", max_controller_loss_quote = "20%" },

  form = form.of {
    form.pair("cex_pair", { default = "SOL-USDT", connector = BITMART, group = "market", title = "BitMart pair", help = "BitMart market." }),
    form.pair("dex_pair", { default = "SOL-USDC", group = "market", title = "Jupiter pair", help = "Same coin on Solana (symbols of Gateway's token list)." }),
    form.decimal("trade_quote", { default = "100", min = "10", unit = "quote", group = "size", title = "Size of one trade", help = "Size of one arbitrage." }),
    form.percent("min_profit_pct", { default = "1.2", min = "0.3", max = "20", group = "size",
      help = "Trade only when this much is left after fees and gas. Must cover BitMart's fee, slippage and the price moving." }),
    form.seconds("pause_s", { default = 60, min = 30, max = 3600, group = "size", help = "Wait after one trade before the next." }),
    form.integer("max_imbalance", { default = 1, min = 1, max = 5, group = "size", help = "Stop after this many trades in the same direction." }),
    form.percent("fee_pct", { default = "0.25", min = "0", max = "2", group = "size",
      help = "BitMart's fee of one trade on this account, used for checks only. The standard is 0.25 %." }),
  },

  presets = {
    careful = { trade_quote = "50", min_profit_pct = "1.6", pause_s = 120 },
    usual = { trade_quote = "100", min_profit_pct = "1.2", pause_s = 60 },
    bold = { trade_quote = "300", min_profit_pct = "1", pause_s = 45, max_imbalance = 2 },
  },

  docs = "The bot asks Jupiter for about two quotes a second, more than its free service answers: give Gateway a Jupiter API key and an own Solana node. Profit is counted by Hummingbot in the BitMart pair's quote currency. The loss limit is a share of one trade, not of all coins on both sides.",

  check = function(ctx, p, market, report)
    check_version(ctx, report)
    check_pairs(p, report)
    check_minimum(p, market, report)
    local up, list = gateway.check_up(report)
    local wallet = false
    if up then
      gateway.check_tokens(list, "dex_pair", p.dex_pair, report)
      wallet = gateway.check_wallet(report)
      if wallet then gateway.check_gas(market, report) end
      check_profit(p, gateway.slippage_pct(report), report)
    end
    check_inventory(ctx, p, market, wallet, report)
  end,

  build = function(ctx, p)
    return {
      controllers = {
        {
          type = "generic",
          name = "arbitrage_controller",
          config = {
            total_amount_quote = p.trade_quote,
            manual_kill_switch = false,
            initial_positions = json.array({}),
            exchange_pair_1 = { connector_name = BITMART, trading_pair = p.cex_pair },
            exchange_pair_2 = { connector_name = names.of(ctx.hummingbot), trading_pair = p.dex_pair },
            min_profitability = p.min_profit_pct:fraction(),
            delay_between_executors = p.pause_s,
            max_executors_imbalance = p.max_imbalance,
            rate_connector = "binance",
            quote_conversion_asset = "USDT",
          },
        },
      },
    }
  end,

  recognise = function(_, list)
    local c = configs.only(list, "generic", "arbitrage_controller")
    local cex, dex = c and c.exchange_pair_1, c and c.exchange_pair_2
    if type(cex) ~= "table" or type(dex) ~= "table" then return nil end
    return {
      cex_pair = cex.trading_pair,
      dex_pair = dex.trading_pair,
      trade_quote = c.total_amount_quote,
      min_profit_pct = configs.percent(c.min_profitability),
      pause_s = c.delay_between_executors,
      max_imbalance = c.max_executors_imbalance,
    }
  end,

  preview = function(ctx, p, facts)
    local mid = facts.mid and facts.mid[BITMART] and facts.mid[BITMART][p.cex_pair]
    return {
      { kind = "trade", title = "One trade", quote = p.trade_quote, base = mid and p.trade_quote:div(mid, 8, "down"), mid = mid,
        min_profit_quote = (p.trade_quote * p.min_profit_pct:fraction()):normal(), connector = names.of(ctx.hummingbot) },
    }
  end,

  effects = function(_, verb)
    if verb == "stop" then
      return { "Coins and money stay where the trades left them, on BitMart and in the wallet; nothing is moved back." }
    end
    return {}
  end,
}
