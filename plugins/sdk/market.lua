-- The market as hooks see it: a cached, exchange-neutral view during one call. Everything that was read
-- is recorded in the facts of the plan, so that `build` is a pure function of parameters and facts.
--
-- check(ctx, p, market, report) gets it as `market`; functions are called with a dot:
--   market.rules(connector, pair) -> rules, or nil when the connector does not list the pair:
--     { min_base, max_base, base_step, price_step, min_value, limit_orders, market_orders }
--     decimals or nil when unknown; min_value is the smallest order in quote money: the larger of
--     min_notional_size and min_order_value, since BitMart spot publishes only the latter.
--   market.mid(connector, pair) -> decimal, or nil when the market gives no price now
--   market.pairs(connector) -> array of the pairs the connector lists, sorted
--   market.balances(account, connector) -> { [TOKEN] = { total, available } } (decimals; empty when none)
--   market.available(account, connector, token) -> decimal, 0 when the token is not there
--   market.min_order_value(connector, pair) -> smallest order in quote money over all minimums at the
--     present price (min_value and min_base * mid), or nil when nothing is known
--   market.position_mode(account, connector) -> "HEDGE" or "ONEWAY"; nil and why when it cannot be read
--   market.candle_feeds() -> array of the connectors that have candles, nil when they cannot be read
--   market.candles(feed, pair, interval, count, seconds) -> array of { open, high, low, close } (decimals), at
--     most `count`, oldest first; nil, code and why when the feed gave none within `seconds`
--   market.connectors() -> array of the connectors that the API has; market.has_connector(name)
--   market.listed(connector, pair) -> true when the API has the connector and the connector the pair
--   market.controllers() -> array of "type/name"
--   market.template(controller) -> its fields as the API's template has them, { name, type, default } of
--     which type is Python's own text and default is what the API makes of it; nil when the API does not
--     have the controller
-- facts: facts.rules[connector][pair], facts.mid[connector][pair], facts.balances[account][connector],
-- facts.templates[controller].
-- A failing upstream raises an `upstream` error.
local _, host = ...
local decimal = require("bridge.decimal")
local fields = require("bridge.fields")
local json = require("bridge.json")
local copy = require("bridge.tables").copy
local hb = require("bridge.hb")

---@class market.rules
---@field min_base? decimal
---@field max_base? decimal
---@field base_step? decimal
---@field price_step? decimal
---@field min_value? decimal
---@field limit_orders boolean
---@field market_orders boolean

---@class market
---@field rules fun(connector: string, pair: string): market.rules?
---@field mid fun(connector: string, pair: string): decimal?
---@field pairs fun(connector: string): string[]
---@field balances fun(account: string, connector: string): table<string, { total: decimal, available: decimal }>
---@field available fun(account: string, connector: string, token: string): decimal
---@field min_order_value fun(connector: string, pair: string): decimal?
---@field position_mode fun(account: string, connector: string): string?, string?
---@field candle_feeds fun(): string[]?
---@field candles fun(feed: string, pair: string, interval: string, count: integer, seconds: integer): table[]?, string?, string?
---@field connectors fun(): string[]
---@field has_connector fun(connector: string): boolean
---@field listed fun(connector: string, pair: string): boolean
---@field controllers fun(): string[]
---@field template fun(controller: string): { name: string, type?: string, default?: any }[]?

local market = {}

-- A positive decimal below the "no limit" numbers that upstream writes (1e56); else nil.
local HUGE = decimal("1e20")
local function limit(value)
  local n = fields.number(value)
  if n and n:sign() > 0 and n < HUGE then return n end
  return nil
end

local TINY = decimal("1e-20")
local function step(value)
  local n = limit(value)
  return n and n > TINY and n or nil
end

local function read_rules(row)
  local notional, value = limit(row.min_notional_size), limit(row.min_order_value)
  return {
    min_base = limit(row.min_order_size),
    max_base = limit(row.max_order_size),
    base_step = step(row.min_base_amount_increment),
    price_step = step(row.min_price_increment),
    min_value = notional and value and decimal.max(notional, value) or notional or value,
    limit_orders = row.supports_limit_orders ~= false,
    market_orders = row.supports_market_orders ~= false,
  }
end

local function slot(facts, kind, key)
  facts[kind] = facts[kind] or {}
  facts[kind][key] = facts[kind][key] or {}
  return facts[kind][key]
end

-- A view that records into `facts`.
function market.new(facts)
  local view, known, names = {}, {}, {}

  local function once(key, read)
    if known[key] == nil then
      local value = read()
      known[key] = value == nil and false or value
    end
    return known[key] or nil
  end

  -- Upstream answers an unlisted pair with an error in the place of its rules, which fails the whole
  -- call; the list of all pairs tells that apart from a real failure.
  local function rules_row(connector, pair)
    local ok, rows = hb.try(host.read, "connectors.trading_rules", { connector_name = connector, trading_pairs = pair })
    if ok then return rows[pair] end
    for _, name in ipairs(view.pairs(connector)) do
      if name == pair then error(rows, 0) end
    end
    return nil
  end

  function view.rules(connector, pair)
    return once("rules " .. connector .. " " .. pair, function()
      local row = rules_row(connector, pair)
      if type(row) ~= "table" then return nil end
      local rules = read_rules(row)
      slot(facts, "rules", connector)[pair] = copy(rules)
      return rules
    end)
  end

  function view.pairs(connector)
    if not names[connector] then
      names[connector] = {}
      local rows = host.read("connectors.trading_rules", { connector_name = connector }, '{"*":{"min_order_size":true}}')
      for pair in pairs(rows) do
        table.insert(names[connector], pair)
      end
    end
    return names[connector]
  end

  function view.mid(connector, pair)
    return once("mid " .. connector .. " " .. pair, function()
      local answer = host.read("market.prices", { body = { connector_name = connector, trading_pairs = { pair } } })
      local price = type(answer.prices) == "table" and limit(answer.prices[pair]) or nil
      slot(facts, "mid", connector)[pair] = price
      return price
    end)
  end

  function view.balances(account, connector)
    return once("balances " .. account .. " " .. connector, function()
      local state = host.read("portfolio.state", { body = { account_names = { account }, connector_names = { connector }, refresh = true } })
      local rows = type(state[account]) == "table" and state[account][connector]
      local found = {}
      for _, row in ipairs(type(rows) == "table" and rows or {}) do
        if type(row) == "table" and type(row.token) == "string" then
          local total = fields.number(row.units) or decimal(0)
          found[row.token] = { total = total, available = fields.number(row.available_units) or total }
        end
      end
      slot(facts, "balances", account)[connector] = copy(found)
      return found
    end)
  end

  function view.available(account, connector, token)
    local row = view.balances(account, connector)[token]
    return row and row.available or decimal(0)
  end

  function view.position_mode(account, connector)
    local ok, answer = hb.try(host.read, "trading.position_mode", { account_name = account, connector_name = connector })
    local mode = ok and type(answer) == "table" and type(answer.position_mode) == "string" and answer.position_mode:match("([A-Z]+)$")
    if mode == "HEDGE" or mode == "ONEWAY" then return mode end
    return nil, ok and "the answer names none" or (tostring(answer.message):gsub("%.$", ""))
  end

  function view.candle_feeds()
    return once("feeds", function()
      local ok, names = hb.try(host.read, "market.candle_connectors", {})
      return ok and type(names) == "table" and names or nil
    end)
  end

  function view.candles(feed, pair, interval, count, seconds)
    local ok, rows = hb.try(host.read, "market.candles",
      { body = { connector_name = feed, trading_pair = pair, interval = interval, max_records = count }, within_s = seconds },
      '{"*":{"open":true,"high":true,"low":true,"close":true}}')
    if not ok then return nil, rows.code, (tostring(rows.message):gsub("%.$", "")) end
    local found = {}
    for _, row in ipairs(rows) do
      local c = { open = fields.number(row.open), high = fields.number(row.high), low = fields.number(row.low), close = fields.number(row.close) }
      if c.open and c.high and c.low and c.close and c.close:sign() > 0 then found[#found + 1] = c end
    end
    return found
  end

  function view.connectors()
    return once("connectors", function() return host.read("connectors.list", {}) end)
  end

  function view.has_connector(connector)
    for _, name in ipairs(view.connectors()) do
      if name == connector then return true end
    end
    return false
  end

  function view.listed(connector, pair)
    return view.has_connector(connector) and view.rules(connector, pair) ~= nil
  end

  function view.controllers()
    return once("controllers", function()
      local out = {}
      for kind, names in pairs(host.read("controllers.list", {})) do
        for _, name in ipairs(type(names) == "table" and names or {}) do out[#out + 1] = kind .. "/" .. tostring(name) end
      end
      return out
    end)
  end

  function view.template(controller)
    return once("template " .. controller, function()
      local known = false
      for _, name in ipairs(view.controllers()) do known = known or name == controller end
      if not known then return nil end
      local kind, name = controller:match("^([^/]+)/(.+)$")
      local answer, rows = host.read("controllers.template", { controller_type = kind, controller_name = name }), {}
      for field, row in pairs(answer) do
        row = type(row) == "table" and row or {}
        rows[#rows + 1] = { name = field, type = type(row.type) == "string" and row.type or nil, default = row.default }
      end
      facts.templates = facts.templates or {}
      facts.templates[controller] = json.array(copy(rows))
      return rows
    end)
  end

  function view.min_order_value(connector, pair)
    local rules = view.rules(connector, pair)
    if not rules then return nil end
    local mid = rules.min_base and view.mid(connector, pair)
    local by_size = mid and rules.min_base * mid or nil
    if rules.min_value and by_size then return decimal.max(rules.min_value, by_size) end
    return rules.min_value or by_size
  end

  return view
end

return market
