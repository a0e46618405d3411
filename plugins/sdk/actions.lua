-- Actions: what a plugin offers to do beside bots, such as proving keys by a read or adding a token. Only they
-- may write upstream, and only to the endpoints they declare.
--
--   actions = { add_token = { title = "Add a token", role = "admin", needs = { "gateway.tokens", "gateway.token_add" },
--     form = form.of { … }, run = function(ctx, p, hb) … return { … } end } }
--
-- run's hb has hb.<group>.<name>(args) for the names in needs, and hb.try. In a dry run reads are real and a write
-- is only recorded: it returns {}. ctx = { account, dry_run, now, server }. What run returns is shown as result.
local _, host = ...
local json = require("bridge.json")
local text = require("bridge.text")

local actions = {}

local function names_of(plugin)
  return text.keys(plugin.actions or {})
end

-- { { name, title, role, needs, writes, schema } } for people who choose one.
function actions.rows(plugin)
  local rows = {}
  for i, name in ipairs(names_of(plugin)) do
    local action = plugin.actions[name]
    local writes = {}
    for _, need in ipairs(action.needs or {}) do
      if host.effect(need) == "write" then writes[#writes + 1] = need end
    end
    rows[i] = { name = name, title = action.title, role = action.role, needs = json.array(action.needs or {}),
      writes = json.array(writes), schema = action.form and action.form:schema() or json.null }
  end
  return rows
end

-- The hb of one run. calls: every write, with what became of it.
local function limited(action, calls, dry_run)
  local effects = {}
  for _, name in ipairs(action.needs or {}) do effects[name] = host.effect(name) end
  local function write(name, args)
    local call = { endpoint = name, args = args, state = dry_run and "not_sent" or "unknown" }
    calls[#calls + 1] = call
    if dry_run then return {} end
    local ok, answer = pcall(host.write, name, args)
    if not ok then
      call.state = type(answer) == "table" and answer.outcome or "not_sent"
      error(answer, 0)
    end
    call.state = "done"
    return answer
  end
  local function group(prefix)
    return setmetatable({}, { __index = function(_, row)
      local name = prefix .. "." .. row
      if not effects[name] then error("hb." .. name .. " is not among the needs of this action", 2) end
      return function(args)
        if effects[name] == "write" then return write(name, args or {}) end
        return host.read(name, args or {})
      end
    end })
  end
  local real = require("bridge.hb")
  return setmetatable({ try = real.try }, { __index = function(_, name) return group(name) end })
end

local function read_form(action, params)
  if params == nil or params == json.null then params = {} end
  if type(params) ~= "table" or (json.is_array(params) and #params > 0) then
    return { {}, { { pointer = "/params", code = "wrong_type", message = "params must be an object" } } }
  end
  if not action.form then
    local first = text.keys(params)[1]
    return { {}, first and { { pointer = "/params/" .. first, code = "unknown_field", message = "this action takes no params" } } or {} }
  end
  local checked = action.form:validate(params, "/params")
  return { checked.values, checked.errors }
end

-- An upstream failure and a mistake of the action are told beside the calls that were made before.
local function failure(why)
  if type(why) == "table" and why.upstream then return { code = why.code, message = why.message, upstream = true } end
  if type(why) == "table" then return { code = why.code, message = tostring(why.message) } end
  return { code = "plugin_failed", message = tostring(why) }
end

-- input: { action, params, ctx, dry_run, form_only }
function actions.run(plugin, input, k)
  local action = (plugin.actions or {})[input.action]
  if not action then
    local known = names_of(plugin)
    local near = text.nearest(input.action, known)
    error({ code = "not_found", message = "there is no action " .. text.shown(input.action) .. (near and ("; did you mean " .. near .. "?") or
      (#known > 0 and ("; actions: " .. text.list(known)) or "")) }, 0)
  end
  k.phase("form", "plain")
  local calls, read = json.array({}), read_form(action, input.params)
  local answer = { ok = #read[2] == 0, role = action.role, errors = json.array(read[2]), calls = calls, result = json.null }
  if not answer.ok or input.form_only then return answer end
  local ctx = input.ctx or {}
  ctx.dry_run = input.dry_run == true
  host.set_now(ctx.now)
  k.phase("action")
  local ok, result = pcall(action.run, ctx, read[1], limited(action, calls, ctx.dry_run))
  if ok then
    answer.result = result == nil and json.null or k.wire(result)
  else
    answer.ok, answer.failure = false, failure(result)
  end
  answer.plugin_log = json.array(require("bridge.log").lines())
  return answer
end

-- At load: needs that exist and may be had. fail(message) raises.
function actions.check(name, action, fail)
  if action.role ~= "operator" and action.role ~= "admin" then fail("role", "role must be operator or admin") end
  for _, need in ipairs(action.needs or {}) do
    local effect = host.effect(need)
    if not effect then fail(need, "the Hummingbot API has no " .. need .. "; needs are names such as gateway.tokens") end
    if effect ~= "read" and effect ~= "write" then
      fail(need, need .. " is closed to plugins: it concerns " .. effect)
    end
  end
  if type(name) ~= "string" or not name:find("^[a-z][a-z0-9_]*$") or #name > 40 then
    fail("actions", "an action's name must be lower-case letters, digits and _, at most 40")
  end
end

return actions
