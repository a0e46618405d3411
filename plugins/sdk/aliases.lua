-- Other front ends' words, turned into ours before anything else looks at a request.
--
-- Always: `config` -> `params`; `connector` -> `exchange`; top-level `pair` -> the strategy's pair field;
-- "A/B" -> "A-B". Then the plugin's own words:
--   aliases = { strategies = {
--     spread = { to = "spot_mm",                          -- our strategy
--                on = { bitmart_perpetual = "perp_mm" },     -- another one for a connector
--                rename = { order_amount = "budget_quote" }, -- foreign field -> ours, value unchanged
--                convert = function(params, note) … return params end }, -- the rest; pure
--     volume = { refuse = "no_volume" },                  -- a code of the plugin's messages
--   } }
-- A change of a bot (current: its strategy) may leave the strategy out; then the words of every alias
-- of that strategy are read.
-- convert gets the foreign params (integers and decimals), may change and return them, and calls
-- note("bid_spread", "spreads_pct") for each word it translated. Each translation is one warning.
local text = require("bridge.text")
local json = require("bridge.json")
local report = require("bridge.report")

local aliases = {}

local function copy(t)
  local out = {}
  for key, value in pairs(t) do out[key] = value end
  return out
end

local function contains(list, word)
  for _, item in ipairs(list) do
    if item == word then return true end
  end
  return false
end

local function note_into(warnings)
  return function(from, to, prefix)
    warnings[#warnings + 1] = { pointer = text.pointer(prefix or "/params", { from }), code = "translated",
      message = from .. " was read as " .. to }
  end
end

local function refusal(pointer, code, message, hint)
  return { error = { pointer = pointer, code = code, message = message, hint = hint } }
end

local function is_object(value)
  return type(value) == "table" and (not json.is_array(value) or #value == 0)
end

-- `config` is the old name of params.
local function params_of(request, note)
  local config = request.config
  request.config = nil
  if config == nil or config == json.null then
    local params = request.params
    if params == nil or params == json.null then params = {} end
    return params
  end
  if request.params ~= nil and request.params ~= json.null then
    return nil, refusal("/config", "both_words", "both config and params are given", "give only params")
  end
  note("config", "params", "")
  return config
end

local function find(plugin, name)
  for _, strategy in ipairs(plugin.strategies) do
    if strategy.name == name then return strategy end
  end
end

-- A strategy of one connector is not quietly used for another: "bitmart_perpetual" never trades spot.
local function other_connector(plugin, given, strategy)
  local field = strategy and strategy.form.by_name[strategy.pair or strategy.form.pair]
  local own = field and field.connector
  if own and given and given ~= plugin.name and given ~= own and contains(plugin.connectors, own) then
    return refusal("/connector", "wrong_connector", strategy.name .. " trades on " .. own .. ", not on " .. given,
      "leave connector out, or choose a strategy for " .. given)
  end
end

local function apply(alias, params, note)
  for from, to in pairs(alias.rename or {}) do
    if params[from] ~= nil and params[to] == nil then
      params[to], params[from] = params[from], nil
      note(from, to)
    end
  end
  return alias.convert and alias.convert(params, note) or params
end

local function translate_pair(request, strategy, params, note)
  local field = strategy and (strategy.pair or strategy.form.pair)
  local given = request.pair
  if given ~= nil and field then
    request.pair = nil
    if given ~= json.null and params[field] == nil then
      params[field] = given
      note("pair", "params." .. field, "")
    elseif given ~= json.null and params[field] ~= given then
      return refusal("/pair", "both_words", "both pair and params." .. field .. " are given", "give only params." .. field)
    end
  end
  local value = field and params[field]
  if type(value) == "string" then
    local base, quote = value:match("^([%w.$]+)/([%w.$]+)$")
    if base then
      params[field] = base .. "-" .. quote
      note(field, params[field])
    end
  end
end

-- Returns { request, warnings } or { error }.
function aliases.translate(plugin, given, current)
  local request, warnings = copy(given), json.array({})
  local note = note_into(warnings)
  local params, why = params_of(request, note)
  if why then return why end
  if not is_object(params) then
    return refusal("/params", "wrong_type", "params must be an object", 'for example: {"pair": "BTC-USDT"}')
  end
  params = copy(params)
  if request.connector ~= nil and request.connector ~= json.null then
    if request.connector ~= plugin.name and not contains(plugin.connectors, request.connector) then
      return refusal("/connector", "wrong_connector", "the connector is none of " .. plugin.name,
        "leave it out, or choose one of " .. text.list(plugin.connectors))
    end
    if request.exchange == nil then note("connector", "exchange " .. plugin.name, "") end
  end
  local connector = request.connector ~= json.null and request.connector or nil
  request.connector = nil
  request.exchange = plugin.name
  local alias = type(request.strategy) == "string" and not find(plugin, request.strategy) and
    ((plugin.aliases or {}).strategies or {})[request.strategy]
  if current and (request.strategy == nil or request.strategy == json.null) then
    request.strategy = current
    for _, other in pairs((plugin.aliases or {}).strategies or {}) do
      if other.to == current then params = apply(other, params, note) end
    end
  end
  if alias and alias.refuse then
    local message, hint = report.render(report.refusal(plugin, alias.refuse), {})
    return refusal("/strategy", alias.refuse, message, hint)
  end
  if alias then
    local to = (alias.on or {})[connector] or alias.to
    note("strategy", to, "")
    request.strategy = to
    params = apply(alias, params, note)
  end
  why = other_connector(plugin, connector, find(plugin, request.strategy))
  if why then return why end
  why = translate_pair(request, find(plugin, request.strategy), params, note)
  if why then return why end
  request.params = params
  return { request = request, warnings = warnings }
end

return aliases
