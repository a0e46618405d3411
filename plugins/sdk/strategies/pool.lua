-- A concentrated liquidity position that follows the price, with swaps through Jupiter: controller
-- generic/lp_rebalancer. Its class takes percents as percents, unlike all others.
--
-- Upstream: side 1 starts with the quote coin, 2 with the base coin, 3 needs both; the connector keeps 0.1 SOL
-- back; when the bot is stopped the position stays in the pool.
local form = require("bridge.form")
local decimal = require("bridge.decimal")
local fields = require("bridge.fields")
local hb = require("bridge.hb")
local json = require("bridge.json")
local template = require("bridge.strategies.template")
local words = require("bridge.strategies.words")
local gateway = require("bridge.strategies.gateway")
local versions = require("bridge.strategies.versions")

local pool = {}
local show, tokens = template.show, template.tokens

local PROVIDERS = { "orca/clmm", "raydium/clmm", "meteora/clmm", "pancakeswap-sol/clmm" }
local MAX_BINS = 69
-- The best known pool of the default pair.
local SOL_USDC = "Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE"

local function address_of(e, word)
  local row = gateway.find_token(e.gateway.tokens, word)
  return row and row.address
end

-- The pool's price in e.chain_price.
local function check_pool(e)
  if not e.gateway then return end
  local p = e.p
  local provider = p.lp_provider:match("^[^/]+")
  local ok, info = hb.try(hb.clmm.pool, { connector = provider, network = versions.NETWORK, pool_address = p.pool })
  if not ok or type(info) ~= "table" then
    e.report:error("pool", "pool_unknown", { provider = provider, pool = p.pool, why = ok and "no answer" or (tostring(info.message):gsub("%.$", "")) })
    return
  end
  local base, quote = tokens(p.pair)
  local given, other = info.baseTokenAddress or info.base_token_address, info.quoteTokenAddress or info.quote_token_address
  if given ~= address_of(e, base) or other ~= address_of(e, quote) then
    e.report:error("pair", "pool_differs", { base = tostring(given), quote = tostring(other), pair = p.pair })
    return
  end
  e.report:ok("pool", { pair = p.pair, fee = tostring(info.feePct or info.fee_pct) })
  e.pool_price = fields.number(info.price)
  local bin = fields.number(info.binStep or info.bin_step)
  if provider == "meteora" and bin and bin:sign() > 0 then
    local bins = (p.width_pct * 100):div(bin, 2, "up")
    if bins > decimal(MAX_BINS) then
      e.report:error("width_pct", "range_too_many_bins", { width = show(p.width_pct), bins = show(bins, 0), most = show((bin * MAX_BINS):div(100, 2, "down")) })
    end
  end
end

-- What each side must bring: { token, quote money }.
local function needed(p)
  local base, quote = tokens(p.pair)
  local half = p.budget_quote:div(2, 8, "up")
  if p.start_side == "BUY" then return { { quote, p.budget_quote } } end
  if p.start_side == "SELL" then return { { base, p.budget_quote, true } } end
  return { { base, half, true }, { quote, half } }
end

local function check_coins(e)
  if not e.wallet or not e.pool_price or e.p.autoswap then return end
  for _, row in ipairs(needed(e.p)) do
    local need = row[3] and row[2]:div(e.pool_price, 8, "up") or row[2]
    local have = e.market.available(gateway.WALLET_ACCOUNT, versions.NETWORK, row[1])
    if row[1] == "SOL" then need = need + gateway.POOL_GAS_SOL end
    if have < need then e.report:error("budget_quote", "both_coins_needed", { token = row[1], need = show(need, 6), have = show(have, 6) }) end
  end
end

local function swap_size(e)
  return e.p.autoswap and e.pool_price and e.pool_price:sign() > 0 and e.p.budget_quote:div(e.pool_price * 2, 8, "up") or nil
end

local function check_version(e)
  local least = versions.too_old(e.ctx.hummingbot, "lp_rebalancer")
  if least then e.report:error("/image", "version_too_old", { version = tostring(e.ctx.hummingbot), least = least }) end
end

function pool.rebalanced(given)
  return template.strategy(given, "lp", function(o)
    return {
      title = "Liquidity position with Jupiter auto-swap", risk = "high", executors = { "lp" }, budget = "budget_quote", pair = "pair",
      controller = { "generic", "lp_rebalancer" },
      summary = "Lends both coins to a pool in a narrow price range and earns its fees; opens the range anew when the price leaves it. Loses when the price runs away and comes back.",
      docs = "Percents are percents here. The position stays in the pool when the bot is stopped: withdraw it yourself.",
      risk_defaults = { max_loss_quote = "15%", max_controller_loss_quote = "15%" },
      rows = {
        { form.enum("lp_provider", { values = PROVIDERS, default = "orca/clmm", group = "market", help = "Where the pool lives. Jupiter itself has no pools." }), "lp_provider" },
        { form.mint("pool", { default = SOL_USDC, network = versions.NETWORK, group = "market", help = "Pool address. The default is Orca's SOL-USDC." }), "pool_address" },
        words.pair(o, "SOL", "trading_pair", { quote = "USDC", connector = false, help = "BASE-QUOTE in the pool's own order." }),
        words.budget("100", "10"),
        { form.percent("width_pct", { default = "4", min = "0.05", max = "100", group = "range", help = "Width of the range." }), "position_width_pct" },
        { form.percent("rebalance_pct", { default = "1", min = "0.1", max = "50", group = "range", help = "Re-open when the price leaves the range by this much." }), "rebalance_threshold_pct" },
        { form.enum("start_side", { values = { "BUY", "SELL", "RANGE" }, default = "RANGE", group = "range", help = "BUY starts with the quote coin, SELL with the base coin; RANGE needs both." }), "side", "side" },
        { form.boolean("autoswap", { default = true, group = "range", help = "Swap through Jupiter when one coin is missing." }), "autoswap" },
      },
      fixed = { candles_config = json.array({}), connector_name = gateway.name, position_offset_pct = decimal("0.1"), sell_price_max = json.null, sell_price_min = json.null,
        buy_price_max = json.null, buy_price_min = json.null, strategy_type = json.null, swap_buffer_pct = decimal("0.5") },
      presets = {
        careful = { budget_quote = "50", width_pct = "10", rebalance_pct = "3" },
        usual = { budget_quote = "100", width_pct = "4", rebalance_pct = "1" },
        bold = { budget_quote = "300", width_pct = "2", rebalance_pct = "0.5" },
      },
      checks = { gateway.version, check_version, gateway.up, gateway.pair("pair"), gateway.wallet(gateway.POOL_GAS_SOL), gateway.settings, check_pool, check_coins,
        gateway.route("pair", swap_size) },
      preview = function(ctx, p)
        local rows = { { kind = "range", title = "Position", quote = p.budget_quote, width_pct = p.width_pct, rebalance_pct = p.rebalance_pct, connector = gateway.name(ctx) } }
        for _, row in ipairs(needed(p)) do rows[#rows + 1] = { kind = "coins", token = row[1], quote = row[2] } end
        return rows
      end,
    }
  end)
end

return pool
