-- BitMart: the spot and the perpetual exchange. Its smallest spot order is published as min_order_value
-- (usually 5 USDT), which Hummingbot's executors do not read; its perpetuals trade whole contracts.
local grid = require("bridge.strategies.grid")
local mm = require("bridge.strategies.mm")
local inventory = require("bridge.strategies.inventory")
local classic = require("bridge.strategies.classic")
local trend = require("bridge.strategies.trend")
local hedge = require("bridge.strategies.hedge")

-- BitMart's standard fees per trade; accounts with a discount say so in fee_pct. Spot has no candle feed.
local spot = { connector = "bitmart", title = "BitMart", fee_pct = "0.25", candles = "bitmart_perpetual" }
local perpetual = { connector = "bitmart_perpetual", title = "BitMart", fee_pct = "0.06", contracts = true, spot = "bitmart" }

return {
  api = 1,
  name = "bitmart",
  title = "BitMart",
  version = "1.1.0",
  connectors = { "bitmart", "bitmart_perpetual" },
  strategies = {
    mm.spot(spot), grid.spot(spot), mm.dynamic(spot), inventory.spot(spot), classic.spot(spot),
    mm.perpetual(perpetual), grid.perpetual(perpetual), trend.bollinger(perpetual), trend.macd_bb(perpetual), trend.supertrend(perpetual),
    trend.dca(perpetual), hedge.exchange(perpetual),
  },
  log = require("log"),
  aliases = require("aliases"),
  actions = require("actions"),
}
