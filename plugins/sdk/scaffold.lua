-- The files of a new plugin: one strategy over one controller class, its form and build made from the class's
-- fields (classes.lua), with a test. What `trading-bridge plugin new` writes.
--
-- A field becomes a form field by its type and unit (rows below). What no person should have to say first is
-- written into build as it is: ids, the connector, kill switch, order types, nested models.
local json = require("bridge.json")
local decimal = require("bridge.decimal")
local classes = require("bridge.classes")
local text = require("bridge.text")
local copy = require("bridge.tables").copy

local scaffold = {}

local USUAL_CLASS = "generic/grid_strike"
local PAIR = "ETH-USDT"
local BUDGET = "100"
-- Enumerations that upstream's files hold as numbers or as words.
local ORDER_TYPES = { MARKET = 1, LIMIT = 2, LIMIT_MAKER = 3 }
local TRADE_TYPES = { BUY = 1, SELL = 2 }

local function quoted(value)
  return '"' .. tostring(value):gsub("\\", "\\\\"):gsub('"', '\\"') .. '"'
end

-- JSON as Lua source; objects in the order of their keys.
local function source(value)
  if value == json.null or value == nil then return "json.null" end
  if decimal.is(value) then return 'decimal("' .. tostring(value) .. '")' end
  if type(value) == "string" then return quoted(value) end
  if type(value) ~= "table" then return tostring(value) end
  local out = {}
  if json.is_array(value) then
    for i, item in ipairs(value) do out[i] = source(item) end
    return "json.array({ " .. table.concat(out, ", ") .. " })"
  end
  for key, item in pairs(value) do out[#out + 1] = key .. " = " .. source(item) end
  return "{ " .. table.concat(out, ", ") .. " }"
end

local function default_of(field)
  return field.default
end

-- ---- fields that build writes as they are ----

local FIXED = {
  id = false, controller_name = false, controller_type = false, -- the host's
  connector_name = "CONNECTOR", candles_connector = "CONNECTOR", rate_connector = "CONNECTOR",
  trading_pair = "p.pair", candles_trading_pair = "p.pair",
  manual_kill_switch = "false", initial_positions = "json.array({})", position_mode = '"ONEWAY"',
}

local function enumerated(field)
  local default = default_of(field)
  if default == json.null then return "json.null" end
  local numbers = field.type:find("TradeType", 1, true) and TRADE_TYPES or ORDER_TYPES
  return tostring(numbers[default] or source(default))
end

-- Models of several members are left to the author, who knows what they want of them.
local function model(field)
  local default = default_of(field)
  if type(default) == "table" and not json.is_array(default) then
    default = copy(default)
    for key, item in pairs(default) do
      if key:find("order_type", 1, true) and ORDER_TYPES[item] then default[key] = ORDER_TYPES[item] end
      local number = key:find("order_type", 1, true) == nil and type(item) == "string" and decimal.try(item)
      if number then default[key] = number end
    end
  end
  return source(default)
end

-- ---- fields that the form asks for ----

local function help_of(field)
  return "help = " .. quoted(field.unit ~= "" and field.unit or field.name:gsub("_", " "))
end

local function optional_of(field, default)
  if field.type:find("^Optional") and default == json.null then return "optional = true, " end
  return "default = " .. quoted(default) .. ", "
end

-- p.<name>, or null for what was left out.
local function of_form(field, name, method)
  local value = "p." .. name .. (method or "")
  if not (field.type:find("^Optional") and default_of(field) == json.null) then return value end
  return (method and ("p." .. name .. " and ") or "") .. value .. " or json.null"
end

-- "0.100" is "0.1".
local function short(number)
  local digits = tostring(number)
  return digits:find(".", 1, true) and (digits:gsub("0+$", ""):gsub("%.$", "")) or digits
end

local function number_field(field)
  local default = default_of(field)
  if field.unit:find("^fraction") then
    local percent = default ~= json.null and short(decimal(tostring(default)) * 100) or default
    local name = field.name .. "_pct"
    return 'form.percent("' .. name .. '", { ' .. optional_of(field, percent) .. help_of(field) .. " })",
      of_form(field, name, ":fraction()")
  end
  if field.unit:find("^price") then
    local from = field.unit:find("lower", 1, true) and "-5" or field.unit:find("upper", 1, true) and "5" or "-8"
    return 'form.price("' .. field.name .. '", { from_mid = "' .. from .. '", above = "0", ' .. help_of(field) .. " })",
      of_form(field, field.name)
  end
  return 'form.decimal("' .. field.name .. '", { ' .. optional_of(field, default) .. help_of(field) .. " })", of_form(field, field.name)
end

local function integer_field(field)
  local default = default_of(field)
  if field.name == "leverage" then default = 1 end
  local given = field.type:find("^Optional") and default == json.null and "optional = true, " or
    ("default = " .. tostring(default == json.null and 0 or default) .. ", ")
  return 'form.integer("' .. field.name .. '", { ' .. given .. help_of(field) .. " })", of_form(field, field.name)
end

local function boolean_field(field)
  return 'form.boolean("' .. field.name .. '", { default = ' .. tostring(default_of(field) == true) .. ", " .. help_of(field) .. " })",
    "p." .. field.name
end

local function text_field(field)
  local default = default_of(field)
  return 'form.string("' .. field.name .. '", { ' .. (default == json.null and "optional = true, " or "default = " .. quoted(default) .. ", ") ..
    help_of(field) .. " })", default == json.null and ("p." .. field.name .. " or json.null") or ("p." .. field.name)
end

-- Upstream's raw defaults of lists are texts with commas.
local function list_field(field)
  local default, items = default_of(field), {}
  if type(default) == "string" then
    for item in default:gmatch("[^,]+") do items[#items + 1] = quoted(item) end
  end
  if #items == 0 then items[1] = quoted("1") end
  return 'form.list("' .. field.name .. '", { of = form.decimal {}, default = { ' .. table.concat(items, ", ") .. " }, " .. help_of(field) ..
    " })", "p." .. field.name
end

-- "0.003,10-0.006,20", upstream's raw text for a list of lists.
local function nested(field)
  local default, rows = default_of(field), {}
  if type(default) ~= "string" then return source(default) end
  for row in default:gmatch("[^-]+") do
    local items = {}
    for item in row:gmatch("[^,]+") do items[#items + 1] = decimal(item) end
    rows[#rows + 1] = json.array(items)
  end
  return source(json.array(rows))
end

-- First match of the type decides: form declaration and expression of build, or only the latter.
local TYPES = {
  { "List%[List", nil, nested }, { "List%[Decimal%]", list_field }, { "List%[float%]", list_field },
  { "OrderType", nil, enumerated }, { "TradeType", nil, enumerated }, { "PositionMode", nil, enumerated },
  { "[%[,]", nil, model }, { "Config$", nil, model }, { "^ConnectorPair$", nil, model }, { "^list$", nil, model },
  { "bool", boolean_field }, { "int", integer_field }, { "Decimal", number_field }, { "float", number_field }, { "str", text_field },
}

local function scalar(type_name)
  return (type_name:gsub("^Optional%[(%w+)%]$", "%1"))
end

-- form declaration or nil, expression or nil (the host writes it)
local function made_of(field)
  if FIXED[field.name] ~= nil then return nil, FIXED[field.name] or nil end
  if field.name == "total_amount_quote" then
    return 'form.decimal("budget_quote", { default = "' .. BUDGET .. '", min = "10", unit = "quote", help = "Money this bot may use, in the quote currency." })',
      "p.budget_quote"
  end
  for _, row in ipairs(TYPES) do
    if scalar(field.type):find(row[1]) then
      if row[2] then return row[2](field) end
      return nil, row[3](field)
    end
  end
  return nil, source(default_of(field))
end

-- ---- the files ----

local function plugin_file(name, connector, strategy)
  return ([[
-- %s: one strategy over %s.
return {
  api = 1,
  name = "%s",
  title = "%s",
  version = "0.1.0",
  connectors = { "%s" },
  strategies = { require("%s") },
}
]]):format(name, connector, name, name, connector, strategy)
end

local STRATEGY = [[
-- %s
-- Made from the fields of the class %s; look at every default before money is involved.
local form = require("bridge.form")
local json = require("bridge.json")
%slocal CONNECTOR = "%s"

return {
  name = "%s",
  revision = 1,
  title = "%s",
  summary = "%s",
  risk = "high",
  executors = { %s },
  pair = "pair",
%s
  form = form.of {
    form.pair("pair", { default = "%s", connector = CONNECTOR, help = "Market as BASE-QUOTE, upper case." }),
%s
  },

  build = function(_, p)
    return {
      controllers = {
        {
          type = "%s",
          name = "%s",
          config = {
%s
          },
        },
      },
    }
  end,
}
]]

local function strategy_file(class, connector, strategy)
  local declared, written, kinds, budget, decimals = {}, {}, {}, "", ""
  for _, field in ipairs(class.fields) do
    local declaration, expression = made_of(field)
    if declaration then declared[#declared + 1] = "    " .. declaration .. "," end
    if expression then written[#written + 1] = "            " .. field.name .. " = " .. expression .. "," end
    if expression == "p.budget_quote" then budget = '  budget = "budget_quote",\n' end
    if expression and expression:find('decimal("', 1, true) then decimals = 'local decimal = require("bridge.decimal")\n' end
  end
  for i, kind in ipairs(class.executors) do kinds[i] = '"' .. kind .. '"' end
  return STRATEGY:format(class.purpose, class.type .. "/" .. class.name, decimals .. "\n", connector, strategy, strategy:gsub("_", " "), class.purpose,
    table.concat(kinds, ", "), budget, PAIR, table.concat(declared, "\n"), class.type, class.name, table.concat(written, "\n"))
end

local function test_file(strategy)
  return ([[
local test = require("bridge.test")

test.case("an empty form makes a plan", function(t)
  t.ok(t.plan("%s", {}))
end)

test.case("the configs are the ones we know", function(t)
  t.golden("%s", t.plan("%s", {}).controllers)
end)

test.case("a wrong pair is refused", function(t)
  t.refused(t.plan("%s", { pair = "ETHUSDT" }), "bad_pair", "/params/pair")
end)

return test
]]):format(strategy, strategy, strategy, strategy)
end

-- { name, connector?, controller? "type/name" } -> { files: [{ path, text }] } or { error }
function scaffold.make(input)
  local wanted = input.controller or USUAL_CLASS
  local class = classes.get(wanted)
  if not class then
    local near = text.nearest(wanted, classes.names())
    return { error = "there is no controller class " .. text.shown(wanted) .. (near and ("; did you mean " .. near .. "?") or
      ("; classes: " .. text.list(classes.names()))) }
  end
  local strategy = class.name:gsub("[^%w_]", "_")
  local connector = input.connector or input.name
  return { files = json.array({
    { path = "plugin.lua", text = plugin_file(input.name, connector, strategy) },
    { path = strategy .. ".lua", text = strategy_file(class, connector, strategy) },
    { path = "tests/" .. strategy .. "_test.lua", text = test_file(strategy) },
  }) }
end

return scaffold
