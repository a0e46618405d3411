-- Jupiter on Solana through Hummingbot's Gateway. A router swaps at once and has no order book, so what
-- needs resting orders is refused in words (aliases.lua).
return {
  api = 1,
  name = "jupiter",
  title = "Jupiter (Solana)",
  version = "1.0.0",
  connectors = { "solana-mainnet-beta", "jupiter/router" },
  strategies = { require("arbitrage") },
  transforms = require("transforms"),
  log = require("log"),
  messages = require("messages"),
  aliases = require("aliases"),
  actions = require("actions"),
}
