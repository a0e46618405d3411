-- What Gateway must be able to do before money moves: be up, know the tokens, have a funded wallet.
-- Nothing here asks for a quote. Reads happen in `check` only.
local hb = require("bridge.hb")
local decimal = require("bridge.decimal")
local fields = require("bridge.fields")
local text = require("bridge.text")
local names = require("connector_names")

local gateway = {}

-- SOL that pays swap fees and the rent of token accounts (about 0.002 SOL each, up to 0.001 SOL a swap).
gateway.GAS_SOL = decimal("0.02")
-- The API keeps the wallet's balances under this account, whatever profile the bot uses.
gateway.WALLET_ACCOUNT = "master_account"
-- Gateway's own setting when the connector's configuration cannot be read.
local SLIPPAGE_PCT = decimal(1)

-- Symbols longer than this are mint addresses.
local SYMBOL = 20

local function rows_of(answer, key)
  if type(answer) ~= "table" then return {} end
  local rows = answer[key] or answer
  return type(rows) == "table" and rows or {}
end

-- True when Gateway runs and answers; reports what is wrong otherwise. Second result: its tokens.
function gateway.check_up(report)
  if hb.gateway.status({}).running ~= true then
    report:error("/exchange", "gateway_down", {})
    return false
  end
  local ok, answer = hb.try(hb.gateway.tokens, { network_id = names.NETWORK })
  if not ok then
    report:error("/exchange", "gateway_silent", { network = names.NETWORK, why = (tostring(answer.message):gsub("%.$", "")) })
    return false
  end
  report:ok("gateway_up", { network = names.NETWORK })
  return true, rows_of(answer, "tokens")
end

local function find_token(tokens, word)
  local symbols = {}
  for _, row in ipairs(tokens) do
    if type(row) == "table" and type(row.symbol) == "string" then
      symbols[#symbols + 1] = row.symbol
      if row.symbol:upper() == word or (#word > SYMBOL and row.address == word) then return row end
    end
  end
  return nil, text.nearest(word, symbols)
end

-- Both tokens of the pair in Gateway's list.
function gateway.check_tokens(tokens, field, pair, report)
  local base, quote = pair:match("^(.-)%-(.*)$")
  for _, word in ipairs({ base, quote }) do
    local row, near = find_token(tokens, word)
    if not row then
      report:error(field, near and "token_unknown_near" or "token_unknown", { token = word, network = names.NETWORK, near = near or "" })
    else
      report:ok("token_known", { token = word, address = tostring(row.address) })
    end
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

-- True when a wallet is set.
function gateway.check_wallet(report)
  local address = default_wallet()
  if address == "" then
    report:error("/account", "no_wallet", {})
    return false
  elseif address:find("<", 1, true) then
    report:error("/account", "wallet_not_set", { address = address })
    return false
  end
  report:ok("wallet", { address = address })
  return true
end

-- SOL for fees, besides SOL that is traded.
function gateway.check_gas(market, report)
  local have = market.available(gateway.WALLET_ACCOUNT, names.NETWORK, "SOL")
  if have < gateway.GAS_SOL then
    report:error("/account", "gas_low", { have = tostring(have:normal()), need = tostring(gateway.GAS_SOL) })
  else
    report:ok("gas", { have = tostring(have:normal()), need = tostring(gateway.GAS_SOL) })
  end
end

-- Slippage in percent that Jupiter swaps allow; bots never send their own. Warns when no API key is set:
-- the keyless service answers too few requests for two quotes a second.
function gateway.slippage_pct(report)
  local ok, config = hb.try(hb.gateway.connector, { connector_name = "jupiter" })
  if not ok or type(config) ~= "table" then return SLIPPAGE_PCT end
  if (config.api_key or config.apiKey) == "" then report:warn("/exchange", "no_jupiter_key", {}) end
  return fields.number(config.slippage_pct or config.slippagePct) or SLIPPAGE_PCT
end

return gateway
