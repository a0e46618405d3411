-- The figures of a running bot from the report upstream gives about it. What is not reported is null,
-- never 0; quotes are never summed. Rules that cost others money when they were missed:
--   realised is gross of the fees of held positions, so net = realised + unrealised - those fees;
--   the report's global_pnl_pct is per traded volume, so the return is net / budget instead;
--   a position whose price is unknown reports minus its whole value as unrealised: then it is unknown.
local decimal = require("bridge.decimal")
local fields = require("bridge.fields")
local json = require("bridge.json")

local pnl = {}

local function number(value) return fields.number(value) end
local function or_null(value) if value == nil then return json.null end return value end
local function plus(a, b) if a == nil or b == nil then return nil end return a + b end
local function object(value) return type(value) == "table" and value or {} end

local UNKNOWN_PART = decimal("0.99")

local function read_position(controller, row)
  local amount, entry = number(row.amount), number(row.breakeven_price)
  local unrealised = number(row.unrealized_pnl_quote)
  local cost = amount and entry and decimal.abs(amount * entry) or nil
  local unknown = cost and unrealised and cost:sign() > 0 and decimal.abs(unrealised) >= cost * UNKNOWN_PART or false
  if unknown then unrealised = nil end
  local long = tostring(row.side):upper():find("BUY", 1, true) ~= nil
  local value = cost and unrealised and (long and cost + unrealised or cost - unrealised) or nil
  return {
    controller = controller, connector = or_null(row.connector_name), pair = or_null(row.trading_pair),
    side = long and "long" or "short", amount = or_null(amount), entry_price = or_null(entry),
    value_quote = or_null(value), unrealised = or_null(unrealised), realised = or_null(number(row.realized_pnl_quote)),
    fees = or_null(number(row.cum_fees_quote)),
  }, unknown
end

local function quote_of(pair)
  return type(pair) == "string" and pair:match("%-([^-]+)$") or nil
end

local function read_closes(performance, into)
  local own = {}
  for name, count in pairs(object(performance.close_type_counts)) do
    local n = number(count)
    local whole = n and n:integer()
    if whole then
      local short = tostring(name):gsub("^CloseType%.", "")
      own[short] = (own[short] or 0) + whole
      into[short] = (into[short] or 0) + whole
    end
  end
  return own
end

-- Orders a grid has on the book; other controllers do not report theirs.
local function open_orders(custom)
  local levels = object(object(custom).levels_by_state)
  local total
  for _, state in ipairs({ "OPEN_ORDER_PLACED", "CLOSE_ORDER_PLACED" }) do
    local n = number(levels[state])
    n = n and n:integer() or (type(levels[state]) == "table" and #levels[state]) or nil
    if n then total = (total or 0) + n end
  end
  return total
end

local function read_controller(id, row, default_quote, out)
  local performance = object(row.performance)
  local c = { id = id, status = or_null(row.status), quote = default_quote,
    realised = number(performance.realized_pnl_quote), unrealised = number(performance.unrealized_pnl_quote),
    volume = number(performance.volume_traded) }
  local price_unknown, held_fees = false, nil
  for _, held in ipairs(object(performance.positions_summary)) do
    held = object(held)
    local position, unknown = read_position(id, held)
    out.positions[#out.positions + 1] = position
    price_unknown = price_unknown or unknown
    local fee = number(held.cum_fees_quote)
    c.fees_unknown = c.fees_unknown or fee == nil
    held_fees = plus(held_fees or decimal(0), fee or decimal(0))
    c.quote = quote_of(held.trading_pair) or c.quote
  end
  if price_unknown then
    c.unrealised = nil
    out.flags[#out.flags + 1] = { code = "price_unknown", controller = id,
      message = "the bot has no price for a position it holds, so the unrealised result is unknown" }
  end
  -- One fee that is not reported makes their sum, and what is left after them, unknown.
  c.fees = not c.fees_unknown and held_fees or nil
  c.net = not c.fees_unknown and plus(c.realised, c.unrealised) or nil
  if c.net and c.fees then c.net = c.net - c.fees end
  c.closes, c.open_orders = read_closes(performance, out.closes), open_orders(row.custom_info)
  c.reported = next(performance) ~= nil
  return c
end

local function shown(c)
  return { id = c.id, status = c.status, quote = or_null(c.quote), realised = or_null(c.realised), unrealised = or_null(c.unrealised),
    fees = or_null(c.fees), net = or_null(c.net), volume = or_null(c.volume), closes = c.closes, open_orders = or_null(c.open_orders) }
end

local SUMS = { "realised", "unrealised", "net", "volume" }

local function sum_up(controllers, budget, single)
  local order, groups = {}, {}
  for _, c in ipairs(controllers) do
    if c.reported then
      local key = c.quote or ""
      local g = groups[key]
      if not g then
        g = { quote = c.quote, realised = decimal(0), unrealised = decimal(0), net = decimal(0), volume = decimal(0) }
        groups[key], order[#order + 1] = g, key
      end
      for _, name in ipairs(SUMS) do g[name] = plus(g[name], c[name]) end
      if c.fees and not g.fees_unknown then g.fees = plus(g.fees or decimal(0), c.fees) end
      if c.fees_unknown then g.fees, g.fees_unknown = nil, true end
    end
  end
  local rows = json.array({})
  for i, key in ipairs(order) do
    local g = groups[key]
    -- The budget is in the bot's one quote; with several nothing says how it is split.
    local part = #order == 1 and single and budget and budget:sign() > 0 and g.net and (g.net * 100):div(budget, 4, "half_even"):normal() or nil
    rows[i] = { quote = or_null(g.quote), realised = or_null(g.realised), unrealised = or_null(g.unrealised), fees = or_null(g.fees),
      net = or_null(g.net), return_pct = or_null(part), volume = or_null(g.volume), drawdown = json.null }
  end
  return rows
end

local FAILING = { "INSUFFICIENT_BALANCE", "FAILED" }

-- bot: { quotes, budget_quote, … }; raw: the bot's slice of GET /bot-orchestration/status. Returns
-- { pnl, controllers, positions, closes, flags }.
function pnl.status(bot, raw)
  bot, raw = object(bot), object(raw)
  local out = { controllers = json.array({}), positions = json.array({}), closes = {}, flags = json.array({}) }
  local quotes = object(bot.quotes)
  local read = {}
  for id, row in pairs(object(raw.performance)) do
    read[#read + 1] = read_controller(id, object(row), quotes[1], out)
    out.controllers[#read] = shown(read[#read])
  end
  out.pnl = sum_up(read, number(bot.budget_quote), #quotes <= 1)
  for _, name in ipairs(FAILING) do
    if (out.closes[name] or 0) > 0 then
      out.flags[#out.flags + 1] = { code = name:lower(), message = out.closes[name] .. " executors ended with " .. name }
    end
  end
  return out
end

return pnl
