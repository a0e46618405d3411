-- What a form demands between its fields, and when a field is asked at all; form.lua's other half.
--
--   form.one_of("budget_quote", "order_base")     exactly one is given
--   form.at_least_one("stop_loss_pct", "time_limit_min")
--   form.exclusive("trail_pct", "take_profit_pct") at most one
--   form.ordered("stop", "low", "high")            each above the one before
--   form.custom(function(p, refuse) … refuse("high", "too_wide", "the range is too wide", "choose …") end)
--
-- In one_of and exclusive one field may have a default: it stands unless another one is given. A rule
-- looks at values, so it skips fields whose own value was refused; custom runs when nothing else is
-- refused. Every mistake is an error at load with the plugin's file and line.
local _, host = ...
local text = require("bridge.text")
local decimal = require("bridge.decimal")

local rules = { names = { "one_of", "at_least_one", "exclusive", "ordered", "custom" } }

-- Where the plugin called the function that calls this, as "file:line: ". While a strategy of the SDK
-- declares its form, rules.author is the place where the plugin asked for it, and rules.defaults what it
-- wants instead of the strategy's own defaults.
function rules.here()
  if rules.author then return rules.author end
  local _, at = pcall(error, "", 4)
  return at
end

-- Raises at such a place.
function rules.fail(at, message)
  error(at .. message, 0)
end
local fail = rules.fail

-- ---- declaring ----

function rules.declare(kind, at, ...)
  local names = { ... }
  if kind == "custom" then
    local f = names[1]
    if type(f) ~= "function" then fail(at, "form.custom: write form.custom(function(p, refuse) … end)") end
    local _, _, count, variadic = host.where(f)
    if not variadic and count > 2 then
      fail(at, "form.custom: the function takes " .. count .. " parameters, it is given 2: p and refuse")
    end
    return { rule = kind, at = at, run = f }
  end
  if #names < 2 then fail(at, "form." .. kind .. ": name at least two fields") end
  return { rule = kind, at = at, names = names }
end

local function unknown(self, name)
  local near = type(name) == "string" and text.nearest(name, self.names)
  return "there is no field " .. tostring(name) .. (near and (", did you mean " .. near .. "?") or "")
end

local COMPARABLE = { decimal = "number", percent = "number", bps = "number", price = "number",
  integer = "integer", seconds = "integer", minutes = "integer", duration = "integer" }

local function check_ordered(self, rule)
  local first = COMPARABLE[self.by_name[rule.names[1]].kind]
  for _, name in ipairs(rule.names) do
    local kind = COMPARABLE[self.by_name[name].kind]
    if not kind or kind ~= first then
      fail(rule.at, "form.ordered: " .. name .. " is a " .. self.by_name[name].kind .. " and cannot be compared with " .. rule.names[1])
    end
  end
end

-- One rule against the form it stands in.
function rules.check(self, rule)
  if rule.rule == "custom" then return end
  local defaults = 0
  for _, name in ipairs(rule.names) do
    local field = self.by_name[name]
    if not field then fail(rule.at, "form." .. rule.rule .. ": " .. unknown(self, name)) end
    if rule.rule ~= "ordered" and not field.optional then
      fail(rule.at, "form." .. rule.rule .. ": " .. name .. " is always there; write optional = true")
    end
    if field.default ~= nil then defaults = defaults + 1 end
  end
  if rule.rule == "ordered" then
    check_ordered(self, rule)
  elseif rule.rule ~= "at_least_one" and defaults > 1 then
    fail(rule.at, "form." .. rule.rule .. ": only one of " .. text.list(rule.names) .. " may have a default")
  end
end

-- The condition as { field name -> array of values }.
local function condition(self, field, option)
  local found = field[option]
  if found == nil then return end
  if type(found) ~= "table" or next(found) == nil then
    fail(field.at, "form: " .. option .. " of " .. field.name .. ' must be { field = value }, such as { mode = "grid" }')
  end
  local rows = {}
  for name, value in pairs(found) do
    local other = self.by_name[name]
    if not other or other == field then fail(field.at, "form: " .. option .. " of " .. field.name .. ": " .. unknown(self, name)) end
    rows[name] = type(value) == "table" and value or { value }
    for _, one in ipairs(rows[name]) do
      if other.kind == "enum" then
        local known = false
        for _, allowed in ipairs(other.values) do known = known or allowed == one end
        if not known then
          local near = type(one) == "string" and text.nearest(one, other.values)
          fail(field.at, "form: " .. option .. " of " .. field.name .. ": " .. name .. " is never " .. tostring(one) ..
            (near and (", did you mean " .. near .. "?") or ""))
        end
      elseif other.kind ~= "boolean" or type(one) ~= "boolean" then
        fail(field.at, "form: " .. option .. " of " .. field.name .. ": only an enum or a boolean can be a condition, " .. name .. " is a " .. other.kind)
      end
    end
  end
  field[option] = rows
end

function rules.check_conditions(self, field)
  condition(self, field, "shown_when")
  condition(self, field, "required_when")
end

-- A distance from the mid price by the value of an enum becomes { by = its name, <value> = decimal, … }.
function rules.check_from_mid(self, field)
  if decimal.is(field.from_mid) then return end
  local name, given = next(field.from_mid)
  local other, rows = self.by_name[name], { by = name }
  if not other or other.kind ~= "enum" or type(given) ~= "table" then
    fail(field.at, "form: from_mid of " .. field.name .. ' must be a number written as text or { <enum> = { <value> = "-5", … } }')
  end
  for _, value in ipairs(other.values) do
    rows[value] = type(given[value]) == "string" and decimal.try(given[value])
    if not rows[value] then fail(field.at, "form: from_mid of " .. field.name .. " lacks a number written as text for " .. name .. " " .. value) end
  end
  field.from_mid = rows
end

-- The distance that holds for these values.
function rules.from_mid(field, values)
  if decimal.is(field.from_mid) then return field.from_mid end
  return field.from_mid[values[field.from_mid.by]]
end

-- ---- using ----

local function holds(rows, values)
  for name, allowed in pairs(rows) do
    local found = false
    for _, value in ipairs(allowed) do found = found or values[name] == value end
    if not found then return false end
  end
  return true
end

local function words(rows)
  local parts = {}
  for name, allowed in pairs(rows) do
    local shown = {}
    for i, value in ipairs(allowed) do shown[i] = tostring(value) end
    parts[#parts + 1] = name .. " is " .. table.concat(shown, " or ")
  end
  return table.concat(parts, " and ")
end
rules.words = words

-- Names whose default gives way, since another one of the rule was given.
function rules.replaced_defaults(self, given)
  local out = {}
  for _, rule in ipairs(self.rules) do
    if rule.rule == "one_of" or rule.rule == "exclusive" then
      local any = false
      for _, name in ipairs(rule.names) do any = any or given[name] end
      for _, name in ipairs(rule.names) do out[name] = out[name] or (any and not given[name]) end
    end
  end
  return out
end

function rules.apply_conditions(self, given, prefix, result)
  for _, field in ipairs(self.fields) do
    local pointer = text.pointer(prefix, { field.name })
    if field.shown_when and not holds(field.shown_when, result.values) then
      result.values[field.name] = nil
      if given[field.name] then
        result.errors[#result.errors + 1] = { pointer = pointer, code = "not_applicable",
          message = field.name .. " has a meaning only when " .. words(field.shown_when), hint = "leave it out" }
      end
    elseif field.required_when and result.values[field.name] == nil and not given[field.name] and holds(field.required_when, result.values) then
      result.errors[#result.errors + 1] = { pointer = pointer, code = "required",
        message = field.name .. " is missing; it is needed when " .. words(field.required_when), hint = field.help }
    end
  end
end

local function present(rule, values)
  local names = {}
  for _, name in ipairs(rule.names) do
    if values[name] ~= nil then names[#names + 1] = name end
  end
  return names
end

-- Each returns pointer steps, code, message, hint of what is wrong, or nothing.
local RUN = {
  one_of = function(rule, values)
    local names = present(rule, values)
    if #names == 0 then return nil, "required", "one of " .. text.list(rule.names) .. " is needed", "give exactly one" end
    if #names > 1 then return { names[2] }, "only_one", "only one of " .. text.list(rule.names) .. " can be given", "leave out " .. names[1] .. " or " .. names[2] end
  end,
  at_least_one = function(rule, values)
    if #present(rule, values) == 0 then return nil, "required", "at least one of " .. text.list(rule.names) .. " is needed", "give one or more" end
  end,
  exclusive = function(rule, values)
    local names = present(rule, values)
    if #names > 1 then return { names[2] }, "only_one", text.list(rule.names) .. " exclude each other", "leave out " .. names[1] .. " or " .. names[2] end
  end,
  ordered = function(rule, values)
    local names = present(rule, values)
    for i = 2, #names do
      local low, high = values[names[i - 1]], values[names[i]]
      if not (low < high) then
        return { names[i] }, "not_ordered", names[i] .. " must be above " .. names[i - 1] .. ", which is " .. tostring(low),
          "the order is " .. table.concat(rule.names, " < ")
      end
    end
  end,
}

local function run_custom(rule, values, prefix, errors)
  rule.run(values, function(path, code, message, hint)
    if type(code) ~= "string" or type(message) ~= "string" then
      error("refuse takes a path, a code, a message and a hint", 2)
    end
    errors[#errors + 1] = { pointer = text.pointer(prefix, path), code = code, message = message, hint = hint }
  end)
end

function rules.run(self, values, prefix, errors)
  local before = #errors
  for _, rule in ipairs(self.rules) do
    if rule.rule ~= "custom" then
      local path, code, message, hint = RUN[rule.rule](rule, values)
      -- A field whose own value was refused is not there; saying so twice helps nobody.
      if code and not (code == "required" and before > 0) then
        errors[#errors + 1] = { pointer = text.pointer(prefix, path), code = code, message = message, hint = hint }
      end
    end
  end
  for _, rule in ipairs(self.rules) do
    if rule.rule == "custom" and #errors == 0 then run_custom(rule, values, prefix, errors) end
  end
end

return rules
