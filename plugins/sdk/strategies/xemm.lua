-- Market making on an exchange, hedged at once on Jupiter: controller generic/xemm_multiple_levels.
--
-- Upstream: the second number of a level is a weight, each side always gets half of total_amount_quote;
-- min_profitability and max_profitability are distances from the target. The maker's side needs an order
-- book, so it is never the router. The reported result of sales has the wrong sign up to 2.16.
local form = require("bridge.form")
local decimal = require("bridge.decimal")
local configs = require("bridge.configs")
local json = require("bridge.json")
local template = require("bridge.strategies.template")
local words = require("bridge.strategies.words")
local gateway = require("bridge.strategies.gateway")
local twosides = require("bridge.strategies.twosides")
local sizes = require("bridge.strategies.sizes")

local xemm = {}

local function show(value) return template.show(value, 6) end

-- The money of one level's order.
local function level_of(p)
  return p.budget_quote:div(2 * #p.targets_pct, 8, "down")
end

-- Coins of the middle price, bought below it by the profit that is wanted.
local function placed(p, mid)
  local out = {}
  for i, percent in ipairs(p.targets_pct) do
    out[i] = { quote = level_of(p), price = mid, at = mid and mid * (decimal(1) - percent:fraction()) }
  end
  return out
end

local function put_levels(config, p)
  local buy, sell = {}, {}
  for i, percent in ipairs(p.targets_pct) do
    buy[i], sell[i] = json.array({ percent:fraction(), 1 }), json.array({ percent:fraction(), 1 })
  end
  config.buy_levels_targets_amount, config.sell_levels_targets_amount = json.array(buy), json.array(sell)
end

local function get_levels(config)
  if type(config.buy_levels_targets_amount) ~= "table" then return config.buy_levels_targets_amount end
  local out = {}
  for i, level in ipairs(config.buy_levels_targets_amount) do out[i] = type(level) == "table" and configs.percent(level[1]) or level end
  return json.array(out)
end

local PRICE_MOVE_PCT = decimal("0.1")

local function check_targets(e)
  local p = e.p
  local target, costs = p.targets_pct[1], p.fee_pct + PRICE_MOVE_PCT
  local worst = costs + (e.slippage or decimal(0))
  local data = { target = show(target), slack = show(p.slack_pct), costs = show(costs), worst = show(worst) }
  if p.slack_pct >= target then
    e.report:error("slack_pct", "slack_above_target", data)
  elseif target - p.slack_pct <= costs then
    e.report:error({ "targets_pct", 1 }, "target_below_costs", data)
  elseif target - p.slack_pct <= worst then
    e.report:warn({ "targets_pct", 1 }, "target_below_slippage", data)
  end
  e.report:warn("/strategy", "result_from_fills", {})
end

function xemm.with_jupiter(given)
  return template.strategy(given, "xemm", function(o)
    return {
      title = "Market making on " .. o.title .. " hedged on Jupiter", risk = "high", executors = { "xemm" }, budget = "budget_quote", pair = "cex_pair",
      connector = o.connector, controller = { "generic", "xemm_multiple_levels" },
      summary = "Quotes on " .. o.title .. " at prices that leave a profit after the opposite swap on Jupiter, which follows each fill at once. Needs coins and money on both sides.",
      docs = "A swap that is not confirmed in time leaves one leg open: compare both balances. The bot asks Jupiter for quotes all the time: give Gateway an API key and an own Solana node.",
      risk_defaults = { max_loss_quote = "10%", max_controller_loss_quote = "10%" },
      rows = {
        words.pair(o, "SOL", "maker_trading_pair", { name = "cex_pair", title = o.title .. " pair", help = "Market quoted on " .. o.title .. "." }),
        words.pair(o, "SOL", "taker_trading_pair", { name = "dex_pair", quote = "USDC", connector = false, title = "Jupiter pair", help = "Hedge market on Solana (symbols of Gateway's token list)." }),
        words.budget("200", "40"),
        { words.distances("targets_pct", { "1.2", "2.0" }, "Profit wanted per level, after the hedge.", { min = "0.3" }), put = put_levels, get = get_levels },
        { form.percent("slack_pct", { default = "0.4", min = "0.05", max = "10", group = "orders", help = "Cancel when the profit falls this far below its target." }), "min_profitability", "fraction" },
        { form.percent("cap_pct", { default = "2", min = "0.1", max = "50", group = "orders", help = "Re-quote when the profit rises this far above its target." }), "max_profitability", "fraction" },
        { form.integer("max_imbalance", { default = 1, min = 1, max = 5, group = "orders", help = "Fills allowed on one side only." }), "max_executors_imbalance" },
        words.fee(o),
      },
      fixed = { maker_connector = o.connector, taker_connector = gateway.name },
      presets = {
        careful = { budget_quote = "100", targets_pct = { "2", "3" } },
        usual = { budget_quote = "200", targets_pct = { "1.8", "2.6" } },
        bold = { budget_quote = "400", targets_pct = { "1.7", "2", "2.4" }, max_imbalance = 2 },
      },
      checks = { gateway.version, twosides.pairs, sizes.check(placed, "budget_quote"), gateway.up, gateway.pair("dex_pair"), gateway.wallet(gateway.GAS_SOL),
        gateway.settings, check_targets, gateway.route("dex_pair", twosides.coins(level_of)), gateway.compare("dex_pair"), twosides.inventory(level_of, "budget_quote") },
      preview = function(ctx, p, facts)
        local mid, rows = facts.mid and facts.mid[o.connector] and facts.mid[o.connector][p.cex_pair], {}
        for i, target in ipairs(p.targets_pct) do
          rows[i] = { kind = "order", side = "both", target_pct = target, quote = level_of(p), base = mid and level_of(p):div(mid, 8, "down"), hedge = gateway.name(ctx) }
        end
        return rows
      end,
      effects = function(_, verb)
        if verb == "stop" then
          return { "Coins and money stay where the trades left them, on " .. o.title .. " and in the wallet; nothing is moved back." }
        end
        return {}
      end,
    }
  end)
end

return xemm
