-- Log lines of bots in plain words. A plugin's own rows come first, then the general ones below; an
-- ERROR line no row knows is passed on as code "log" with its first line.
--
-- A row: { match = "text", code =, message =, hint = }. match is found as plain text anywhere in the line,
-- or as a Lua pattern when pattern = true; captures fill {1}, {2} in message and hint. plain is text that
-- must be there before the pattern is tried: patterns are slow on long tracebacks. line is an example that
-- the row must match, and that no other row of its table may call something else; checked at load.
local decimal = require("bridge.decimal")
local json = require("bridge.json")

local loglines = {}

local GENERAL = {
  { match = "([%w_.]+)\r?\n%s+Extra inputs are not permitted", pattern = true, plain = "Extra inputs are not permitted", code = "unknown_config_key",
    line = "1 validation error for PMMSimpleConfig\nbogus_key\n  Extra inputs are not permitted [type=extra_forbidden]",
    message = "The bot's configuration has the key {1}, which this Hummingbot version does not know, so it does not trade.",
    hint = "deploy with an image version the strategy supports" },
  { match = "xtra inputs are not permitted", code = "unknown_config_key",
    line = "  Extra inputs are not permitted [type=extra_forbidden, input_value=[], input_type=list]",
    message = "The bot's configuration has a key that this Hummingbot version does not know, so it does not trade.",
    hint = "deploy with an image version the strategy supports" },
  { match = "Input should be greater than 0", code = "zero_not_allowed",
    line = "  Input should be greater than 0 [type=greater_than, input_value=0, input_type=int]",
    message = "A field that must be above 0 or empty was 0.",
    hint = "leave stop loss, take profit or time limit empty instead of 0" },
  { match = "Invalid position_mode", code = "position_mode",
    line = "Value error, Invalid position_mode: BOTH",
    message = "The position mode must be HEDGE or ONEWAY." },
  { match = "Input should be 1, 2 or 3", code = "side",
    line = "  Input should be 1, 2 or 3 [type=enum, input_value='BUY', input_type=str]",
    message = "A side or order type is not one of the allowed numbers." },
  { match = "The number of buy_amounts_pct must match", code = "level_counts",
    line = "Value error, The number of buy_amounts_pct must match the number of buy_spreads.",
    message = "The number of order amounts differs from the number of spreads." },
  { match = "The number of sell_amounts_pct must match", code = "level_counts",
    line = "Value error, The number of sell_amounts_pct must match the number of sell_spreads.",
    message = "The number of order amounts differs from the number of spreads." },
  { match = "Interval ([%w]+) is not supported", pattern = true, plain = "is not supported", code = "interval",
    line = "Interval 2m is not supported.",
    message = "The exchange has no {1} candles.",
    hint = "choose another candle size" },
  { match = "The connector ([%w_./-]+) is not available", pattern = true, plain = "is not available", code = "connector_missing",
    line = "The connector bitmart_paper is not available. Please select another one.",
    message = "This Hummingbot version has no connector {1} for candles.",
    hint = "choose another source of candles" },
  { match = "Not enough budget to open position", code = "no_budget",
    line = "Not enough budget to open position.",
    message = "The account has not enough free balance for the next order.",
    hint = "add funds or lower the budget" },
  { match = "Not enough budget to create DCA", code = "no_budget",
    line = "Not enough budget to create DCA.",
    message = "The account has not enough free balance for the next order.",
    hint = "add funds or lower the budget" },
  { match = "INSUFFICIENT_BALANCE", code = "no_budget",
    line = "Gateway error: INSUFFICIENT_BALANCE",
    message = "The account has not enough free balance for the next order.",
    hint = "add funds or lower the budget" },
  { match = "is lower than minimum order size", code = "order_too_small",
    line = "Order amount 0.00001 is lower than minimum order size 0.0001 for the pair BTC-USDT.",
    message = "An order is below the exchange's minimum.",
    hint = "raise the budget or the order size, or use fewer levels or steps" },
  { match = "is lower than the minimum order size", code = "order_too_small",
    line = "Buy order amount 0.00001 is lower than the minimum order size 0.0001.",
    message = "An order is below the exchange's minimum.",
    hint = "raise the budget or the order size, or use fewer levels or steps" },
  { match = "minimum notional", code = "order_too_small",
    line = "Order notional 3 is lower than minimum notional size 5 for the pair BTC-USDT.",
    message = "An order is below the exchange's minimum.",
    hint = "raise the budget or the order size, or use fewer levels or steps" },
  { match = "Please increase the amount of the order", code = "order_too_small",
    line = "Please increase the amount of the order. The current amount is too small for the level 2.",
    message = "An order is below the exchange's minimum.",
    hint = "raise the budget or the order size, or use fewer levels or steps" },
  { match = "Failed to get default wallet", code = "no_wallet",
    line = "Failed to get default wallet for chain solana",
    message = "Gateway has no default wallet.",
    hint = "add a Solana wallet to Gateway" },
  { match = "<solana-wallet-address>", code = "no_wallet",
    line = "Default wallet <solana-wallet-address> is not configured",
    message = "Gateway has no default wallet.",
    hint = "add a Solana wallet to Gateway" },
  { match = "Unknown network", code = "network",
    line = "Unknown network: solana-mainnet",
    message = "Gateway does not know the network.",
    hint = "the versions of bot and Gateway do not fit together" },
  { match = "Invalid network format", code = "network",
    line = "Invalid network format: mainnet-beta",
    message = "Gateway does not know the network.",
    hint = "the versions of bot and Gateway do not fit together" },
  { match = "No swap provider configured", code = "no_swap_provider",
    line = "No swap provider configured for network solana-mainnet-beta",
    message = "Gateway has no swap provider for this network.",
    hint = "set swapProvider in Gateway's network configuration" },
  { match = "o route found", code = "no_route",
    line = "No route found for SOL-USDC",
    message = "Jupiter finds no route for this trade.",
    hint = "choose a pair with more liquidity or a smaller size" },
  { match = "NO_ROUTE_FOUND", code = "no_route",
    line = "Gateway error: NO_ROUTE_FOUND",
    message = "Jupiter finds no route for this trade.",
    hint = "choose a pair with more liquidity or a smaller size" },
  { match = "Quote not found or expired", code = "quote_expired",
    line = "Quote not found or expired",
    message = "A quote expired before the swap was sent." },
  { match = "Slippage tolerance exceeded", code = "slippage",
    line = "Slippage tolerance exceeded",
    message = "The price moved more than the slippage allows, so the swap was refused.",
    hint = "raise the slippage of Gateway's Jupiter connector" },
  { match = "SLIPPAGE_EXCEEDED", code = "slippage",
    line = "Gateway error: SLIPPAGE_EXCEEDED",
    message = "The price moved more than the slippage allows, so the swap was refused.",
    hint = "raise the slippage of Gateway's Jupiter connector" },
  { match = "No transaction hash returned from Gateway", code = "swap_refused",
    line = "No transaction hash returned from Gateway",
    message = "Gateway refused a swap and its reason was lost on the way.",
    hint = "GET the logs of Gateway; often the slippage is too small or the wallet lacks SOL" },
  { match = "Grid is already expired by ([%w_.]*[%w_])", pattern = true, plain = "Grid is already expired by", code = "grid_expired",
    line = "Grid is already expired by CloseType.TAKE_PROFIT.",
    message = "The grid ended at once ({1}): the price was outside its range at the start.",
    hint = "choose a range around the present price" },
  { match = "API keys required for live trading connector", code = "no_keys",
    line = "API keys required for live trading connector 'bitmart'",
    message = "The account has no keys for this exchange.",
    hint = "add the exchange's keys to the account" },
  { match = "are not ready", code = "not_ready",
    line = "Market connectors are not ready.",
    message = "The connector is not ready: balances, rules or order books are missing.",
    hint = "wait a minute after a start; then check that the pair trades and the keys may read" },
  { match = "is not ready. Please wait", code = "not_ready",
    line = "binance is not ready. Please wait...",
    message = "The connector is not ready: balances, rules or order books are missing.",
    hint = "wait a minute after a start; then check that the pair trades and the keys may read" },
  { match = "reached max drawdown", code = "loss_limit",
    line = "Controller tb_pmm reached max drawdown. Stopping the controller.",
    message = "The loss limit was reached and the bot stopped trading.",
    hint = "look at the open positions: reaching a controller's limit leaves them open" },
  { match = "Global drawdown reached", code = "loss_limit",
    line = "Global drawdown reached. Stopping the strategy.",
    message = "The loss limit was reached and the bot stopped trading.",
    hint = "look at the open positions: reaching a controller's limit leaves them open" },
  { match = "Failed to start strategy", code = "start_failed",
    line = "Failed to start strategy",
    message = "The strategy did not start.",
    hint = "the lines around it say why" },
  { match = "Failed to load strategy", code = "start_failed",
    line = "Failed to load strategy",
    message = "The strategy did not start.",
    hint = "the lines around it say why" },
  { match = "querystring must have required property 'chainNetwork'", code = "gateway_version",
    line = "querystring must have required property 'chainNetwork'",
    message = "Gateway is newer than this bot version can talk to.",
    hint = "pin Gateway and bot image to a pair that fits" },
  { match = "PaperTradeExchange", code = "paper_trade",
    line = "Error executing action: 'hummingbot.connector.exchange.paper_trade.paper_trade_exchange.PaperTradeExchange' object has no",
    message = "Paper trading does not work with Hummingbot's controllers.",
    hint = "use a small real budget, or the simulator" },
  { match = "No module named 'hummingbot.connector.exchange.([%w_]+)_paper_trade'", pattern = true, plain = "_paper_trade'", code = "paper_trade",
    line = "Error fetching prices from binance_paper_trade: No module named 'hummingbot.connector.exchange.binance_paper_trade'",
    message = "Paper trading does not work with Hummingbot's controllers.",
    hint = "use a small real budget, or the simulator" },
  { match = "has no attribute 'trading_rules'", code = "no_order_book",
    line = "'GatewaySwap' object has no attribute 'trading_rules'",
    message = "This connector has no order book, so the strategy cannot trade on it." },
  { match = "oo many requests", code = "rate_limit",
    line = "Too many requests",
    message = "The exchange or RPC node limits the number of requests.",
    hint = "use fewer levels or bots, refresh less often, or use an own RPC node" },
  { match = "Too Many Requests", code = "rate_limit",
    line = "429 Too Many Requests",
    message = "The exchange or RPC node limits the number of requests.",
    hint = "use fewer levels or bots, refresh less often, or use an own RPC node" },
  { match = "HTTP status is 429", code = "rate_limit",
    line = "Error executing request GET https://api. HTTP status is 429. Error:",
    message = "The exchange or RPC node limits the number of requests.",
    hint = "use fewer levels or bots, refresh less often, or use an own RPC node" },
  { match = "position side does not match", code = "position_mode_refused",
    line = "The order's position side does not match user's setting.",
    message = "The account is in another position mode than the bot wants, so its orders are refused.",
    hint = "use one mode for all bots of the account; switch it while there are no open orders and positions" },
  { match = "Position mode ([%w_.]+) is not supported", pattern = true, plain = "Mode not set", code = "position_mode_refused",
    line = "Position mode PositionMode.HEDGE is not supported. Mode not set.",
    message = "The exchange does not have the position mode {1}.",
    hint = "create the bot with another position_mode" },
  { match = "Failed to set position mode to ([%w_.]+)", pattern = true, plain = "Failed to set position mode", code = "position_mode_refused",
    line = "Failed to set position mode to PositionMode.HEDGE: Unable to set position mode: Code 40022 - there are open positions",
    message = "The exchange did not switch the account to {1}.",
    hint = "use one mode for all bots of the account; switch it while there are no open orders and positions" },
  { match = "Error setting leverage (%d+) for ([%w-]+)", pattern = true, plain = "Error setting leverage", code = "leverage_refused",
    line = "Error setting leverage 50 for XRP-USDT: Unable to set leverage",
    message = "The exchange did not take the leverage {1} for {2}; the bot trades on with the one the account had.",
    hint = "stop the bot and choose a leverage that the market allows" },
  { match = "did not finish closing before shutdown", code = "left_open",
    line = "Executors ['7Cd1'] did not finish closing before shutdown. Force-stopping them and converting executed exposure into position holds.",
    message = "The bot was shut down before it had closed its positions, so they are still open.",
    hint = "look at the account's open orders, positions and coins, and close what is left" },
  { match = "transaction pending (retry", code = "swap_unconfirmed",
    line = "swap transaction pending (retry 1/10). Signature: 5xY. Retrying...",
    message = "A swap was not confirmed in time; Hummingbot sends a new one, so it may happen twice.",
    hint = "compare the wallet with the fills, and use an own Solana node" },
  { match = "timeout (retry", code = "swap_unconfirmed",
    line = "swap timeout (retry 2/10). Chain may be congested. Retrying...",
    message = "A swap was not confirmed in time; Hummingbot sends a new one, so it may happen twice.",
    hint = "compare the wallet with the fills, and use an own Solana node" },
  { match = "still pending. Manual intervention required", code = "swap_unconfirmed",
    line = "swap FAILED after 10 retries. Transaction 5xY still pending. Manual intervention required.",
    message = "A swap was not confirmed in time; Hummingbot sends a new one, so it may happen twice.",
    hint = "compare the wallet with the fills, and use an own Solana node" },
  { match = "not confirmed on-chain", code = "swap_failed",
    line = "swap FAILED: Transaction 5xY not confirmed on-chain.",
    message = "A swap failed on the chain: nothing was traded, its fee was paid.",
    hint = "look at the slippage of Gateway's Jupiter connector and at the wallet's SOL" },
  { match = "certificate verify failed", code = "gateway_tls",
    line = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate",
    message = "The bot and Gateway do not trust each other's certificates.",
    hint = "start Gateway through the API and set the same password for both" },
  { match = "Cannot connect to host", code = "unreachable",
    line = "aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host 127.0.0.1:57001 ssl:default [Connect call failed ('127.0.0.1', 57001)]",
    message = "The exchange or service could not be reached.",
    hint = "check the network of the machine that runs the bots, and the exchange's state page" },
  { match = "error requesting exchange info", code = "unreachable",
    line = "There was an error requesting exchange info.",
    message = "The exchange or service could not be reached.",
    hint = "check the network of the machine that runs the bots, and the exchange's state page" },
  { match = "Error getting server time", code = "unreachable",
    line = "Error getting server time.",
    message = "The exchange or service could not be reached.",
    hint = "check the network of the machine that runs the bots, and the exchange's state page" },
  { match = "Could not refresh server time", code = "unreachable",
    line = "Could not refresh server time. Check network connection.",
    message = "The exchange or service could not be reached.",
    hint = "check the network of the machine that runs the bots, and the exchange's state page" },
  { match = "websocket connection was closed", code = "unreachable",
    line = "The websocket connection was closed (The WS connection was closed unexpectedly. Close code = 1006 msg data: None)",
    message = "The exchange or service could not be reached.",
    hint = "check the network of the machine that runs the bots, and the exchange's state page" },
  { match = "MQTT bridge disconnected", code = "broker_lost",
    line = "MQTT bridge disconnected: [Errno 111] Connection refused. Reconnecting in 5.0s.",
    message = "The bot lost its connection to the message broker; it trades on without being heard.",
    hint = "check the broker (EMQX) of the Hummingbot API" },
  { match = "Open order failed", code = "order_failed",
    line = "Open order failed x-MG43PCSNBBCUT660df833fc95fafb0. Retrying 1/10",
    message = "The exchange refused an order or could not be reached; the bot tries again.",
    hint = "the lines around it say why" },
  { match = "Close order failed", code = "order_failed",
    line = "Close order failed x-MG43PCSNBBCUT660df833fc95fafb0. Retrying 1/10",
    message = "The exchange refused an order or could not be reached; the bot tries again.",
    hint = "the lines around it say why" },
  { match = "order to [%w_ ]+%. Check API key and network connection", pattern = true, plain = "Check API key and network connection", code = "order_failed",
    line = "Failed to submit BUY order to Binance. Check API key and network connection.",
    message = "The exchange refused an order or could not be reached; the bot tries again.",
    hint = "the lines around it say why" },
  { match = "Error submitting %a+ [%u_]+ order to ", pattern = true, plain = "Error submitting ", code = "order_failed",
    line = "Error submitting buy LIMIT order to Binance for 0.00834 BTC-USDT 59940.08.",
    message = "The exchange refused an order or could not be reached; the bot tries again.",
    hint = "the lines around it say why" },
  { match = "Error fetching status update for the active order", code = "order_unknown",
    line = 'Error fetching status update for the active order x-MG43: Error executing request GET https://api. HTTP status is 400. Error: {"code":-2013,"msg":"Order does not exist."}.',
    message = "The exchange did not say what became of an order; most often it was never taken or is gone already.",
    hint = "compare the exchange's open orders with the bot's when this goes on" },
  { match = "Order failed ", code = "order_failed",
    line = "Order failed x-MG43PCSNBBCUT660df833fc95fafb0. Retrying 1/10",
    message = "The exchange refused an order or could not be reached; the bot tries again.",
    hint = "the lines around it say why" },
  { match = "Failed to cancel order", code = "cancel_failed",
    line = "Failed to cancel order x-MG43PCSNSBCUT660df870247b2afb0 (order not found)",
    message = "An order could not be cancelled; most often it was filled or gone already.",
    hint = "compare the exchange's open orders with the bot's when this goes on" },
  { match = "Executor ID (%w+) not found for controller", pattern = true, plain = "not found for controller", code = "executor_gone",
    line = "Executor ID DkhHeneh1AgERLgKHqufP21BocaCb3jXnKBhszr4LrGv not found for controller bn_c5e.",
    message = "The bot wanted to stop a part of itself that had ended already." },
  { match = "in determine_executor_actions", code = "tick_failed",
    line = "'NoneType' object is not iterable\nTraceback (most recent call last):\n  File strategy_v2.py, line 1, in determine_executor_actions",
    message = "The bot fails on every tick, so it does not trade.",
    hint = "most often a value in its configuration is of the wrong kind; the bot's log says which" },
  { match = "Unexpected error running clock tick", code = "tick_failed",
    line = "Unexpected error running clock tick.",
    message = "The bot fails on every tick, so it does not trade.",
    hint = "most often a value in its configuration is of the wrong kind; the bot's log says which" },
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

local function short(line)
  if #line <= 300 then return line end
  return line:sub(1, 300):gsub("[\xC0-\xFF][\x80-\xBF]*$", "") .. " …"
end

local function first_line(message) return short(message:match("^[^\r\n]*")) end

-- A traceback says what happened in its last line.
local function said_by(message)
  local first = message:match("^[^\r\n]*")
  local last = message:find("Traceback (most recent call last)", 1, true) and message:match("([^\r\n]+)%s*$")
  return short(last and last ~= first and (#first < 200 and first or first:sub(1, 200)) .. ": " .. last or first)
end

-- The beginning of a line and its end, where tracebacks have their reason.
local HEAD, TAIL = 500, 1500
local function window(message)
  return #message <= HEAD + TAIL and message or message:sub(1, HEAD) .. "\n" .. message:sub(-TAIL)
end

-- Levels whose unknown lines are passed on; NETWORK is Hummingbot's own for refused requests.
local ERROR_LEVELS = { ERROR = true, CRITICAL = true, NETWORK = true }
-- Kinds of errors a bot shows: those seen last.
local KINDS = 20

local function newest(order)
  if #order > KINDS then
    local function seen(entry) return entry.last_at or 0 end
    table.sort(order, function(a, b) return seen(a) > seen(b) or (seen(a) == seen(b) and a.place > b.place) end)
    for i = #order, KINDS + 1, -1 do order[i] = nil end
    table.sort(order, function(a, b) return a.place < b.place end)
  end
  for _, entry in ipairs(order) do entry.place = nil end
  return order
end

-- lines: { { level_name, msg, timestamp, logger_name } }. Returns { errors = { { code, message, hint,
-- count, last_at, text } } } in order of appearance, one entry a code and message; last_at in
-- milliseconds since 1970, text the first line of the newest. Unknown lines that differ only in words with
-- digits (order ids, amounts, addresses) are one entry.
function loglines.translate(lines, own)
  local order, found, known = json.array({}), {}, {}
  for _, line in ipairs(type(lines) == "table" and lines or {}) do
    if type(line) ~= "table" then line = {} end
    local message = window(type(line.msg) == "string" and line.msg or "")
    local row, captures = classify(message, own, known)
    if row or ERROR_LEVELS[line.level_name] then
      local said = row and fill(row.message, captures) or said_by(message)
      local key = row and row.code .. "\0" .. said or "log\0" .. said:gsub("%S*%d%S*", "#")
      local entry = found[key]
      if not entry then
        entry = { code = row and row.code or "log", message = said, hint = row and fill(row.hint, captures) or json.null, count = 0,
          place = #order }
        found[key], order[#order + 1] = entry, entry
      end
      entry.count, entry.text = entry.count + 1, first_line(message)
      local at = line.timestamp
      if math.type(at) == "integer" or decimal.is(at) then
        entry.last_at = (decimal(at) * 1000):round(0, "floor"):integer()
      end
    end
  end
  return { errors = newest(order) }
end

-- What is wrong with a table of rows, and the number of the row; nil when nothing is. In a
-- complete table every row has a line.
function loglines.fault(rows, complete)
  for i, row in ipairs(rows) do
    if complete and not row.line then return "has no line", i end
    local captures = row.line and match(row, row.line)
    if row.line and not captures then return "does not match its own line", i end
    for k, other in ipairs(row.line and rows or {}) do
      if other.code ~= row.code and match(other, row.line) then return "has a line that row " .. k .. " calls " .. other.code, i end
    end
  end
end

loglines.GENERAL = GENERAL

return loglines
