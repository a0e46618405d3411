-- One controller of the connected API as an expert writes it, alone (controller.lua) or one of several
-- (several.lua). The config is an object, or text in YAML or JSON (yaml.lua); of the classes that the bridge
-- knows every key and every type is checked (expert.lua), of others only the names against the API's template,
-- and that is said.
--
-- The first market, the budget and the controller may stand in the config or beside it; afterwards they
-- stand beside it, so that the rest of the bridge (keys, balances, limits, figures) knows them.
--
--   one.entries(with_classes) -> entries of a form; with_classes: the schema lists every field of every class
--   one.check(ctx, p, market, report), one.build(p, facts) -> controller, one.preview(p, facts) -> rows
--   one.executors(p) -> kinds; one.all: those of any class
--   one.form_of(choice, market) -> the form of an unknown class, or nil and why there is none
--   one.read(config) -> p of a config that runs; nil when it names no market or no budget
local form = require("bridge.form")
local json = require("bridge.json")
local text = require("bridge.text")
local decimal = require("bridge.decimal")
local classes = require("bridge.classes")
local configs = require("bridge.configs")
local fields = require("bridge.fields")
local copy = require("bridge.tables").copy
local ALL = { "position", "grid", "dca", "arbitrage", "xemm", "order", "lp" }
local checks = require("checks")
local expert = require("expert")
local forms = require("forms")
local orders = require("orders")
local template = require("template")
local yaml = require("yaml")

local one = { all = ALL }

local USUAL = { controller = "market_making/pmm_simple", connector = "binance", pair = "BTC-USDT", budget_quote = decimal(100) }

-- What may be lifted out of a config, checked as the form checks it.
local lifted = form.of {
  form.connector("connector", { optional = true }),
  form.pair("pair", { optional = true }),
  form.decimal("budget_quote", { above = "0", optional = true }),
}

-- ---- reading the form ----

-- The config's own word for one of the fields beside it; both must mean the same.
local function lift(p, name, config, path, refuse)
  local field = path[#path]
  local value = config[field]
  config[field] = nil
  if value == nil or value == json.null then return end
  local checked = lifted:validate({ [name] = value }, "")
  local why = checked.errors[1]
  if why then return refuse(path, why.code, why.message, why.hint) end
  value = checked.values[name]
  if p[name] ~= nil and p[name] ~= value then
    return refuse(path, "contradiction", tostring(field) .. " is " .. tostring(value) .. " here and " .. name .. " is " .. tostring(p[name]), "say it once")
  end
  p[name] = value
end

local function lift_market(p, main, config, refuse)
  if main.model then
    local inner = config[main.model]
    config[main.model] = nil
    if inner == nil then return end
    if type(inner) ~= "table" or json.is_array(inner) then
      return refuse({ "config", main.model }, "wrong_type", main.model .. " must be an object", "its members are connector_name and trading_pair")
    end
    lift(p, "connector", inner, { "config", main.model, "connector_name" }, refuse)
    lift(p, "pair", inner, { "config", main.model, "trading_pair" }, refuse)
    local more = next(inner)
    if more then refuse({ "config", main.model, text.shown(more) }, "unknown_field", "there is no " .. text.shown(more) .. " in " .. main.model) end
    return
  end
  if main.connector then lift(p, "connector", config, { "config", main.connector }, refuse) end
  if main.pair then lift(p, "pair", config, { "config", main.pair }, refuse) end
end

local function as_table(p, refuse)
  local config = p.config
  if type(config) == "string" then
    local why
    config, why = yaml.parse(config)
    if config == nil then
      refuse("config", "bad_config", "config, line " .. why.line .. ": " .. why.message, "write key: value lines, or JSON")
      return nil
    end
  end
  if config == nil then return {} end
  if type(config) ~= "table" or decimal.is(config) or (json.is_array(config) and #config > 0) then
    refuse("config", "wrong_type", "config must be an object", 'for example {"cooldown_time": 30}')
    return nil
  end
  return copy(config)
end

-- Files name their class by two keys; id and _config_name are the host's and upstream's.
local function lift_controller(p, config, refuse)
  local kind, name = config.controller_type, config.controller_name
  config.controller_type, config.controller_name, config.id, config._config_name = nil, nil, nil, nil
  if name == nil and kind == nil then return end
  local pasted = type(kind) == "string" and type(name) == "string" and kind .. "/" .. name
  for _, class in ipairs(classes.names()) do
    if kind == nil and class:match("/(.+)$") == name then pasted = class end
  end
  if not pasted then
    refuse({ "config", "controller_name" }, "unknown_controller", "the config does not say which controller it is of",
      "give controller_type beside controller_name, or controller as type/name")
  elseif p.controller and p.controller ~= pasted then
    refuse({ "config", "controller_name" }, "contradiction", "the config is of " .. text.shown(pasted) .. " and controller is " .. p.controller, "say it once")
  else
    p.controller = pasted
  end
end

local function resolve(p, refuse)
  local wrongs = 0
  local function count(...)
    wrongs = wrongs + 1
    refuse(...)
  end
  local config = as_table(p, count)
  if not config then return end
  lift_controller(p, config, count)
  if wrongs > 0 then return end
  p.controller = p.controller or USUAL.controller
  local class = classes.get(p.controller)
  local main = class and expert.main(class) or { connector = "connector_name", pair = "trading_pair" }
  if class and config.total_amount_quote == json.null then config.total_amount_quote = nil end
  lift_market(p, main, config, count)
  lift(p, "budget_quote", config, { "config", "total_amount_quote" }, count)
  p.pair = p.pair or expert.pair_of(config)
  for name, value in pairs(USUAL) do
    if p[name] == nil then p[name] = value end
  end
  p.config = class and expert.read(class, config, main, count) or config
end

-- ---- checks ----

-- A class that is known from the API's template only.
local function check_template(p, market, report)
  local rows = market.template(p.controller)
  if not rows then
    local near = text.nearest(p.controller, market.controllers())
    if near then
      report:error("controller", "unknown_controller_near", { controller = p.controller, near = near })
    else
      report:error("controller", "unknown_controller", { controller = p.controller })
    end
    return
  end
  report:warn("controller", "class_unverified", { controller = p.controller })
  local class = template.class(p.controller, rows)
  expert.read(class, p.config, class.main, function(path, _, message, hint)
    report:error(path, "template_differs", { why = message, fix = hint or "look at the controller's source" })
  end)
end

local function check_other_markets(p, market, report)
  for _, place in ipairs(expert.others(p.config)) do
    if not fields.has_book(place.connector) then
      report:warn(place.path, "market_not_checked", { connector = place.connector })
    elseif not market.listed(place.connector, place.pair) then
      report:error(place.path, "unknown_market", { connector = place.connector, pair = place.pair })
    end
  end
end

local function check_balance(ctx, p, market, report)
  local token = p.pair:match("%-([^-]+)$")
  local have = market.available(ctx.account, p.connector, token)
  local data = { account = ctx.account, have = have:round(4, "half_even"):normal(), token = token, connector = p.connector, need = p.budget_quote }
  if have < p.budget_quote then
    report:warn("budget_quote", "budget_above_balance", data)
  else
    report:ok("balance", data)
  end
end

-- Where a field of the class stands in this form.
local function place_of(main)
  local beside = { total_amount_quote = "budget_quote", connector_name = "connector", trading_pair = "pair" }
  if main.connector then beside[main.connector] = "connector" end
  if main.pair then beside[main.pair] = "pair" end
  return function(name) return beside[name] or { "config", name } end
end

-- ---- building ----

local function never(path, _, message) error(table.concat(path, ".") .. ": " .. message, 0) end

-- Every field that the template says and that has a value here or there. A config that was taken over without
-- a look at the API is what it is.
local function unverified(p, facts)
  local rows = facts.templates and facts.templates[p.controller]
  if rows then
    local class = template.class(p.controller, rows)
    return expert.complete(class, { connector = p.connector, pair = p.pair, budget_quote = p.budget_quote,
      config = expert.read(class, p.config, class.main, never) })
  end
  local config = copy(p.config)
  config.connector_name, config.trading_pair, config.total_amount_quote = p.connector, p.pair, p.budget_quote
  return config
end

function one.entries(with_classes)
  return {
    form.string("controller", { optional = true, pattern = "[a-z_]+/[%w_]+", pattern_text = "must be type/name, such as generic/grid_strike",
      help = "The controller as type/name. Left out: the one that the config names, else market_making/pmm_simple." }),
    form.connector("connector", { optional = true, help = "The exchange as Hummingbot names it. Left out: the config's, else binance." }),
    form.pair("pair", { optional = true, connector_field = "connector", help = "The market as BASE-QUOTE. Left out: the config's, else BTC-USDT." }),
    form.decimal("budget_quote", { optional = true, above = "0", unit = "quote",
      help = "Money this controller may use, in the quote currency (total_amount_quote). Left out: the config's, else 100." }),
    form.config("config", { optional = true, classes = with_classes, help = "The controller's fields, as a JSON object or as text in YAML or JSON. What is left out gets " ..
      "the class's default, except: leverage 1, position_mode ONEWAY, skip_rebalance true. Prices, further markets and amounts of coins must be given." }),
    form.custom(resolve),
  }
end

-- The form of a class that only the API knows: its config field by field. For pages: the parameters are those
-- of one.entries, whose config may be such an object.
function one.form_of(choice, market)
  if classes.get(choice) then return nil, choice .. " has a form of its own, the strategy " .. choice:match("/(.+)$") end
  local rows = market.template(choice)
  if not rows then
    local near = text.nearest(choice, market.controllers())
    return nil, "the connected Hummingbot API does not have the controller " .. text.shown(choice) .. "; " ..
      (near and ("did you mean " .. near .. "?") or ("it has " .. text.list(market.controllers(), 60)))
  end
  local entries, fields_of, left_out = one.entries(false), forms.of_template(template.class(choice, rows))
  entries[1] = form.string("controller", { default = choice, help = "The controller as type/name." })
  local said = "Not verified: types and defaults are what the API's template says, and a field that must be given may not be marked." ..
    (#left_out > 0 and (" Not here, since their type is not known: " .. text.list(left_out) .. ".") or "")
  entries[5] = #fields_of > 0 and form.record("config", { of = fields_of, help = said }) or entries[5]
  table.remove(entries) -- the rule reads a config that was given, and here nothing is
  return form.of(entries)
end

function one.executors(p)
  local class = classes.get(p.controller)
  return class and class.executors or ALL
end

function one.check(ctx, p, market, report)
  local class = classes.get(p.controller)
  check_other_markets(p, market, report)
  if class then
    checks.run(ctx, class, p, expert.complete(class, p), market, report, place_of(expert.main(class)))
    return
  end
  check_template(p, market, report)
  if fields.has_book(p.connector) then
    check_balance(ctx, p, market, report)
  else
    report:warn("connector", "market_not_checked", { connector = p.connector })
  end
end

function one.build(p, facts)
  local class, kind, name = classes.get(p.controller), p.controller:match("^([^/]+)/(.+)$")
  return { type = kind, name = name, config = class and expert.complete(class, p) or unverified(p, facts) }
end

function one.preview(p, facts)
  local class = classes.get(p.controller)
  if not class then return { { kind = "money", title = "Budget", quote = p.budget_quote } } end
  local rows = orders.preview(class, p, expert.complete(class, p), facts)
  for _, row in ipairs(expert.left(class, p)) do
    rows[#rows + 1] = { kind = "default", title = "Left out, so the default", field = row.field, value = json.encode(row.value), unit = row.unit }
  end
  return rows
end

-- What the config does not hold is what upstream takes for it.
function one.read(c)
  if type(c.controller_type) ~= "string" or type(c.controller_name) ~= "string" then return nil end
  local controller = c.controller_type .. "/" .. c.controller_name
  local class = classes.get(controller)
  local main = class and expert.main(class) or { connector = "connector_name", pair = "trading_pair" }
  local place = main.model and c[main.model] or { connector_name = c[main.connector], trading_pair = main.pair and c[main.pair] or nil }
  if type(place) ~= "table" or place.connector_name == nil or c.total_amount_quote == nil then return nil end
  local p = { controller = controller, connector = place.connector_name, budget_quote = c.total_amount_quote, config = copy(c) }
  p.pair = place.trading_pair or expert.pair_of(p.config)
  for _, name in ipairs({ "controller_type", "controller_name", main.model or main.connector, main.pair, "total_amount_quote" }) do p.config[name] = nil end
  if not class then return p end
  p.config = expert.as_it_runs(class, p.config)
  p.config = expert.differs(class, p)
  return p
end

return one
