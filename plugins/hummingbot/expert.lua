-- A controller's config against its class, as an expert wrote it: unknown keys are refused by name, values
-- are brought to the type that the bot reads, and what was left out gets the class's default, written out,
-- since Hummingbot does not validate its own. A market, a price or an amount of coins has no default here:
-- trading what nobody named is worse than a refusal.
--
--   expert.read(class, config, main, refuse) -> config with only known keys, typed
--   expert.complete(class, p)                -> every field of the class; p: the form
--   expert.as_it_runs(class, config)         -> with the class's defaults where complete has others
--   expert.differs(class, p)                 -> the config without what complete writes by itself
--   expert.main(class) -> the fields that are the bot's first market
--   expert.is_main(main, name) -> the field stands beside the config; expert.pair_of(config) -> a pair to show
--   expert.others(config) -> { { path, connector, pair } } : its other markets
--   expert.left(class, p) -> { { field, value, unit } } : what has its default
--   expert.safe, like_main, one_each, hosts -> by field: a default in the place of the class's; which value of the
--     bot's own market is meant when it is left out; the list that it has one value for each of; what build leaves out
local decimal = require("bridge.decimal")
local fields = require("bridge.fields")
local json = require("bridge.json")
local text = require("bridge.text")
local classes = require("bridge.classes")
local configs = require("bridge.configs")
local copy = require("bridge.tables").copy

local expert = {}

local null = json.null

local ENUMS, MODELS = classes.enums, classes.models

-- Where a class's own default would do what nobody asked for: twenty times the money, a market order at
-- the start, a value of another type.
local SAFE = { leverage = 1, position_mode = "ONEWAY", manual_kill_switch = false, skip_rebalance = true, dynamic_order_spread = false,
  dynamic_target = false, initial_positions = json.array({}) }
local LIKE_MAIN = { candles_connector = "connector", candles_connector_name = "connector", candles_trading_pair = "pair" }
local ONE_EACH = { buy_amounts_pct = "buy_spreads", sell_amounts_pct = "sell_spreads", dca_amounts_pct = "dca_spreads" }
local SAME_LENGTH = { buy_amounts_pct = "buy_spreads", sell_amounts_pct = "sell_spreads", dca_amounts_pct = "dca_spreads", dca_amounts = "dca_spreads" }
local MUST_BE_GIVEN = { asset_to_hedge = true, spot_connector_name = true, taker_connector = true, taker_trading_pair = true,
  exchange_pair_2 = true, connector_pair_hedge = true, grids = true, order_amount = true }
local HOSTS = { id = true, controller_name = true, controller_type = true }
expert.safe, expert.like_main, expert.one_each, expert.hosts = SAFE, LIKE_MAIN, ONE_EACH, HOSTS

local MAIN = {
  { connector = "connector_name", pair = "trading_pair" }, { connector = "maker_connector", pair = "maker_trading_pair" },
  { connector = "hedge_connector_name", pair = "hedge_trading_pair" }, { model = "exchange_pair_1" }, { model = "connector_pair_dominant" },
}

local function by_name(class)
  local out = {}
  for _, field in ipairs(class.fields) do out[field.name] = field end
  return out
end

function expert.main(class)
  if class.main then return class.main end
  local known = by_name(class)
  for _, row in ipairs(MAIN) do
    if known[row.model or row.connector] then
      return { model = row.model, connector = row.connector, pair = row.pair and known[row.pair] and row.pair }
    end
  end
  return {}
end

function expert.is_main(main, name)
  return name == main.model or name == main.connector or name == main.pair or name == "total_amount_quote"
end

-- ---- types ----

local function at(path, step)
  local out = {}
  for i, item in ipairs(path) do out[i] = item end
  out[#out + 1] = step
  return out
end

-- A shape that stays what it is asked: the value, or nil after refuse(path, code, message, hint).
local convert

local function number_of(value)
  if math.type(value) == "float" then return decimal.try(tostring(value)) end -- a row of the classes, or beyond a decimal
  return fields.number(value)
end

local function wrong(path, refuse, what, hint)
  refuse(path, "wrong_type", tostring(path[#path]) .. " must be " .. what, hint)
  return nil
end

-- No amount, price or fraction of a sane config is larger.
local SANE = decimal("1e15")

local SCALARS = {
  str = function(value, path, refuse)
    if type(value) ~= "string" or #value > 200 then return wrong(path, refuse, "a text", "at most 200 characters") end
    return value
  end,
  bool = function(value, path, refuse)
    if type(value) ~= "boolean" then return wrong(path, refuse, "true or false") end
    return value
  end,
  int = function(value, path, refuse)
    local n = type(value) ~= "string" and number_of(value)
    local whole = n and n:integer()
    if not whole then return wrong(path, refuse, "a whole number", "without quotes and without a fraction") end
    return whole
  end,
  Decimal = function(value, path, refuse)
    local n = number_of(value)
    if not n then return wrong(path, refuse, "a number", "for example 0.01") end
    if decimal.abs(n) > SANE then
      refuse(path, "too_large", tostring(path[#path]) .. " is too large", "maximum: " .. tostring(SANE))
      return nil
    end
    return math.type(value) == "integer" and value or n
  end,
}
SCALARS.float = SCALARS.Decimal

local function enumerated(kind, value, path, refuse, nested)
  local known = ENUMS[kind]
  for name, number in pairs(known) do
    if value == name then return (nested or kind == "TradeType") and number or name end
    if value == number then return value end
  end
  local names = text.keys(known)
  return wrong(path, refuse, "one of " .. text.list(names), type(value) == "string" and text.nearest(value, names) and
    ("did you mean " .. text.nearest(value, names) .. "?") or nil)
end

local function list(inner, value, path, refuse)
  local items = value
  if type(value) == "string" then -- as Hummingbot's own files write it
    items = {}
    for item in value:gmatch("[^,]+") do items[#items + 1] = item:match("^%s*(.-)%s*$") end
  elseif type(value) ~= "table" or not json.is_array(value) then
    return wrong(path, refuse, "a list", "for example [0.01, 0.02]")
  end
  local out = {}
  for i, item in ipairs(items) do
    out[i] = convert(inner, item, at(path, i), refuse, true)
    if out[i] == nil then return nil end
  end
  return json.array(out)
end

-- "0.003,10-0.006,20" is [[0.003, 10], [0.006, 20]].
local function list_of_lists(value, path, refuse)
  if type(value) ~= "string" then return list("List[Decimal]", value, path, refuse) end
  local rows = {}
  for row in value:gmatch("[^-]+") do rows[#rows + 1] = row end
  return list("List[Decimal]", json.array(rows), path, refuse)
end

local function trailing_stop(value)
  local activation, delta
  if type(value) == "string" then activation, delta = value:match("^%s*([%d.]+)%s*,%s*([%d.]+)%s*$") end
  return activation and { activation_price = activation, trailing_delta = delta } or value
end

local function model(kind, value, path, refuse)
  if kind == "TrailingStop" then value = trailing_stop(value) end
  local names, out, good = {}, {}, true
  for i, member in ipairs(MODELS[kind]) do names[i] = member[1] end
  if type(value) ~= "table" or json.is_array(value) then
    return wrong(path, refuse, "an object", "its members are " .. text.list(names))
  end
  for key in pairs(value) do
    local near = text.nearest(tostring(key), names)
    local known = false
    for _, name in ipairs(names) do known = known or name == key end
    if not known then
      refuse(at(path, text.shown(key)), "unknown_field", "there is no " .. text.shown(key) .. " in " .. path[#path],
        near and ("did you mean " .. near .. "?") or ("its members are " .. text.list(names)))
      good = false
    end
  end
  for _, member in ipairs(MODELS[kind]) do
    local given = value[member[1]]
    if given == nil then given = member[3] end
    if given == nil then
      refuse(at(path, member[1]), "required", member[1] .. " is missing in " .. path[#path])
      good = false
    else
      out[member[1]] = convert(member[2], given, at(path, member[1]), refuse, true)
      good = good and out[member[1]] ~= nil
    end
  end
  return good and out or nil
end

local function dictionary(value, path, refuse)
  if type(value) ~= "table" or json.is_array(value) then return wrong(path, refuse, "an object of numbers", 'for example {"SOL": 0.5}') end
  local out = {}
  for key, item in pairs(value) do
    out[key] = convert("Decimal", item, at(path, key), refuse)
    if out[key] == nil then return nil end
  end
  return out
end

function convert(kind, value, path, refuse, nested)
  local optional = kind:match("^Optional%[(.+)%]$")
  if optional and (value == null or value == "") then return null end
  kind = optional or kind
  if SCALARS[kind] then return SCALARS[kind](value, path, refuse) end
  if ENUMS[kind] then return enumerated(kind, value, path, refuse, nested) end
  if MODELS[kind] then return model(kind, value, path, refuse) end
  if kind == "List[List[Decimal]]" then return list_of_lists(value, path, refuse) end
  local inner = kind:match("^List%[(.+)%]$")
  if inner then return list(inner, value, path, refuse) end
  if kind:find("^Dict") then return dictionary(value, path, refuse) end
  return copy(value)
end

-- ---- reading ----

local function positive(value)
  local n = type(value) ~= "table" or decimal.is(value)
  n = n and fields.number(value)
  return n == nil or n == false or n:sign() > 0
end

local function ascending_prices(config, path, refuse)
  local low, high, stop = config.start_price, config.end_price, config.limit_price
  if not (low and high and stop) then return end
  for _, name in ipairs({ "start_price", "end_price", "limit_price" }) do
    if not positive(config[name]) then return refuse(at(path, name), "too_small", name .. " must be above 0") end
  end
  low, high, stop = decimal(low), decimal(high), decimal(stop)
  if config.side == 2 then
    if not (low < high and high < stop) then
      refuse(at(path, "limit_price"), "not_ordered", "a selling grid needs start_price < end_price < limit_price")
    end
  elseif not (stop < low and low < high) then
    refuse(at(path, "limit_price"), "not_ordered", "a buying grid needs limit_price < start_price < end_price")
  end
end

local function check_lists(config, refuse)
  for name, other in pairs(SAME_LENGTH) do
    local these, those = config[name], config[other]
    if these ~= nil and these ~= null and those == nil then
      refuse({ "config", name }, "other_length", name .. " is given without " .. other, "give one for each of " .. other)
    elseif type(these) == "table" and json.is_array(these) and type(those) == "table" and #these > 0 and #these ~= #those then
      refuse({ "config", name }, "other_length", name .. " has " .. #these .. " values, " .. other .. " has " .. #those, "give one for each of " .. other)
    end
  end
  for _, name in ipairs({ "buy_spreads", "sell_spreads", "dca_spreads", "buy_amounts_pct", "sell_amounts_pct", "dca_amounts_pct", "dca_amounts" }) do
    for i, value in ipairs(type(config[name]) == "table" and config[name] or {}) do
      if not positive(value) then refuse({ "config", name, i }, "too_small", "each of " .. name .. " must be above 0") end
    end
  end
end

local function number_at(config, name)
  local value = config[name]
  return value ~= nil and value ~= null and (type(value) ~= "table" or decimal.is(value)) and decimal(value) or nil
end

-- What upstream does not check and what then never trades, or not as it was meant.
local function check_parts(config, refuse)
  local low, target, high = number_at(config, "min_base_pct"), number_at(config, "target_base_pct"), number_at(config, "max_base_pct")
  if low and target and high and not (low < target and target < high) then
    refuse({ "config", "target_base_pct" }, "not_ordered", "target_base_pct must lie between min_base_pct and max_base_pct", "the order is min_base_pct < target_base_pct < max_base_pct")
  end
  for _, side in ipairs({ "buy", "sell" }) do
    local least, most = number_at(config, side .. "_price_min"), number_at(config, side .. "_price_max")
    if least and most and not (least < most) then
      refuse({ "config", side .. "_price_max" }, "not_ordered", side .. "_price_max must be above " .. side .. "_price_min")
    end
  end
end

local function check_exits(config, refuse)
  if config.dynamic_target == true and config.stop_loss == null then
    refuse({ "config", "stop_loss" }, "required", "stop_loss is needed with dynamic_target", "give one, or set dynamic_target to false")
  end
  local trail = config.trailing_stop
  if type(trail) == "table" and not (decimal(trail.trailing_delta) < decimal(trail.activation_price)) then
    refuse({ "config", "trailing_stop" }, "not_ordered", "trailing_delta must be below activation_price", "else the trade is closed as soon as the trailing begins")
  end
end

local function check_levels(config, refuse)
  local least = number_at(config, "min_profitability")
  for _, name in ipairs({ "buy_levels_targets_amount", "sell_levels_targets_amount" }) do
    for i, level in ipairs(type(config[name]) == "table" and config[name] or {}) do
      if #level ~= 2 or not positive(level[2]) then
        refuse({ "config", name, i }, "wrong_type", "a level is its target and its weight, which is above 0", "for example [0.004, 10]")
      elseif least and not (decimal(level[1]) > least) then
        refuse({ "config", name, i }, "too_small", "the target of a level must be above min_profitability, which is " .. tostring(least), "else its orders are cancelled as soon as they are placed")
      end
    end
  end
end

local function check_allocation(config, refuse)
  local sum = decimal(0)
  for _, part in pairs(config.portfolio_allocation) do sum = sum + part end
  if not (sum < decimal(1)) then
    refuse({ "config", "portfolio_allocation" }, "too_large", "the parts must be below 1 together, they are " .. tostring(sum))
  end
end

-- Rules of several fields, once each field is right by itself.
local function check_rules(config, refuse)
  check_lists(config, refuse)
  ascending_prices(config, { "config" }, refuse)
  for i, grid in ipairs(type(config.grids) == "table" and config.grids or {}) do ascending_prices(grid, { "config", "grids", i }, refuse) end
  check_parts(config, refuse)
  check_exits(config, refuse)
  check_levels(config, refuse)
  for _, name in ipairs({ "leverage", "max_executors_per_side" }) do
    if config[name] and config[name] < 1 then refuse({ "config", name }, "too_small", name .. " must be at least 1") end
  end
  local allocation = config.portfolio_allocation
  if type(allocation) == "table" and not decimal.is(allocation) then check_allocation(config, refuse) end
  if type(config.interval) == "string" and not config.interval:find("^%d+[smhdwM]$") then
    refuse({ "config", "interval" }, "bad_text", "interval must be a candle interval", "for example 1m, 15m, 1h")
  end
  for _, name in ipairs({ "stop_loss", "take_profit", "time_limit" }) do
    if config[name] ~= nil and config[name] ~= null and not positive(config[name]) then
      refuse({ "config", name }, "too_small", name .. " must be above 0: Hummingbot refuses 0", "write null for none")
    end
  end
end

-- A price or an amount of coins that upstream fills with a number of some other market.
local function needed(field, config)
  if field.name == "dca_amounts" and config.dca_spreads ~= nil then return true end
  if MUST_BE_GIVEN[field.name] or field.type:find("^Dict") then return true end
  if field.type == "Decimal" and field.unit:find("^price") and not field.unit:find("disables", 1, true) then return true end
  return field.default == null and not field.type:find("^Optional") and SAFE[field.name] == nil and not LIKE_MAIN[field.name] and
    not ONE_EACH[field.name]
end

local function read_field(field, value, refuse)
  if value == null and LIKE_MAIN[field.name] then return null end
  return convert(field.type, value, { "config", field.name }, refuse)
end

function expert.read(class, config, main, refuse)
  local known, names, out, wrongs = by_name(class), {}, {}, 0
  local function count(...)
    wrongs = wrongs + 1
    refuse(...)
  end
  for _, field in ipairs(class.fields) do
    if not HOSTS[field.name] then names[#names + 1] = field.name end
  end
  for key in pairs(config) do
    if not known[key] then
      local near = text.nearest(tostring(key), names)
      count({ "config", text.shown(key) }, "unknown_field", "the class " .. class.type .. "/" .. class.name .. " has no field " .. text.shown(key),
        near and ("did you mean " .. near .. "?") or ("its fields are " .. text.list(names)))
    end
  end
  for _, field in ipairs(class.fields) do
    local value = config[field.name]
    if value ~= nil then
      out[field.name] = read_field(field, value, count)
    elseif not HOSTS[field.name] and not expert.is_main(main, field.name) and needed(field, config) then
      count({ "config", field.name }, "required", field.name .. " is missing: it has no default that could be meant", field.unit ~= "" and field.unit or nil)
    end
  end
  if wrongs == 0 then check_rules(out, refuse) end
  return out
end

-- ---- completing ----

local function never(path, _, message)
  error(table.concat(path, ".") .. ": the class's own default is refused: " .. message, 0)
end

local function ones(count)
  local out = {}
  for i = 1, count do out[i] = 1 end
  return json.array(out)
end

local function default_of(field, config, p)
  if SAFE[field.name] ~= nil then return copy(SAFE[field.name]) end
  if LIKE_MAIN[field.name] then return p[LIKE_MAIN[field.name]] end
  local each = ONE_EACH[field.name]
  if each and type(config[each]) == "table" then return ones(#config[each]) end
  if field.default == null or field.default == nil then return field.default end
  return convert(field.type, field.default, { field.name }, never)
end

local function main_value(main, name, p)
  if name == main.model then return { connector_name = p.connector, trading_pair = p.pair } end
  if name == main.connector then return p.connector end
  if name == main.pair then return p.pair end
  if name == "total_amount_quote" then return p.budget_quote end
end

-- Two rounds: how many amounts there are follows from the spreads, which may themselves be left out.
function expert.complete(class, p)
  local main, out = expert.main(class), {}
  for round = 1, 2 do
    for _, field in ipairs(class.fields) do
      local name = field.name
      if not HOSTS[name] and (ONE_EACH[name] ~= nil) == (round == 2) then
        local value = main_value(main, name, p)
        if value == nil then value = copy(p.config[name]) end
        if value == nil then value = default_of(field, out, p) end
        out[name] = value
      end
    end
  end
  return out
end

function expert.left(class, p)
  local main, whole, rows = expert.main(class), expert.complete(class, p), {}
  for _, field in ipairs(class.fields) do
    local name = field.name
    if not HOSTS[name] and not expert.is_main(main, name) and p.config[name] == nil then
      rows[#rows + 1] = { field = name, value = whole[name], unit = field.unit ~= "" and field.unit or nil }
    end
  end
  return rows
end

-- What is left out of a config that runs has the class's own default there, also where a new one would not.
-- also(class, field): further fields of which a new one has another default.
function expert.as_it_runs(class, config, also)
  local out = copy(config)
  for _, field in ipairs(class.fields) do
    if (SAFE[field.name] ~= nil or LIKE_MAIN[field.name] or (also and also(class, field))) and out[field.name] == nil and field.default ~= null then
      out[field.name] = convert(field.type, field.default, { field.name }, never)
    end
  end
  return out
end

-- Only what complete would not write by itself.
function expert.differs(class, p)
  local config, out, without, known = p.config, {}, copy(p.config), by_name(class)
  for name in pairs(ONE_EACH) do without[name] = nil end
  local function completed(from) return expert.complete(class, { connector = p.connector, pair = p.pair, budget_quote = p.budget_quote, config = from }) end
  local amounts, usual = completed(without), completed({})
  for name, value in pairs(config) do
    local by_itself = (ONE_EACH[name] and amounts or usual)[name]
    if not known[name] or needed(known[name], {}) or by_itself == nil or not configs.same(value, by_itself) then out[name] = value end
  end
  for name, other in pairs(SAME_LENGTH) do
    if out[name] ~= nil then out[other] = config[other] end
  end
  if out.dca_spreads ~= nil and known.dca_amounts then out.dca_amounts = config.dca_amounts end
  return out
end

-- A bot without a pair of its own is shown with the first coin it holds.
function expert.pair_of(config)
  local parts = config.portfolio_allocation
  local coin = type(parts) == "table" and not decimal.is(parts) and next(parts)
  local quote = type(config.quote_asset) == "string" and config.quote_asset or "USDT"
  return type(coin) == "string" and (coin .. "-" .. quote) or nil
end

local OTHERS = { { connector = "taker_connector", pair = "taker_trading_pair" }, { model = "exchange_pair_2" }, { model = "connector_pair_hedge" } }

function expert.others(config)
  local out = {}
  for _, row in ipairs(OTHERS) do
    local place = row.model and config[row.model]
    if place then
      out[#out + 1] = { path = { "config", row.model }, connector = place.connector_name, pair = place.trading_pair }
    elseif row.pair and config[row.pair] then
      out[#out + 1] = { path = { "config", row.pair }, connector = config[row.connector], pair = config[row.pair] }
    end
  end
  return out
end

return expert
