-- Other front ends' words for what a router cannot do: refused with the reason and what works instead.
return {
  strategies = {
    spread = { refuse = "router_no_book" },
    market_making = { refuse = "router_no_book" },
    spot_mm = { refuse = "router_no_book" },
    grid = { refuse = "router_no_book" },
    spot_grid = { refuse = "router_no_book" },
    volume = { refuse = "no_volume" },
  },
}
