-- One strategy over one controller class: a person fills the class's fields, and build, checks and preview are
-- those of the expert's config.
--
-- The form is made when somebody looks at it: the plugin's files run for every call, and most calls need the
-- form of one strategy or of none.
local json = require("bridge.json")
local form = require("bridge.form")
local classes = require("bridge.classes")
local configs = require("bridge.configs")
local decimal = require("bridge.decimal")
local fields = require("bridge.fields")
local checks = require("checks")
local expert = require("expert")
local forms = require("forms")
local orders = require("orders")

local BUDGET = "total_amount_quote"

-- Names of the form's fields that are the bot's first market.
local function market_of(main)
  if main.model then return main.model .. "_connector_name", main.model .. "_trading_pair" end
  return main.connector, main.pair
end

-- The parameters as the expert's form has them.
local function expert_of(self, p)
  local out = { controller = self.controller, connector = p[self.connector], pair = self.pair and p[self.pair], budget_quote = p[BUDGET], config = {} }
  for _, row in ipairs(self.rows) do
    if not expert.is_main(self.main, row.field.name) then row.put(out.config, p[row.name]) end
  end
  out.pair = out.pair or expert.pair_of(out.config)
  return out
end

local function plain(self, p, of)
  for _, row in ipairs(self.rows) do
    local value = p[row.name]
    if value ~= nil and forms.plain(row.field, value, of) == json.null then p[row.name] = nil end
  end
end

-- Rows that are told apart by one of their fields.
local UNIQUE = { grids = "grid_id", portfolio_allocation = "asset" }

local function unique(p, refuse)
  for name, member in pairs(UNIQUE) do
    local seen = {}
    for i, row in ipairs(type(p[name]) == "table" and not decimal.is(p[name]) and p[name] or {}) do
      if seen[row[member]] then refuse({ name, i, member }, "not_unique", row[member] .. " is there twice", "give each row another one") end
      seen[row[member]] = true
    end
  end
end

local function two_routers(p, refuse)
  local one, two = p.exchange_pair_1_connector_name, p.exchange_pair_2_connector_name
  if one and two and not fields.has_book(one) and not fields.has_book(two) then
    refuse("exchange_pair_2_connector_name", "two_routers", "two Gateway legs share one wallet and one source of prices, so there is nothing to earn between them",
      "choose an exchange for one of them")
  end
end

local function resolve(self)
  return function(p, refuse)
    plain(self, p, { connector = p[self.connector], pair = self.pair and p[self.pair] })
    unique(p, refuse)
    two_routers(p, refuse)
    expert.read(self.class, expert_of(self, p).config, self.main, function(path, ...) refuse(forms.path(self.class, path), ...) end)
  end
end

local function never(path, _, message) error(table.concat(path, ".") .. ": " .. message, 0) end

-- The expert's parameters with every value of its type, and every field of the class.
local function whole_of(self, p)
  local of = expert_of(self, p)
  of.config = expert.read(self.class, of.config, self.main, never)
  return of, expert.complete(self.class, of)
end

local function hooks(self, s)
  function s.check(ctx, p, market, report)
    local of, whole = whole_of(self, p)
    checks.run(ctx, self.class, of, whole, market, report, function(name)
      local path = forms.path(self.class, { "config", name })
      return self.by_name[path[1]] and path or self.pair or self.connector
    end)
    for _, row in ipairs(self.rows) do
      local connector = row.entry.kind == "connector" and row.name ~= self.connector and p[row.name]
      if connector and not fields.has_book(connector) then report:warn(row.name, "market_not_checked", { connector = connector }) end
    end
  end

  function s.build(_, p)
    local _, whole = whole_of(self, p)
    return { controllers = { { type = self.class.type, name = self.class.name, config = whole } } }
  end

  function s.preview(_, p, facts)
    local of, whole = whole_of(self, p)
    return orders.preview(self.class, of, whole, facts)
  end
end

local function entries_of(self)
  local entries = {}
  for i, row in ipairs(self.rows) do
    entries[i], self.by_name[row.name] = row.entry, row
  end
  entries[#entries + 1] = form.custom(resolve(self))
  return entries
end

-- Everything that needs the fields of the class.
local function complete(s, controller)
  local class = classes.get(controller)
  local self = { class = class, controller = controller, main = expert.main(class), by_name = {} }
  self.connector, self.pair = market_of(self.main)
  self.rows = forms.rows(class)
  s.pair, s.connector, s.budget, s.executors = self.pair, self.connector, BUDGET, class.executors
  s.messages = require("bridge.strategies.checks").messages
  s.form = form.of(entries_of(self))
  hooks(self, s)
  return self
end

-- What is not in a config has the class's default where it runs, also where the form begins with another one.
local function read(self, config)
  config = expert.as_it_runs(self.class, config, forms.is_usual)
  local p, of = {}, {}
  for _, row in ipairs(self.rows) do p[row.name] = row.get(config) end
  of.connector, of.pair = p[self.connector], self.pair and p[self.pair]
  for _, row in ipairs(self.rows) do p[row.name] = forms.plain(row.field, p[row.name], of) end
  return p
end

local NAMES = { ai = "AI", bb = "BB", dman = "DMan", lp = "LP", macd = "MACD", pmm = "PMM", xemm = "XEMM" }

local function title_of(name)
  local words = name:gsub("[^_]+", NAMES):gsub("_", " ")
  return words:sub(1, 1):upper() .. words:sub(2)
end

-- The strategy of "generic/grid_strike".
return function(controller, purpose)
  local kind, name = controller:match("^(.-)/(.+)$")
  local self
  local s = { name = name, revision = 1, title = title_of(name), summary = purpose, risk = "high",
    docs = "Controller `" .. controller .. "`. Fields and units are the class's own; a fraction is no percent: 0.01 is 1 %." }
  local function made()
    if not self then
      setmetatable(s, nil)
      self = complete(s, controller)
    end
    return self
  end
  -- Asked for every bot that is taken over, so the form is made only for a config of this class.
  function s.recognise(_, list)
    local config = configs.only(list, kind, name)
    return config and read(made(), config) or nil
  end
  return setmetatable(s, { __index = function(_, key)
    made()
    return rawget(s, key)
  end })
end
