-- kernel.plan: from a request to everything a deploy needs, in phases that can do less and less.
--   form    all errors of the form at once; if any, stop there
--   facts   rules and mid price of every pair field; prices left out are filled (from_mid)
--   check   the strategy's check with ctx, p, market, report (reads allowed)
--   build   pure in ctx, p, facts: the host refuses every read
--   preview rows for people (reads allowed)
-- Hooks get copies: what one of them changes can neither reach the next nor what the plan records.
-- ctx = { bot, account, image, hummingbot, server, now, risk = { max_loss_quote, … } } (risk: decimals).
--
-- A strategy's build(ctx, p, facts) returns
--   { controllers = { { type = "generic", name = "grid_strike", config = { … } }, … },
--     script = { file = "v2_with_controllers.py", config = { … }, reports = true } }   -- script may be left out
-- Configs hold decimals, integers, strings, booleans, json.null and json.array { … }; never floats. The
-- host writes id, file names and script_file_name; the loss limits are written here.
local _, host = ...
local json = require("bridge.json")
local text = require("bridge.text")
local decimal = require("bridge.decimal")
local fields = require("bridge.fields")
local report_of = require("bridge.report")
local risk = require("bridge.risk")
local rules = require("bridge.rules")
local copy = require("bridge.tables").copy

local plan = {}

local SCRIPT = "v2_with_controllers.py"
local LIMITS = { max_global_drawdown_quote = "max_loss_quote", max_controller_drawdown_quote = "max_controller_loss_quote" }

local function append(to, rows)
  for _, row in ipairs(rows) do to[#to + 1] = row end
end

-- ---- facts ----

local function unknown_pair(view, connector, pair, pointer)
  local near = text.nearest(pair, view.pairs(connector))
  return { pointer = pointer, code = "unknown_pair", message = connector .. " does not list the pair " .. pair,
    hint = near and ("did you mean " .. near .. "?") or ("pairs are written BASE-QUOTE as " .. connector .. " lists them") }
end

local function unknown_connector(view, connector, pointer)
  local near = text.nearest(connector, view.connectors())
  return { pointer = pointer, code = "unknown_connector", message = "the connected Hummingbot API has no connector " .. connector,
    hint = near and ("did you mean " .. near .. "?") or "GET /connectors/ of the API lists them" }
end

-- A person names the connector. Of Gateway's networks and providers there are no rules.
local function is_listed(row, view, errors)
  if not fields.has_book(row.connector) then return false end
  if view.has_connector(row.connector) then return true end
  errors[#errors + 1] = unknown_connector(view, row.connector, row.connector_pointer)
  return false
end

local function read_pairs(form, values, view, errors)
  for _, row in ipairs(form:pairs(values, "/params")) do
    if row.connector and (not row.connector_pointer or is_listed(row, view, errors)) then
      if view.rules(row.connector, row.pair) then
        view.mid(row.connector, row.pair)
      else
        errors[#errors + 1] = unknown_pair(view, row.connector, row.pair, row.pointer)
      end
    end
  end
end

-- mid * (1 + percent / 100), at the market's price step.
local function from_mid(percent, connector, pair, view)
  local mid, rules = view.mid(connector, pair), view.rules(connector, pair)
  if not mid then return nil end
  local price = mid * (decimal(1) + percent:fraction())
  if rules and rules.price_step then return price:quantize(rules.price_step, "half_even"):normal() end
  return price:round(12, "half_even"):normal()
end

local function fill_prices(form, checked, view, result)
  result.facts.derived = json.array({})
  for _, row in ipairs(checked.from_mid) do
    local field = row.field
    local pair = checked.values[field.pair]
    local connector = form:connector_of(form.by_name[field.pair], checked.values)
    local percent = rules.from_mid(field, row.values)
    local price = from_mid(percent, connector, pair, view)
    if price then
      row.values[field.name] = price
      table.insert(result.facts.derived, { field = row.pointer:match("^/params/(.*)$"), from = "mid", percent = percent, price = price })
    else
      result.errors[#result.errors + 1] = { pointer = row.pointer, code = "no_price",
        message = connector .. " gives no price for " .. pair .. " now, and " .. field.name .. " is derived from it",
        hint = "give " .. field.name .. " yourself or try again later" }
    end
  end
end

-- ---- build ----

local function bug(strategy, message)
  local file, line = host.where(strategy.build)
  error({ fault = true, file = file, line = line, message = strategy.name .. ": " .. message }, 0)
end

local CONTROLLERS_MAX = 32

-- What build may say at all: the image, the credentials profile, ids and file names are the host's.
local function only(strategy, what, value, allowed)
  for key in pairs(value) do
    if not allowed[key] then bug(strategy, what .. " of build has " .. text.shown(tostring(key)) .. ", which is not its to say") end
  end
end

local function is_word(value)
  return type(value) == "string" and #value <= 100 and value:find("^[%w_]+$") ~= nil
end

local function check_built(strategy, built)
  if type(built) ~= "table" or type(built.controllers) ~= "table" or #built.controllers == 0 then
    bug(strategy, "build must return { controllers = { { type, name, config }, … } }")
  end
  if #built.controllers > CONTROLLERS_MAX then
    bug(strategy, "build made " .. #built.controllers .. " controllers; a bot has at most " .. CONTROLLERS_MAX)
  end
  only(strategy, "the answer", built, { controllers = true, script = true })
  for i, c in ipairs(built.controllers) do
    if type(c) ~= "table" or type(c.type) ~= "string" or type(c.name) ~= "string" or type(c.config) ~= "table" then
      bug(strategy, "controller " .. i .. " of build needs type, name and config")
    end
    only(strategy, "controller " .. i, c, { type = true, name = true, config = true })
    -- Hummingbot's own examples are in a folder of their own.
    if not is_word(c.type) or not is_word((c.name:gsub("^examples%.", ""))) then
      bug(strategy, "controller " .. i .. " of build: type and name are words of letters, digits and _, not " .. text.shown(c.type .. "/" .. c.name))
    end
    c.config.controller_type, c.config.controller_name = c.type, c.name
  end
end

local function script_of(strategy, built, limits)
  local script = built.script or {}
  if type(script) ~= "table" then bug(strategy, "script must be a table") end
  only(strategy, "script", script, { file = true, config = true, reports = true })
  if script.file ~= nil and not (type(script.file) == "string" and script.file:find("%.py$") and is_word(script.file:sub(1, -4))) then
    bug(strategy, "script.file names one Python file of letters, digits and _, not " .. text.shown(tostring(script.file)))
  end
  local config = script.config or {}
  if type(config) ~= "table" then bug(strategy, "script.config must be a table") end
  if (script.file or SCRIPT) == SCRIPT then
    for key, name in pairs(LIMITS) do
      if config[key] == nil then config[key] = limits[name] end
      if config[key] == nil then config[key] = json.null end
    end
  end
  return { file = script.file or SCRIPT, config = config, reports = script.reports ~= false }
end

-- ---- the whole ----

local function new_result(plugin, strategy)
  return { version = plugin.version, revision = strategy and strategy.revision, ok = false, errors = json.array({}), warnings = json.array({}), dropped = json.array({}), checks = json.array({}),
    controllers = json.array({}), preview = json.array({}), effects = json.array({}), facts = {}, risk_class = strategy and strategy.risk }
end

-- The pair and the connector that a bot is shown with, and that its keys are looked up for.
function plan.market_of(strategy, values)
  local main = strategy.pair or strategy.form.pair
  local field = main and strategy.form.by_name[main]
  local connector = strategy.connector and values[strategy.connector] or field and strategy.form:connector_of(field, values)
  return main and values[main] or nil, connector or nil
end

local function envelope(result, strategy, checked, limits, budget)
  result.params = strategy.form:wire(checked.values)
  result.risk = limits
  result.budget_quote = budget
  result.pair, result.connector = plan.market_of(strategy, checked.values)
  result.quotes = strategy.form:quotes(checked.values)
end

local function run_check(plugin, strategy, ctx, checked, view, result)
  if not strategy.check then return end
  local report = report_of.new(plugin.messages, strategy.messages)
  strategy.check(copy(ctx), copy(checked.values), view, report)
  append(result.errors, report.errors)
  append(result.warnings, report.warnings)
  append(result.checks, report.checks)
end

local function run_build(strategy, ctx, checked, result, limits)
  local built = strategy.build(copy(ctx), copy(checked.values), copy(result.facts))
  check_built(strategy, built)
  result.controllers = json.array(built.controllers)
  result.script = script_of(strategy, built, limits)
end

-- Decimals to text in every part of our own wire; configs keep numbers.
local function finish(result, wire)
  result.ok = #result.errors == 0
  for _, part in ipairs({ "errors", "warnings", "checks", "facts", "risk", "budget_quote", "preview" }) do
    result[part] = wire(result[part])
  end
  return result
end

-- input: { strategy, params, risk, ctx, lenient, form_only }; form_only stops after the form; k: the kernel's own helpers.
function plan.make(plugin, input, k)
  k.phase("form", "plain")
  local strategy, why = k.find_strategy(plugin, input.strategy)
  local result = new_result(plugin, strategy)
  if not strategy then
    result.errors[1] = why
    return finish(result, k.wire)
  end
  local params = input.params
  if params == nil or params == json.null then params = {} end
  if type(params) ~= "table" or (json.is_array(params) and #params > 0) then
    result.errors[1] = { pointer = "/params", code = "wrong_type", message = "params must be an object", hint = 'for example: {"pair": "BTC-USDT"}' }
    return finish(result, k.wire)
  end
  local checked = strategy.form:validate(params, "/params", input.lenient == true)
  append(result.errors, checked.errors)
  append(result.warnings, checked.warnings)
  append(result.dropped, checked.dropped)
  local budget = checked.values[strategy.budget or "budget_quote"]
  local limits = risk.limits(strategy, input.risk, budget, result.errors)
  if #result.errors > 0 or input.form_only == true then return finish(result, k.wire) end

  local ctx = input.ctx or {}
  ctx.risk = limits
  host.set_now(ctx.now)
  local view = require("bridge.market").new(result.facts)
  k.phase("facts")
  read_pairs(strategy.form, checked.values, view, result.errors)
  if #result.errors == 0 then fill_prices(strategy.form, checked, view, result) end
  if #result.errors == 0 and #checked.from_mid > 0 then
    strategy.form:check_rules(checked.values, "/params", result.errors)
  end
  result.facts.image, result.facts.hummingbot, result.facts.now = ctx.image, ctx.hummingbot, ctx.now
  envelope(result, strategy, checked, limits, budget)
  if #result.errors > 0 then return finish(result, k.wire) end

  k.phase("check")
  if not input.unchecked then run_check(plugin, strategy, ctx, checked, view, result) end
  if #result.errors > 0 then return finish(result, k.wire) end
  k.phase("build")
  run_build(strategy, ctx, checked, result, limits)
  k.phase("preview")
  if strategy.preview then result.preview = json.array(strategy.preview(copy(ctx), copy(checked.values), copy(result.facts)) or {}) end
  result.effects = json.array(require("bridge.effects").sentences(k.executors(strategy, checked.values), "stop"))
  if strategy.effects then append(result.effects, strategy.effects(copy(checked.values), "stop") or {}) end
  return finish(result, k.wire)
end

-- Facts were recorded on our own wire, where decimals are texts.
local function revive(value)
  if type(value) == "string" and #value < 80 and value:find("^-?%d+%.?%d*$") then return decimal(value) end
  if type(value) ~= "table" or decimal.is(value) then return value end
  local out = {}
  for key, item in pairs(value) do out[key] = revive(item) end
  return json.is_array(value) and json.array(out) or out
end

-- Builds again what a plan recorded: no check, nothing is read, nothing is derived.
-- input: { strategy, params, risk, facts, ctx }
function plan.rebuild(plugin, input, k)
  k.phase("form", "plain")
  local strategy, why = k.find_strategy(plugin, input.strategy)
  local result = { ok = false, errors = json.array({}) }
  if not strategy then
    result.errors[1] = why
    return result
  end
  local checked = strategy.form:validate(input.params or {}, "/params", false)
  append(result.errors, checked.errors)
  local limits = risk.limits(strategy, input.risk, checked.values[strategy.budget or "budget_quote"], result.errors)
  if #result.errors > 0 then return { ok = false, errors = k.wire(result.errors) } end
  local ctx = input.ctx or {}
  ctx.risk = limits
  result.facts = revive(input.facts or {})
  host.set_now(ctx.now)
  k.phase("build")
  run_build(strategy, ctx, checked, result, limits)
  return { ok = true, errors = json.array({}), controllers = result.controllers, script = result.script }
end

return plan
