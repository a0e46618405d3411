-- The connector id of Jupiter in a bot's config, by the version of the bot's image. It changed three
-- times and a wrong one keeps the bot from starting: up to 2.7 chain and network behind the provider, up to
-- 2.13 provider and trading type, since 2.14 the network (the provider is Gateway's swapProvider).
local ROWS = { -- newest first: { first version, name }
  { 2, 14, "solana-mainnet-beta" },
  { 2, 8, "jupiter/router" },
  { 2, 5, "jupiter_solana_mainnet-beta" },
}
local NEWEST = { 2, 16 } -- the newest version this table was compared with

local names = {}

-- Gateway's own name of the network, the same for every version; balances and tokens are kept under it.
names.NETWORK = "solana-mainnet-beta"

local function at_least(major, minor, row)
  return major > row[1] or (major == row[1] and minor >= row[2])
end

-- version: "2.16.0"; anything that is no version (null, "latest") counts as newer than the table.
-- Returns the name (nil when the version is too old) and "known", "newer" or "old".
function names.of(version)
  local major, minor
  if type(version) == "string" then major, minor = version:match("^v?(%d+)%.(%d+)") end
  if not major then return ROWS[1][3], "newer" end
  major, minor = math.tointeger(tonumber(major)), math.tointeger(tonumber(minor))
  local newer = at_least(major, minor, NEWEST) and not (major == NEWEST[1] and minor == NEWEST[2])
  for _, row in ipairs(ROWS) do
    if at_least(major, minor, row) then return row[3], newer and "newer" or "known" end
  end
  return nil, "old"
end

return names
