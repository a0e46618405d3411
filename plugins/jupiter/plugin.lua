-- Jupiter on Solana through Hummingbot's Gateway, and strategies between BitMart and Jupiter. A router swaps
-- at once and has no order book, so what needs resting orders is refused in words (aliases.lua).
local arbitrage = require("bridge.strategies.arbitrage")
local xemm = require("bridge.strategies.xemm")
local pool = require("bridge.strategies.pool")
local hedge = require("bridge.strategies.hedge")
local swap = require("bridge.strategies.swap")

local bitmart = { connector = "bitmart", title = "BitMart", fee_pct = "0.25" }
local futures = { connector = "bitmart_perpetual", title = "BitMart", fee_pct = "0.06", contracts = true }
local jupiter = { connector = "solana-mainnet-beta", title = "Jupiter", quote = "USDC" }

return {
  api = 1,
  name = "jupiter",
  title = "Jupiter (Solana)",
  version = "1.1.0",
  connectors = { "solana-mainnet-beta", "jupiter/router" },
  strategies = {
    arbitrage.with_jupiter(bitmart), xemm.with_jupiter(bitmart), pool.rebalanced(jupiter), hedge.wallet(futures), swap.recurring(jupiter),
  },
  transforms = require("transforms"),
  log = require("log"),
  aliases = require("aliases"),
  actions = require("actions"),
}
