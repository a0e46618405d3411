-- kernel.recognise: which strategy made these controller configs, and with which parameters? Asked when
-- somebody's running bot is taken over. A strategy's recognise(ctx, configs) gives parameters or nil; its
-- word counts only when the form takes them and build makes the very configs of them again, so a bot that
-- was altered by hand is not called what it is not.
--   phase recognise: the hook; phase build: as in a plan. Neither may read upstream.
local json = require("bridge.json")
local fields = require("bridge.fields")
local configs = require("bridge.configs")
local classes = require("bridge.classes")
local copy = require("bridge.tables").copy

local recognise = {}

-- What upstream adds to a config when it is read (_config_name), and what the host gives it (id).
local NOT_THE_STRATEGYS = { _config_name = true, id = true }

-- Of several controllers a key is named with its controller's number, from 0.
local function place_of(index, count)
  return count > 1 and ("controllers." .. (index - 1) .. ".") or ""
end

-- The configs as they run, and what upstream adds to the objects in them by itself.
local function cleaned(list)
  local out, added = {}, {}
  for i, config in ipairs(type(list) == "table" and list or {}) do
    out[i] = {}
    for key, value in pairs(type(config) == "table" and config or {}) do
      if not NOT_THE_STRATEGYS[key] then out[i][key] = copy(value) end
    end
    for _, path in ipairs(classes.complete_models(out[i])) do added[#added + 1] = place_of(i, #list) .. path end
  end
  return json.array(out), added
end

-- Does build's config explain the given one? Every given key must be one of build's with its value; keys
-- that are missing are said, because Hummingbot's own defaults fill them. place: before their names.
local function explains(built, given, place, missing)
  built.config.controller_type, built.config.controller_name = built.type, built.name
  for key, value in pairs(given) do
    if built.config[key] == nil or not configs.same(built.config[key], value) then return false end
  end
  for key in pairs(built.config) do
    if given[key] == nil then missing[#missing + 1] = place .. key end
  end
  return true
end

local function all_explained(built, given, missing)
  local list = type(built) == "table" and built.controllers or {}
  if #list ~= #given or #list == 0 then return false end
  for i, controller in ipairs(list) do
    if not explains(controller, given[i], place_of(i, #given), missing) then return false end
  end
  return true
end

local function limits(script, unknown)
  local out = { max_loss_quote = fields.number(script.max_global_drawdown_quote),
    max_controller_loss_quote = fields.number(script.max_controller_drawdown_quote) }
  if not out.max_loss_quote then
    unknown[#unknown + 1] = { field = "risk", detail = "no loss limit was read; the bot may have none" }
  end
  return out
end

-- Parameters that the configs do not hold are null and named, never defaults that look like knowledge.
local function describe(plugin, strategy, given, values, missing, script)
  local unknown, params = json.array({}), strategy.form:wire(values)
  for _, field in ipairs(strategy.form.fields) do
    if given[field.name] == nil then
      params[field.name] = json.null
      unknown[#unknown + 1] = { field = field.name, detail = "the configs do not hold it" }
    end
  end
  table.sort(missing)
  for _, key in ipairs(missing) do
    unknown[#unknown + 1] = { field = key, detail = "it is not in the config, so Hummingbot's default applies" }
  end
  local budget = strategy.budget or "budget_quote"
  local pair, connector = require("bridge.plan").market_of(strategy, values)
  return {
    strategy = strategy.name, version = plugin.version, revision = strategy.revision, params = params,
    risk = limits(script, unknown), budget_quote = given[budget] ~= nil and values[budget] or nil,
    pair = pair, connector = connector,
    quotes = strategy.form:quotes(values), unknown = unknown,
  }
end

local function attempt(plugin, strategy, ctx, given, added, script, k)
  k.phase("recognise", "plain")
  local params = strategy.recognise(copy(ctx), copy(given))
  if type(params) ~= "table" then return nil end
  local pair = strategy.pair or strategy.form.pair
  if pair and params[pair] == nil then return nil end
  local checked = strategy.form:validate(params, "")
  if #checked.errors > 0 or #checked.from_mid > 0 then return nil end
  k.phase("build")
  local missing = copy(added)
  if not all_explained(strategy.build(copy(ctx), copy(checked.values), {}), given, missing) then return nil end
  return describe(plugin, strategy, params, checked.values, missing, script)
end

-- input: { configs, script, ctx }; the answer is {} when no strategy of the plugin knows them.
function recognise.make(plugin, input, k)
  local given, added = cleaned(input.configs)
  local script = type(input.script) == "table" and input.script or {}
  for _, strategy in ipairs(plugin.strategies) do
    local found = strategy.recognise and attempt(plugin, strategy, input.ctx or {}, given, added, script, k)
    if found then return k.wire(found) end
  end
  return {}
end

return recognise
