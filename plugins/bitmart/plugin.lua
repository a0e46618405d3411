-- BitMart: spot grid and spot market making. Perpetuals have no strategy here yet, so their connector
-- is not listed: a request for them must fail and not quietly trade spot.
return {
  api = 1,
  name = "bitmart",
  title = "BitMart",
  version = "1.0.0",
  connectors = { "bitmart" },
  strategies = { require("spot_mm"), require("spot_grid") },
  log = require("log"),
  messages = require("messages"),
  aliases = require("aliases"),
  actions = require("actions"),
}
