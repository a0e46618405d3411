-- Several controllers in one bot, each as an expert writes it (one.lua). Hummingbot runs them side by side and
-- stops them all when their results together have lost the bot's limit, which it adds up as if every quote
-- currency were the same; so the money that a limit in percent is taken of is only added up here when they are
-- all paid in one coin.
local decimal = require("bridge.decimal")
local form = require("bridge.form")
local one = require("one")

local MOST = 16

local function quotes_of(list)
  local quotes, seen = {}, {}
  for _, p in ipairs(list) do
    local quote = p.pair:match("%-([^-]+)$")
    if not seen[quote] then
      seen[quote] = true
      quotes[#quotes + 1] = quote
    end
  end
  return quotes
end

-- Nil when there is no one coin to count in.
local function sum_of(list)
  if #quotes_of(list) ~= 1 then return nil end
  local sum = decimal(0)
  for _, p in ipairs(list) do sum = sum + p.budget_quote end
  return sum
end

local function is_one_of(p)
  for _, c in ipairs(p.controllers) do
    if c.connector == p.connector and c.pair == p.pair then return true end
  end
  return false
end

local function resolve(p, refuse)
  local first, sum = p.controllers[1], sum_of(p.controllers)
  p.connector = p.connector or first.connector
  p.pair = p.pair or first.pair
  if not is_one_of(p) then
    refuse("pair", "contradiction", "no controller trades " .. p.pair .. " on " .. p.connector, "leave connector and pair out, or name the market of one of the controllers")
  end
  if p.budget_quote and sum and p.budget_quote ~= sum then
    refuse("budget_quote", "contradiction", "budget_quote is " .. tostring(p.budget_quote) .. " and the controllers' budgets are " .. tostring(sum) .. " together",
      "leave it out, or change the controllers' budgets")
  end
  p.budget_quote = p.budget_quote or sum
end

-- What a check of one controller reports, at its place in the list.
local function report_at(report, index)
  local out = {}
  local function path_of(path)
    if type(path) == "string" and path:sub(1, 1) == "/" then return path end
    local at = { "controllers", index }
    for _, step in ipairs(type(path) == "table" and path or { path }) do at[#at + 1] = step end
    return at
  end
  function out.error(_, path, code, data) report:error(path_of(path), code, data) end
  function out.warn(_, path, code, data) report:warn(path_of(path), code, data) end
  function out.ok(_, code, data) report:ok(code, data) end
  return out
end

local function check(ctx, p, market, report)
  local seen = {}
  if not p.budget_quote then
    report:error("budget_quote", "budget_of_several_quotes", { quotes = table.concat(quotes_of(p.controllers), ", ") })
  end
  for i, c in ipairs(p.controllers) do
    local market_of = c.connector .. " " .. c.pair
    if seen[market_of] then
      report:warn({ "controllers", i, "pair" }, "pair_twice", { pair = c.pair, connector = c.connector, other = seen[market_of] })
    end
    seen[market_of] = seen[market_of] or i
    one.check(ctx, c, market, report_at(report, i))
  end
end

local function executors_of(p)
  local kinds, seen = {}, {}
  for _, c in ipairs(p.controllers) do
    for _, kind in ipairs(one.executors(c)) do
      if not seen[kind] then
        seen[kind] = true
        kinds[#kinds + 1] = kind
      end
    end
  end
  return kinds
end

return {
  name = "controllers",
  revision = 1,
  title = "Several controllers (expert)",
  summary = "Runs several controllers of the connected Hummingbot API in one bot, each with its config in JSON or YAML. For people who know the controllers.",
  risk = "high",
  executors = one.all,
  executors_of = executors_of,
  budget = "budget_quote",
  pair = "pair",
  connector = "connector",
  messages = require("bridge.strategies.checks").messages,
  form = form.of {
    form.list("controllers", { of = form.record({ of = one.entries(false) }), default = { {} }, min_items = 1, max_items = MOST,
      help = "One controller a row; what is left out of a row is as in the form of one controller." }),
    form.decimal("budget_quote", { optional = true, above = "0", unit = "quote",
      help = "The money that the loss limits' percents are taken of. Left out: the controllers' budgets together, when all are paid in one coin." }),
    form.connector("connector", { optional = true, help = "The exchange that the bot is shown with. Left out: the first controller's." }),
    form.pair("pair", { optional = true, connector_field = "connector", help = "The market that the bot is shown with. Left out: the first controller's." }),
    form.custom(resolve),
  },
  check = check,
  build = function(_, p, facts)
    local controllers = {}
    for i, c in ipairs(p.controllers) do controllers[i] = one.build(c, facts) end
    return { controllers = controllers }
  end,
  preview = function(_, p, facts)
    local rows = {}
    for i, c in ipairs(p.controllers) do
      for _, row in ipairs(one.preview(c, facts)) do
        row.title = i .. ", " .. c.controller .. (row.title and (": " .. row.title) or "")
        rows[#rows + 1] = row
      end
    end
    return rows
  end,
  recognise = function(_, list)
    local controllers = {}
    for i, config in ipairs(list) do
      controllers[i] = one.read(config)
      if not controllers[i] then return nil end
    end
    if #list < 2 then return nil end
    return { controllers = require("bridge.json").array(controllers), connector = controllers[1].connector, pair = controllers[1].pair }
  end,
}
