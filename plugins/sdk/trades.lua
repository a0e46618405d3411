-- Fills in one shape, from each of the places upstream reports them. Pure: the caller reads the source.
--
--   { id, bot, controller, connector, exchange, pair, side, price, amount_base, amount_quote,
--     fee = { amount, asset, quote }, role, ts_ms, order_id, exchange_order_id, tx, approx, source }
--
-- What a source does not say is null, never 0. Rules that cost others money when they were missed:
--   a fill may be reported more than once: one (connector, pair, id, side) is one fill;
--   archived databases show as trade_fee the difference to the row before; the fee is trade_fee_in_quote;
--   the stored price of a swap is output / input, inverted for a BUY; the price is always quote / base.
local decimal = require("bridge.decimal")
local fields = require("bridge.fields")
local json = require("bridge.json")

local trades = {}

local number = fields.number
local function or_null(value) if value == nil then return json.null end return value end
local function object(value) return type(value) == "table" and value or {} end
local function said(value) return type(value) == "string" and value ~= "" and value or nil end
local function plus(a, b) return a and b and a + b or nil end
local function times(a, b) return a and b and (a * b):normal() or nil end

-- The bot's database keeps prices and amounts as whole millionths.
local COARSE_PRICE, COARSE_AMOUNT = decimal("0.001"), decimal("0.0001")
local DIGITS = 12

local SIDES = { BUY = "buy", SELL = "sell", ["1"] = "buy", ["2"] = "sell" }
local function side_of(value)
  return SIDES[tostring(value):upper():match("%w+$") or ""]
end

-- Milliseconds since 1970 of whole seconds or milliseconds, or of an ISO time in UTC.
local function days(y, m, d)
  y = m <= 2 and y - 1 or y
  local era = y // 400
  local yoe, doy = y - era * 400, (153 * (m + (m > 2 and -3 or 9)) + 2) // 5 + d - 1
  return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468
end

local function time_of(value)
  local n = number(value)
  if n then
    if n < decimal("100000000000") then n = n * 1000 end
    return n:round(0, "floor"):integer()
  end
  local text = said(value)
  if not text then return nil end
  local y, mo, d, h, mi, s, rest = text:match("^(%d%d%d%d)-(%d%d)-(%d%d)[T ](%d%d):(%d%d):(%d%d)(.*)$")
  if not y then return nil end
  local ms, zone = rest:match("^%.(%d+)(.*)$")
  local sign, zh, zm = (zone or rest):match("^([+-])(%d%d):?(%d%d)$")
  local offset = sign and (tonumber(zh) * 60 + tonumber(zm)) * (sign == "-" and -60 or 60) or 0
  local seconds = days(tonumber(y), tonumber(mo), tonumber(d)) * 86400 + tonumber(h) * 3600 + tonumber(mi) * 60 + tonumber(s) - offset
  return math.tointeger(seconds * 1000 + (ms and tonumber((ms .. "00"):sub(1, 3)) or 0))
end

-- A fee of several parts: { amount, asset } when they are all of one coin, and what they are worth in
-- the pair's quote where the fill itself says it.
local function add_fee(parts, asset, amount)
  parts[#parts + 1] = { asset = said(asset), amount = number(amount) }
end

local function fee_of(parts, base, quote, price)
  if #parts == 0 then return nil end
  local amount, asset, worth = decimal(0), parts[1].asset, decimal(0)
  for _, part in ipairs(parts) do
    amount = part.asset == asset and plus(amount, part.amount) or nil
    local one = part.asset and (part.asset == quote and part.amount or part.asset == base and times(part.amount, price)) or nil
    worth = plus(worth, one)
  end
  return { amount = or_null(amount and amount:normal()), asset = or_null(amount and asset), quote = or_null(worth and worth:normal()) }
end

local function fill(bot, row)
  local base, quote = (row.pair or ""):match("^(.+)%-([^-]+)$")
  local amount_quote = row.amount_quote or times(row.price, row.amount_base)
  local coarse = row.stored and ((row.price and row.price < COARSE_PRICE) or (row.amount_base and row.amount_base < COARSE_AMOUNT)) or false
  return {
    id = or_null(row.id), bot = or_null(said(bot.name)), controller = or_null(row.controller), connector = or_null(row.connector),
    exchange = or_null(said(bot.exchange)), pair = or_null(row.pair), side = or_null(row.side), price = or_null(row.price),
    amount_base = or_null(row.amount_base), amount_quote = or_null(amount_quote),
    fee = or_null(row.fee or fee_of(row.parts or {}, base, quote, row.price)), role = or_null(row.role), ts_ms = or_null(row.ts_ms),
    order_id = or_null(row.order_id), exchange_order_id = or_null(row.exchange_order_id), tx = or_null(row.tx),
    approx = coarse, source = row.source,
  }
end

local SOURCES = {}

-- GET /bot-orchestration/{bot}/history
function SOURCES.history(raw)
  local price, amount = number(raw.price), number(raw.quantity)
  local parts, told = {}, object(object(raw.raw_json).trade_fee)
  for _, flat in ipairs(object(told.flat_fees)) do add_fee(parts, object(flat).token, object(flat).amount) end
  local percent = number(told.percent)
  if percent and percent:sign() ~= 0 then add_fee(parts, raw.quote_asset, times(percent, times(price, amount))) end
  return { id = raw.trade_id and tostring(raw.trade_id), connector = said(raw.market), pair = said(raw.symbol), side = side_of(raw.trade_type),
    price = price, amount_base = amount, parts = parts, ts_ms = time_of(raw.trade_timestamp), stored = true }
end

-- GET /archived-bots/{db}/trades
function SOURCES.archived(raw)
  local fee = number(raw.trade_fee_in_quote)
  return { id = raw.exchange_trade_id and tostring(raw.exchange_trade_id), connector = said(raw.connector_name), pair = said(raw.trading_pair),
    side = side_of(raw.trade_type), price = number(raw.price), amount_base = number(raw.amount), order_id = said(raw.order_id),
    fee = fee and { amount = json.null, asset = json.null, quote = fee }, ts_ms = time_of(raw.timestamp), stored = true }
end

-- POST /trading/trades
function SOURCES.api(raw)
  local parts = {}
  if number(raw.fee_paid) then add_fee(parts, raw.fee_currency, raw.fee_paid) end
  return { id = raw.trade_id and tostring(raw.trade_id), connector = said(raw.connector_name), pair = said(raw.trading_pair),
    side = side_of(raw.trade_type), price = number(raw.price), amount_base = number(raw.amount), order_id = said(raw.order_id),
    parts = parts, ts_ms = time_of(raw.timestamp) }
end

-- POST /gateway/swaps/search. Until it is confirmed a swap has what was asked as input and 0 as output:
-- no price and no amounts yet.
local CHAIN = "https://solscan.io/tx/"
function SOURCES.swap(raw)
  local id, side, status = said(raw.transaction_hash), side_of(raw.side), said(raw.status)
  local given, got = number(raw.input_amount), number(raw.output_amount)
  local done = status == "CONFIRMED" and given and got and side and given:sign() > 0 and got:sign() > 0
  local base = done and (side == "sell" and given or got) or nil
  local quote = done and (side == "sell" and got or given) or nil
  local parts = {}
  if number(raw.gas_fee) then add_fee(parts, said(raw.gas_token) or "SOL", raw.gas_fee) end
  return { id = id, connector = said(raw.connector), pair = said(raw.trading_pair), side = side, amount_base = base, amount_quote = quote,
    price = base and quote:div(base, DIGITS, "half_even"):normal() or nil, parts = parts, ts_ms = time_of(raw.timestamp), exchange_order_id = id,
    tx = id and { signature = id, explorer_url = CHAIN .. id, status = or_null(status), error = or_null(said(raw.error_message)),
      gas_sol = or_null((said(raw.gas_token) or "SOL") == "SOL" and number(raw.gas_fee) or nil) } }
end

-- bot: { name, exchange }; source: history, archived, api or swap; rows: as upstream lists them; own: the
-- plugin's transforms.trade(fill, raw), which may change a fill. Returns { trades, repeated, unknown }:
-- repeated counts those that were there before, unknown those that are no fill.
function trades.read(bot, source, rows, own)
  local read = SOURCES[source]
  if not read then error("trades come from history, archived, api or swap, not from " .. tostring(source), 0) end
  local out, seen, repeated, unknown = json.array({}), {}, 0, 0
  for _, raw in ipairs(object(rows)) do
    local row = read(object(raw))
    local key = table.concat({ tostring(row.connector), tostring(row.pair), tostring(row.id), tostring(row.side) }, "\0")
    if not row.id or not row.pair then
      unknown = unknown + 1
    elseif seen[key] then
      repeated = repeated + 1
    else
      row.source, seen[key] = source, true
      local one = fill(object(bot), row)
      out[#out + 1] = own and own(one, raw) or one
    end
  end
  return { trades = out, repeated = repeated, unknown = unknown }
end

return trades
