-- What can be done on Jupiter beside bots: look whether Gateway and wallet are ready, make a token known.
local form = require("bridge.form")
local json = require("bridge.json")

local NETWORK = "solana-mainnet-beta"

local function rows_of(answer)
  local rows = type(answer) == "table" and (answer.tokens or answer) or {}
  return type(rows) == "table" and rows or {}
end

local function find(tokens, address)
  for _, row in ipairs(tokens) do
    if type(row) == "table" and row.address == address then return row end
  end
end

-- The wallet that bots use: the default one, which is not always the first of the list.
local function default_wallet(rows)
  for _, row in ipairs(type(rows) == "table" and rows or {}) do
    local listed = type(row) == "table" and row.chain == "solana" and (row.walletAddresses or row.wallet_addresses)
    local address = listed and (row.default_address or listed[1])
    if type(address) == "string" and address ~= "" then return address end
  end
end

return {
  gateway_up = {
    title = "Is Gateway up?",
    role = "operator",
    needs = { "gateway.status", "gateway.tokens" },
    run = function(_, _, hb)
      if hb.gateway.status({}).running ~= true then return { up = false, reason = "The container of Gateway does not run." } end
      local ok, answer = hb.try(hb.gateway.tokens, { network_id = NETWORK })
      if not ok then return { up = false, reason = "Gateway runs and does not answer: " .. tostring(answer.message) } end
      return { up = true, network = NETWORK, tokens = #rows_of(answer) }
    end,
  },

  prove_wallet = {
    title = "Prove the wallet by reading its balances",
    role = "operator",
    needs = { "accounts.wallets", "portfolio.state" },
    run = function(_, _, hb)
      local address = default_wallet(hb.accounts.wallets({}))
      if not address then return { proven = false, reason = "Gateway has no Solana wallet." } end
      if address:find("<", 1, true) then
        return { proven = false, reason = "Gateway's default Solana wallet is still the text of a fresh installation: add a wallet and make it the default." }
      end
      -- The API keeps a wallet's balances under this account, whatever profile a bot uses.
      local state = hb.portfolio.state({ body = { account_names = { "master_account" }, connector_names = { NETWORK }, refresh = true } })
      local rows = type(state.master_account) == "table" and state.master_account[NETWORK]
      local tokens = {}
      for _, row in ipairs(type(rows) == "table" and rows or {}) do tokens[#tokens + 1] = { token = row.token, units = row.units } end
      if #tokens == 0 then return { proven = false, address = address, reason = "No balance of the wallet can be read." } end
      return { proven = true, address = address, balances = json.array(tokens) }
    end,
  },

  add_token = {
    title = "Make a Solana token known to Gateway",
    role = "admin",
    needs = { "gateway.tokens", "gateway.token_add" },
    form = form.of {
      form.mint("address", { default = "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN", network = "solana", help = "Mint address of the token." }),
      form.string("symbol", { default = "JUP", max_length = 20, help = "Its symbol, as it will stand in pairs." }),
      form.string("name", { default = "Jupiter", max_length = 60, help = "Its name." }),
      form.integer("decimals", { default = 6, min = "0", max = "18", help = "Its decimals, as the chain says: a wrong number makes wrong amounts." }),
    },
    run = function(ctx, p, hb)
      local known = find(rows_of(hb.gateway.tokens({ network_id = NETWORK })), p.address)
      if known then return { added = false, reason = "Gateway knows it already.", symbol = known.symbol, decimals = known.decimals } end
      hb.gateway.token_add({ network_id = NETWORK, body = { address = p.address, symbol = p.symbol, name = p.name, decimals = p.decimals } })
      if ctx.dry_run then return { added = false, reason = "This was a dry run." } end
      local row = find(rows_of(hb.gateway.tokens({ network_id = NETWORK, fresh = true })), p.address)
      if not row then return { added = false, reason = "Gateway accepted it and does not list it: restart Gateway and look again." } end
      return { added = true, symbol = row.symbol, decimals = row.decimals }
    end,
  },
}
