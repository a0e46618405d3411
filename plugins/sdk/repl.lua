-- The prompt of `trading-bridge plugin repl`: lines of Lua in the plugin's sandbox. Each line runs in a fresh
-- state after the lines before it, which said nothing wrong; globals of a line are seen by the next.
--
-- With `valued` the value itself is answered too, when it is data.
--
-- Known at the prompt: plugin, require, plan(strategy, params), market, hb, and decimal, json, form.
local _, host = ...
local json = require("bridge.json")
local decimal = require("bridge.decimal")

local repl = {}

local LINE_MS = 1000
local DEPTH = 4
local LONGEST = 60000

local function shown(value, depth)
  if type(value) == "string" then return json.encode(value) end
  if decimal.is(value) then return 'decimal("' .. tostring(value) .. '")' end
  if type(value) ~= "table" then return tostring(value) end
  if value == json.null then return "null" end
  if depth >= DEPTH then return "{…}" end
  local out = {}
  for i, item in ipairs(value) do out[i] = shown(item, depth + 1) end
  local listed = #out
  for key, item in pairs(value) do
    if not (math.type(key) == "integer" and key >= 1 and key <= listed) then
      out[#out + 1] = (type(key) == "string" and key or "[" .. tostring(key) .. "]") .. " = " .. shown(item, depth + 1)
    end
  end
  return "{ " .. table.concat(out, ", ") .. " }"
end

local function say(values)
  local out = {}
  for i = 1, values.n do out[i] = shown(values[i], 0) end
  local all = table.concat(out, "\t")
  return #all <= LONGEST and all or (all:sub(1, LONGEST) .. "…")
end

local function message_of(why)
  if type(why) == "table" then return tostring(why.message or why.code or json.encode(why)) end
  return (tostring(why):gsub("^line:%d+: ", ""))
end

local function is_unfinished(why)
  return why:find("<eof>", 1, true) ~= nil
end

-- An expression's value is shown; else the line is a statement.
local function compile(line, scope)
  local chunk, why = host.chunk("return " .. line, scope)
  if chunk then return chunk end
  local statement, why_not = host.chunk(line, scope)
  return statement, is_unfinished(why) and why or why_not
end

local function run_line(line, scope, phase)
  local chunk, why = compile(line, scope)
  if not chunk then return { error = message_of(why), unfinished = is_unfinished(why) } end
  phase("check", "prompt") -- the phase that may read upstream
  local result = table.pack(pcall(chunk))
  if not result[1] then return { error = message_of(result[2]) } end
  return { text = say(table.pack(table.unpack(result, 2, result.n))), value = result[2] }
end

local function run_all(lines, scope, phase, valued)
  local last = { text = "" }
  for _, line in ipairs(lines) do last = run_line(line, scope, phase) end
  if not valued then last.value = nil end
  return last
end

local function new_scope(plugin, plan)
  return { plugin = plugin, plan = plan, market = require("bridge.market").new({}),
    hb = require("bridge.hb"), decimal = decimal, json = json, form = require("bridge.form") }
end

function repl.run(plugin, kernel, input, phase)
  local function budget(name) return host.phase(name, LINE_MS) end
  if input.live then
    local function plan(strategy, params)
      return kernel.plan(plugin, { strategy = strategy, params = params or {}, ctx = input.ctx })
    end
    return run_all(input.lines, new_scope(plugin, plan), budget, input.valued)
  end
  return require("bridge.test").with(plugin, kernel, phase, function(t)
    return run_all(input.lines, new_scope(plugin, t.plan), budget)
  end)
end

return repl
