-- bridge.configs: for recognise hooks, which read parameters back from controller configs. A value that
-- is not there stays nil (then the parameter is unknown), null stays json.null (then it is none), and a
-- value of another kind is handed on as it is: the form refuses it, and the bot is not recognised.
local json = require("bridge.json")
local fields = require("bridge.fields")

local configs = {}

local function number(value)
  return type(value) ~= "string" and fields.number(value) or nil
end

-- The one config of the list when it is of this controller; else nil.
function configs.only(list, kind, name)
  local c = list[1]
  if #list ~= 1 or type(c) ~= "table" or c.controller_type ~= kind or c.controller_name ~= name then return nil end
  return c
end

-- A fraction as percent: 0.004 -> 0.4.
function configs.percent(value)
  local n = number(value)
  return n and (n * 100):normal() or value
end

-- A list of fractions as percents.
function configs.percents(list)
  if type(list) ~= "table" or not json.is_array(list) then return list end
  local out = {}
  for i, value in ipairs(list) do out[i] = configs.percent(value) end
  return json.array(out)
end

-- Seconds as minutes; what is no whole number of minutes is refused by the form.
function configs.minutes(value)
  local n = number(value)
  return n and n:div(60, 6, "half_even"):normal() or value
end

-- Equal in meaning after a way through YAML and JSON: numbers by value, members in any order. texts: a
-- text that is a number counts as one.
function configs.same(a, b, texts)
  local read = texts and fields.number or number
  local x, y = read(a), read(b)
  if x or y then return x ~= nil and y ~= nil and x == y end
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  if json.is_array(a) ~= json.is_array(b) then return false end
  for key, value in pairs(a) do
    if b[key] == nil or not configs.same(value, b[key], texts) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

return configs
