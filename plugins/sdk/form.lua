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
--     form.group("Exits", {
--       form.enum("exit", { values = { "stop", "time" }, default = "stop" }),
--       form.percent("stop_loss_pct", { default = "3", above = "0", optional = true, shown_when = { exit = "stop" } }),
--     }),
--     form.ordered("low", "high"),
--   }
--
-- Kinds and what p.<name> is: string, slug, pair, enum, account, connector, mint -> string; decimal,
-- percent, bps, price -> decimal (bridge.decimal; a percent is in percent: p.x:fraction() divides by 100,
-- and twice for basis points); integer, seconds, minutes -> integer of that unit; duration ("1h30m") ->
-- integer seconds; boolean -> boolean; list -> array; record (of = { named fields }) -> table;
-- config -> a table or a text, as it was given: a form.custom rule reads it and may set it and fields that were left out.
--
-- Options of every kind: default, title, help, group, unit, optional, shown_when, required_when. Of
-- numbers: min, max (inclusive), above, below (exclusive), written as text ("0.02") or integers, never as
-- floats. string: pattern (a Lua pattern for the whole text), pattern_text, max_length. pair: connector, or
-- connector_field, the name of the field that is the connector; watched: it is not traded, only looked at.
-- connector: book, an exchange with an order book, none that Gateway reaches.
-- price: from_mid (percent from the mid price, used when the field is left out; by the value of an enum:
-- { direction = { long = "-8", short = "8" } }), pair (name of the pair field, else the first). enum: values. list: of, min_items, max_items, ascending. mint: network.
--
-- Conditions: shown_when = { mode = "grid" } or { mode = { "grid", "dca" } }: elsewhere the field has no
-- value and a given one is refused. required_when = { … }: the field must be given then. Rules between
-- fields stand among them: form.one_of, at_least_one, exclusive, ordered, custom (rules.lua); form.refused
-- names a word that cannot be, and why.
--
-- Left out: the default is used; a field without default that is neither optional nor conditional nor has
-- from_mid is required (the contract refuses such forms: every form accepts {}). An optional field may be
-- null or "" for "none": p.<name> is then nil. null for a field that is not optional counts as left out.
-- A mistake in a declaration is an error at load with the plugin's file and line.
local fields = require("bridge.fields")
local rules = require("bridge.rules")
local text = require("bridge.text")
local decimal = require("bridge.decimal")
local json = require("bridge.json")

---@class bridge.form.field
---@class bridge.form.options
---@field default? any
---@field title? string
---@field help? string
---@field group? string
---@field unit? string
---@field optional? boolean
---@field shown_when? table<string, any>
---@field required_when? table<string, any>
---@field min? string|integer inclusive
---@field max? string|integer inclusive
---@field above? string|integer exclusive
---@field below? string|integer exclusive
---@field pattern? string a Lua pattern for the whole text
---@field pattern_text? string
---@field max_length? integer
---@field connector? string of a pair
---@field connector_field? string of a pair: the field that names its connector
---@field watched? boolean of a pair: it is not traded
---@field book? boolean of a connector: it has an order book
---@field classes? boolean of a config: the schema lists the fields of every known controller
---@field from_mid? string percent from the mid price, of a price that is left out
---@field pair? string name of the pair field of a price
---@field values? string[] of an enum
---@field of? bridge.form.field|bridge.form.field[] of a list or a record
---@field min_items? integer
---@field max_items? integer
---@field ascending? boolean
---@field network? string of a mint

---@class bridge.form
---@field string fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field slug fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field pair fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field decimal fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field percent fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field bps fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field integer fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field boolean fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field enum fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field list fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field record fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field account fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field connector fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field mint fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field config fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field duration fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field price fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field seconds fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field minutes fun(name: string|bridge.form.options, options?: bridge.form.options): bridge.form.field
---@field one_of fun(...: string): bridge.form.field
---@field at_least_one fun(...: string): bridge.form.field
---@field exclusive fun(...: string): bridge.form.field
---@field ordered fun(...: string): bridge.form.field
---@field custom fun(f: fun(p: table, refuse: fun(path: string, code: string, message: string, hint?: string))): bridge.form.field
local form = {}
local Form = {}
Form.__index = Form

local COMMON = { "default", "title", "help", "group", "unit", "optional", "shown_when", "required_when" }

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

-- ---- reading one value ----

local read_value

local function read_list(field, value, pointer, result)
  local errors = result.errors
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
    out[i] = read_value(field.of, item, at, result)
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

local function read_record(field, value, pointer, result)
  if type(value) ~= "table" or (json.is_array(value) and #value > 0) then
    result.errors[#result.errors + 1] = { pointer = pointer, code = "wrong_type", message = field.label .. " must be an object",
      hint = "its fields are " .. text.list(field.form.names) }
    return nil
  end
  local found = field.form:validate(value, pointer)
  for _, row in ipairs(found.errors) do result.errors[#result.errors + 1] = row end
  for _, row in ipairs(found.from_mid) do result.from_mid[#result.from_mid + 1] = row end
  return #found.errors == 0 and found.values or nil
end

-- The value as plugins see it; nil after adding to result.errors.
function read_value(field, value, pointer, result)
  if field.kind == "list" then return read_list(field, value, pointer, result) end
  if field.kind == "record" then return read_record(field, value, pointer, result) end
  local read, why = fields.kinds[field.kind].read(field, value)
  if read == nil then
    result.errors[#result.errors + 1] = { pointer = pointer, code = why.code, message = field.label .. " " .. why.message, hint = why.hint }
  end
  return read
end

-- ---- declaring ----

local here, fail = rules.here, rules.fail

-- Turns the numeric options into decimals once; floats would have lost digits already.
local function numeric_options(field)
  for option in pairs(fields.numeric) do
    local value = field[option]
    if value ~= nil and not (option == "from_mid" and type(value) == "table") then
      local n = math.type(value) ~= "float" and fields.number(value)
      if not n then
        fail(field.at, "form: " .. option .. " of " .. field.label .. ' must be a number written as text, such as "0.5"')
      end
      field[option] = n
    end
  end
end

local new_form

local function check_kind(field)
  if field.kind == "enum" and (type(field.values) ~= "table" or #field.values == 0) then
    fail(field.at, "form: enum " .. field.label .. " needs values = { \"…\", … }")
  elseif field.kind == "list" and (type(field.of) ~= "table" or not field.of.kind) then
    fail(field.at, "form: list " .. field.label .. " needs of = form.<kind> { … }")
  elseif field.kind == "record" then
    if type(field.of) ~= "table" or field.of.kind or #field.of == 0 then
      fail(field.at, "form: record " .. field.label .. ' needs of = { form.<kind>("name", { … }), … }')
    end
    field.form = new_form(field.of, field.at, true)
  end
end

-- Written by the author: an array in Lua may be a list or, when it is empty, a record.
local function raw_default(field)
  if field.kind == "list" and type(field.default) == "table" then
    local items = {}
    for i, item in ipairs(field.default) do items[i] = item end
    return json.array(items)
  end
  return field.default
end

local function check_default(field)
  if field.kind == "record" and field.default == nil and not field.optional and #field.form:validate({}, "").errors == 0 then
    field.default = {}
  end
  if field.default == nil then return end
  local found = { errors = {}, from_mid = {} }
  if math.type(field.default) == "float" then
    fail(field.at, "form: the default of " .. field.label .. ' is a float; write it as text, such as "0.5"')
  end
  field.value = read_value(field, raw_default(field), "", found)
  field.waits = #found.from_mid > 0
  if found.errors[1] then fail(field.at, "form: the default is refused: " .. found.errors[1].message) end
end

local function declare(kind, name, options, at)
  if type(name) == "table" and options == nil then name, options = nil, name end
  if name ~= nil and (type(name) ~= "string" or not name:find("^[a-z][a-z0-9_]*$")) then
    fail(at, "form." .. kind .. ": the name must be lower-case letters, digits and _")
  end
  local allowed = option_names(kind)
  local field = { kind = kind, name = name, label = name or "each value", at = at }
  for option, value in pairs(options or {}) do
    if not contains(allowed, option) then
      local near = text.nearest(tostring(option), allowed)
      fail(at, "form." .. kind .. ": unknown option " .. tostring(option) .. (near and (", did you mean " .. near .. "?") or ""))
    end
    field[option] = value
  end
  if name and rules.defaults and rules.defaults[name] ~= nil then field.default = rules.defaults[name] end
  local row = fields.kinds[kind]
  field.widget, field.unit, field.unit_text = row.widget, field.unit or row.unit, row.unit_text
  numeric_options(field)
  check_kind(field)
  check_default(field)
  return field
end

for kind in pairs(fields.kinds) do
  form[kind] = function(name, options)
    local field = declare(kind, name, options, here()) -- not a tail call: here() counts the frames
    return field
  end
end

for _, kind in ipairs(rules.names) do
  form[kind] = function(...)
    local rule = rules.declare(kind, here(), ...)
    return rule
  end
end

-- A word that is no field, and why: form.refused("leverage", "spot_leverage", "there is no leverage on spot",
-- "use the perpetual strategy"). A given value other than null is refused so.
function form.refused(name, code, message, hint)
  if type(name) ~= "string" or type(code) ~= "string" or type(message) ~= "string" then
    fail(here(), 'form.refused: write form.refused("name", "code", "why it cannot be", "what to do")')
  end
  return { refused = name, code = code, message = message, hint = hint, at = here() }
end

-- A heading over some fields; what is in it may also be rules and further groups.
function form.group(title, entries)
  if type(title) ~= "string" or type(entries) ~= "table" or #entries == 0 then
    fail(here(), 'form.group: write form.group("Title", { form.<kind>("name", { … }), … })')
  end
  return { group_of = entries, title = title }
end

local function add_field(self, field, index, at)
  if type(field) ~= "table" or not field.kind or not field.name then
    fail(at, "form.of: entry " .. index .. " is not a named field; write form.<kind>(\"name\", { … })")
  end
  if self.by_name[field.name] then fail(field.at, "form.of: the field " .. field.name .. " is there twice") end
  self.fields[#self.fields + 1], self.by_name[field.name], self.names[#self.names + 1] = field, field, field.name
  if field.kind == "pair" and not field.watched and not self.pair then self.pair = field.name end
end

local function add_all(self, entries, group, at)
  for i, entry in ipairs(entries) do
    if type(entry) == "table" and entry.group_of then
      add_all(self, entry.group_of, entry.title, at)
    elseif type(entry) == "table" and entry.rule then
      self.rules[#self.rules + 1] = entry
    elseif type(entry) == "table" and entry.refused then
      self.refused[entry.refused] = entry
    else
      add_field(self, entry, i, at)
      entry.group = entry.group or group
    end
  end
end

-- Prices of the form and of its records are derived from the same market, a pair field of the form itself.
local function check_prices(self, entries, at)
  for _, field in ipairs(entries) do
    local record = field.form or (field.of and field.kind == "list" and field.of.form)
    if record then
      check_prices(self, record.fields, at)
    elseif field.kind == "price" and field.from_mid then
      field.pair = field.pair or self.pair
      local pair = field.pair and self.by_name[field.pair]
      if not pair or not (pair.connector or pair.connector_field) then
        fail(field.at or at, "form.of: " .. field.name .. " has from_mid and needs a pair field with a connector")
      end
    end
  end
end

function new_form(list, at, is_record)
  local self = setmetatable({ fields = {}, by_name = {}, names = {}, rules = {}, refused = {} }, Form)
  add_all(self, list, nil, at)
  if not is_record then check_prices(self, self.fields, at) end
  for _, field in ipairs(self.fields) do
    if field.kind == "price" and field.from_mid then rules.check_from_mid(self, field) end
    local source = field.connector_field
    if source and not (self.by_name[source] and self.by_name[source].kind == "connector") then
      fail(field.at or at, "form.of: connector_field of " .. field.name .. " must name a connector field of this form")
    end
    rules.check_conditions(self, field)
  end
  for _, rule in ipairs(self.rules) do rules.check(self, rule) end
  for name, row in pairs(self.refused) do
    if self.by_name[name] then fail(row.at, "form.refused: " .. name .. " is a field of the form") end
  end
  return self
end

-- A form from an array of fields, groups and rules, in the order people see them.
function form.of(list)
  local made = new_form(list, here())
  return made
end

-- ---- using a form (the kernel and `plugin check` call these) ----

-- Named one by one; more than this is not a misspelling any more.
local UNKNOWN_SHOWN = 20

local function unknown_fields(self, params, prefix, lenient, result)
  local count = 0
  for key, value in pairs(params) do
    local refused = self.refused[key]
    if refused and value ~= json.null then
      result.errors[#result.errors + 1] = { pointer = text.pointer(prefix, { key }), code = refused.code, message = refused.message, hint = refused.hint }
    elseif not refused and not self.by_name[key] then
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

-- A field that was left out, or given as none.
local function fill(field, none, pointer, result)
  if none and field.optional then
    result.values[field.name] = nil
  elseif field.from_mid then
    result.from_mid[#result.from_mid + 1] = { field = field, values = result.values, pointer = pointer }
  elseif field.waits then
    result.values[field.name] = read_value(field, raw_default(field), pointer, result)
  elseif field.default ~= nil then
    result.values[field.name] = field.value
  elseif not field.optional and not field.shown_when and not field.required_when then
    result.errors[#result.errors + 1] = { pointer = pointer, code = "required", message = field.name .. " is missing",
      hint = field.help }
  end
end

-- Validates everything at once. params: table from JSON. Returns { values = what plugins see as p,
-- errors, warnings = { { pointer, code, message, hint } }, dropped = { pointer }, from_mid = { { field, values =
-- the table it belongs into, pointer } } of prices that were left out and want the market's }. Rules between
-- fields wait for those prices: then Form:check_rules is called again.
function Form:validate(params, prefix, lenient)
  local result = { values = {}, errors = {}, warnings = {}, dropped = {}, from_mid = {} }
  local given, given_none, replaced = {}, {}, nil
  unknown_fields(self, params, prefix, lenient, result)
  for _, field in ipairs(self.fields) do
    local value = params[field.name]
    given_none[field] = value == json.null or (value == "" and field.optional == true)
    given[field.name] = value ~= nil and not given_none[field]
  end
  replaced = rules.replaced_defaults(self, given)
  for _, field in ipairs(self.fields) do
    local pointer = text.pointer(prefix, { field.name })
    if given[field.name] then
      result.values[field.name] = read_value(field, params[field.name], pointer, result)
    elseif not replaced[field.name] then
      fill(field, given_none[field], pointer, result)
    end
  end
  rules.apply_conditions(self, given, prefix, result)
  if #result.from_mid == 0 then self:check_rules(result.values, prefix, result.errors) end
  return result
end

-- The connector of a pair field, which may be another field's value; nil when nobody says.
function Form:connector_of(field, values)
  return field.connector or (field.connector_field and values[field.connector_field]) or nil
end

local function add_pairs(self, values, prefix, out)
  for _, field in ipairs(self.fields) do
    local value, pointer = values[field.name], text.pointer(prefix, { field.name })
    if value ~= nil and field.kind == "pair" and not field.watched then
      out[#out + 1] = { pair = value, connector = self:connector_of(field, values), pointer = pointer,
        connector_pointer = field.connector_field and text.pointer(prefix, { field.connector_field }) }
    elseif value ~= nil and field.kind == "record" then
      add_pairs(field.form, value, pointer, out)
    elseif value ~= nil and field.kind == "list" and field.of.kind == "record" then
      for i, item in ipairs(value) do add_pairs(field.of.form, item, pointer .. "/" .. (i - 1), out) end
    end
  end
end

-- Every pair that is traded, also in records: { pair, connector, pointer, connector_pointer }; connector is nil
-- when nobody says it, connector_pointer when no field does.
function Form:pairs(values, prefix)
  local out = {}
  add_pairs(self, values, prefix, out)
  return out
end

-- What those pairs are paid in, each once.
function Form:quotes(values)
  local quotes, seen = json.array({}), {}
  for _, row in ipairs(self:pairs(values, "")) do
    local quote = row.pair:match("%-([^-]+)$")
    if quote and not seen[quote] then
      seen[quote] = true
      quotes[#quotes + 1] = quote
    end
  end
  return quotes
end

-- Adds the errors of the rules between fields.
function Form:check_rules(values, prefix, errors)
  rules.run(self, values, prefix, errors)
end

local function wire_value(field, value)
  if decimal.is(value) then return tostring(value) end
  if field.kind == "record" then return field.form:wire(value) end
  if field.kind ~= "list" then return value end
  local out = {}
  for i, item in ipairs(value) do out[i] = wire_value(field.of, item) end
  return json.array(out)
end
form.wire_value = wire_value

-- The values as the bridge keeps and shows them: decimals are text, a field that may be without a value
-- is null when it is, so that the same parameters can be sent again and mean the same.
function Form:wire(values)
  local out = {}
  for _, field in ipairs(self.fields) do
    local value = values[field.name]
    if value ~= nil then
      out[field.name] = wire_value(field, value)
    elseif field.optional or field.shown_when or field.required_when then
      out[field.name] = json.null
    end
  end
  return out
end

-- The defaults as wire values; what from_mid derives is not among them.
function Form:defaults()
  return self:wire(self:validate({}, "").values)
end

-- The form as JSON Schema 2020-12 and as a Markdown table.
function Form:schema() return require("bridge.schema").of(self) end
function Form:docs() return require("bridge.schema").docs(self) end

-- True for what form.of made.
function form.is(value) return getmetatable(value) == Form end

return form
