-- Other front ends' words for what a router cannot do: refused with the reason and what works instead.
local REFUSED = {
  router_no_book = { "spread", "market_making", "spot_mm", "perp_mm", "spot_mm_dynamic", "spot_inventory_mm", "grid", "spot_grid", "multi_grid", "dca", "stat_arb" },
  router_limit = { "classic_pmm", "spot_classic_pmm", "pmm_v1", "limit_order" },
  router_short = { "perp_grid", "perp_dca", "perp_bollinger", "perp_macd_bb", "perp_supertrend", "bollinger", "macd_bb", "supertrend" },
  router_lp = { "jupiter_lp", "pool" },
  two_routers = { "router_arbitrage", "dex_arbitrage" },
  xemm_maker = { "xemm_maker" },
  no_volume = { "volume" },
}

local strategies = {}
for code, names in pairs(REFUSED) do
  for _, name in ipairs(names) do strategies[name] = { refuse = code } end
end

return { strategies = strategies }
