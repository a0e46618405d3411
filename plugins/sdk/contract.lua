-- Contract version 1, checked once when a generation is loaded: keys, types, arity, messages, report
-- calls. The first violation is raised as { fault = true, file, line, message }, so that people see
-- it beside the line. What is checked here need not be checked again when a bot is planned.
local _, host = ...
local text = require("bridge.text")
local form = require("bridge.form")
local effects = require("bridge.effects")
local fields = require("bridge.fields")
local loglines = require("bridge.loglines")
local risk = require("bridge.risk")
local actions = require("bridge.actions")
local report = require("bridge.report")

---@class ctx
---@field bot string
---@field account string
---@field image string
---@field hummingbot string
---@field server string
---@field now integer
---@field risk table<string, decimal>
---@field others? { name: string, connector: string, pair: string, budget_quote?: string }[] the account's living bots

---@class facts
---@field rules table<string, table<string, market.rules>> by connector and pair
---@field mid table<string, table<string, decimal>>
---@field balances table<string, table<string, table>>

---@class built
---@field controllers { type: string, name: string, config: table }[]
---@field script? { file?: string, config?: table, reports?: boolean }

---@class strategy
---@field name string
---@field revision integer
---@field title string
---@field summary string
---@field risk "low"|"medium"|"high"
---@field form bridge.form.Form
---@field form_of? fun(choice: string, market: market): bridge.form.Form?, string? the form for one choice, for pages; or nil and why not
---@field presets? table<string, table>
---@field docs? string
---@field build fun(ctx: ctx, p: table, facts: facts): built
---@field check? fun(ctx: ctx, p: table, market: market, report: report)
---@field preview? fun(ctx: ctx, p: table, facts: facts): table[]
---@field effects? fun(ctx: ctx, p: table): string[]
---@field recognise? fun(ctx: ctx, configs: table): table?
---@field replay? fun(ctx: ctx, p: table, candles: { time: integer, open: number, high: number, low: number, close: number }[]): table
---@field migrate? fun(p: table, from: integer): table
---@field executors string[]
---@field executors_of? fun(p: table): string[] which of them these parameters have
---@field risk_defaults? { max_loss_quote?: string, max_controller_loss_quote?: string }
---@field budget? string name of the field that is the budget
---@field pair? string name of the field that is the pair
---@field connector? string name of the field that is the connector; else the pair's
---@field messages? table<string, string|table> of its own, after the plugin's

---@class plugin
---@field api 1
---@field name string
---@field title string
---@field version string
---@field connectors string[]
---@field strategies strategy[]
---@field transforms? { status?: function, trade?: function }
---@field log? { match: string, pattern?: boolean, plain?: string, line?: string, code: string, message: string, hint?: string }[]
---@field messages? table<string, string|table>
---@field aliases? { strategies?: table }
---@field actions? table<string, { title: string, role: string, needs?: string[], form?: bridge.form.Form, run: function }>

local contract = {}

-- name -> { type, required, arity } ; arity: most parameters a function may declare.
local PLUGIN = {
  api = { "integer", true }, name = { "string", true }, title = { "string", true }, version = { "string", true },
  connectors = { "strings", true }, strategies = { "array", true }, transforms = { "table" }, log = { "array" },
  messages = { "table" }, aliases = { "table" }, actions = { "table" },
}
local STRATEGY = {
  name = { "string", true }, revision = { "integer", true }, title = { "string", true }, summary = { "string", true },
  risk = { "string", true }, form = { "form", true }, form_of = { "function", false, 2 }, presets = { "table" }, docs = { "string" },
  build = { "function", true, 3 }, check = { "function", false, 4 }, preview = { "function", false, 3 },
  effects = { "function", false, 2 }, recognise = { "function", false, 2 }, replay = { "function", false, 3 },
  migrate = { "function", false, 2 }, executors = { "strings", true }, executors_of = { "function", false, 1 }, risk_defaults = { "table" },
  budget = { "string" }, pair = { "string" }, connector = { "string" }, messages = { "table" },
}
local TRANSFORMS = { status = { "function", false, 3 }, trade = { "function", false, 2 } }
local LOG = { match = { "string", true }, pattern = { "boolean" }, plain = { "string" }, line = { "string" }, code = { "string", true }, message = { "string", true }, hint = { "string" } }
local ALIASES = { strategies = { "table" } }
local ALIAS = { to = { "string" }, on = { "table" }, rename = { "table" }, convert = { "function", false, 2 }, refuse = { "string" } }
local ACTION = { title = { "string", true }, role = { "string", true }, needs = { "strings" }, form = { "form" }, run = { "function", true, 3 } }
local RISKS = { low = true, medium = true, high = true }
local RISK_DEFAULTS = { max_loss_quote = { "string" }, max_controller_loss_quote = { "string" } }

local function fail(file, line, message)
  error({ fault = true, file = file, line = line, message = message }, 0)
end

local function is_array(value)
  if type(value) ~= "table" then return false end
  local count = 0
  for key in pairs(value) do
    if math.type(key) ~= "integer" then return false end
    count = count + 1
  end
  return count == #value
end

local TYPES = {
  integer = function(v) return math.type(v) == "integer" end,
  string = function(v) return type(v) == "string" and v ~= "" end,
  boolean = function(v) return type(v) == "boolean" end,
  table = function(v) return type(v) == "table" end,
  array = is_array,
  form = form.is,
  ["function"] = function(v) return type(v) == "function" end,
  strings = function(v)
    if not is_array(v) or #v == 0 then return false end
    for _, item in ipairs(v) do
      if type(item) ~= "string" then return false end
    end
    return true
  end,
}

local WORDS = { integer = "a whole number", string = "a text", boolean = "true or false", table = "a table", array = "an array",
  form = "a form (form.of { … })", ["function"] = "a function", strings = "an array of texts" }

local function check_function(f, row, what, key)
  local file, line, count, variadic = host.where(f)
  if not variadic and count > row[3] then
    fail(file, line, what .. ": " .. key .. " takes " .. count .. " parameters, the contract gives it " .. row[3])
  end
end

-- Keys, types and arity of one table; file: where it was written.
local function check_table(t, rows, what, file)
  for key in pairs(t) do
    if not rows[key] then
      local near = type(key) == "string" and text.nearest(key, text.keys(rows))
      fail(file, host.line_of(file, tostring(key)),
        what .. " has an unknown key " .. tostring(key) .. (near and (", did you mean " .. near .. "?") or ""))
    end
  end
  for key, row in pairs(rows) do
    local value = t[key]
    if value == nil then
      if row[2] then fail(file, host.line_of(file, "return"), what .. " lacks " .. key .. ", " .. WORDS[row[1]]) end
    elseif not TYPES[row[1]](value) then
      fail(file, host.line_of(file, key), what .. ": " .. key .. " must be " .. WORDS[row[1]])
    elseif row[1] == "function" then
      check_function(value, row, what, key)
    end
  end
end

local function check_presets(s, what, file)
  for name, values in pairs(s.presets or {}) do
    if type(values) ~= "table" then fail(file, host.line_of(file, name), what .. ": the preset " .. tostring(name) .. " must be a table") end
    local errors = s.form:validate(values, "").errors
    if errors[1] then
      fail(file, host.line_of(file, name), what .. ": the preset " .. name .. " is refused by the form: " .. errors[1].message)
    end
  end
end

local function check_names(s, what, file)
  if not s.name:find("^[a-z][a-z0-9_]*$") or #s.name > 40 then
    fail(file, host.line_of(file, "name"), what .. ": name must be lower-case letters, digits and _, at most 40")
  end
  if not RISKS[s.risk] then fail(file, host.line_of(file, "risk"), what .. ": risk must be low, medium or high") end
  for _, kind in ipairs(s.executors) do
    local known = false
    for _, name in ipairs(effects.kinds) do known = known or name == kind end
    if not known then
      fail(file, host.line_of(file, "executors"), what .. ": executors must be of " .. table.concat(effects.kinds, ", "))
    end
  end
  for _, key in ipairs({ "budget", "pair", "connector" }) do
    if s[key] and not s.form.by_name[s[key]] then
      fail(file, host.line_of(file, key), what .. ": " .. key .. " names " .. s[key] .. ", which is no field of the form")
    end
  end
end

-- Without a budget a limit in percent would mean no limit at all.
local function check_limits(s, what, file)
  if s.form.by_name[s.budget or "budget_quote"] then return end
  for name, rule in pairs(risk.rules(s)) do
    if rule:find("%", 1, true) then
      fail(file, host.line_of(file, "risk_defaults"), what .. ": " .. name .. " is " .. rule ..
        " of a budget, but budget names no field; give an amount in risk_defaults or set budget")
    end
  end
end

local function check_strategy(s, index, seen)
  local file = host.file_of(s) or "plugin.lua"
  local what = "strategy " .. (type(s) == "table" and type(s.name) == "string" and s.name or tostring(index))
  if type(s) ~= "table" then fail("plugin.lua", host.line_of("plugin.lua", "strategies"), what .. " is not a table") end
  check_table(s, STRATEGY, what, file)
  check_names(s, what, file)
  if seen[s.name] then fail(file, host.line_of(file, "name"), what .. " is there twice") end
  seen[s.name] = true
  if s.risk_defaults then
    check_table(s.risk_defaults, RISK_DEFAULTS, what .. " risk_defaults", file)
    for key, rule in pairs(s.risk_defaults) do
      if rule ~= "none" and not fields.number((rule:gsub("%%$", ""))) then
        fail(file, host.line_of(file, key), what .. ": " .. key .. ' must be "10%" (of the budget), an amount such as "20" or "none"')
      end
    end
  end
  check_limits(s, what, file)
  local errors = s.form:validate({}, "").errors
  if errors[1] then fail(file, host.line_of(file, "form"), what .. ": the form must accept {}: " .. errors[1].message) end
  check_presets(s, what, file)
end

-- ---- report calls in the source ----

-- The source with comments blanked and strings kept, so that positions stay the same.
local function without_comments(source)
  return (source:gsub("%-%-[^\n]*", function(comment) return (" "):rep(#comment) end))
end

-- Position after the expression that starts at `at`: of the "," or ")" that ends it at depth 0.
local function end_of_expression(source, at)
  local depth = 0
  while at <= #source do
    local c = source:sub(at, at)
    if c == '"' or c == "'" then
      local close = at + 1
      while close <= #source and source:sub(close, close) ~= c do
        close = close + (source:sub(close, close) == "\\" and 2 or 1)
      end
      at = close
    elseif c == "(" or c == "{" or c == "[" then
      depth = depth + 1
    elseif c == ")" or c == "}" or c == "]" then
      if depth == 0 then return at end
      depth = depth - 1
    elseif c == "," and depth == 0 then
      return at
    end
    at = at + 1
  end
  return #source
end

local function line_at(source, at)
  local _, count = source:sub(1, at):gsub("\n", "\n")
  return count + 1
end

-- Names written in a table literal, or nil when it is not a literal.
local function literal_keys(expression)
  local body = expression:match("^%s*{(.*)}%s*$")
  if not body then return nil end
  local keys, at = {}, 1
  while at <= #body do
    local stop = end_of_expression(body, at)
    local name = body:sub(at, stop):match("^%s*([%a_][%w_]*)%s*=")
    if name then keys[name] = true end
    at = stop + 1
  end
  return keys
end

local function check_call(file, source, at, first_is_code, messages)
  local stop = at
  if not first_is_code then
    stop = end_of_expression(source, at)
    if source:sub(stop, stop) ~= "," then return end
    stop = stop + 1
  end
  local code_end = end_of_expression(source, stop)
  local code = source:sub(stop, code_end - 1):match("^%s*[\"']([%w_]+)[\"']%s*$")
  if not code then return end
  local row = messages[code]
  if row == nil then
    local near = text.nearest(code, text.keys(messages))
    fail(file, line_at(source, stop), "the code " .. code .. " is not declared in messages" .. (near and (", did you mean " .. near .. "?") or ""))
  end
  local data = source:sub(code_end, code_end) == "," and source:sub(code_end + 1, end_of_expression(source, code_end + 1) - 1) or "{}"
  local keys = literal_keys(data)
  local template = type(row) == "table" and (row[1] .. (row.hint or "")) or row
  for _, name in ipairs(keys and text.names_in(template) or {}) do
    if not keys[name] then fail(file, line_at(source, stop), "the message of " .. code .. " needs data." .. name) end
  end
end

-- `report:error(path, "code", { … })` with a literal code must name a declared message and give its
-- {names}; what is computed is caught when it runs.
local function check_reports(messages)
  for _, row in ipairs(host.sources()) do
    local source = without_comments(row.text)
    for verb, at in source:gmatch("report:(%a+)%s*%(()") do
      if verb == "error" or verb == "warn" or verb == "ok" then
        check_call(row.file, source, at, verb == "ok", messages)
      end
    end
  end
end

local function check_messages(plugin)
  local messages = plugin.messages or {}
  local file = host.file_of(messages) or "plugin.lua"
  for code, row in pairs(messages) do
    local good = type(row) == "string" or (type(row) == "table" and type(row[1]) == "string" and (row.hint == nil or type(row.hint) == "string"))
    if not good then fail(file, host.line_of(file, tostring(code)), "the message " .. tostring(code) .. ' must be "text" or { "text", hint = "…" }') end
  end
  local known = messages
  for _, strategy in ipairs(plugin.strategies) do known = report.messages(known, strategy.messages) end
  check_reports(known)
end

local function check_aliases(plugin)
  local aliases = plugin.aliases
  if not aliases then return end
  local file = host.file_of(aliases) or "plugin.lua"
  check_table(aliases, ALIASES, "aliases", file)
  local known = {}
  for _, s in ipairs(plugin.strategies) do known[s.name] = true end
  for word, alias in pairs(aliases.strategies or {}) do
    local what = "the alias " .. tostring(word)
    if type(alias) ~= "table" then fail(file, host.line_of(file, tostring(word)), what .. " must be a table") end
    check_table(alias, ALIAS, what, file)
    if alias.refuse and not report.refusal(plugin, alias.refuse) then
      fail(file, host.line_of(file, word), what .. " refuses with the code " .. alias.refuse .. ", which messages lacks")
    end
    local names = { alias.to or (not alias.refuse and "nothing") or nil }
    for _, name in pairs(alias.on or {}) do names[#names + 1] = name end
    for _, name in ipairs(names) do
      if not known[name] then
        fail(file, host.line_of(file, word), what .. " leads to " .. tostring(name) .. ", which is no strategy")
      end
    end
  end
end

local function check_rows(list, rows, what)
  local file = host.file_of(list) or "plugin.lua"
  for i, row in ipairs(list) do
    if type(row) ~= "table" then fail(file, 1, what .. " row " .. i .. " is not a table") end
    check_table(row, rows, what .. " row " .. i, file)
  end
end

-- Raises the first violation; returns nothing. name: the folder's name.
function contract.check(plugin, name)
  local main = "plugin.lua"
  if type(plugin) ~= "table" then fail(main, 1, "plugin.lua must return a table") end
  check_table(plugin, PLUGIN, "the plugin", main)
  if plugin.api ~= 1 then fail(main, host.line_of(main, "api"), "api must be 1, this bridge knows no other contract") end
  if plugin.name ~= name then
    fail(main, host.line_of(main, "name"), 'the plugin is named "' .. plugin.name .. '" but its folder is ' .. name)
  end
  if #plugin.strategies == 0 then fail(main, host.line_of(main, "strategies"), "the plugin has no strategy") end
  local seen = {}
  for i, strategy in ipairs(plugin.strategies) do check_strategy(strategy, i, seen) end
  if plugin.transforms then check_table(plugin.transforms, TRANSFORMS, "transforms", host.file_of(plugin.transforms) or main) end
  check_rows(plugin.log or {}, LOG, "log")
  local fault, at = loglines.fault(loglines.GENERAL, true)
  if fault then fail(main, 1, "the SDK's log row " .. at .. " " .. fault) end
  fault, at = loglines.fault(plugin.log or {})
  if fault then
    local file = host.file_of(plugin.log) or main
    fail(file, host.line_of(file, plugin.log[at].code), "log row " .. at .. " " .. fault)
  end
  check_messages(plugin)
  check_aliases(plugin)
  for action, row in pairs(plugin.actions or {}) do
    if type(row) ~= "table" then fail(main, host.line_of(main, tostring(action)), "the action " .. tostring(action) .. " must be a table") end
    local file = host.file_of(plugin.actions) or main
    check_table(row, ACTION, "the action " .. tostring(action), file)
    actions.check(action, row, function(word, message)
      fail(file, host.line_of(file, word), "the action " .. tostring(action) .. ": " .. message)
    end)
  end
end

return contract
