-- bridge.log: lines a plugin writes while it is developed. They come back as plugin_log[] beside the
-- answer of a check or a plan, to developers only, and go to the bridge's own log at level debug.
--
--   local log = require("bridge.log")
--   log.info("{count} levels from {low}", { count = 7, low = p.low })
--
-- Levels: debug, info, warn, error; none of them stops anything. At most 100 lines of 500 bytes a call;
-- a {name} without data stays as it is.
local _, host = ...
local text = require("bridge.text")

---@class bridge.log
---@field debug fun(template: string, data?: table)
---@field info fun(template: string, data?: table)
---@field warn fun(template: string, data?: table)
---@field error fun(template: string, data?: table)
local log = {}

local LINES, BYTES = 100, 500
local lines = {} -- a state lives for one call, so these are the call's

local function short(message)
  if #message <= BYTES then return message end
  return message:sub(1, BYTES):gsub("[\xC0-\xFF][\x80-\xBF]*$", "") .. "…"
end

for _, level in ipairs({ "debug", "info", "warn", "error" }) do
  log[level] = function(template, data)
    if #lines > LINES then return end
    local _, at = pcall(error, "", 3)
    if #lines == LINES then
      lines[#lines + 1] = { level = "warn", at = (at:gsub(": $", "")), message = "more lines are left out" }
      return
    end
    local message = short((text.fill(tostring(template), data)):gsub("%c", " "))
    lines[#lines + 1] = { level = level, at = (at:gsub(": $", "")), message = message }
    host.log("debug", message)
  end
end

-- What was written so far, for the kernel.
function log.lines()
  return lines
end

return log
