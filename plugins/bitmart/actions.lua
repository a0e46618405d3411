-- What can be done on BitMart beside bots. Both actions only read.
local form = require("bridge.form")
local json = require("bridge.json")

local CONNECTOR = "bitmart"

-- Balances of the account, asked of the exchange and not of the API's memory.
local function balances(hb, account, connector)
  local state = hb.portfolio.state({ body = { account_names = { account }, connector_names = { connector }, refresh = true } })
  local rows = type(state[account]) == "table" and state[account][connector]
  return type(rows) == "table" and rows or {}
end

return {
  -- A wrong secret or memo was accepted when keys were added; only a signed read proves them.
  prove_keys = {
    title = "Prove the keys by reading the balances",
    role = "operator",
    needs = { "accounts.credentials", "portfolio.state" },
    run = function(ctx, _, hb)
      local there = false
      for _, name in ipairs(hb.accounts.credentials({ account_name = ctx.account })) do there = there or name == CONNECTOR end
      if not there then
        return { proven = false, reason = "The account " .. ctx.account .. " has no BitMart keys.", tokens = json.array({}) }
      end
      local tokens = {}
      for _, row in ipairs(balances(hb, ctx.account, CONNECTOR)) do tokens[#tokens + 1] = row.token end
      if #tokens == 0 then
        return { proven = false, tokens = json.array({}),
          reason = "BitMart showed no balance: the account is empty, or the keys, the memo or the IP list are wrong. Fund it with any amount and try again." }
      end
      return { proven = true, tokens = json.array(tokens) }
    end,
  },

  show_limits = {
    title = "Show the order limits of a pair",
    role = "operator",
    needs = { "connectors.trading_rules" },
    form = form.of { form.pair("pair", { default = "BTC-USDT", connector = CONNECTOR, help = "Market as BASE-QUOTE, upper case." }) },
    run = function(_, p, hb)
      local rules = hb.connectors.trading_rules({ connector_name = CONNECTOR, trading_pairs = p.pair })
      local row = type(rules) == "table" and rules[p.pair]
      if type(row) ~= "table" then return { pair = p.pair, listed = false } end
      return { pair = p.pair, listed = true, min_base = row.min_order_size, base_step = row.min_base_amount_increment,
        price_step = row.min_price_increment, min_order_value = row.min_order_value or row.min_notional_size }
    end,
  },
}
