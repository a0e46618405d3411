-- The part of YAML that is taken, and that the rest is refused by its name.
local test = require("bridge.test")
local decimal = require("bridge.decimal")
local json = require("bridge.json")
local yaml = require("yaml")

local function reads(t, text, should)
  local value, why = yaml.parse(text)
  if why then error("refused: line " .. why.line .. ": " .. why.message, 0) end
  t.equal(value, should)
end

local function refuses(text, line, words)
  local value, why = yaml.parse(text)
  if value ~= nil then error("taken: " .. json.encode(value), 0) end
  if why.line ~= line or not why.message:find(words, 1, true) then error("line " .. why.line .. ": " .. why.message, 0) end
end

test.case("what a config looks like", function(t)
  reads(t, [[
---
# a file of Hummingbot
controller_name: grid_strike   # the class
total_amount_quote: 100.50
leverage: 1
trading_pair: ETH-USDT
'quoted': 'it''s # no comment'
"double": "a \"b\" \\ c: d"
keep_position: false
activation_bounds: null
empty:
spreads: [0.01, 2e-3]
nested:
  a: {b: 1, "c": [true, ~]}
  list:
  - 1
  -   - 2
      - 3
  - x: 1
    y: two words
  -
    z: -0.5
]], { controller_name = "grid_strike", total_amount_quote = decimal("100.50"), leverage = 1, trading_pair = "ETH-USDT",
    quoted = "it's # no comment", double = 'a "b" \\ c: d', keep_position = false, activation_bounds = json.null, empty = json.null,
    spreads = json.array({ decimal("0.01"), decimal("0.002") }),
    nested = { a = { b = 1, c = json.array({ true, json.null }) },
      list = json.array({ 1, json.array({ 2, 3 }), { x = 1, y = "two words" }, { z = decimal("-0.5") } }) } })
end)

test.case("JSON over several lines, and no digit is lost", function(t)
  reads(t, '{\n "a": 0.1234567890123456789,\n "b": [1,\n 2], "c": {}, "d": "x"\n}', { a = decimal("0.1234567890123456789"),
    b = json.array({ 1, 2 }), c = {}, d = "x" })
  reads(t, "", {})
  reads(t, "- a\n- b", json.array({ "a", "b" }))
  reads(t, "big: 12345678901234567890", { big = decimal("12345678901234567890") })
end)

test.case("what is read in two ways is refused by its name", function()
  refuses("a: &x 1", 1, "anchors")
  refuses("a: 1\nb: *x", 2, "aliases")
  refuses("a: !!str 1", 1, "tags")
  refuses("a: |\n  text", 1, "block texts")
  refuses("a: >\n  text", 1, "folded texts")
  refuses("<<: {a: 1}", 1, "merge keys")
  refuses("? a", 1, "complex keys")
  refuses("a: 1\n---\nb: 2", 2, "several documents")
  refuses("a: yes", 1, "true or false")
  refuses("a: 010", 1, "octal")
  refuses("a: 0x10", 1, "decimal digits")
  refuses("a: 1_000", 1, "decimal digits")
  refuses("a: .nan", 1, "decimal digits")
  refuses("a: 1\na: 2", 2, "twice")
  refuses("{a: 1, a: 2}", 1, "twice")
  refuses("a:\n\t- b", 2, "tab")
  refuses("a: b: c", 1, "second :")
  refuses("a: 1\n   b: 2", 2, "indented more")
  refuses("  a: 1\nb: 2", 2, "indented less")
  refuses("a: [1, 2", 1, ", or a ]")
  refuses("a: [1,, 2]", 1, "missing")
  refuses('a: "open', 1, "end in its line")
  refuses('a: "\\u0041"', 1, "signs")
  refuses("a: [1] 2", 1, "after the end")
  refuses("a: 1\nwords", 2, "no `key: value`")
  refuses("{" .. ("a: {"):rep(20), 1, "deeply")
  refuses(("a"):rep(32769), 1, "bytes")
end)

return test
