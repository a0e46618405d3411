-- What differs between versions of the bot's image, in one place.
--
-- The connector id of a Solana router in a bot's config changed three times, and a wrong one keeps the bot
-- from starting: up to 2.7 chain and network behind the provider, up to 2.13 provider and trading type, since
-- 2.14 the network (the provider is Gateway's swapProvider).
local ROUTER = { -- newest first: { first version, name }
  { 2, 14, "solana-mainnet-beta" },
  { 2, 8, "jupiter/router" },
  { 2, 5, "jupiter_solana_mainnet-beta" },
}
local NEWEST = { 2, 16 } -- the newest version these tables were compared with

-- Controllers younger than the oldest image the bridge starts.
local SINCE = { pmm_v1 = { 2, 13 }, lp_rebalancer = { 2, 13 } }

local versions = {}

-- Gateway's own name of the network, the same for every version; balances and tokens are kept under it.
versions.NETWORK = "solana-mainnet-beta"

local function at_least(major, minor, row)
  return major > row[1] or (major == row[1] and minor >= row[2])
end

-- "2.16.0" -> 2, 16; nil for what is no version (null, "latest"), which counts as newer than the tables.
local function read(version)
  local major, minor
  if type(version) == "string" then major, minor = version:match("^v?(%d+)%.(%d+)") end
  if major then return math.tointeger(tonumber(major)), math.tointeger(tonumber(minor)) end
end

-- The router's name (nil when the version is too old) and "known", "newer" or "old".
function versions.router(version)
  local major, minor = read(version)
  if not major then return ROUTER[1][3], "newer" end
  local newer = at_least(major, minor, NEWEST) and not (major == NEWEST[1] and minor == NEWEST[2])
  for _, row in ipairs(ROUTER) do
    if at_least(major, minor, row) then return row[3], newer and "newer" or "known" end
  end
  return nil, "old"
end

-- The version a controller came with, as text, when this one is older; else nil.
function versions.too_old(version, controller)
  local row = SINCE[controller]
  local major, minor = read(version)
  if row and major and not at_least(major, minor, row) then return row[1] .. "." .. row[2] end
end

return versions
