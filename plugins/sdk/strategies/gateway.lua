-- What Gateway must be able to do before money moves on a chain: be up, know the tokens, have a funded
-- wallet, find a route both ways. Reads happen in `check` only; e is that of template.lua.
local hb = require("bridge.hb")
local decimal = require("bridge.decimal")
local fields = require("bridge.fields")
local text = require("bridge.text")
local versions = require("bridge.strategies.versions")
local template = require("bridge.strategies.template")

local gateway = {}
local show, tokens = template.show, template.tokens

-- SOL that pays swap fees and the rent of token accounts (about 0.002 SOL each, up to 0.001 SOL a swap); a
-- pool position also has its own accounts, and the connector keeps 0.1 SOL back.
gateway.GAS_SOL = decimal("0.02")
gateway.POOL_GAS_SOL = decimal("0.11")
-- The API keeps the wallet's balances under this account, whatever profile the bot uses.
gateway.WALLET_ACCOUNT = "master_account"
-- Gateway's own setting when the connector's configuration cannot be read.
local SLIPPAGE_PCT = decimal(1)
local IMPACT_PCT, OFF_PCT = decimal(1), decimal(3)
local PUBLIC_NODE = "api.mainnet-beta.solana.com"

-- Symbols longer than this are mint addresses.
local SYMBOL = 20

local function rows_of(answer, key)
  if type(answer) ~= "table" then return {} end
  local rows = answer[key] or answer
  return type(rows) == "table" and rows or {}
end

-- "known" or "newer" name of the router for this image; said, and nil when it is too old.
function gateway.version(e)
  local name, how = versions.router(e.ctx.hummingbot)
  local version = type(e.ctx.hummingbot) == "string" and e.ctx.hummingbot or "of unknown version"
  if not name then
    e.report:error("/image", "version_too_old", { version = version, least = "2.14" })
  elseif how == "newer" then
    e.report:warn("/image", "version_not_tried", { version = version, name = name })
  else
    e.report:ok("connector_name", { name = name, version = version })
  end
end

-- The router's connector id in a config, for a strategy's fixed part.
function gateway.name(ctx)
  return versions.router(ctx.hummingbot)
end

-- Notes in e.gateway whether Gateway runs and answers, with its tokens; says what is wrong otherwise.
function gateway.up(e)
  local network = versions.NETWORK
  if hb.gateway.status({}).running ~= true then
    e.report:error("/exchange", "gateway_down", {})
    return
  end
  local ok, answer = hb.try(hb.gateway.tokens, { network_id = network })
  if not ok then
    e.report:error("/exchange", "gateway_silent", { network = network, why = (tostring(answer.message):gsub("%.$", "")) })
    return
  end
  e.report:ok("gateway_up", { network = network })
  e.gateway = { tokens = rows_of(answer, "tokens") }
end

local function find_token(list, word)
  local symbols = {}
  for _, row in ipairs(list) do
    if type(row) == "table" and type(row.symbol) == "string" then
      symbols[#symbols + 1] = row.symbol
      if row.symbol:upper() == word:upper() or (#word > SYMBOL and row.address == word) then return row end
    end
  end
  return nil, text.nearest(word, symbols)
end
gateway.find_token = find_token

-- Each of the words in Gateway's list. field: where they were given.
function gateway.tokens_known(e, field, list)
  if not e.gateway then return end
  for _, word in ipairs(list) do
    local row, near = find_token(e.gateway.tokens, word)
    if #word > SYMBOL then e.report:warn(field, "mint_in_pair", { token = word }) end
    if not row then
      e.report:error(field, near and "token_unknown_near" or "token_unknown", { token = word, network = versions.NETWORK, near = near or "" })
    else
      e.report:ok("token_known", { token = word, address = tostring(row.address) })
    end
  end
end

-- Both tokens of a pair field.
function gateway.pair(field)
  return function(e)
    local base, quote = tokens(e.p[field])
    gateway.tokens_known(e, field, { base, quote })
  end
end

-- The chain's default wallet is the one bots use; a fresh Gateway has a text in angle brackets there.
local function default_wallet()
  for _, row in ipairs(rows_of(hb.accounts.wallets({}), "wallets")) do
    if type(row) == "table" and row.chain == "solana" then
      local listed = type(row.walletAddresses) == "table" and row.walletAddresses or row.wallet_addresses
      local address = row.default_address
      if address == nil and type(listed) == "table" then address = listed[1] end
      return type(address) == "string" and address or ""
    end
  end
  return ""
end

-- A wallet that is set, with SOL for fees besides SOL that is traded; notes it in e.wallet.
function gateway.wallet(need)
  return function(e)
    if not e.gateway then return end
    local address = default_wallet()
    if address == "" then
      e.report:error("/account", "no_wallet", {})
      return
    elseif address:find("<", 1, true) then
      e.report:error("/account", "wallet_not_set", { address = address })
      return
    end
    e.wallet = address
    e.report:ok("wallet", { address = address })
    local have = e.market.available(gateway.WALLET_ACCOUNT, versions.NETWORK, "SOL")
    local data = { have = tostring(have:normal()), need = tostring(need) }
    if have < need then e.report:error("/account", "gas_low", data) else e.report:ok("gas", data) end
  end
end

-- Solana's public node limits requests: balances fail, and a swap that is seen late is sent again.
function gateway.node(e)
  if not e.gateway then return end
  local known, network = hb.try(hb.gateway.network, { network_id = versions.NETWORK })
  local node = known and type(network) == "table" and (network.node_url or network.nodeURL)
  if type(node) == "string" and node:find(PUBLIC_NODE, 1, true) then e.report:error("/exchange", "public_node", { node = node }) end
end

-- Slippage in percent that swaps allow, in e.slippage; bots never send their own. Refuses when no API key is
-- set (the keyless service was given up, and answered too few requests) and Solana's public node.
function gateway.settings(e)
  e.slippage = SLIPPAGE_PCT
  if not e.gateway then return end
  local ok, config = hb.try(hb.gateway.connector, { connector_name = "jupiter" })
  if ok and type(config) == "table" then
    if (config.api_key or config.apiKey) == "" then e.report:error("/exchange", "no_jupiter_key", {}) end
    e.slippage = fields.number(config.slippage_pct or config.slippagePct) or SLIPPAGE_PCT
  end
  gateway.node(e)
end

-- ---- routes ----

-- The price of selling or buying `amount` coins; or nil, why, and whether Gateway said so.
local function quote(pair, side, amount)
  local ok, answer = hb.try(hb.swap.quote, { body = { connector = "jupiter", network = versions.NETWORK, trading_pair = pair, side = side, amount = tostring(amount) } })
  local price = ok and type(answer) == "table" and fields.number(answer.price)
  if price and price:sign() > 0 then return price end
  -- A refusal, or a price of 0 with status 200: Gateway was asked and finds nothing.
  if ok or (answer.status > 0 and answer.status < 500) then return nil, "no route", true end
  return nil, (tostring(answer.message):gsub("%.$", "")), false
end

-- Quotes both ways at the size of a trade. field: the pair's; amount_of(e): coins, or nil when unknown;
-- side: the only one that is traded, or nil for both.
function gateway.route(field, amount_of, side)
  return function(e)
    local amount = e.gateway and e.wallet and amount_of(e)
    if not amount then return end
    local pair, only = e.p[field], side and side(e.p)
    local base = tokens(pair)
    amount = amount:round(6, "half_up")
    local sell, why, refused = quote(pair, "SELL", amount)
    if not sell and not refused then
      e.report:warn(field, "route_unknown", { pair = pair, why = why })
      return
    elseif not sell then
      e.report:error(field, "no_route", { amount = show(amount, 6), token = base, pair = pair })
      return
    end
    local buy, lacks, none = quote(pair, "BUY", amount)
    if not buy and not none then
      e.report:warn(field, "route_unknown", { pair = pair, why = lacks })
      return
    elseif not buy then
      local verb = only == "SELL" and "warn" or "error"
      e.report[verb](e.report, field, "no_exact_out", { token = base, why = lacks })
      return
    end
    local middle = (buy + sell):div(2, 12, "half_even")
    local impact = ((buy - sell) * 100):div(middle * 2, 4, "half_up")
    local data = { buy = show(buy, 8), sell = show(sell, 8), impact = show(impact, 2) }
    if impact > IMPACT_PCT then e.report:error(field, "route_impact", data) else e.report:ok("route", data) end
    e.chain_price = middle
  end
end

-- Jupiter's price against the exchange's; after gateway.route.
function gateway.compare(field)
  return function(e)
    if not e.chain_price or not e.mid then return end
    local off = (decimal.abs(e.chain_price - e.mid) * 100):div(e.mid, 2, "half_up")
    if off > OFF_PCT then
      e.report:error(field, "route_price_off", { dex = e.p[field], off = show(off), cex = e.pair, exchange = e.o.title })
    end
  end
end

return gateway
