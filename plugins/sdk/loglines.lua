-- Log lines of bots in plain words. A plugin's own rows come first, then the general ones below; an
-- ERROR line no row knows is passed on as code "log" with its first line.
--
-- A row: { match = "text", code =, message =, hint = }. match is found as plain text anywhere in the line,
-- or as a Lua pattern when pattern = true; captures fill {1}, {2} in message and hint. plain is text that
-- must be there before the pattern is tried: patterns are slow on long tracebacks.
local decimal = require("bridge.decimal")
local json = require("bridge.json")

local loglines = {}

local GENERAL = {
  { match = "xtra inputs are not permitted", code = "unknown_config_key",
    message = "The bot's configuration has a key that this Hummingbot version does not know, so it does not trade.",
    hint = "deploy with an image version the strategy supports" },
  { match = "Input should be greater than 0", code = "zero_not_allowed",
    message = "A field that must be above 0 or empty was 0.", hint = "leave stop loss, take profit or time limit empty instead of 0" },
  { match = "Invalid position_mode", code = "position_mode", message = "The position mode must be HEDGE or ONEWAY.", hint = nil },
  { match = "Input should be 1, 2 or 3", code = "side", message = "A side or order type is not one of the allowed numbers.", hint = nil },
  { match = "The number of buy_amounts_pct must match", code = "level_counts",
    message = "The number of order amounts differs from the number of spreads.", hint = nil },
  { match = "Interval ([%w]+) is not supported", pattern = true, plain = "is not supported", code = "interval", message = "The exchange has no {1} candles.", hint = "choose another candle size" },
  { match = "The connector ([%w_./-]+) is not available", pattern = true, plain = "is not available", code = "connector_missing",
    message = "This Hummingbot version has no connector {1} for candles.", hint = "choose another source of candles" },
  { match = "Not enough budget to open position", code = "no_budget",
    message = "The account has not enough free balance for the next order.", hint = "add funds or lower the budget" },
  { match = "is lower than minimum order size", code = "order_too_small", message = "An order is below the exchange's minimum size.", hint = "raise the order size" },
  { match = "is lower than the minimum order size", code = "order_too_small", message = "An order is below the exchange's minimum size.", hint = "raise the order size" },
  { match = "minimum notional", code = "order_too_small", message = "An order is below the exchange's minimum value.", hint = "raise the order size" },
  { match = "Please increase the amount of the order", code = "order_too_small",
    message = "One step of the averaging is below the exchange's minimum.", hint = "raise the budget or use fewer steps" },
  { match = "Failed to get default wallet", code = "no_wallet", message = "Gateway has no default wallet.", hint = "add a Solana wallet to Gateway" },
  { match = "Unknown network", code = "network", message = "Gateway does not know the network.", hint = "the versions of bot and Gateway do not fit together" },
  { match = "Invalid network format", code = "network", message = "Gateway does not know the network.", hint = "the versions of bot and Gateway do not fit together" },
  { match = "No swap provider configured", code = "no_swap_provider", message = "Gateway has no swap provider for this network.", hint = "set swapProvider in Gateway's network configuration" },
  { match = "o route found", code = "no_route", message = "Jupiter finds no route for this trade.", hint = "choose a pair with more liquidity or a smaller size" },
  { match = "NO_ROUTE_FOUND", code = "no_route", message = "Jupiter finds no route for this trade.", hint = "choose a pair with more liquidity or a smaller size" },
  { match = "Quote not found or expired", code = "quote_expired", message = "A quote expired before the swap was sent.", hint = nil },
  { match = "Slippage tolerance exceeded", code = "slippage", message = "The price moved more than the slippage allows, so the swap was refused.", hint = "raise the slippage of Gateway's Jupiter connector" },
  { match = "SLIPPAGE_EXCEEDED", code = "slippage", message = "The price moved more than the slippage allows, so the swap was refused.", hint = "raise the slippage of Gateway's Jupiter connector" },
  { match = "INSUFFICIENT_BALANCE", code = "no_budget", message = "The account has not enough free balance for the next order.", hint = "add funds or lower the budget" },
  { match = "Grid is already expired by ([%w_.]+)", pattern = true, plain = "Grid is already expired by", code = "grid_expired",
    message = "The grid ended at once ({1}): the price was outside its range at the start.", hint = "choose a range around the present price" },
  { match = "API keys required for live trading connector", code = "no_keys", message = "The account has no keys for this exchange.", hint = "add the exchange's keys to the account" },
  { match = "are not ready", code = "not_ready",
    message = "The connector is not ready: balances, rules or order books are missing.", hint = "check that the pair trades and the keys may read" },
  { match = "reached max drawdown", code = "loss_limit", message = "The loss limit was reached and the bot stopped trading.", hint = nil },
  { match = "Global drawdown reached", code = "loss_limit", message = "The loss limit was reached and the bot stopped trading.", hint = nil },
  { match = "Failed to start strategy", code = "start_failed", message = "The strategy did not start.", hint = "the lines around it say why" },
  { match = "querystring must have required property 'chainNetwork'", code = "gateway_version", message = "Gateway is newer than this bot version can talk to.", hint = "pin Gateway and bot image to a pair that fits" },
  { match = "Open order failed", code = "order_failed", message = "The exchange refused an order; the bot tries again.", hint = "the lines around it say why" },
  { match = "Too many requests", code = "rate_limit", message = "The exchange or RPC node limits the number of requests.", hint = "use fewer levels or bots, or an own RPC node" },
  { match = "has no attribute 'trading_rules'", code = "no_order_book", message = "This connector has no order book, so the strategy cannot trade on it.", hint = nil },
}

-- The row's captures, or nil when it does not match.
local function match(row, line)
  if not row.pattern then return line:find(row.match, 1, true) and {} or nil end
  if row.plain and not line:find(row.plain, 1, true) then return nil end
  local found = table.pack(line:match(row.match))
  return found[1] ~= nil and found or nil
end

local function fill(template, captures)
  return template and (template:gsub("{(%d)}", function(i) return tostring(captures[math.tointeger(tonumber(i))] or "") end))
end

-- The row that knows a line, and its captures. Bots repeat themselves: equal lines are looked up once.
local function classify(line, own, known)
  local before = known[line]
  if before then return before.row, before.captures end
  known[line] = {}
  for _, rows in ipairs({ own or {}, GENERAL }) do
    for _, row in ipairs(rows) do
      local captures = match(row, line)
      if captures then
        known[line] = { row = row, captures = captures }
        return row, captures
      end
    end
  end
end

local function first_line(message)
  local line = message:match("^[^\r\n]*")
  return #line > 300 and line:sub(1, 300) .. " …" or line
end

local ERROR_LEVELS = { ERROR = true, CRITICAL = true }

-- lines: { { level_name, msg, timestamp, logger_name } }. Returns { errors = { { code, message, hint,
-- count, last_at, text } } } in order of appearance, one entry a code and message; last_at in
-- milliseconds since 1970, text the first line of the newest.
function loglines.translate(lines, own)
  local order, found, known = json.array({}), {}, {}
  for _, line in ipairs(type(lines) == "table" and lines or {}) do
    if type(line) ~= "table" then line = {} end
    local message = type(line.msg) == "string" and line.msg:sub(1, 4000) or ""
    local row, captures = classify(message, own, known)
    if row or ERROR_LEVELS[line.level_name] then
      local short = first_line(message)
      local said = row and fill(row.message, captures) or short
      local key = (row and row.code or "log") .. "\0" .. said
      local entry = found[key]
      if not entry then
        entry = { code = row and row.code or "log", message = said, hint = row and fill(row.hint, captures) or json.null, count = 0 }
        found[key], order[#order + 1] = entry, entry
      end
      entry.count, entry.text = entry.count + 1, short
      local at = line.timestamp
      if math.type(at) == "integer" or decimal.is(at) then
        entry.last_at = (decimal(at) * 1000):round(0, "floor"):integer()
      end
    end
  end
  return { errors = order }
end

return loglines
