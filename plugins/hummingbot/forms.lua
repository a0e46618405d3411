-- A controller class as a form: a field for every field of the class that is not the host's, under the class's
-- own name and in its own unit, and the way from the form to the config and back. What the class says badly is
-- corrected here: whole numbers and fractions have ranges, enumerations are words, texts with commas are lists,
-- nested models are records, and a default that nobody can have meant is another one.
--
--   forms.rows(class) -> rows, each { entry = form field, name = its name,
--     put(config, value) writes it, get(config) reads it: nil when it is not there, null when it is none }
--   forms.is_usual(class, field) -> the form begins with another value than the class's default
--   forms.plain(field, value, of) -> the value, or null when leaving it out says the same
--   forms.path(class, path) -> the form's path of a path into the config
--
-- A market's {connector_name, trading_pair} is two fields of the form, so that the pair is looked up like any.
local classes = require("bridge.classes")
local configs = require("bridge.configs")
local decimal = require("bridge.decimal")
local form = require("bridge.form")
local json = require("bridge.json")
local expert = require("expert")

local forms = {}

local null = json.null

-- ---- what the class does not say ----

local PERPETUAL = "binance_perpetual"
-- The best known pool of SOL-USDC.
local POOL = "Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE"

-- By "class.field", else by field: markets, sizes and amounts that are small and everywhere, and what the
-- class's own default makes impossible (an xemm level must earn more than min_profitability).
local USUAL = {
  connector_name = "binance", trading_pair = "BTC-USDT", total_amount_quote = "100", order_amount = "0.001",
  ["lp_rebalancer.connector_name"] = "solana-mainnet-beta", ["lp_rebalancer.trading_pair"] = "SOL-USDC", pool_address = POOL,
  exchange_pair_1_connector_name = "binance", exchange_pair_1_trading_pair = "BTC-USDT",
  exchange_pair_2_connector_name = "kucoin", exchange_pair_2_trading_pair = "BTC-USDT",
  connector_pair_dominant_connector_name = PERPETUAL, connector_pair_dominant_trading_pair = "BTC-USDT",
  connector_pair_hedge_connector_name = PERPETUAL, connector_pair_hedge_trading_pair = "ETH-USDT",
  maker_connector = "binance", maker_trading_pair = "BTC-USDT", taker_connector = "kucoin", taker_trading_pair = "BTC-USDT",
  spot_connector_name = "binance", asset_to_hedge = "BTC", hedge_connector_name = PERPETUAL, hedge_trading_pair = "BTC-USDT",
  ["pmm.total_amount_quote"] = "500", ["pmm_adjusted.total_amount_quote"] = "500", ["pmm_mister.total_amount_quote"] = "200",
  ["dman_maker_v2.total_amount_quote"] = "400", min_order_amount_quote = "6", ["xemm_multiple_levels.min_profitability"] = "0.001", grids = { {} },
}

local HELP = {
  leverage = "Multiplier of the position on a perpetual; ignored on spot. The class's own default is 20.",
  position_side = "BUY for a long position, SELL for a short one.", position_mode = "One for the whole account on a perpetual: every bot on it must use the same. Ignored on spot.",
  total_amount_quote = "Money this bot may use, in the quote currency (all levels and both sides together).",
  manual_kill_switch = "True: the controller starts stopped and does not trade.",
  skip_rebalance = "False lets the bot buy or sell coins with a market order at the start, on spot.",
  initial_positions = "Coins or positions that the controller counts as already held.",
  candles_connector = "Where candles come from. Empty: the connector of the bot, which may have none.",
  candles_connector_name = "Where candles come from. Empty: the connector of the bot, which may have none.",
  candles_trading_pair = "The pair of the candles. Empty: the pair of the bot.",
  interval = "Size of a candle; the feed must have it.", candles_interval = "Size of a candle; the feed must have it.",
  buy_amounts_pct = "A weight for each buy order, counted over both sides together. Empty: all the same.",
  sell_amounts_pct = "A weight for each sell order, counted over both sides together. Empty: all the same.",
  dca_amounts_pct = "A weight for each step of the ladder. Empty: all the same.",
  grids = "One grid a row, on the same pair; a price that is left out is derived from the present one.",
  grid_id = "A name of its own for each grid.", amount_quote_pct = "Its part of the whole money, as a fraction: 0.5 is half of it.",
  start_price = "Lower edge of the grid. Empty: 5 % below the present price.",
  end_price = "Upper edge of the grid. Empty: 5 % above the present price.",
  limit_price = "The grid is closed when the price crosses it: below the start for BUY, above the end for SELL. Empty: 8 % away from the present price.",
  side = "BUY begins with the quote coin, SELL with the base coin or a short.",
  portfolio_allocation = "Fraction of the whole money that orders may use.", asset = "Symbol of the coin.", part = "Its part of the portfolio, as a fraction.",
  asset_to_hedge = "The coin whose balance on the spot connector is hedged; the connector must list it against USDC.",
  pool_address = "Address of the pool on the provider.", topic = "MQTT topic that the probabilities arrive on.",
  long_threshold = "Probability above which it buys.", short_threshold = "Probability above which it sells.",
  target_profitability = "Distance from the price of the hedge, as a fraction.", weight = "Its part of the side's half of the money, relative to the others.",
  trailing_stop = "From a gain on, close the trade when the gain falls back by a part of the price. Fractions of the entry price.",
  triple_barrier_config = "When each order of the grid is closed again, and how.", keep_position = "Meant to keep the coins at the end; a stop sells them all the same.",
  enabled = "False: this grid does not trade.", connector_name = "The exchange as Hummingbot names it.", trading_pair = "The market as BASE-QUOTE, upper case.",
  activation_bounds = "Orders are placed only when they are this near to the price, as a fraction. Empty: always.",
  stop_loss = "Fraction of the entry price: 0.03 closes the trade at a loss of 3 %. Empty: none.",
  take_profit = "Fraction of the entry price: 0.02 closes the trade at a gain of 2 %.",
  time_limit = "Closes the trade this long after it began. Empty: never.", max_executors_per_side = "Trades at once on each side; the money is divided by it.",
  min_base_pct = "Least part of the money that is held in coins, as a fraction.", target_base_pct = "Part of the money that should be held in coins, as a fraction.",
  max_base_pct = "Largest part of the money that is held in coins, as a fraction.", max_records = "How many candles.", max_orders_per_batch = "Orders placed at once.",
}
local TITLES = { amount_quote_pct = "Part of the money" }
local NO_HELP = "Upstream says no more of it than its name."

-- A fraction of more than 1 would be a percent by mistake; of these it would not.
local LOOSE = { ["quantum_grid_allocator.hedge_ratio"] = true, dca_spreads = true, ["pmm_dynamic.buy_spreads"] = true,
  ["pmm_dynamic.sell_spreads"] = true, ["pmm_mister.buy_spreads"] = true, ["pmm_mister.sell_spreads"] = true }
local MAY_BE_NEGATIVE = { position_offset_pct = true, bb_long_threshold = true, bb_short_threshold = true }
local MAY_BE_ZERO = { cooldown_time = true, buy_cooldown_time = true, sell_cooldown_time = true, filled_order_delay = true,
  strategy_type = true, delay_between_executors = true, max_executors_imbalance = true }
local MOST = { leverage = 125, strategy_type = 2 }

local INTERVALS = { "1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M" }
local PROVIDERS = { "orca/clmm", "raydium/clmm", "meteora/clmm", "pancakeswap-sol/clmm" }
local ORDER_TYPES = { "MARKET", "LIMIT", "LIMIT_MAKER" }

-- Fields that name a connector, by the pair that is traded there; maker, hedge and most others need a book.
local PAIR_ON = { trading_pair = "connector_name", maker_trading_pair = "maker_connector", taker_trading_pair = "taker_connector",
  hedge_trading_pair = "hedge_connector_name" }
local CONNECTORS = { connector_name = true, maker_connector = true, taker_connector = true, hedge_connector_name = true, spot_connector_name = true,
  rate_connector = true, candles_connector = true, candles_connector_name = true, connector = true }
local WITHOUT_BOOK = { taker_connector = true, spot_connector_name = true, rate_connector = true, candles_connector = true,
  candles_connector_name = true, connector = true, ["lp_rebalancer.connector_name"] = true, exchange_pair_1_connector_name = true,
  exchange_pair_2_connector_name = true }
local SYMBOLS = { asset_to_hedge = true, quote_asset = true, fee_asset = true, quote_conversion_asset = true, asset = true }

-- ---- fields ----

local function of_class(rows, class, name)
  local own = rows[class.name .. "." .. name]
  if own == nil then own = rows[name] end
  return own
end

local function sentence(words)
  return words:sub(1, 1):upper() .. words:sub(2) .. (words:find("[.!]$") and "" or ".")
end

-- default: as the class or the model has it; nil: it must be given; null: it may be left out.
local function options(class, field, more)
  local out = more or {}
  local default = field.default
  if expert.like_main[field.name] then
    default = null
  elseif not field.in_model then
    local usual, safe = of_class(USUAL, class, field.name), expert.safe[field.name]
    if usual ~= nil then default = usual elseif safe ~= nil then default = safe end
  end
  out.help = HELP[field.name] or (field.unit ~= "" and sentence(field.unit)) or NO_HELP
  if field.type:find("^Optional") or default == null then out.optional = true end
  out.title = TITLES[field.name]
  if field.unverified then out.help = "Not verified: " .. field.type .. " by the API's template." end
  if default ~= null and default ~= nil then out.default = math.type(default) == "float" and tostring(default) or default end
  return out
end

local function is_fraction(class, field)
  return field.unit:find("^fraction") ~= nil and not of_class(LOOSE, class, field.name)
end

local function number_field(class, field)
  local name, o = field.name, options(class, field)
  if field.unit:find("%-1 disables") then
    o.min = "-1"
  elseif field.unit:find("0 rejected", 1, true) or name == "total_amount_quote" or name == "order_amount" or name:find("_price") then
    o.above = "0"
  elseif not MAY_BE_NEGATIVE[name] then
    o.min = "0"
  end
  if is_fraction(class, field) then o.max = "1" end
  if field.unit:find("^quote") then o.unit = "quote" end
  return form.decimal(name, o)
end

-- Prices of a grid are derived from the market; of a selling one the limit lies above.
local FROM_MID = { start_price = "-5", end_price = "5", limit_price = { side = { BUY = "-8", SELL = "8" } } }

local function price_field(class, field)
  if class.unverified then return form.decimal(field.name, options(class, field, { above = "0" })) end
  local o = options(class, field)
  o.default, o.from_mid, o.above = nil, FROM_MID[field.name], "0"
  return form.price(field.name, o)
end

local function integer_field(class, field)
  local o = options(class, field, { min = of_class(MAY_BE_ZERO, class, field.name) and 0 or 1, max = MOST[field.name] })
  if class.type == "directional_trading" and field.name == "cooldown_time" then o.min = 1 end
  if field.unit:find("^seconds") then return form.seconds(field.name, o) end
  if field.unit:find("^candles") then o.unit = "candles" end
  return form.integer(field.name, o)
end

local function enum_field(class, field, values)
  local o = options(class, field)
  o.values = values
  if values == ORDER_TYPES then o.help = "How the order is sent; LIMIT_MAKER is never taken at once." end
  return form.enum(field.name, o)
end

local function text_field(class, field)
  local name, o = field.name, options(class, field)
  if CONNECTORS[name] or name:find("_connector_name$") then
    o.book = not (field.in_model or of_class(WITHOUT_BOOK, class, name))
    if class.type == "directional_trading" and name == "connector_name" then o.default = PERPETUAL end
    return form.connector(name, o)
  end
  if name:find("trading_pair$") then
    o.connector_field = PAIR_ON[name] or (name:gsub("trading_pair$", "connector_name"))
    if name == "candles_trading_pair" or field.watched then o.connector_field, o.watched = nil, true end
    return form.pair(name, o)
  end
  if name == "interval" or name == "candles_interval" then
    o.values = INTERVALS
    return form.enum(name, o)
  end
  if name == "lp_provider" then
    o.values = PROVIDERS
    return form.enum(name, o)
  end
  if name == "pool_address" then return form.mint(name, o) end
  if SYMBOLS[name] then
    o.pattern, o.pattern_text, o.max_length = "[A-Z0-9.$]+", "must be a symbol in capitals, such as BTC", 20
  end
  return form.string(name, o)
end

local function trade_sides(class)
  return class.name == "lp_rebalancer" and { "BUY", "SELL", "RANGE" } or { "BUY", "SELL" }
end

local field_of

-- Upstream's raw texts "0.01,0.02".
local function numbers(text)
  local out = {}
  for item in text:gmatch("[^,]+") do out[#out + 1] = item end
  return out
end

local function list_field(class, field)
  local o = options(class, field, { min_items = 1, max_items = 50 })
  if type(o.default) == "string" then o.default = numbers(o.default) end
  o.of = form.decimal({ above = "0", max = is_fraction(class, field) and "1" or nil })
  return form.list(field.name, o)
end

-- Of members that a person would have to invent.
local MEMBERS = { ["GridConfig.grid_id"] = "grid_1", ["GridConfig.amount_quote_pct"] = "1", ["GridConfig.side"] = "BUY" }

local function members_of(class, kind, given)
  local out = {}
  for i, member in ipairs(classes.models[kind]) do
    local default = member[3]
    if default == nil then default = MEMBERS[kind .. "." .. member[1]] end
    if given and given[member[1]] ~= nil then default = given[member[1]] end
    out[i] = field_of(class, { name = member[1], type = member[2], unit = forms.units[member[1]] or "", default = default, in_model = true,
      watched = kind == "CandlesConfig" })
  end
  return out
end

local function record_field(class, field, kind)
  local o = options(class, field)
  local given = type(o.default) == "table" and o.default or nil
  if type(o.default) == "string" then
    local pair = numbers(o.default)
    given, o.default = nil, { activation_price = pair[1], trailing_delta = pair[2] }
  else
    o.default = nil
  end
  o.of = members_of(class, kind, given)
  return form.record(field.name, o)
end

local function records_field(class, field, kind)
  local o = options(class, field, { max_items = 20, min_items = field.name == "grids" and 1 or 0 })
  o.of = form.record({ of = members_of(class, kind) })
  return form.list(field.name, o)
end

-- {"SOL": 0.5} as rows for people.
local function parts_field(class, field)
  local o, rows = options(class, field, { min_items = 1, max_items = 20 }), {}
  for asset, part in pairs(field.default) do rows[#rows + 1] = { asset = asset, part = part } end
  o.default, o.help = rows, "The coins and the part of the portfolio that each should have; together below 1."
  o.of = form.record({ of = { form.string("asset", { pattern = "[A-Z0-9.$]+", pattern_text = "must be a symbol in capitals, such as BTC", max_length = 20, help = HELP.asset }),
    form.decimal("part", { above = "0", below = "1", help = HELP.part }) } })
  return form.list(field.name, o)
end

-- "0.003,10-0.006,20" as rows for people.
local function levels_field(class, field)
  local o, rows = options(class, field, { min_items = 1, max_items = 20 }), {}
  for row in field.default:gmatch("[^-]+") do
    local pair = numbers(row)
    rows[#rows + 1] = { target_profitability = pair[1], weight = pair[2] }
  end
  o.default, o.help = rows, "One order a row, on this side."
  o.of = form.record({ of = { form.decimal("target_profitability", { above = "0", max = "1", help = HELP.target_profitability }),
    form.decimal("weight", { above = "0", help = HELP.weight }) } })
  return form.list(field.name, o)
end

-- Of members of models, whose names mean the same as a class's.
forms.units = { stop_loss = "fraction of entry price (0.03 = 3%); null disables; 0 rejected", take_profit = "fraction of entry price; 0 rejected",
  time_limit = "seconds from executor creation; null disables; 0 rejected", activation_price = "fraction of the gain at which it begins; 0 rejected",
  trailing_delta = "fraction that the gain may fall back; 0 rejected", amount = "coins; 0 rejected", amount_quote_pct = "fraction; 0 rejected" }

local BY_TYPE = { bool = function(class, field) return form.boolean(field.name, options(class, field)) end,
  str = text_field, int = integer_field, Decimal = number_field, float = number_field, ["List[List[Decimal]]"] = levels_field,
  PositionMode = function(class, field) return enum_field(class, field, { "HEDGE", "ONEWAY" }) end,
  OrderType = function(class, field) return enum_field(class, field, ORDER_TYPES) end,
  TradeType = function(class, field) return enum_field(class, field, trade_sides(class)) end,
  TrailingStop = function(class, field) return record_field(class, field, "TrailingStop") end,
  TripleBarrierConfig = function(class, field) return record_field(class, field, "TripleBarrierConfig") end }

function field_of(class, field)
  local name, kind = field.name, field.type:match("^Optional%[(.+)%]$") or field.type
  if FROM_MID[name] then return price_field(class, field) end
  if BY_TYPE[kind] then return BY_TYPE[kind](class, field) end
  if kind:find("^Dict") then return parts_field(class, field) end
  local item = kind:match("^List%[(.+)%]$")
  if classes.models[item] then return records_field(class, field, item) end
  return list_field(class, field)
end

-- ---- the way to the config and back ----

local function word_of(kind, value)
  for word, number in pairs(classes.enums[kind]) do
    if value == number and word ~= "LONG" and word ~= "SHORT" then return word end
  end
  return value
end

local to_record

-- A value of the form as expert.read takes it; nil when it is none.
local function to_config(kind, value)
  if value == nil then return nil end
  kind = kind:match("^Optional%[(.+)%]$") or kind
  if classes.models[kind] then return to_record(kind, value) end
  if kind:find("^Dict") then
    local out = {}
    for _, row in ipairs(value) do out[row.asset] = row.part end
    return out
  end
  if not kind:find("^List") then return value end
  local out, item = {}, kind:match("^List%[(.+)%]$")
  for i, row in ipairs(value) do
    out[i] = item == "List[Decimal]" and json.array({ row.target_profitability, row.weight }) or to_config(item, row)
  end
  return json.array(out)
end

function to_record(kind, value)
  local out = {}
  for _, member in ipairs(classes.models[kind]) do
    out[member[1]] = to_config(member[2], value[member[1]])
    if out[member[1]] == nil then out[member[1]] = null end
  end
  return out
end

-- What a config holds as the form takes it; a value of another kind is handed on and refused there.
local function from_config(kind, value)
  if value == nil or value == null then return value end
  kind = kind:match("^Optional%[(.+)%]$") or kind
  if classes.enums[kind] then return word_of(kind, value) end
  if type(value) ~= "table" or decimal.is(value) then return value end
  if classes.models[kind] then
    local out = {}
    for _, member in ipairs(classes.models[kind]) do out[member[1]] = from_config(member[2], value[member[1]]) end
    return out
  end
  local out = {}
  if kind:find("^Dict") then
    for asset, part in pairs(value) do out[#out + 1] = { asset = asset, part = part } end
    return json.array(out)
  end
  local item = kind:match("^List%[(.+)%]$")
  for i, row in ipairs(value) do
    out[i] = item == "List[Decimal]" and type(row) == "table" and { target_profitability = row[1], weight = row[2] } or from_config(item, row)
  end
  return json.array(out)
end

local function all_ones(list)
  for _, item in ipairs(list) do
    if not configs.same(item, 1) then return false end
  end
  return true
end

-- Two ways to say one thing become the one that is left out: weights that are all 1, candles of the bot's own
-- market.
function forms.plain(field, value, p)
  if value == nil or value == null then return value end
  if expert.one_each[field.name] and type(value) == "table" and not decimal.is(value) and all_ones(value) then return null end
  if expert.like_main[field.name] and value == p[expert.like_main[field.name]] then return null end
  return value
end

-- One row; the bot's own market is kept beside the config, so put is given both.
local function plain_row(class, field)
  return { name = field.name, entry = field_of(class, field), field = field,
    put = function(config, value)
      local written = to_config(field.type, value)
      if written == nil and not (expert.like_main[field.name] or expert.one_each[field.name]) then written = null end
      config[field.name] = written
    end,
    get = function(config) return from_config(field.type, config[field.name]) end }
end

local function market_rows(class, field, rows)
  for _, member in ipairs({ "connector_name", "trading_pair" }) do
    local name = field.name .. "_" .. member
    rows[#rows + 1] = { name = name, field = field, member = member,
      entry = text_field(class, { name = name, type = "str", unit = member == "trading_pair" and "BASE-QUOTE, upper case" or "hummingbot connector id" }),
      put = function(config, value)
        config[field.name] = config[field.name] or {}
        config[field.name][member] = value
      end,
      get = function(config)
        local place = config[field.name]
        if type(place) == "table" then return place[member] end
      end }
  end
end

local FIRST, LAST = { total_amount_quote = true, leverage = true, position_mode = true, side = true, lp_provider = true, pool_address = true,
  order_amount = true, asset_to_hedge = true }, { manual_kill_switch = true, initial_positions = true, candles_config = true, rate_connector = true,
  quote_conversion_asset = true }
local GROUPS = { { "Signal", { "candle", "^interval", "^bb_", "^macd_", "^natr", "^length", "^multiplier", "percentage_threshold", "lookback", "entry_thr", "_threshold$", "^topic" } },
  { "Exits", { "stop_loss", "take_profit", "time_limit", "trailing", "triple_barrier", "^global_", "^tp_", "^sl_", "limit_price", "keep_position" } } }

local function group_of(name)
  if LAST[name] then return "More" end
  if FIRST[name] or CONNECTORS[name] and not name:find("candles") or name:find("trading_pair$") and not name:find("candles") or
    name:find("^exchange_pair") or name:find("^connector_pair") then
    return "Market"
  end
  for _, group in ipairs(GROUPS) do
    for _, pattern in ipairs(group[2]) do
      if name:find(pattern) and name ~= "position_rebalance_threshold_pct" then return group[1] end
    end
  end
  return "Orders"
end

-- The first of each group are those of the market.
local ORDER = { "Market", "Orders", "Signal", "Exits", "More" }

local function is_market(row)
  return (row.entry.kind == "connector" or row.entry.kind == "pair") and row.group == "Market"
end

-- Whether the form begins with another value than the class's own default.
function forms.is_usual(class, field)
  return field.type == "ConnectorPair" or of_class(USUAL, class, field.name) ~= nil
end

function forms.rows(class)
  local all, rows = {}, {}
  for _, field in ipairs(class.fields) do
    if field.type == "ConnectorPair" then
      market_rows(class, field, all)
    elseif not expert.hosts[field.name] then
      all[#all + 1] = plain_row(class, field)
    end
  end
  for _, row in ipairs(all) do row.group = group_of(row.name) end
  for _, group in ipairs(ORDER) do
    for _, first in ipairs({ true, false }) do
      for _, row in ipairs(all) do
        if row.group == group and is_market(row) == first then
          row.entry.group = group
          rows[#rows + 1] = row
        end
      end
    end
  end
  return rows
end

-- The fields of a class that is known from the API's template, as members of an object in the shape that the
-- config has, and the names of those whose type is not known. The market and the budget stand beside them.
function forms.of_template(class)
  local entries, left_out = {}, {}
  for _, field in ipairs(class.fields) do
    local kind = field.type:match("^Optional%[(.+)%]$") or field.type
    if not (expert.hosts[field.name] or expert.is_main(class.main, field.name)) then
      if kind == "" or kind == "List[List[Decimal]]" or not field.name:find("^[a-z][a-z0-9_]*$") then
        left_out[#left_out + 1] = field.name
      else
        entries[#entries + 1] = kind == "ConnectorPair" and record_field(class, field, kind) or field_of(class, field)
      end
    end
  end
  return entries, left_out
end

-- { "config", "exchange_pair_2", "trading_pair" } is the form's exchange_pair_2_trading_pair.
function forms.path(class, path)
  local name, kind, out = path[2], "", {}
  for _, field in ipairs(class.fields) do
    if field.name == name then kind = field.type end
  end
  if kind == "ConnectorPair" then return { name .. "_" .. (path[3] or "connector_name") } end
  local steps = kind:find("^Dict") and 2 or kind:find("^List%[List") and 3 or #path
  for i = 2, math.min(steps, #path) do out[#out + 1] = path[i] end
  return out
end

return forms
