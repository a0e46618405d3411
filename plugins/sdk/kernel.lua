-- The kernel: what the C host calls. One function per entry of enum tb_plugin_entry; each gets the
-- plugin's contract table and one decoded JSON object, and returns one table that becomes JSON.
-- It runs as trusted code in the same state as the plugin; `host` is never handed to plugin code.
--
-- Numbers: integers and decimals in. Out, documents of our own wire carry decimals as text; only
-- controllers[].config and script.config keep numbers, because upstream's files want them.
-- A phase names what runs, its run budget in milliseconds and whether upstream may be read.
local _, host = ...
local text = require("bridge.text")
local json = require("bridge.json")
local decimal = require("bridge.decimal")

local kernel = {}

local BUDGET_MS = { plain = 200, facts = 200, check = 200, build = 200, preview = 200, transform = 20, action = 1000, candles = 1000, replay = 1000 }

local function phase(name, kind)
  host.phase(name, BUDGET_MS[kind or name])
end

-- Decimals become text, everywhere below `value`.
local function wire(value, depth)
  if decimal.is(value) then return tostring(value) end
  if type(value) ~= "table" then return value end
  depth = (depth or 0) + 1
  if depth > 60 then error("an answer is nested too deeply, or contains itself", 0) end
  local out = {}
  for key, item in pairs(value) do out[key] = wire(item, depth) end
  return json.is_array(value) and json.array(out) or out
end

local function find_strategy(plugin, name)
  local names = {}
  for i, strategy in ipairs(plugin.strategies) do
    if strategy.name == name then return strategy end
    names[i] = strategy.name
  end
  local near = type(name) == "string" and text.nearest(name, names)
  return nil, {
    pointer = "/strategy", code = "unknown_strategy",
    message = type(name) == "string" and ("there is no strategy " .. text.shown(name) .. " in " .. plugin.name) or "strategy is missing",
    hint = near and ("did you mean " .. near .. "?") or ("strategies: " .. text.list(names)),
  }
end

local function need_strategy(plugin, name)
  local strategy, why = find_strategy(plugin, name)
  if not strategy then error({ code = "not_found", message = why.message .. "; " .. why.hint }, 0) end
  return strategy
end

-- The kinds of executors of these parameters; without them all that the strategy may have.
local function executors(strategy, values)
  return values and strategy.executors_of and strategy.executors_of(values) or strategy.executors
end

-- The endpoints that the actions want, together.
local function needs_of(plugin)
  local seen = {}
  for _, action in pairs(plugin.actions or {}) do
    for _, name in ipairs(action.needs or {}) do seen[name] = true end
  end
  return json.array(text.keys(seen))
end

-- {} -> { name, title, version, api, connectors, strategies, aliases, actions, needs, hooks }; the host calls
-- status and log with the plugin only when hooks says that it has its own.
function kernel.describe(plugin)
  phase("describe", "plain")
  local strategies = {}
  for i, s in ipairs(plugin.strategies) do
    strategies[i] = { name = s.name, title = s.title, summary = s.summary, risk = s.risk, revision = s.revision }
  end
  return {
    name = plugin.name, title = plugin.title, version = plugin.version, api = plugin.api,
    connectors = json.array(plugin.connectors), strategies = json.array(strategies),
    hooks = { status = (plugin.transforms or {}).status ~= nil, log = plugin.log ~= nil,
      trade = (plugin.transforms or {}).trade ~= nil },
    aliases = plugin.aliases ~= nil, actions = json.array(require("bridge.actions").rows(plugin)), needs = needs_of(plugin),
  }
end

local function documentation(strategy)
  return "# " .. strategy.title .. "\n\n" .. strategy.summary .. "\n\n" ..
    (strategy.docs and (strategy.docs .. "\n\n") or "") .. strategy.form:docs()
end

-- The form of a strategy that has one for each choice, of which the connected API may know more than the plugin.
local function form_for(s, choice)
  if choice == nil then return s.form end
  if not s.form_of then error({ code = "not_found", message = "the strategy " .. s.name .. " has one form only" }, 0) end
  phase("facts")
  local found, why = s.form_of(choice, require("bridge.market").new({}))
  if not found then error({ code = "not_found", message = tostring(why) }, 0) end
  phase("schema", "plain")
  return found
end

-- { strategy, choice? } -> the form and everything a page needs to offer it; form_of says that a choice is taken.
function kernel.schema(plugin, input)
  phase("schema", "plain")
  local s = need_strategy(plugin, input.strategy)
  local form, presets = form_for(s, input.choice), {}
  for name, values in pairs(s.presets or {}) do
    local checked = s.form:validate(values, "/presets/" .. name)
    presets[name] = {}
    local all = s.form:wire(checked.values)
    for key in pairs(values) do presets[name][key] = all[key] end
  end
  return {
    name = s.name, title = s.title, summary = s.summary, risk = s.risk, revision = s.revision,
    schema = form:schema(), presets = presets, defaults = form:defaults(), docs = documentation(s), form_of = s.form_of ~= nil,
    risk_defaults = wire(require("bridge.risk").rules(s)),
    effects = json.array(require("bridge.effects").sentences(s.executors, "stop")),
  }
end

-- { request, current? } -> { request, warnings } or { error }
function kernel.translate(plugin, input)
  phase("translate", "plain")
  return wire(require("bridge.aliases").translate(plugin, input.request, input.current))
end

-- The plan of a bot; see plan.lua.
function kernel.plan(plugin, input)
  local result = require("bridge.plan").make(plugin, input, { phase = phase, wire = wire, find_strategy = find_strategy, executors = executors })
  result.plugin_log = json.array(require("bridge.log").lines())
  return result
end

-- {} -> { text } : the plugin's page; see docs.lua.
function kernel.docs(plugin)
  return { text = require("bridge.docs").page(plugin, phase) }
end

-- { strategy, params, days, ctx } -> { ok, errors, estimate, candles, optimism }; see replay.lua.
function kernel.replay(plugin, input)
  return require("bridge.replay").make(plugin, input, { phase = phase, wire = wire, find_strategy = find_strategy, executors = executors })
end

-- { strategy, params, risk, facts, ctx } -> { ok, errors, controllers, script } : build alone, from what a plan recorded.
function kernel.rebuild(plugin, input)
  return require("bridge.plan").rebuild(plugin, input, { phase = phase, wire = wire, find_strategy = find_strategy })
end

-- { golden: { name: value } } -> { tests: [{ file, name, ok, golden?, message }], golden } : the plugin's own tests.
-- { plan: the input of plan } -> { plan } : the plan, made in the market of the tests.
function kernel.test(plugin, input)
  local test = require("bridge.test")
  if input.plan then return { plan = test.plan(plugin, kernel, input.plan, phase) } end
  return test.run(plugin, kernel, input.golden or {}, phase)
end

-- { action, params, ctx, dry_run, form_only } -> { ok, errors, role, result, calls, failure?, plugin_log }
function kernel.action(plugin, input)
  return require("bridge.actions").run(plugin, input, { phase = phase, wire = wire })
end

-- { name, connector?, controller? } -> { files } or { error } : the first files of a new plugin.
function kernel.scaffold(_, input)
  phase("scaffold", "plain")
  return require("bridge.scaffold").make(input)
end

-- { lines, live, valued } -> { text, error, unfinished, value } : the prompt of `plugin repl`.
function kernel.repl(plugin, input)
  return require("bridge.repl").run(plugin, kernel, input, phase)
end

-- { bot, raw } -> normalised figures; the host leaves the log buffers out of raw. plugin is nil for bots of unknown strategies.
function kernel.status(plugin, input)
  phase("status", "transform")
  local figures = require("bridge.pnl").status(input.bot or {}, input.raw or {})
  local transform = plugin and plugin.transforms and plugin.transforms.status
  if transform then figures = transform(input.bot, input.raw, figures) or figures end
  return wire(figures)
end

-- { configs: [controller configs], script: {}, ctx? } -> { strategy, params, unknown: [{ field, detail }], … }
-- or {}; see recognise.lua.
function kernel.recognise(plugin, input)
  return require("bridge.recognise").make(plugin, input, { phase = phase, wire = wire })
end

-- { lines } -> { errors }
function kernel.log(plugin, input)
  phase("log", "transform")
  return wire(require("bridge.loglines").translate(input.lines or {}, plugin and plugin.log))
end

-- { bot, source, rows } -> { trades, repeated, unknown }; see trades.lua.
function kernel.trades(plugin, input)
  phase("trades", "transform")
  local own = plugin and plugin.transforms and plugin.transforms.trade
  return wire(require("bridge.trades").read(input.bot, input.source, input.rows, own))
end

-- { strategy, params, verb } -> { effects, keeps }
function kernel.effects(plugin, input)
  phase("effects", "plain")
  local s = need_strategy(plugin, input.strategy)
  local values, kinds = nil, s.executors
  if s.effects or s.executors_of then
    local checked = s.form:validate(type(input.params) == "table" and input.params or {}, "/params", true)
    values, kinds = checked.values, executors(s, #checked.errors == 0 and checked.values or nil)
  end
  local sentences = require("bridge.effects").sentences(kinds, input.verb)
  if s.effects then
    for _, sentence in ipairs(s.effects(values, input.verb) or {}) do sentences[#sentences + 1] = sentence end
  end
  return { effects = json.array(sentences), keeps = require("bridge.effects").keeps(kinds) }
end

-- At load: raises the first violation of the contract with file and line.
function kernel.contract(plugin, input)
  require("bridge.contract").check(plugin, input.name)
  return kernel.describe(plugin)
end

return kernel
