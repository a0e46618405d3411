-- What every exchange-neutral strategy is made with: rows that say how a field of the form becomes a key
-- of the controller's config, both ways, so that build and recognise come from the same rows.
--
--   return template.strategy(given, "spot_grid", function(o) return {
--     controller = { "generic", "grid_strike" }, …,
--     rows = {
--       { form.pair("pair", { … }), "trading_pair" },
--       { form.percent("step_pct", { … }), "min_spread_between_orders", "fraction" },
--       { form.percent("fee_pct", { … }) },            -- for checks only; no config holds it
--       form.ordered("stop", "low", "high"),
--     },
--     fixed = { leverage = 1, triple_barrier_config = { … } },   -- a function(ctx, p) is called
--     checks = { function(e) … end, … },               -- e = { ctx, p, market, report, o, form, mid, rules }
--   } end)
--
-- A path such as "triple_barrier_config.take_profit" reaches into a table. A third member names a
-- conversion below or is { put = function(value) … end, get = function(value, config) … end }. Instead of a
-- path there may be put(config, p) and get(config). Every key is written: what has no value is null. needs:
-- keys without which a config is not recognised.
--
-- o holds what an exchange plugin says about its exchange; see KNOWN below.
local json = require("bridge.json")
local decimal = require("bridge.decimal")
local configs = require("bridge.configs")
local form = require("bridge.form")
local rules = require("bridge.rules")
local text = require("bridge.text")

local template = {}

-- ---- conversions ----

local function fractions(list)
  local out = {}
  for i, percent in ipairs(list) do out[i] = percent:fraction() end
  return json.array(out)
end

local SIDES = { long = 1, short = 2, BUY = 1, SELL = 2, RANGE = 3 }

local function word_of(words)
  return function(value)
    for _, word in ipairs(words) do
      if SIDES[word] == value then return word end
    end
    return value
  end
end

local AS = {
  same = { put = function(v) return v end, get = function(v) return v end },
  list = { put = function(v) return json.array(v) end, get = function(v) return v end },
  fraction = { put = function(v) return v:fraction() end, get = configs.percent },
  fractions = { put = fractions, get = configs.percents },
  minutes = { put = function(v) return v * 60 end, get = configs.minutes },
  -- Left out of a config it is false upstream.
  negated = { put = function(v) return not v end, get = function(v) return v ~= true end, absent = true },
  direction = { put = function(v) return SIDES[v] end, get = word_of({ "long", "short" }) },
  side = { put = function(v) return SIDES[v] end, get = word_of({ "BUY", "SELL", "RANGE" }) },
  -- Upstream's way to say "none" for a price.
  minus_one = { put = function(v) return v == nil and -1 or v end,
    get = function(v) return configs.same(v, -1) and json.null or v end, none = true },
}

-- ---- paths ----

local function steps_of(path)
  local steps = {}
  for word in path:gmatch("[^.]+") do steps[#steps + 1] = word end
  return steps
end

local function put_at(config, steps, value)
  local at = config
  for i = 1, #steps - 1 do
    at[steps[i]] = at[steps[i]] or {}
    at = at[steps[i]]
  end
  at[steps[#steps]] = value
end

local function get_at(config, steps)
  local at = config
  for _, step in ipairs(steps) do
    if type(at) ~= "table" then return nil end
    at = at[step]
  end
  return at
end

-- The fixed part for one plan: functions are called, tables copied.
local function filled(value, ctx, p)
  if type(value) == "function" then return value(ctx, p) end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, item in pairs(value) do out[key] = filled(item, ctx, p) end
  return json.is_array(value) and json.array(out) or out
end

-- ---- from rows ----

-- Rows with a place in the config.
local function mapped(rows)
  local out = {}
  for _, row in ipairs(rows) do
    if row.put or row[2] then
      local as = row[3] or "same"
      as = type(as) == "table" and as or AS[as]
      out[#out + 1] = { name = row[1].name, steps = row[2] and steps_of(row[2]), as = as, put = row.put, get = row.get }
    end
  end
  return out
end

local function build_of(spec, rows)
  return function(ctx, p)
    local config = filled(spec.fixed or {}, ctx, p)
    config.manual_kill_switch, config.initial_positions = false, json.array({})
    for _, row in ipairs(rows) do
      if row.put then
        row.put(config, p)
      else
        local value = p[row.name]
        if value ~= nil or row.as.none then value = row.as.put(value) end
        if value == nil then value = json.null end
        put_at(config, row.steps, value)
      end
    end
    return { controllers = { { type = spec.controller[1], name = spec.controller[2], config = config } } }
  end
end

local function recognise_of(spec, rows)
  return function(_, list)
    local config = configs.only(list, spec.controller[1], spec.controller[2])
    if not config then return nil end
    for _, key in ipairs(spec.needs or {}) do
      if config[key] == nil then return nil end
    end
    local p = {}
    for _, row in ipairs(rows) do
      if row.put then
        if row.get then p[row.name] = row.get(config) end
      else
        local value = get_at(config, row.steps)
        if value ~= nil then p[row.name] = row.as.get(value, config) else p[row.name] = row.as.absent end
      end
    end
    return p
  end
end

local function check_of(spec, o, fields)
  return function(ctx, p, market, report)
    local pair = p[spec.pair]
    local connector = spec.pair and spec.connector
    local e = { ctx = ctx, p = p, market = market, report = report, o = o, form = fields, pair = pair, pair_field = spec.pair,
      mid = connector and market.mid(connector, pair), rules = connector and market.rules(connector, pair) }
    for _, check in ipairs(spec.checks) do check(e) end
  end
end

local KEPT = { "title", "summary", "risk", "executors", "docs", "risk_defaults", "preview", "effects", "pair" }

-- A strategy of the plugin contract, from what an exchange plugin says and what a strategy's file says of it.
local function new(o, name, spec)
  local entries, rows = {}, {}
  for i, row in ipairs(spec.rows) do
    if row.rule or row.group_of or row.refused then
      entries[i] = row
    else
      entries[i], rows[#rows + 1] = row[1], row
    end
  end
  local made = { revision = o.revision or 1, messages = require("bridge.strategies.messages"), form = form.of(entries), presets = o.presets or spec.presets }
  for field in pairs(o.defaults) do
    if not made.form.by_name[field] then
      local near = text.nearest(tostring(field), made.form.names)
      rules.fail(rules.here(), "defaults names " .. tostring(field) .. ", which is no field" .. (near and (", did you mean " .. near .. "?") or ""))
    end
  end
  for _, key in ipairs(KEPT) do made[key] = spec[key] end
  made.name, made.budget = name, spec.budget
  local places = mapped(rows)
  made.build, made.recognise = build_of(spec, places), recognise_of(spec, places)
  if spec.checks then made.check = check_of(spec, o, made.form) end
  return made
end

-- ---- what a plugin says of its exchange ----

-- connector: its name upstream (required); title: for people; quote: the usual quote currency; fee_pct: of one
-- trade, in percent; name, revision, presets: of the strategy; defaults: field -> default; candles: the
-- connector that candles come from; contracts: amounts are whole contracts; max_leverage: above it a
-- plan warns; spot, spot_title: the spot connector that a hedge looks at, and its name for people.
local KNOWN = { "connector", "title", "quote", "fee_pct", "name", "revision", "presets", "defaults", "candles", "contracts",
  "max_leverage", "spot", "spot_title" }

-- Checked options with what is usual filled in; a mistake is raised at the plugin's line.
local function exchange(given)
  local _, at = pcall(error, "", 4)
  if type(given) ~= "table" or type(given.connector) ~= "string" then
    rules.fail(at, 'a strategy needs { connector = "…" }, the name Hummingbot gives the exchange')
  end
  local o = { title = given.connector, quote = "USDT", fee_pct = "0.1", defaults = {}, max_leverage = 10 }
  for key, value in pairs(given) do
    local known = false
    for _, name in ipairs(KNOWN) do known = known or name == key end
    if not known then
      local near = text.nearest(tostring(key), KNOWN)
      rules.fail(at, "there is no option " .. tostring(key) .. (near and (", did you mean " .. near .. "?") or ""))
    end
    o[key] = value
  end
  return o, at
end

-- The strategy that make(o) describes, made when somebody looks at more than its name: a plugin's file runs
-- for every call, and most calls need one strategy or none. What the plugin sets itself stays.
function template.strategy(given, name, make)
  local o, at = exchange(given)
  name = o.name or name
  return setmetatable({ name = name }, {
    __index = function(self, key)
      setmetatable(self, nil)
      -- Until the form is there its fields are declared in the plugin's name, with the plugin's defaults.
      rules.author, rules.defaults = at, o.defaults
      local made = new(o, name, make(o))
      rules.author, rules.defaults = nil, nil
      for word, value in pairs(made) do
        if rawget(self, word) == nil then self[word] = value end
      end
      return rawget(self, key)
    end,
  })
end

-- A number for people: at most `places` decimals.
function template.show(value, places)
  if math.type(value) == "integer" then return tostring(value) end
  return tostring(value:round(places or 4, "half_even"):normal())
end

-- "BTC", "USDT" of "BTC-USDT".
function template.tokens(pair)
  return pair:match("^(.-)%-(.*)$")
end

template.ZERO = decimal(0)

return template
