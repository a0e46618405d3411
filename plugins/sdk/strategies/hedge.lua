-- A perpetual short against a coin that is held: controller generic/hedge_asset. hedge.exchange holds the coin
-- on a spot exchange, hedge.wallet in a Solana wallet.
--
-- Upstream: the class registers the market ASSET-USDC on the spot connector to learn the balance, so it must
-- be listed there; total_amount_quote is not used; the report knows the short alone, so a loss limit would end
-- the hedge when the coin rises; when the bot is stopped the short stays.
local form = require("bridge.form")
local decimal = require("bridge.decimal")
local template = require("bridge.strategies.template")
local words = require("bridge.strategies.words")
local checks = require("bridge.strategies.checks")
local sizes = require("bridge.strategies.sizes")
local gateway = require("bridge.strategies.gateway")
local versions = require("bridge.strategies.versions")

local hedge = {}
local show, tokens = template.show, template.tokens

local FIFTH = decimal("1.2")
local WALLET_REFRESH_S = 60

local function check_pair(e)
  if tokens(e.p.perp_pair) ~= e.p.asset then
    e.report:error("perp_pair", "hedge_pair_differs", { pair = e.p.perp_pair, asset = e.p.asset })
  end
end

local function check_market(e)
  local market = e.p.asset .. "-USDC"
  if not e.market.rules(e.o.spot, market) then
    e.report:error("asset", "hedge_market_missing", { exchange = e.o.spot_title or e.o.title, market = market })
  end
end

local function smallest_trade(p, mid)
  return { { quote = p.min_trade_quote, price = mid } }
end
local check_least = sizes.check(smallest_trade, "min_trade_quote")

-- account, connector, place: where the coin is.
local function check_size(account_of, connector, place)
  return function(e)
    local p = e.p
    if not e.mid then
      e.report:warn("perp_pair", "no_mid", { pair = p.perp_pair, exchange = e.o.title })
      return
    end
    local have = e.market.available(account_of(e), connector, p.asset)
    local value = have * e.mid
    local short = value * p.ratio_pct:fraction()
    if short < p.min_trade_quote then
      e.report:warn("asset", "nothing_to_hedge", { have = show(have, 8), asset = p.asset, exchange = place, least = p.min_trade_quote })
    else
      e.report:ok("hedge_size", { have = show(have, 8), asset = p.asset, value = show(value, 2), short = show(short, 2) })
    end
    if not checks.keys(e, e.o.connector, e.o.title) then return end
    local _, quote = tokens(p.perp_pair)
    local free, need = e.market.available(e.ctx.account, e.o.connector, quote), (short * FIFTH):div(p.leverage, 4, "up")
    local data = { account = e.ctx.account, have = show(free), need = show(need), token = quote, exchange = e.o.title, leverage = p.leverage }
    if free < need then e.report:error("ratio_pct", "hedge_margin_short", data) else e.report:ok("margin", data) end
  end
end

local function check_limit(e)
  local limit = e.ctx.risk and e.ctx.risk.max_loss_quote
  if limit then e.report:warn("/risk/max_loss_quote", "hedge_loss_alone", { limit = show(limit, 2) }) end
end

local function check_cooldown(e)
  if e.p.cooldown_s < WALLET_REFRESH_S then
    e.report:error("cooldown_s", "cooldown_below_refresh", { cooldown = e.p.cooldown_s, least = WALLET_REFRESH_S })
  end
end

-- with: name, title, ratio, least, cooldown, spot (name or function(ctx)), asset_help, checks, summary.
local function new(o, with)
  return {
    title = with.title, risk = "medium", executors = { "order" }, pair = "perp_pair", connector = o.connector,
    controller = { "generic", "hedge_asset" }, summary = with.summary,
    docs = "There is no loss limit unless you set one: the report shows the short alone, which loses exactly while the coin gains. The short stays open when the bot is stopped: close it yourself.",
    risk_defaults = { max_loss_quote = "none", max_controller_loss_quote = "none" },
    rows = {
      { form.string("asset", { default = "SOL", pattern = "[A-Z0-9]+", pattern_text = "must be a coin such as SOL", max_length = 20, group = "market", help = with.asset_help }), "asset_to_hedge" },
      words.pair(o, "SOL", "hedge_trading_pair", { name = "perp_pair", help = "Perpetual used for the short." }),
      { form.percent("ratio_pct", { default = with.ratio, min = "1", max = "100", group = "market", help = "How much of the balance to hedge." }), "hedge_ratio", "fraction" },
      { form.decimal("min_trade_quote", { default = with.least, min = "5", unit = "quote", group = "market", help = "Ignore smaller differences." }), "min_notional_size" },
      words.cooldown(with.cooldown, "Wait after a trade before the next one."), words.leverage(2, 10), words.position_mode(),
    },
    fixed = { total_amount_quote = 0, spot_connector_name = with.spot, hedge_connector_name = o.connector },
    presets = {
      careful = { ratio_pct = "50", leverage = 1 },
      usual = { ratio_pct = with.ratio, leverage = 2 },
      bold = { ratio_pct = "100", leverage = 3 },
    },
    checks = with.checks,
    preview = function(_, p, facts)
      local mid = facts.mid and facts.mid[o.connector] and facts.mid[o.connector][p.perp_pair]
      return { { kind = "hedge", title = "Short against " .. p.asset, ratio_pct = p.ratio_pct, mid = mid, leverage = p.leverage, least_quote = p.min_trade_quote } }
    end,
    effects = function(_, verb)
      if verb == "stop" then return { "The short stays open on " .. o.title .. ", without anybody adjusting it." } end
      return {}
    end,
  }
end

local function own_account(e) return e.ctx.account end
local function wallet_account() return gateway.WALLET_ACCOUNT end

function hedge.exchange(given)
  return template.strategy(given, "perp_hedge", function(o)
    local place = o.spot_title or o.title
    return new(o, {
      title = "Hedge a " .. place .. " coin balance", ratio = "100", least = "20", cooldown = 60, spot = o.spot,
      summary = "Keeps a perpetual short as large as a coin balance on " .. place .. ", so that its price no longer matters.",
      asset_help = "Coin to hedge. " .. place .. " must list it against USDC.",
      checks = { check_pair, check_market, checks.leverage, checks.mode, check_least, check_size(own_account, o.spot, place), check_limit },
    })
  end)
end

function hedge.wallet(given)
  return template.strategy(given, "hedged_wallet", function(o)
    return new(o, {
      title = "Hedge a Solana wallet on " .. o.title .. " perpetual", ratio = "90", least = "25", cooldown = 120, spot = gateway.name,
      summary = "Keeps a perpetual short on " .. o.title .. " against a coin in the Solana wallet.",
      asset_help = "Coin in the Solana wallet.",
      checks = { gateway.version, gateway.up, function(e) gateway.tokens_known(e, "asset", { e.p.asset, "USDC" }) end, gateway.wallet(gateway.GAS_SOL), gateway.node, check_pair,
        checks.leverage, checks.mode, check_least, check_size(wallet_account, versions.NETWORK, "Solana"), check_cooldown, check_limit },
    })
  end)
end

return hedge
