-- What can be done on BitMart beside bots. Both actions only read.
local form = require("bridge.form")
local json = require("bridge.json")

-- Spot and perpetual have keys of their own in Hummingbot, and rules of their own.
local MARKETS = { spot = "bitmart", perpetual = "bitmart_perpetual" }

local function market_field()
  return form.enum("market", { values = { "spot", "perpetual" }, default = "spot", help = "Spot and perpetual have keys and rules of their own." })
end

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
    form = form.of { market_field() },
    run = function(ctx, p, hb)
      local there, connector = false, MARKETS[p.market]
      for _, name in ipairs(hb.accounts.credentials({ account_name = ctx.account })) do there = there or name == connector end
      if not there then
        return { proven = false, connector = connector, tokens = json.array({}),
          reason = "The account " .. ctx.account .. " has no keys for BitMart " .. p.market .. "." }
      end
      local tokens = {}
      for _, row in ipairs(balances(hb, ctx.account, connector)) do tokens[#tokens + 1] = row.token end
      if #tokens == 0 then
        return { proven = false, connector = connector, tokens = json.array({}),
          reason = "BitMart showed no balance: the account is empty, or the keys, the memo or the IP list are wrong. Fund it with any amount and try again." }
      end
      return { proven = true, connector = connector, tokens = json.array(tokens) }
    end,
  },

  show_limits = {
    title = "Show the order limits of a pair",
    role = "operator",
    needs = { "connectors.trading_rules" },
    form = form.of { market_field(), form.pair("pair", { default = "BTC-USDT", connector = "bitmart", help = "Market as BASE-QUOTE, upper case." }) },
    run = function(_, p, hb)
      local connector = MARKETS[p.market]
      local ok, rules = hb.try(hb.connectors.trading_rules, { connector_name = connector, trading_pairs = p.pair })
      -- Upstream's answer for a pair it does not list is an error in the place of its rules.
      local row = ok and type(rules) == "table" and rules[p.pair]
      if not ok and hb.connectors.trading_rules({ connector_name = connector })[p.pair] then error(rules, 0) end
      if type(row) ~= "table" then return { pair = p.pair, connector = connector, listed = false } end
      return { pair = p.pair, connector = connector, listed = true, min_base = row.min_order_size, base_step = row.min_base_amount_increment,
        price_step = row.min_price_increment, min_order_value = row.min_order_value, min_notional = row.min_notional_size }
    end,
  },
}
