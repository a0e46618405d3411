-- Fields that many strategies ask for, each with its place in the config: rows for template.strategy.
local form = require("bridge.form")

local words = {}

-- base: the usual coin; connector: false for a pair no connector lists (on a chain).
function words.pair(o, base, path, more)
  more = more or {}
  local name = more.name or "pair"
  local connector
  if more.connector ~= false then connector = more.connector or o.connector end
  return { form.pair(name, { default = base .. "-" .. (more.quote or o.quote), connector = connector, title = more.title,
    group = "market", help = more.help or "Market as BASE-QUOTE, upper case." }), path or "trading_pair" }
end

function words.budget(usual, least)
  return { form.decimal("budget_quote", { default = usual, min = least, unit = "quote", group = "market",
    help = "Money this bot may use, in the quote currency (both sides together)." }), "total_amount_quote" }
end

-- A list of distances, nearest first; without a path the strategy maps it itself.
function words.distances(name, usual, help, more)
  more = more or {}
  return form.list(name, { of = form.percent { min = more.min or "0.02", max = more.max or "20" }, default = usual, optional = more.optional,
    min_items = 1, max_items = 5, ascending = true, group = "orders", help = help })
end

function words.take_profit(usual, least, path, optional)
  return { form.percent("take_profit_pct", { default = usual, min = least, max = "100", optional = optional, group = "exit",
    help = "Close a trade at this gain; must be above the fees of both sides." .. (optional and " Empty: none." or "") }), path or "take_profit", "fraction" }
end

function words.stop_loss(usual, path)
  return { form.percent("stop_loss_pct", { default = usual, min = "0.1", max = "50", optional = true, group = "exit",
    help = "Close a trade at this loss. Empty: none." }), path or "stop_loss", "fraction" }
end

function words.time_limit(usual)
  return { form.minutes("time_limit_min", { default = usual, min = 1, max = 10080, optional = true, group = "exit",
    help = "Close a trade after this long. Empty: never." }), "time_limit", "minutes" }
end

function words.refresh(usual, path)
  return { form.seconds("refresh_s", { default = usual, min = 15, max = 3600, group = "orders",
    help = "Replace orders that were not filled after this long." }), path or "executor_refresh_time" }
end

function words.cooldown(usual, help, path)
  return { form.seconds("cooldown_s", { default = usual, min = 5, max = 86400, group = "orders", help = help }),
    path or "cooldown_time" }
end

function words.buy_inventory()
  return { form.boolean("buy_inventory", { default = false, group = "market",
    help = "Let the bot buy the coins of its sell orders with one market order at the start. It counts only what it bought itself: coins that are in the account already are not used." }), "skip_rebalance", "negated" }
end

function words.leverage(usual, most)
  return { form.integer("leverage", { default = usual, min = 1, max = most or 20, group = "position",
    help = "Multiplier. The exchange's maximum depends on the market; small is safer." }), "leverage" }
end

function words.position_mode()
  return { form.enum("position_mode", { values = { "HEDGE", "ONEWAY" }, default = "HEDGE", group = "position",
    help = "One for the whole account: every bot on it must use the same; change it only with no open orders or positions." }), "position_mode" }
end

-- Sizes that the feeds of all exchanges in words.FEEDS have; 3m, the default of Hummingbot's classes, is not one.
words.CANDLES = { "1m", "5m", "15m", "30m", "1h", "2h", "4h", "12h", "1d", "1w" }
words.FEEDS = { "bitmart_perpetual", "binance", "kucoin", "gate_io", "okx", "bybit", "mexc", "bitget" }

function words.candle(usual)
  return { form.enum("candle", { values = words.CANDLES, default = usual or "15m", group = "signal",
    help = "Candle size for the signal. Sizes of an hour and more had gaps on some exchanges: 1m to 30m are safer." }), "interval" }
end

-- What does not exist on spot.
function words.spot_only()
  return form.refused("leverage", "spot_leverage", "there is no leverage on spot", "leave it out, or use the perpetual strategy"),
    form.refused("direction", "spot_short", "on spot only coins that are there can be sold", "leave it out, or use the perpetual strategy"),
    form.refused("position_mode", "spot_position_mode", "positions and their mode exist on perpetuals only", "leave it out")
end

function words.fee(o)
  return { form.percent("fee_pct", { default = o.fee_pct, min = "0", max = "2", group = "exit",
    help = "Fee of one trade on this account, used for checks only. The standard of " .. o.title .. " is " .. o.fee_pct .. " %." }) }
end

return words
