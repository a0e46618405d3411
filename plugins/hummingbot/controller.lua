-- Any controller of the connected API, its config as text or as an object; see one.lua.
local form = require("bridge.form")
local classes = require("bridge.classes")
local one = require("one")

local function documentation()
  local lines = { "The classes whose every field is checked:", "" }
  for _, name in ipairs(classes.names()) do lines[#lines + 1] = "- `" .. name .. "`: " .. classes.purpose(name) end
  return table.concat(lines, "\n")
end

return {
  name = "controller",
  revision = 1,
  title = "Any controller (expert)",
  summary = "Runs a controller of the connected Hummingbot API on any exchange, with its config in JSON or YAML. For people who know the controller.",
  risk = "high",
  executors = one.all,
  executors_of = one.executors,
  budget = "budget_quote",
  pair = "pair",
  messages = require("bridge.strategies.checks").messages,
  form = form.of(one.entries(true)),
  form_of = one.form_of,
  docs = documentation(),
  check = one.check,
  build = function(_, p, facts) return { controllers = { one.build(p, facts) } } end,
  preview = function(_, p, facts) return one.preview(p, facts) end,
  recognise = function(_, list) return #list == 1 and one.read(list[1]) or nil end,
}
