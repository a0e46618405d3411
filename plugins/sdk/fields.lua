-- The kinds of form fields, one row each: how a value is read, which options the kind has, what it
-- is in JSON Schema. form.lua walks these rows; a new kind is a new row.
--
-- read(field, value) returns the value as plugins see it, or nil and a problem
-- { code =, message =, hint = }. Values come from JSON: integers are Lua integers, other numbers are
-- decimals, so no digit is ever lost.
local decimal = require("bridge.decimal")

local fields = {}

local function problem(code, message, hint)
  return nil, { code = code, message = message, hint = hint }
end

-- A decimal from a JSON number or a string with one; nil when it is neither.
local function number(value)
  if decimal.is(value) then return value end
  if math.type(value) == "integer" then return decimal(value) end
  if type(value) == "string" and #value <= 100 then return decimal.try(value) end
  return nil
end
fields.number = number

-- No amount, price or percent of a sane request is larger; a field that means more says so by max.
local SANE = decimal("1e15")

local function bounds(field, value)
  if not field.max and not field.below and decimal.abs(value) > SANE then
    return problem("too_large", "is too large", "maximum: " .. tostring(SANE))
  end
  local unit = field.unit_text and (" " .. field.unit_text) or ""
  if field.min and value < field.min then
    return problem("too_small", "must be at least " .. tostring(field.min) .. unit, "minimum: " .. tostring(field.min))
  end
  if field.above and value <= field.above then
    return problem("too_small", "must be above " .. tostring(field.above) .. unit, "above: " .. tostring(field.above))
  end
  if field.max and value > field.max then
    return problem("too_large", "must be at most " .. tostring(field.max) .. unit, "maximum: " .. tostring(field.max))
  end
  if field.below and value >= field.below then
    return problem("too_large", "must be below " .. tostring(field.below) .. unit, "below: " .. tostring(field.below))
  end
  return value
end

local function read_decimal(field, value)
  local n = number(value)
  if not n then
    local hint = 'write a number, such as 12.5 or "12.5"'
    if type(value) == "string" then
      local bare = #value <= 40 and value:match("^%s*([-+]?[%d.,]+)%s*%%?%s*$")
      if bare and bare:find(",", 1, true) then
        hint = 'write a point, not a comma: "' .. bare:gsub(",", ".") .. '"'
      elseif bare then
        hint = 'write only the number: "' .. bare .. '"'
      end
    end
    return problem("wrong_type", "must be a number", hint)
  end
  return bounds(field, n)
end

local function read_integer(field, value)
  local n = number(value)
  local whole = n and n:integer()
  if not whole then
    return problem("wrong_type", "must be a whole number" .. (field.unit_text and (" of " .. field.unit_text) or ""),
      n and "there is no fraction here" or "write a whole number, such as 60")
  end
  local ok, why = bounds(field, n)
  if not ok then return nil, why end
  return whole
end

local function read_string(field, value)
  if type(value) ~= "string" then return problem("wrong_type", "must be text", nil) end
  if #value == 0 then return problem("empty", "must not be empty", nil) end
  if #value > (field.max_length or 200) then
    return problem("too_long", "must have at most " .. (field.max_length or 200) .. " characters", nil)
  end
  if value:find("%c") then return problem("bad_text", "must not contain control characters", nil) end
  if field.pattern and not value:find("^" .. field.pattern .. "$") then
    return problem("bad_text", field.pattern_text or "does not have the right form", nil)
  end
  return value
end

local function read_slug(_, value)
  if type(value) ~= "string" or not value:find("^[a-z0-9][a-z0-9-]*$") or #value > 40 then
    return problem("bad_text", "must be 1 to 40 characters a-z, 0-9 and -", "for example: my-bot-1")
  end
  return value
end

-- Upper-case symbols with exactly one hyphen; symbols longer than 20 may be mint addresses, whose
-- case matters.
local function read_pair(_, value)
  if type(value) ~= "string" then
    return problem("bad_pair", "must be a pair such as BTC-USDT", nil)
  end
  local base, quote = value:match("^([%w.$]+)%-([%w.$]+)$")
  local function exact(symbol) return #symbol > 20 or symbol == symbol:upper() end
  if base and exact(base) and exact(quote) and #value <= 100 then return value end
  local b, q = value:match("^%s*([%w.$]+)%s*[-/_:]%s*([%w.$]+)%s*$")
  local function upper(symbol) return #symbol > 20 and symbol or symbol:upper() end
  return problem("bad_pair", "must be BASE-QUOTE in upper case with one hyphen",
    b and #value <= 100 and ('did you mean "' .. upper(b) .. "-" .. upper(q) .. '"?') or "for example: BTC-USDT")
end

local function read_boolean(_, value)
  if type(value) ~= "boolean" then
    return problem("wrong_type", "must be true or false", (value == "true" or value == "false") and "without quotes" or nil)
  end
  return value
end

local function read_enum(field, value)
  for _, allowed in ipairs(field.values) do
    if value == allowed then return value end
  end
  local nearest = type(value) == "string" and require("bridge.text").nearest(value, field.values)
  return problem("not_allowed", "must be one of " .. table.concat(field.values, ", "),
    nearest and ('did you mean "' .. nearest .. '"?') or nil)
end

local SECONDS = { s = 1, m = 60, h = 3600, d = 86400 }

-- Whole seconds, or text such as "90s", "15m", "1h30m", "2d"; plugins see seconds.
local function read_duration(field, value)
  local total = number(value)
  total = total and total:integer()
  if not total and type(value) == "string" and value:find("^[%dsmhd]+$") and #value <= 20 then
    total = 0
    local rest = value:gsub("(%d+)([smhd])", function(count, unit)
      if #count > 9 then return nil end -- thirty years in seconds; more would wrap around
      total = total + math.tointeger(tonumber(count)) * SECONDS[unit]
      return ""
    end)
    if rest ~= "" then total = nil end
  end
  if not total then return problem("wrong_type", "must be a length of time", 'for example: 90, "90s", "15m", "1h30m"') end
  local ok, why = bounds(field, decimal(total))
  if not ok then return nil, why end
  return total
end

local function read_account(_, value)
  if type(value) ~= "string" or not value:find("^[%w_-]+$") or #value > 64 then
    return problem("bad_text", "must be the name of an account: letters, digits, _ and -", "for example: master_account")
  end
  return value
end

-- Gateway's networks and providers, the connectors with - or / in their names, have no order books.
function fields.has_book(connector)
  return connector:find("[-/]") == nil
end

-- Hummingbot lists paper trading under names of its own; its controllers fail on them at the first tick.
local function read_connector(field, value)
  if type(value) ~= "string" or not value:find("^[a-z0-9][a-z0-9_./-]*$") or #value > 64 then
    return problem("bad_text", "must be the name of a connector as Hummingbot writes it", "for example: bitmart_perpetual")
  end
  if value:find("_paper_trade", 1, true) then
    return problem("paper_trade", "must not be a paper trading connector: Hummingbot's controllers do not run on them",
      "use " .. (value:gsub("_paper_trade.*$", "")) .. " with a small budget, or the simulator")
  end
  if field.book and not fields.has_book(value) then
    return problem("no_order_book", "must be an exchange with an order book: " .. value .. " is reached through Gateway, where every order is a swap at once",
      "use an exchange here; Gateway can be one side of an arbitrage, of xemm or of a hedge")
  end
  return value
end

-- An object, or a text that the plugin itself reads as one.
local function read_config(_, value)
  if type(value) == "table" and not decimal.is(value) then return value end
  if type(value) ~= "string" then return problem("wrong_type", "must be an object or a text", 'for example {"cooldown_time": 30}') end
  if #value > 32768 then return problem("too_long", "must have at most 32768 characters", nil) end
  return value
end

-- Every field of every class that the bridge knows, as pages may offer them.
local function classes_schema()
  local classes, out = require("bridge.classes"), {}
  local json = require("bridge.json")
  for _, name in ipairs(classes.names()) do
    local rows = {}
    for i, row in ipairs(classes.get(name).fields) do
      local default = row.default
      if math.type(default) == "float" then default = tostring(default) end
      rows[i] = { name = row.name, type = row.type, default = default, unit = row.unit }
    end
    out[name] = json.array(rows)
  end
  return out
end

-- A Solana address in base58: no 0, O, I or l.
local function read_mint(_, value)
  if type(value) ~= "string" or #value < 32 or #value > 44 or not value:find("^[1-9A-HJ-NP-Za-km-z]+$") then
    return problem("bad_mint", "must be a Solana address of 32 to 44 base58 characters",
      type(value) == "string" and value:find("[0OIl]") and "0, O, I and l do not occur in one" or
        "for example: So11111111111111111111111111111111111111112")
  end
  return value
end

-- The JSON Schema of numbers that may also come as text.
local function schema_number(field)
  return {
    type = { "string", "number" },
    pattern = "^[-+]?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$",
    minimum = field.min, maximum = field.max,
    exclusiveMinimum = field.above, exclusiveMaximum = field.below,
  }
end

local function schema_integer(field)
  return {
    type = "integer",
    minimum = field.min, maximum = field.max,
    exclusiveMinimum = field.above, exclusiveMaximum = field.below,
  }
end

local RANGE = { "min", "max", "above", "below" }

-- options: what the kind has besides the common ones; numeric: options that are numbers written as
-- text ("0.02"), turned into decimals; unit_text: the word in messages.
fields.kinds = {
  string = { widget = "text", options = { "pattern", "pattern_text", "max_length" }, read = read_string,
    schema = function(f) return { type = "string", minLength = 1, maxLength = f.max_length or 200 } end },
  slug = { widget = "slug", options = {}, read = read_slug,
    schema = function() return { type = "string", pattern = "^[a-z0-9][a-z0-9-]{0,39}$" } end },
  pair = { widget = "pair", options = { "connector", "connector_field", "watched" }, read = read_pair,
    schema = function(f)
      return { type = "string", pattern = "^[A-Za-z0-9.$]+-[A-Za-z0-9.$]+$", ["x-connector"] = f.connector, ["x-connector-field"] = f.connector_field }
    end },
  decimal = { widget = "decimal", options = RANGE, read = read_decimal, schema = schema_number },
  percent = { widget = "percent", options = RANGE, read = read_decimal, schema = schema_number, unit = "%", unit_text = "percent" },
  price = { widget = "price", options = { "min", "max", "above", "below", "from_mid", "pair" }, read = read_decimal,
    schema = function(f)
      local s = schema_number(f)
      if decimal.is(f.from_mid) then
        s["x-from-mid-pct"] = tostring(f.from_mid)
      elseif f.from_mid then
        s["x-from-mid-pct"] = {}
        for word, value in pairs(f.from_mid) do s["x-from-mid-pct"][word] = tostring(value) end
      end
      return s
    end },
  bps = { widget = "bps", options = RANGE, read = read_decimal, schema = schema_number, unit = "bps", unit_text = "basis points" },
  integer = { widget = "integer", options = RANGE, read = read_integer, schema = schema_integer },
  seconds = { widget = "duration", options = RANGE, read = read_integer, schema = schema_integer, unit = "s", unit_text = "seconds" },
  minutes = { widget = "duration", options = RANGE, read = read_integer, schema = schema_integer, unit = "min", unit_text = "minutes" },
  duration = { widget = "duration", options = RANGE, read = read_duration, unit = "s", unit_text = "seconds",
    schema = function() return { type = { "integer", "string" } } end },
  boolean = { widget = "switch", options = {}, read = read_boolean, schema = function() return { type = "boolean" } end },
  enum = { widget = "select", options = { "values" }, read = read_enum,
    schema = function(f) return { enum = f.values } end },
  account = { widget = "account", options = {}, read = read_account,
    schema = function() return { type = "string", pattern = "^[A-Za-z0-9_-]{1,64}$" } end },
  connector = { widget = "connector", options = { "book" }, read = read_connector,
    schema = function() return { type = "string", pattern = "^[a-z0-9][a-z0-9_./-]{0,63}$" } end },
  mint = { widget = "mint", options = { "network" }, read = read_mint,
    schema = function(f) return { type = "string", pattern = "^[1-9A-HJ-NP-Za-km-z]{32,44}$", ["x-network"] = f.network } end },
  config = { widget = "config", options = { "classes" }, read = read_config,
    schema = function(f) return { type = { "object", "string" }, ["x-classes"] = f.classes and classes_schema() or nil } end },
  record = { widget = "record", options = { "of" } }, -- read in form.lua, as lists are
  list = { widget = "list", options = { "of", "min_items", "max_items", "ascending" } },
}

fields.numeric = { min = true, max = true, above = true, below = true, from_mid = true }

return fields
