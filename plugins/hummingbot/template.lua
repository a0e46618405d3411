-- A class that the bridge does not know, from the API's template of it. What the template says of types is what
-- the class says, in Python's words; that every field may be left out is never true, "PydanticUndefined" is no
-- default, and those of objects are texts. So types are read, defaults only where they are plain values, and a
-- field that classes commonly have, of the same type, means what it means there. The rest is not known and
-- left to the class.
--
--   template.class(controller, rows) -> a class as classes.get has it, unverified = true; field.default is nil
--     when it is not known, null when there is none
local classes = require("bridge.classes")
local decimal = require("bridge.decimal")
local json = require("bridge.json")

local template = {}

local null = json.null

-- "typing.Optional[decimal.Decimal]", "<class 'int'>", "int | None" -> "Optional[Decimal]", "int", "Optional[int]".
local function type_of(text)
  if type(text) ~= "string" then return "" end
  local name = text:match("^<%a+ '(.*)'>$") or text
  name = name:gsub("[%w_]+%.", ""):gsub("%f[%w]list%[", "List["):gsub("%f[%w]dict%[", "Dict[")
  local inner = name:match("^(.+) | None$")
  return inner and ("Optional[" .. inner .. "]") or name
end

local SCALARS = { str = true, bool = true, int = true, float = true, Decimal = true }

local function is_known(kind)
  kind = kind:match("^Optional%[(.+)%]$") or kind
  local item = kind:match("^List%[(.+)%]$")
  return SCALARS[kind] or classes.enums[kind] or classes.models[kind] or kind == "List[List[Decimal]]" or
    (item and (SCALARS[item] or classes.models[item])) or false
end

local function is_plain(kind, value)
  kind = kind:match("^Optional%[(.+)%]$") or kind
  if kind == "bool" then return type(value) == "boolean" end
  if kind == "str" then return type(value) == "string" end
  if SCALARS[kind] then return decimal.is(value) or math.type(value) ~= nil or (type(value) == "string" and decimal.try(value) ~= nil) end
  if classes.enums[kind] then return type(value) == "string" and classes.enums[kind][value] ~= nil end
  if kind:find("^List") then return type(value) == "table" or (type(value) == "string" and value:find("^[%d.,-]+$") ~= nil) end
  return false
end

local function default_of(kind, value, usual)
  if value == "PydanticUndefined" then return null end
  if value == null then return kind:find("^Optional") and null or nil end
  if type(value) == "string" then value = value:match("^%a+%.(%u[%u_]*)$") or value end
  if is_plain(kind, value) then return value end
  return usual and usual.default or nil
end

local function field_of(row)
  if type(row) == "string" then row = { name = row } end -- facts that were recorded by an earlier version
  local kind, usual = type_of(row.type), classes.usual(row.name)
  if usual and usual.type ~= kind then usual = nil end
  if not is_known(kind) then return { name = row.name, type = "", unit = "", unverified = true } end
  return { name = row.name, type = kind, unit = usual and usual.unit or "", unverified = usual == nil, default = default_of(kind, row.default, usual) }
end

function template.class(controller, rows)
  local kind, name = controller:match("^([^/]+)/(.+)$")
  local class = { type = kind, name = name, unverified = true, fields = {}, main = {} }
  for i, row in ipairs(rows) do
    class.fields[i] = field_of(row)
    if class.fields[i].name == "connector_name" then class.main.connector = "connector_name" end
    if class.fields[i].name == "trading_pair" then class.main.pair = "trading_pair" end
  end
  return class
end

return template
