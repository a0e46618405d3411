-- bridge.form: what a strategy asks for. One declaration gives validation (all errors at once, each
-- with a JSON pointer and a hint), defaults, JSON Schema 2020-12 for pages, and the documentation.
--
--   local form = require("bridge.form")
--   form.of {
--     form.pair("pair", { default = "BTC-USDT", connector = "bitmart" }),
--     form.decimal("budget_quote", { default = "200", min = "20", unit = "quote", help = "…" }),
--     form.price("low", { from_mid = "-5", above = "0" }),        -- left out: 5 % below the market's mid
--     form.list("levels_pct", { of = form.percent { min = "0.02", max = "20" }, default = { "0.4", "0.8" },
--                               min_items = 1, max_items = 5, ascending = true }),
--     form.percent("stop_loss_pct", { default = "3", above = "0", optional = true }),
--   }
--
-- Kinds and what p.<name> is: string, slug, pair, enum -> string; decimal, percent, price -> decimal
-- (bridge.decimal; a percent is in percent: p.x:fraction() divides by 100); integer, seconds, minutes ->
-- integer of that unit; duration ("1h30m") -> integer seconds; boolean -> boolean; list -> array.
--
-- Options of every kind: default, title, help, group, unit, optional. Of numbers: min, max (inclusive),
-- above, below (exclusive), written as text ("0.02") or integers, never as floats. string: pattern (a
-- Lua pattern for the whole text), pattern_text, max_length. pair: connector. price: from_mid (percent
-- from the mid price, used when the field is left out), pair (name of the pair field, else the first).
-- enum: values. list: of, min_items, max_items, ascending.
--
-- Left out: the default is used; a field without default that is neither optional nor has from_mid is
-- required (the contract refuses such forms: every form accepts {}). An optional field may be null or ""
-- for "none": p.<name> is then nil. null for a field that is not optional counts as left out.
-- A mistake in a declaration is an error at load with the plugin's file and line.
local fields = require("bridge.fields")
local text = require("bridge.text")
local decimal = require("bridge.decimal")
local json = require("bridge.json")

local form = {}
local Form = {}
Form.__index = Form

local COMMON = { "default", "title", "help", "group", "unit", "optional" }

local function option_names(kind)
  local names = {}
  for _, name in ipairs(COMMON) do names[#names + 1] = name end
  for _, name in ipairs(fields.kinds[kind].options) do names[#names + 1] = name end
  return names
end

local function contains(list, word)
  for _, item in ipairs(list) do
    if item == word then return true end
  end
  return false
end

local function title_of(name)
  local words = name:gsub("_pct$", ""):gsub("_quote$", ""):gsub("_", " ")
  return words:sub(1, 1):upper() .. words:sub(2)
end

-- ---- reading one value ----

local read_value

local function read_list(field, value, pointer, errors)
  if type(value) ~= "table" or not json.is_array(value) then
    errors[#errors + 1] = { pointer = pointer, code = "wrong_type", message = field.label .. " must be a list",
      hint = "for example: [" .. (field.of.widget == "text" and '"a"' or "1") .. "]" }
    return nil
  end
  local least, most = field.min_items or 0, field.max_items or 100
  if #value < least or #value > most then
    errors[#errors + 1] = { pointer = pointer, code = #value < least and "too_few" or "too_many",
      message = field.label .. " must have " .. least .. " to " .. most .. " values" }
    return nil
  end
  local out, good = {}, true
  for i, item in ipairs(value) do
    local at = pointer .. "/" .. (i - 1)
    out[i] = read_value(field.of, item, at, errors)
    if out[i] == nil then
      good = false
    elseif field.ascending and good and i > 1 and not (out[i] > out[i - 1]) then
      errors[#errors + 1] = { pointer = at, code = "not_ascending", message = field.label .. " must ascend: each value above the one before",
        hint = "nearest first" }
      good = false
    end
  end
  return good and out or nil
end

-- The value as plugins see it; nil after adding to `errors`.
function read_value(field, value, pointer, errors)
  if field.kind == "list" then return read_list(field, value, pointer, errors) end
  local read, why = fields.kinds[field.kind].read(field, value)
  if read == nil then
    errors[#errors + 1] = { pointer = pointer, code = why.code, message = field.label .. " " .. why.message, hint = why.hint }
  end
  return read
end

-- ---- declaring ----

-- Turns the numeric options into decimals once; floats would have lost digits already.
local function numeric_options(field, level)
  for option in pairs(fields.numeric) do
    local value = field[option]
    if value ~= nil then
      local n = math.type(value) ~= "float" and fields.number(value)
      if not n then
        error("form: " .. option .. " of " .. field.label .. ' must be a number written as text, such as "0.5"', level + 1)
      end
      field[option] = n
    end
  end
end

local function check_kind(field, level)
  if field.kind == "enum" and (type(field.values) ~= "table" or #field.values == 0) then
    error("form: enum " .. field.label .. " needs values = { \"…\", … }", level + 1)
  elseif field.kind == "list" and (type(field.of) ~= "table" or not field.of.kind) then
    error("form: list " .. field.label .. " needs of = form.<kind> { … }", level + 1)
  end
end

local function check_default(field, level)
  if field.default == nil then return end
  local errors = {}
  local raw = field.default
  if field.kind == "list" and type(raw) == "table" then raw = json.array(raw) end
  if math.type(raw) == "float" then
    error("form: the default of " .. field.label .. ' is a float; write it as text, such as "0.5"', level + 1)
  end
  field.value = read_value(field, raw, "", errors)
  if errors[1] then error("form: the default is refused: " .. errors[1].message, level + 1) end
end

local function declare(kind, name, options, level)
  if type(name) == "table" and options == nil then name, options = nil, name end
  if name ~= nil and (type(name) ~= "string" or not name:find("^[a-z][a-z0-9_]*$")) then
    error("form." .. kind .. ": the name must be lower-case letters, digits and _", level + 1)
  end
  local allowed = option_names(kind)
  local field = { kind = kind, name = name, label = name or "each value" }
  for option, value in pairs(options or {}) do
    if not contains(allowed, option) then
      local near = text.nearest(tostring(option), allowed)
      error("form." .. kind .. ": unknown option " .. tostring(option) .. (near and (", did you mean " .. near .. "?") or ""), level + 1)
    end
    field[option] = value
  end
  local row = fields.kinds[kind]
  field.widget, field.unit, field.unit_text = row.widget, field.unit or row.unit, row.unit_text
  numeric_options(field, level + 1)
  check_kind(field, level + 1)
  check_default(field, level + 1)
  return field
end

for kind in pairs(fields.kinds) do
  form[kind] = function(name, options)
    local field = declare(kind, name, options, 2) -- not a tail call: errors count the frames
    return field
  end
end

-- A form from an array of fields, in the order people see them.
function form.of(list)
  local self = setmetatable({ fields = {}, by_name = {}, names = {} }, Form)
  for i, field in ipairs(list) do
    if type(field) ~= "table" or not field.kind or not field.name then
      error("form.of: entry " .. i .. " is not a named field; write form.<kind>(\"name\", { … })", 2)
    end
    if self.by_name[field.name] then error("form.of: the field " .. field.name .. " is there twice", 2) end
    self.fields[i], self.by_name[field.name], self.names[i] = field, field, field.name
    if field.kind == "pair" and not self.pair then self.pair = field.name end
  end
  for _, field in ipairs(self.fields) do
    if field.kind == "price" and field.from_mid then
      field.pair = field.pair or self.pair
      local pair = field.pair and self.by_name[field.pair]
      if not pair or not pair.connector then
        error("form.of: " .. field.name .. " has from_mid and needs a pair field with a connector", 2)
      end
    end
  end
  return self
end

-- ---- using a form (the kernel and `plugin check` call these) ----

-- Named one by one; more than this is not a misspelling any more.
local UNKNOWN_SHOWN = 20

local function unknown_fields(self, params, prefix, lenient, result)
  local count = 0
  for key in pairs(params) do
    if not self.by_name[key] then
      count = count + 1
      local near = count <= UNKNOWN_SHOWN and text.nearest(tostring(key), self.names)
      local row = { pointer = text.pointer(prefix, { text.shown(key) }), code = "unknown_field",
        message = "there is no field " .. text.shown(key),
        hint = near and ("did you mean " .. near .. "?") or ("the fields are " .. text.list(self.names)) }
      if lenient then
        result.dropped[#result.dropped + 1] = row.pointer
        result.warnings[#result.warnings + 1] = { pointer = row.pointer, code = "dropped", message = row.message .. "; it was dropped", hint = row.hint }
      elseif count <= UNKNOWN_SHOWN then
        result.errors[#result.errors + 1] = row
      end
    end
  end
  if count > UNKNOWN_SHOWN and not lenient then
    result.errors[#result.errors + 1] = { pointer = prefix, code = "unknown_field",
      message = "and " .. (count - UNKNOWN_SHOWN) .. " more fields that do not exist", hint = "the fields are " .. text.list(self.names) }
  end
end

-- Validates everything at once. params: table from JSON. Returns { values = what plugins see as p,
-- errors, warnings = { { pointer, code, message, hint } }, dropped = { pointer }, from_mid = fields that
-- were left out and want the market's mid price }.
function Form:validate(params, prefix, lenient)
  local result = { values = {}, errors = {}, warnings = {}, dropped = {}, from_mid = {} }
  unknown_fields(self, params, prefix, lenient, result)
  for _, field in ipairs(self.fields) do
    local given = params[field.name]
    local none = given == json.null or (given == "" and field.optional)
    local pointer = text.pointer(prefix, { field.name })
    if given ~= nil and not none then
      result.values[field.name] = read_value(field, given, pointer, result.errors)
    elseif none and field.optional then
      result.values[field.name] = nil
    elseif field.from_mid then
      result.from_mid[#result.from_mid + 1] = field
    elseif field.default ~= nil then
      result.values[field.name] = field.value
    elseif not field.optional then
      result.errors[#result.errors + 1] = { pointer = pointer, code = "required", message = field.name .. " is missing",
        hint = field.help }
    end
  end
  return result
end

local function wire_value(value)
  if decimal.is(value) then return tostring(value) end
  if type(value) ~= "table" then return value end
  local out = {}
  for i, item in ipairs(value) do out[i] = wire_value(item) end
  return json.array(out)
end

-- The values as the bridge keeps and shows them: decimals are text, an optional field without a value
-- is null, so that the same parameters can be sent again and mean the same.
function Form:wire(values)
  local out = {}
  for _, field in ipairs(self.fields) do
    local value = values[field.name]
    if value ~= nil then
      out[field.name] = wire_value(value)
    elseif field.optional then
      out[field.name] = json.null
    end
  end
  return out
end

-- The defaults as wire values; what from_mid derives is not among them.
function Form:defaults()
  local values = {}
  for _, field in ipairs(self.fields) do values[field.name] = field.value end
  return self:wire(values)
end

local function field_schema(field)
  local schema
  if field.kind == "list" then
    schema = { type = "array", items = field_schema(field.of), minItems = field.min_items, maxItems = field.max_items or 100 }
    if field.ascending then schema["x-ascending"] = true end
  else
    schema = fields.kinds[field.kind].schema(field)
  end
  if field.optional then
    if schema.enum then
      local values = {}
      for i, value in ipairs(schema.enum) do values[i] = value end
      values[#values + 1] = json.null
      schema.enum = json.array(values)
    else
      local types = type(schema.type) == "table" and schema.type or { schema.type }
      local with_null = {}
      for i, name in ipairs(types) do with_null[i] = name end
      with_null[#with_null + 1] = "null"
      schema.type = json.array(with_null)
    end
  end
  schema["x-widget"] = field.widget
  schema["x-unit"] = field.unit
  return schema
end

-- The form as JSON Schema 2020-12.
function Form:schema()
  local properties, required = {}, json.array({})
  for i, field in ipairs(self.fields) do
    local schema = field_schema(field)
    schema.title = field.title or title_of(field.name)
    schema.description = field.help
    schema.default = field.value ~= nil and wire_value(field.value) or nil
    schema["x-group"] = field.group
    schema["x-order"] = i
    properties[field.name] = schema
    if field.value == nil and not field.optional and not field.from_mid then required[#required + 1] = field.name end
  end
  return {
    ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
    type = "object", additionalProperties = false, properties = properties, required = required,
  }
end

local function range_text(field)
  local f = field.of or field
  local parts = {}
  if f.values then parts[1] = table.concat(f.values, ", ") end
  if f.min then parts[#parts + 1] = "from " .. tostring(f.min) end
  if f.above then parts[#parts + 1] = "above " .. tostring(f.above) end
  if f.max then parts[#parts + 1] = "to " .. tostring(f.max) end
  if f.below then parts[#parts + 1] = "below " .. tostring(f.below) end
  return table.concat(parts, " ")
end

local function default_text(field)
  if field.from_mid then return tostring(field.from_mid) .. " % from the market's mid price" end
  if field.value == nil then return "none" end
  if type(field.value) ~= "table" or decimal.is(field.value) then return tostring(field.value) end
  local items = {}
  for i, item in ipairs(field.value) do items[i] = tostring(item) end
  return table.concat(items, ", ")
end

-- The form as a Markdown table.
function Form:docs()
  local lines = { "| field | kind | unit | default | range | meaning |", "|---|---|---|---|---|---|" }
  for _, field in ipairs(self.fields) do
    local kind = field.of and ("list of " .. field.of.kind) or field.kind
    local unit = field.unit or (field.of and field.of.unit) or ""
    lines[#lines + 1] = "| `" .. field.name .. "` | " .. kind .. " | " .. unit .. " | " .. default_text(field) ..
      " | " .. range_text(field) .. " | " .. (field.help or "") .. " |"
  end
  return table.concat(lines, "\n") .. "\n"
end

-- True for what form.of made.
function form.is(value) return getmetatable(value) == Form end

return form
