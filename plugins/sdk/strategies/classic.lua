-- Plain limit orders on both sides, the oldest way of market making: controller generic/pmm_v1, spot.
--
-- Upstream: order_amount is in coins and of every level; total_amount_quote is not used; there is no stop
-- loss and no take profit: what was bought is kept until it is sold. On a perpetual it would build
-- opposite positions, on a router every "limit order" is a swap at once; so it is for spot alone.
local form = require("bridge.form")
local decimal = require("bridge.decimal")
local configs = require("bridge.configs")
local json = require("bridge.json")
local template = require("bridge.strategies.template")
local words = require("bridge.strategies.words")
local checks = require("bridge.strategies.checks")
local sizes = require("bridge.strategies.sizes")

local classic = {}
local show = template.show

local function put_spreads(config, p)
  local spreads = {}
  for i, percent in ipairs(p.spreads_pct) do spreads[i] = percent:fraction() end
  config.buy_spreads, config.sell_spreads = json.array(spreads), json.array(spreads)
end

-- Of the same size in coins, so the lowest price counts.
local function placed(p, mid)
  local out = {}
  for _, percent in ipairs(mid and p.spreads_pct or {}) do
    out[#out + 1] = { base = p.order_base, price = mid * (decimal(1) - percent:fraction()) }
  end
  return mid and out
end

local function check_limit(e)
  local limit = e.ctx.risk and e.ctx.risk.max_loss_quote
  if limit then e.report:warn("/risk", "no_stop_loss", { limit = show(limit, 2) }) end
end

local function quote_need(p, e)
  return e.mid and (p.order_base * e.mid * #p.spreads_pct):round(8, "up") or decimal(0)
end

local function limit_price(name, path, help)
  return { form.price(name, { optional = true, above = "0", unit = "quote", group = "orders", help = help }), path, "minus_one" }
end

function classic.spot(given)
  return template.strategy(given, "spot_classic_pmm", function(o)
    return {
      title = "Classic two-sided orders (spot)", risk = "high", executors = { "order" }, pair = "pair",
      connector = o.connector, controller = { "generic", "pmm_v1" },
      summary = "Keeps plain limit orders of a fixed size on both sides. No stop loss and no take profit: what is bought is kept until a sell order is filled.",
      docs = "The loss limit is the only exit. When the bot is stopped, its orders are cancelled and the coins stay.",
      risk_defaults = { max_loss_quote = "15", max_controller_loss_quote = "10" },
      rows = {
        words.pair(o, "XRP"),
        { form.decimal("order_base", { default = "10", above = "0", unit = "base", group = "orders", help = "Size of one order, in coins." }), "order_amount" },
        { words.distances("spreads_pct", { "0.4" }, "Distance of each order from the middle price, in percent, nearest first."), put = put_spreads,
          get = function(c) return configs.percents(c.buy_spreads) end },
        words.refresh(60, "order_refresh_time"), words.cooldown(60, "Wait after a trade before the next one.", "filled_order_delay"),
        { form.boolean("skew", { default = true, group = "orders", help = "Shrink orders on the side that is full." }), "inventory_skew_enabled" },
        { form.percent("target_base_pct", { default = "50", min = "1", max = "99", group = "orders", help = "Target share in the coin." }), "target_base_pct", "fraction" },
        limit_price("ceiling", "price_ceiling", "Only sell above this price. Empty: off."),
        limit_price("floor", "price_floor", "Only buy below this price. Empty: off."),
        form.ordered("floor", "ceiling"),
        words.fee(o), words.spot_only(),
      },
      fixed = { connector_name = o.connector, total_amount_quote = 0, order_refresh_tolerance_pct = decimal("0.001"), inventory_range_multiplier = decimal("1.0") },
      presets = {
        careful = { spreads_pct = { "0.8" }, refresh_s = 120 },
        usual = { spreads_pct = { "0.4" } },
        bold = { spreads_pct = { "0.3", "0.6" }, refresh_s = 30 },
      },
      checks = { checks.spreads, checks.pace(function(p) return #p.spreads_pct * 2 end), sizes.check(placed, "order_base"), checks.quote(quote_need, "order_base"),
        checks.coins(function(p) return p.order_base * #p.spreads_pct end, "order_base", "coins_missing"), check_limit, checks.alone },
      preview = function(_, p, facts)
        local mid, rows = facts.mid and facts.mid[o.connector] and facts.mid[o.connector][p.pair], {}
        for _, sign in ipairs({ -1, 1 }) do
          for _, percent in ipairs(p.spreads_pct) do
            rows[#rows + 1] = { kind = "order", side = sign < 0 and "buy" or "sell", distance_pct = percent, base = p.order_base,
              price = mid and (mid * (decimal(1) + percent:fraction() * sign)):round(12, "half_even"):normal() }
          end
        end
        return rows
      end,
    }
  end)
end

return classic
