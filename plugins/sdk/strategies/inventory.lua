-- Market making around a share of coins that is to be held: controller generic/pmm_mister, spot.
--
-- Upstream: amounts are weights over both sides, times portfolio_allocation; spot wants position_side BUY
-- and leverage 1. What a bought coin earns is held as inventory, so a stop of the bot keeps nothing of it:
-- its executors are closed at market.
local form = require("bridge.form")
local decimal = require("bridge.decimal")
local configs = require("bridge.configs")
local json = require("bridge.json")
local template = require("bridge.strategies.template")
local words = require("bridge.strategies.words")
local checks = require("bridge.strategies.checks")
local sizes = require("bridge.strategies.sizes")

local inventory = {}

local function orders(p) return #p.spreads_pct * 2 end
local function quoted(p) return p.budget_quote * p.use_pct:fraction() end
local function each_order(p) return quoted(p):div(orders(p), 8, "down") end
-- Each order at its own price.
local function placed(p, mid)
  local quote, out = each_order(p), {}
  for _, percent in ipairs(p.spreads_pct) do
    for _, sign in ipairs({ -1, 1 }) do
      out[#out + 1] = { quote = quote, price = mid and mid * (decimal(1) + percent:fraction() * sign) }
    end
  end
  return out
end

local function coin_need(p, mid) return (p.budget_quote * (p.target_base_pct - p.band_pct):fraction()):div(mid, 8, "up") end

local function ones(list)
  local out = {}
  for i in ipairs(list) do out[i] = 1 end
  return json.array(out)
end

local function put_spreads(config, p)
  local spreads = {}
  for i, percent in ipairs(p.spreads_pct) do spreads[i] = percent:fraction() end
  config.buy_spreads, config.sell_spreads = json.array(spreads), json.array(spreads)
  config.buy_amounts_pct, config.sell_amounts_pct = ones(spreads), ones(spreads)
end

local function put_band(config, p)
  config.min_base_pct = (p.target_base_pct - p.band_pct):fraction()
  config.max_base_pct = (p.target_base_pct + p.band_pct):fraction()
end

local function get_band(config)
  local target, least = configs.percent(config.target_base_pct), configs.percent(config.min_base_pct)
  return decimal.is(target) and decimal.is(least) and (target - least):normal() or nil
end

local function check_band(p, refuse)
  if p.target_base_pct < p.band_pct or p.target_base_pct + p.band_pct > decimal(100) then
    refuse("band_pct", "band_too_wide", "band_pct around target_base_pct leaves 0 to 100 %", "choose a smaller band_pct or a target nearer to 50")
  end
end

function inventory.spot(given)
  return template.strategy(given, "spot_inventory_mm", function(o)
    return {
      title = "Inventory market making (spot)", risk = "medium", executors = { "position" }, budget = "budget_quote",
      pair = "pair", connector = o.connector, controller = { "generic", "pmm_mister" },
      summary = "Quotes both sides and keeps the share of coins near a target: buys more when there are few, sells more when there are many. Loses when the coin falls.",
      docs = "Only use_pct of the budget is quoted at one time; the rest is room for the target. stop_loss_total_pct sells what is held when it has lost that much.",
      risk_defaults = { max_loss_quote = "8%", max_controller_loss_quote = "6%" },
      rows = {
        words.pair(o, "BTC"), words.budget("500", "50"),
        { form.percent("use_pct", { default = "20", min = "1", max = "100", group = "market", help = "Share of the budget quoted at one time." }), "portfolio_allocation", "fraction" },
        { form.percent("target_base_pct", { default = "50", min = "1", max = "99", group = "market", help = "Share of the budget to hold in the coin." }), "target_base_pct", "fraction" },
        { form.percent("band_pct", { default = "20", min = "1", max = "49", group = "market", help = "Allowed deviation around the target." }), put = put_band, get = get_band },
        form.custom(check_band),
        { words.distances("spreads_pct", { "0.3", "0.6" }, "Distance of each order from the middle price, in percent, nearest first."), put = put_spreads,
          get = function(c) return configs.percents(c.buy_spreads) end },
        words.take_profit("0.6", "0.3"),
        { form.percent("stop_loss_total_pct", { default = "5", min = "0.5", max = "50", group = "exit", help = "Sell the held coins when they lose this much." }), "global_stop_loss", "fraction" },
        words.refresh(60), words.fee(o), words.spot_only(),
      },
      fixed = { connector_name = o.connector, buy_cooldown_time = 60, sell_cooldown_time = 60, buy_position_effectivization_time = 300,
        sell_position_effectivization_time = 300, price_distance_tolerance = decimal("0.001"), refresh_tolerance = decimal("0.001"),
        tolerance_scaling = decimal("1.2"), leverage = 1, position_mode = "ONEWAY", position_side = "BUY", take_profit_order_type = "LIMIT_MAKER",
        open_order_type = "LIMIT_MAKER", max_active_executors_by_level = 2, tick_mode = false, position_profit_protection = true, min_skew = decimal("1.0"),
        global_take_profit = decimal("0.03"), global_tp_enabled = false, global_sl_enabled = true, global_tp_activation_from = "min_base",
        global_sl_activation_from = "target_base", global_pnl_reference = "portfolio" },
      presets = {
        careful = { budget_quote = "250", use_pct = "30", spreads_pct = { "0.6", "1.2" }, take_profit_pct = "1", stop_loss_total_pct = "3" },
        usual = { budget_quote = "500", use_pct = "20", spreads_pct = { "0.3", "0.6" } },
        bold = { budget_quote = "1000", use_pct = "40", target_base_pct = "60", spreads_pct = { "0.25", "0.5", "0.75" }, stop_loss_total_pct = "8" },
      },
      checks = { checks.spreads, checks.take_profit, checks.pace(orders), sizes.check(placed, "budget_quote", "use_pct"), checks.closable(each_order, "use_pct"),
        checks.quote(function(p) return quoted(p):div(2, 8, "up") end), checks.coins(coin_need, "target_base_pct", "coins_missing"), checks.alone },
      preview = function(_, p, facts)
        local mid = facts.mid and facts.mid[o.connector] and facts.mid[o.connector][p.pair]
        local rows = { { kind = "share", title = "Coins to hold", quote = p.budget_quote * p.target_base_pct:fraction(), least_pct = p.target_base_pct - p.band_pct,
          most_pct = p.target_base_pct + p.band_pct } }
        for _, sign in ipairs({ -1, 1 }) do
          for _, percent in ipairs(p.spreads_pct) do
            rows[#rows + 1] = { kind = "order", side = sign < 0 and "buy" or "sell", distance_pct = percent, quote = each_order(p),
              price = mid and (mid * (decimal(1) + percent:fraction() * sign)):round(12, "half_even"):normal() }
          end
        end
        return rows
      end,
    }
  end)
end

return inventory
