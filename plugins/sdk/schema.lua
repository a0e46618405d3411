-- A form as JSON Schema 2020-12 for pages, and as Markdown for people. What JSON Schema cannot say goes
-- into x- keywords: x-widget, x-unit, x-group, x-order, x-connector, x-network, x-from-mid-pct, x-ascending,
-- x-shown-when, x-rules.
local fields = require("bridge.fields")
local rules = require("bridge.rules")
local json = require("bridge.json")
local decimal = require("bridge.decimal")

local schema = {}

local function title_of(name)
  local words = name:gsub("_pct$", ""):gsub("_quote$", ""):gsub("_", " ")
  return words:sub(1, 1):upper() .. words:sub(2)
end

local function with_null(list)
  local out = {}
  for i, value in ipairs(list) do out[i] = value end
  out[#out + 1] = json.null
  return json.array(out)
end

local function allow_null(found)
  if found.enum then
    found.enum = with_null(found.enum)
  else
    local types = {}
    for i, name in ipairs(type(found.type) == "table" and found.type or { found.type }) do types[i] = name end
    types[#types + 1] = "null"
    found.type = json.array(types)
  end
end

local function field_schema(field)
  local found
  if field.kind == "list" then
    found = { type = "array", items = field_schema(field.of), minItems = field.min_items, maxItems = field.max_items or 100 }
    if field.ascending then found["x-ascending"] = true end
  elseif field.kind == "record" then
    found = schema.of(field.form)
    found["$schema"] = nil
  else
    found = fields.kinds[field.kind].schema(field)
  end
  if field.optional or field.shown_when or field.required_when then allow_null(found) end
  found["x-widget"] = field.widget
  found["x-unit"] = field.unit
  return found
end

-- { mode = { "grid" } } as a schema that holds for the same objects; a field that is left out has its default.
local function when(self, rows)
  local properties, required = {}, json.array({})
  for name, allowed in pairs(rows) do
    properties[name] = { enum = json.array(allowed) }
    local by_default = false
    for _, value in ipairs(allowed) do by_default = by_default or self.by_name[name].value == value end
    if not by_default then required[#required + 1] = name end
  end
  return { properties = properties, required = required }
end

local function each_required(names)
  local out = {}
  for i, name in ipairs(names) do out[i] = { required = json.array({ name }) } end
  return json.array(out)
end

local function has_default(self, names)
  for _, name in ipairs(names) do
    if self.by_name[name].default ~= nil then return true end
  end
  return false
end

-- No two of them.
local function at_most_one(names, all)
  for i, first in ipairs(names) do
    for j = i + 1, #names do all[#all + 1] = { ["not"] = { required = json.array({ first, names[j] }) } } end
  end
end

local RULES = {
  one_of = function(self, names, all)
    at_most_one(names, all)
    if not has_default(self, names) then all[#all + 1] = { anyOf = each_required(names) } end
  end,
  exclusive = function(_, names, all) at_most_one(names, all) end,
  at_least_one = function(self, names, all)
    if not has_default(self, names) then all[#all + 1] = { anyOf = each_required(names) } end
  end,
}

local function add_rules(self, out)
  local all, shown = json.array({}), json.array({})
  for _, field in ipairs(self.fields) do
    if field.required_when then
      all[#all + 1] = { ["if"] = when(self, field.required_when), ["then"] = { required = json.array({ field.name }) } }
    end
  end
  for _, rule in ipairs(self.rules) do
    if rule.names then shown[#shown + 1] = { rule = rule.rule, fields = json.array(rule.names) } end
    if RULES[rule.rule] then RULES[rule.rule](self, rule.names, all) end
  end
  if #all > 0 then out.allOf = all end
  if #shown > 0 then out["x-rules"] = shown end
end

function schema.of(self)
  local wire_value = require("bridge.form").wire_value
  local properties, required = {}, json.array({})
  for i, field in ipairs(self.fields) do
    local one = field_schema(field)
    one.title = field.title or title_of(field.name)
    one.description = field.help
    if field.value ~= nil then one.default = wire_value(field, field.value) end
    one["x-group"] = field.group
    one["x-order"] = i
    one["x-shown-when"] = field.shown_when
    properties[field.name] = one
    if field.value == nil and not (field.optional or field.from_mid or field.shown_when or field.required_when) then
      required[#required + 1] = field.name
    end
  end
  local out = { ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
    type = "object", additionalProperties = false, properties = properties, required = required }
  add_rules(self, out)
  return out
end

-- ---- Markdown ----

local function range_text(field)
  local f = field.of and field.kind == "list" and field.of or field
  local parts = {}
  if f.values then parts[1] = table.concat(f.values, ", ") end
  if f.min then parts[#parts + 1] = "from " .. tostring(f.min) end
  if f.above then parts[#parts + 1] = "above " .. tostring(f.above) end
  if f.max then parts[#parts + 1] = "to " .. tostring(f.max) end
  if f.below then parts[#parts + 1] = "below " .. tostring(f.below) end
  return table.concat(parts, " ")
end

local function default_text(field)
  if decimal.is(field.from_mid) then return tostring(field.from_mid) .. " % from the market's mid price" end
  if field.from_mid then return "from the market's mid price, by " .. field.from_mid.by end
  if field.value == nil then return "none" end
  if field.kind == "record" then return "its fields' own" end
  if type(field.value) ~= "table" or decimal.is(field.value) then return tostring(field.value) end
  local items = {}
  for i, item in ipairs(field.value) do items[i] = tostring(item) end
  return table.concat(items, ", ")
end

local function help_text(field)
  local parts = { field.help }
  if field.shown_when then parts[#parts + 1] = "Only when " .. rules.words(field.shown_when) .. "." end
  if field.required_when then parts[#parts + 1] = "Needed when " .. rules.words(field.required_when) .. "." end
  return table.concat(parts, " ")
end

function schema.docs(self)
  local lines = { "| field | kind | unit | default | range | meaning |", "|---|---|---|---|---|---|" }
  for _, field in ipairs(self.fields) do
    local list = field.kind == "list" and field.of
    lines[#lines + 1] = "| `" .. field.name .. "` | " .. (list and ("list of " .. list.kind) or field.kind) .. " | " ..
      (field.unit or (list and list.unit) or "") .. " | " .. default_text(field) .. " | " .. range_text(field) .. " | " .. help_text(field) .. " |"
  end
  return table.concat(lines, "\n") .. "\n"
end

return schema
