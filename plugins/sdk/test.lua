-- bridge.test: what a plugin's own tests use, in tests/*.lua of its folder. They run in the plugin's
-- sandbox, against a world of their own instead of an upstream.
--
--   local test = require("bridge.test")
--   test.case("a grid upside down is refused", function(t)
--     local plan = t.plan("spot_grid", { low = "3200", high = "3100" })
--     t.refused(plan, "low_not_below_high", "/params/low")
--   end)
--   test.case("the plan is the one we know", function(t)
--     t.golden("spot_grid", t.plan("spot_grid", {}).controllers)   -- tests/golden/spot_grid.json
--   end)
--   return test
--
-- t.plan(strategy, params, { world, risk, ctx }) plans as the bridge does; t.replay(strategy, params, candles,
-- world) replays over { { open, high, low, close }, … }, the newest of the last world.days, false for one that
-- the feed does not have. t.ok(plan), t.refused(plan, code, pointer), t.warned(plan, code), t.equal(is, should),
-- t.golden(name, value), t.recognised(plan): the built configs are known as what they were built from;
-- t.recognise(configs, script): what somebody's are known as.
--
-- world = { rules = { [pair] = … }, mid = { [pair] = … }, balances = { [connector] = { TOKEN = amount } },
-- answers = { ["gateway.status"] = value or function(args) } }; rules and mid hold for every connector. What
-- is not given is usual: BTC, ETH, SOL, XRP, DOGE against USDT and USDC, and plenty of each coin.
local _, host = ...
local json = require("bridge.json")
local decimal = require("bridge.decimal")
local configs = require("bridge.configs")
local copy = require("bridge.tables").copy

local test = {}

local cases = {} -- of the file that is being read
local state = {} -- of the case that runs

local COINS = { { "BTC", "60000.5", "0.00001" }, { "ETH", "3000.12", "0.0001" }, { "SOL", "150.25", "0.001" },
  { "XRP", "2.15", "0.1" }, { "DOGE", "0.15", "1" } }
local QUOTES = { "USDT", "USDC" }

local function usual_world()
  local world = { rules = {}, mid = {}, balances = nil, answers = {} }
  for _, coin in ipairs(COINS) do
    for _, quote in ipairs(QUOTES) do
      local pair = coin[1] .. "-" .. quote
      world.mid[pair] = coin[2]
      world.rules[pair] = { min_order_size = coin[3], min_base_amount_increment = coin[3], min_price_increment = "0.0001",
        min_notional_size = "5", supports_limit_orders = true, supports_market_orders = true }
    end
  end
  return world
end

local function balance_rows(given)
  local rows = json.array({})
  if given then
    for token, amount in pairs(given) do rows[#rows + 1] = { token = token, units = amount, available_units = amount } end
    return rows
  end
  for _, coin in ipairs(COINS) do rows[#rows + 1] = { token = coin[1], units = "1000000" } end
  for _, quote in ipairs(QUOTES) do rows[#rows + 1] = { token = quote, units = "1000000" } end
  return rows
end

local ANSWERS = {
  ["connectors.trading_rules"] = function(world, args)
    if not args.trading_pairs then return copy(world.rules) end
    return { [args.trading_pairs] = copy(world.rules[args.trading_pairs]) }
  end,
  ["market.candle_connectors"] = function() return json.array({ "binance", "bitmart_perpetual" }) end,
  ["connectors.list"] = function() return json.array({ "binance", "binance_perpetual", "bitmart", "kucoin" }) end,
  ["controllers.list"] = function()
    local classes, out = require("bridge.classes"), {}
    for _, class in ipairs(classes.names()) do
      local kind, name = class:match("^([^/]+)/(.+)$")
      out[kind] = out[kind] or json.array({})
      table.insert(out[kind], name)
    end
    return out
  end,
  ["market.prices"] = function(world) return { prices = copy(world.mid) } end,
  ["portfolio.state"] = function(world, args)
    local account, connector = args.body.account_names[1], args.body.connector_names[1]
    if world.balances and not world.balances[connector] then return { [account] = {} } end
    return { [account] = { [connector] = balance_rows(world.balances and world.balances[connector]) } }
  end,
}

local function read(name, args)
  if state.phase ~= "facts" and state.phase ~= "check" and state.phase ~= "preview" then
    error("hb." .. name .. ": nothing can be read during " .. tostring(state.phase) .. "; only check and preview may", 0)
  end
  local own = state.world.answers[name]
  if type(own) == "function" then return own(args) end
  if own ~= nil then return copy(own) end
  if ANSWERS[name] then return ANSWERS[name](state.world, args) end
  error({ upstream = true, code = "upstream_error", message = "the test's world has no answer for " .. name }, 0)
end

-- As host.columns does it.
local function columns(name, args, names)
  local out = {}
  local rows = read(name, args)
  for _, column in ipairs(names) do
    out[column] = {}
    for i, row in ipairs(rows) do
      local value = row[column]
      out[column][i] = (decimal.is(value) or type(value) == "number") and tonumber(tostring(value)) + 0.0 or 0 / 0
    end
  end
  return out
end

-- ---- what a case may call ----

local t = {}

local function failed(message, golden)
  error({ failed = true, message = message, golden = golden }, 0)
end

-- The world and the ctx of one call.
local function enter(options)
  state.world = usual_world()
  for key, value in pairs(options.world or {}) do state.world[key] = value end
  local ctx = { bot = "test", account = "master_account", image = "hummingbot/hummingbot:version-2.16.0", hummingbot = "2.16.0",
    server = "default", now = "2026-01-02T03:04:05.000Z" }
  for key, value in pairs(options.ctx or {}) do ctx[key] = value end
  state.ctx = ctx
  return ctx
end

function t.plan(strategy, params, options)
  options = options or {}
  local ctx = enter(options)
  local given = copy(params or {})
  for key, value in pairs(given) do
    if type(value) == "table" and #value > 0 and not decimal.is(value) then given[key] = json.array(value) end
  end
  local made = state.kernel.plan(state.plugin, { strategy = strategy, params = given, risk = options.risk, ctx = copy(ctx) })
  state.planned[made] = strategy
  return made
end

-- What the market's feed has, as upstream gives it: candles end now, `step_s` apart; `false` is a hole. A row
-- that is a table with names is given as it is.
local function feed_rows(candles, step_s)
  local rows, to = {}, os.time() // step_s * step_s
  for i, c in ipairs(candles) do
    local at = to - (#candles - i + 1) * step_s
    if c and c.open == nil then
      rows[#rows + 1] = { timestamp = at, open = c[1], high = c[2], low = c[3], close = c[4] }
    elseif c then
      rows[#rows + 1] = c
    end
  end
  return rows
end

-- candles: an array of { open, high, low, close }, what the market's feed gives; false is a hole.
function t.replay(strategy, params, candles, options)
  local world = copy(options or {})
  world.answers = world.answers or {}
  world.answers["market.candles_history"] = world.answers["market.candles_history"] or function(args)
    local out = json.array({})
    for _, row in ipairs(feed_rows(candles, (world.days or 7) <= 7 and 60 or 300)) do
      if row.timestamp >= args.body.start_time and row.timestamp <= args.body.end_time then out[#out + 1] = row end
    end
    return out
  end
  return state.kernel.replay(state.plugin, { strategy = strategy, params = copy(params), days = world.days, ctx = copy(enter({ world = world })) })
end

local function row_of(rows, code, pointer)
  for _, row in ipairs(rows) do
    if row.code == code and (pointer == nil or row.pointer == pointer) then return row end
  end
end

local function said(rows)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row.code .. " at " .. tostring(row.pointer) .. " (" .. row.message .. ")" end
  return #out > 0 and table.concat(out, "; ") or "nothing"
end

function t.ok(plan)
  if not plan.ok then failed("the plan is refused: " .. said(plan.errors)) end
end

function t.refused(plan, code, pointer)
  if not row_of(plan.errors, code, pointer) then
    failed("expected " .. code .. (pointer and (" at " .. pointer) or "") .. ", refused is " .. said(plan.errors))
  end
end

function t.warned(plan, code, pointer)
  if not row_of(plan.warnings, code, pointer) then failed("expected the warning " .. code .. ", warned is " .. said(plan.warnings)) end
end

-- Values equal by meaning; "0.80" is 0.8.
function t.equal(is, should)
  if not configs.same(is, should, true) then
    failed("is " .. json.encode(is == nil and json.null or is) .. ", should be " .. json.encode(should == nil and json.null or should))
  end
end

function t.golden(name, value)
  if type(name) ~= "string" or not name:match("^[%w_-]+$") or #name > 100 then
    error("t.golden: the name becomes a file's: letters, digits, _ and -", 2)
  end
  state.golden[name] = value
  local known = state.known[name]
  if known == nil then failed("tests/golden/" .. name .. ".json is missing; run the tests with --bless", true) end
  if not configs.same(value, known) then failed("differs from tests/golden/" .. name .. ".json; it is now " .. json.encode(value), true) end
end

-- What the plugin makes of somebody's controller configs: { strategy, params, unknown, … }, {} for nothing.
function t.recognise(list, script)
  return state.kernel.recognise(state.plugin, { configs = json.array(copy(list)), script = script or {}, ctx = copy(state.ctx) })
end

function t.recognised(plan)
  t.ok(plan)
  local given = {}
  for i, controller in ipairs(plan.controllers) do given[i] = controller.config end
  local found = t.recognise(given, plan.script.config)
  if not found.strategy then failed("recognise does not know what build made") end
  if found.strategy ~= state.planned[plan] then failed("recognise calls it " .. found.strategy .. ", it was built as " .. state.planned[plan]) end
  for name, value in pairs(found.params) do
    if value ~= json.null and not configs.same(value, plan.params[name], true) then
      failed("recognise reads " .. name .. " as " .. json.encode(value) .. ", it was " .. json.encode(plan.params[name]))
    end
  end
end

-- A test of this file. Names are shown to people; one name stands once in a file.
function test.case(name, run)
  if type(name) ~= "string" or type(run) ~= "function" then
    error('test.case: write test.case("what holds", function(t) … end)', 2)
  end
  cases[#cases + 1] = { name = name, run = run }
end

-- ---- for the kernel ----

local function outcome(file, name, ok, why)
  local row = { file = file, name = name, ok = ok }
  if ok then return row end
  if type(why) == "table" then
    row.golden = why.failed and why.golden
    row.message = why.failed and why.message or ((why.file and (why.file .. ":" .. why.line .. ": ") or "") .. tostring(why.message))
  else
    row.message = tostring(why)
  end
  return row
end

local function run_file(file, module, results, phase)
  cases = {}
  phase("test", "plain")
  local ok, why = pcall(host.module, module)
  if not ok then
    results[#results + 1] = outcome(file, "the file loads", false, why)
    return
  end
  for _, case in ipairs(cases) do
    state.phase, state.planned = "test", {}
    phase("test", "plain")
    results[#results + 1] = outcome(file, case.name, pcall(case.run, t))
  end
end

-- Runs work(t) with the tests' world in the place of upstream.
local function in_world(plugin, kernel, known, phase, work)
  state = { plugin = plugin, kernel = kernel, known = known, golden = {}, planned = {} }
  local real_read, real_columns, real_phase = host.read, host.columns, host.phase
  host.read, host.columns = read, columns
  host.phase = function(name, budget)
    state.phase = name
    return real_phase(name, budget)
  end
  local result = work(t)
  host.read, host.columns, host.phase = real_read, real_columns, real_phase
  return result
end

-- Runs every tests/*.lua. known: { golden name = value }. Returns { tests, golden: what they are now }.
function test.run(plugin, kernel, known, phase)
  return in_world(plugin, kernel, known, phase, function()
    local results = json.array({})
    for _, source in ipairs(host.sources()) do
      local module = source.file:match("^[^/]+/(tests/[%w_]+)%.lua$")
      if module then run_file(source.file, (module:gsub("/", ".")), results, phase) end
    end
    return { tests = results, golden = state.golden }
  end)
end

-- One plan of { strategy, params, risk, ctx } in the usual world.
function test.plan(plugin, kernel, given, phase)
  return in_world(plugin, kernel, {}, phase, function()
    return t.plan(given.strategy, given.params, { risk = given.risk, ctx = given.ctx })
  end)
end

-- work(t) in the usual world, for the prompt.
function test.with(plugin, kernel, phase, work)
  return in_world(plugin, kernel, {}, phase, function(tools)
    state.world = usual_world()
    state.ctx = {}
    return work(tools)
  end)
end

return test
