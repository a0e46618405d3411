-- bridge.hb: read rows of the Hummingbot API by name: hb.<group>.<name> { … }.
--
--   local hb = require("bridge.hb")
--   local status = hb.gateway.status {}                                  -- decoded JSON
--   local tokens = hb.gateway.tokens { network_id = "solana-mainnet-beta" } -- path and query by name
--   local state  = hb.portfolio.state { body = { account_names = { "a" } } }
--   local slow   = hb.market.candles { body = { … }, within_s = 5 }          -- gives up after 5 seconds
--   local ok, result = hb.try(hb.gateway.status, {})                     -- result is { code, message, status } when not ok
--
-- Allowed while a check or a preview runs; elsewhere, and for rows that are not reads, the call is an
-- error of the plugin. status is the HTTP status, 0 without an answer. A failing upstream raises an `upstream` error, which is answered as 502 or 504
-- and never counted as the plugin's fault, unless hb.try catches it. Numbers: integers and decimals.
local _, host = ...

local hb = {}

local function group(name)
  return setmetatable({}, {
    __index = function(_, row)
      return function(args) return host.read(name .. "." .. row, args or {}) end
    end,
  })
end

-- Calls f(...); true and its result, or false and { upstream = true, code, message, status }. Other errors pass
-- through: they are bugs.
function hb.try(f, ...)
  local result = table.pack(pcall(f, ...))
  if result[1] then return table.unpack(result, 1, result.n) end
  local why = result[2]
  if type(why) == "table" and why.upstream then return false, why end
  error(why, 0)
end

return setmetatable(hb, { __index = function(_, name) return group(name) end })
