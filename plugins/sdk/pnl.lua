-- The figures of a running bot from the report upstream gives about it. What is not reported is null,
-- never 0; quotes are never summed. Rules that cost others money when they were missed:
--   realised is gross of the fees of held positions, so net = realised + unrealised - those fees;
--   the report's global_pnl_pct is per traded volume, so the return is net / budget instead;
--   a position whose price is unknown is valued at price 0 and so reports the whole cost as unrealised
--   (a long as a loss, a short as a gain): then it is unknown. A long that doubled is not that.
local decimal = require("bridge.decimal")
local fields = require("bridge.fields")
local json = require("bridge.json")

local pnl = {}

local function number(value) return fields.number(value) end
local function or_null(value) if value == nil then return json.null end return value end
local function plus(a, b) if a == nil or b == nil then return nil end return a + b end
local function object(value) return type(value) == "table" and value or {} end

local UNKNOWN_PART = decimal("0.99")

-- "TradeType.BUY", "BUY" or the number of the enumeration; nil for anything else.
local function side_of(side)
  local word = tostring(side):upper():match("%w+$")
  return (word == "BUY" or word == "1") and "long" or (word == "SELL" or word == "2") and "short" or nil
end

local function read_position(controller, row)
  local amount, entry = number(row.amount), number(row.breakeven_price)
  local unrealised = number(row.unrealized_pnl_quote)
  local cost = amount and entry and decimal.abs(amount * entry) or nil
  local side = side_of(row.side)
  local at_zero = cost and unrealised and cost:sign() > 0 and (side == "short" and unrealised or -unrealised)
  local unknown = at_zero and at_zero >= cost * UNKNOWN_PART or false
  if unknown then unrealised = nil end
  local value = cost and unrealised and side and (side == "long" and cost + unrealised or cost - unrealised) or nil
  return {
    controller = controller, connector = or_null(row.connector_name), pair = or_null(row.trading_pair),
    side = or_null(side), amount = or_null(amount), entry_price = or_null(entry),
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

local function flag(out, code, controller, message)
  out.flags[#out.flags + 1] = { code = code, controller = controller, message = message }
end

local function read_controller(id, row, default_quote, out)
  local performance = object(row.performance)
  local c = { id = id, status = or_null(row.status), quote = default_quote,
    -- Without the list of held positions their fees are not known either.
    fees_unknown = type(performance.positions_summary) ~= "table",
    realised = number(performance.realized_pnl_quote), unrealised = number(performance.unrealized_pnl_quote),
    volume = number(performance.volume_traded) }
  local price_unknown, held_fees, held_quote, mixed = false, nil, nil, false
  for _, held in ipairs(object(performance.positions_summary)) do
    held = object(held)
    local position, unknown = read_position(id, held)
    out.positions[#out.positions + 1] = position
    price_unknown = price_unknown or unknown
    local fee = number(held.cum_fees_quote)
    c.fees_unknown = c.fees_unknown or fee == nil
    held_fees = plus(held_fees or decimal(0), fee or decimal(0))
    local quote = quote_of(held.trading_pair)
    mixed = mixed or (quote and held_quote and quote ~= held_quote)
    held_quote = held_quote or quote
  end
  c.quote = held_quote or c.quote
  if mixed then
    c.quote = nil
    flag(out, "quotes_mixed", id, "the controller holds positions in several currencies and reports one sum of all of them")
  end
  if price_unknown then
    c.unrealised = nil
    flag(out, "price_unknown", id, "the bot has no price for a position it holds, so the unrealised result is unknown")
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

-- What is in one group may be added; several controllers whose quotes nobody knows may not.
local function forget_if_unlike(g, out)
  if g.quote or g.members < 2 then return end
  for _, name in ipairs(SUMS) do g[name] = nil end
  g.fees = nil
  flag(out, "quote_unknown", nil, "the report does not say in which currencies its controllers count, so their results are not added")
end

local function sum_up(controllers, budget, single, out)
  local order, groups = {}, {}
  for _, c in ipairs(controllers) do
    if c.reported then
      local key = c.quote or ""
      local g = groups[key]
      if not g then
        g = { quote = c.quote, members = 0, realised = decimal(0), unrealised = decimal(0), net = decimal(0), volume = decimal(0) }
        groups[key], order[#order + 1] = g, key
      end
      g.members = g.members + 1
      for _, name in ipairs(SUMS) do g[name] = plus(g[name], c[name]) end
      if c.fees and not g.fees_unknown then g.fees = plus(g.fees or decimal(0), c.fees) end
      if c.fees_unknown then g.fees, g.fees_unknown = nil, true end
    end
  end
  local rows = json.array({})
  for i, key in ipairs(order) do
    local g = groups[key]
    forget_if_unlike(g, out)
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
  local read, reporting = {}, 0
  for id, row in pairs(object(raw.performance)) do
    -- With several quotes nothing says which one a controller counts in, unless it holds a position.
    local c = read_controller(id, object(row), #quotes == 1 and quotes[1] or nil, out)
    read[#read + 1], reporting = c, reporting + (c.reported and 1 or 0)
    out.controllers[#read] = shown(c)
  end
  for _, c in ipairs(read) do
    if not c.reported and reporting > 0 then
      flag(out, "not_reporting", c.id, "this controller reports nothing, so the bot's sums are without it")
    end
  end
  out.pnl = sum_up(read, number(bot.budget_quote), #quotes <= 1, out)
  for _, name in ipairs(FAILING) do
    if (out.closes[name] or 0) > 0 then
      flag(out, name:lower(), nil, out.closes[name] .. " executors ended with " .. name)
    end
  end
  return out
end

return pnl
