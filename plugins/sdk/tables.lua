-- bridge.tables: small things about tables. Pure functions; plugins may use them.
local json = require("bridge.json")

local tables = {}

-- A copy that shares no table with the original; arrays stay arrays. Decimals never change and are
-- shared. Deeper than 60 levels is an error: such a table contains itself.
function tables.copy(value, depth)
  if type(value) ~= "table" then return value end
  depth = (depth or 0) + 1
  if depth > 60 then error("a table is nested too deeply, or contains itself", 2) end
  local out = {}
  for key, item in pairs(value) do out[key] = tables.copy(item, depth) end
  return json.is_array(value) and json.array(out) or out
end

return tables
