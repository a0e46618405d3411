-- What a check found. check(ctx, p, market, report) calls
--   report:error(path, code, data)   the plan is refused; all errors of a check are shown together
--   report:warn(path, code, data)    shown, does not stop
--   report:ok(code, data)            a check that passed, shown in the plan
-- path: a field's name, a Lua path { "levels_pct", 1 } (counted from 1), or a JSON pointer such as
-- "/account". code: declared in the plugin's messages as code -> "text {name}" or { "text {name}",
-- hint = "…" }; data fills the {names} and is shown beside. An undeclared code or a {name}
-- without data raises at the caller's line: both are bugs of the plugin.
local text = require("bridge.text")

---@class report
---@field error fun(self: report, path: string|(string|integer)[], code: string, data?: table)
---@field warn fun(self: report, path: string|(string|integer)[], code: string, data?: table)
---@field ok fun(self: report, code: string, data?: table)

local report = {}
local Report = {}
Report.__index = Report

-- Text and hint of a message row; the hint may have {names} too.
function report.render(row, data, level)
  local template = type(row) == "table" and (row[1] or row.message) or row
  local message, missing = text.fill(template, data)
  local hint
  if type(row) == "table" and row.hint then
    local also
    hint, also = text.fill(row.hint, data)
    missing = missing or also
  end
  if missing then error("report: the message needs data." .. missing, (level or 1) + 1) end
  return message, hint
end

local function add(self, status, path, code, data)
  local row = self.messages[code]
  if row == nil then
    local near = type(code) == "string" and text.nearest(code, text.keys(self.messages))
    error("report: the code " .. tostring(code) .. " is not declared in messages" .. (near and (", did you mean " .. near .. "?") or ""), 3)
  end
  local message, hint = report.render(row, data, 3)
  self.checks[#self.checks + 1] = { code = code, status = status, message = message, data = data }
  return { pointer = text.pointer("/params", path), code = code, message = message, hint = hint }
end

function Report:error(path, code, data)
  self.errors[#self.errors + 1] = add(self, "error", path, code, data)
end

function Report:warn(path, code, data)
  self.warnings[#self.warnings + 1] = add(self, "warn", path, code, data)
end

function Report:ok(code, data)
  add(self, "ok", nil, code, data)
end

-- A report over the plugin's messages, then the strategy's; errors, warnings and checks are arrays.
function report.new(messages, more)
  return setmetatable({ messages = report.messages(messages, more), errors = {}, warnings = {}, checks = {} }, Report)
end

-- Both tables as one; what the first one has stands.
function report.messages(first, second)
  if not second then return first or {} end
  local all = {}
  for code, row in pairs(second) do all[code] = row end
  for code, row in pairs(first or {}) do all[code] = row end
  return all
end

-- The message of a code that refuses a whole strategy: the plugin's own, or one the SDK has for all.
function report.refusal(plugin, code)
  return (plugin.messages or {})[code] or require("bridge.strategies.messages")[code]
end

return report
