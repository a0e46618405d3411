-- A config as text: the part of YAML that configs need, and JSON, which is a part of it. Everything else of
-- YAML is refused by its name, because what is read in two ways moves money in two ways.
--
--   yaml.parse(text) -> value, or nil and { line, message }
--
-- Taken: "key: value" and "- item" by indentation, [a, b], {a: 1}, "text", 'text', plain words, null and ~,
-- true and false, whole and decimal numbers (as decimals: no digit is lost), comments. A text that begins
-- with { is one value over several lines, as JSON is.
local decimal = require("bridge.decimal")
local json = require("bridge.json")

local yaml = {}

local TEXT_MAX, DEPTH_MAX = 32768, 12

local REFUSED = {
  ["&"] = "anchors (&)", ["*"] = "aliases (*)", ["!"] = "tags (!)", ["|"] = "block texts (|)", [">"] = "folded texts (>)",
  ["%"] = "directives (%)", ["@"] = "@ at the start of a word", ["`"] = "` at the start of a word", ["?"] = "complex keys (?)",
}
-- YAML 1.1, which Hummingbot reads, takes these for true and false; people write them as words.
local AMBIGUOUS = { yes = true, no = true, on = true, off = true, y = true, n = true }
local WORDS = { ["null"] = json.null, ["~"] = json.null, ["Null"] = json.null, ["NULL"] = json.null, ["true"] = true, ["True"] = true,
  ["TRUE"] = true, ["false"] = false, ["False"] = false, ["FALSE"] = false }

local function refuse(line, message)
  error({ line = line, message = message }, 0)
end

local function number(word, line)
  local digits = word:match("^[-+]?(%d+)$")
  if digits then
    if #digits > 1 and digits:sub(1, 1) == "0" then refuse(line, word .. " would be an octal number; write it without the leading 0, or in quotes") end
    return #digits <= 18 and math.tointeger(tonumber((word:gsub("^%+", "")))) or decimal((word:gsub("^%+", "")))
  end
  if word:find("^[-+]?%d*%.?%d+[eE]?[-+]?%d*$") or word:find("^[-+]?%d+%.%d*$") then
    local n = decimal.try((word:gsub("^%+", "")))
    if n then return n end
  end
  if word:find("^[-+]?0[xob]") or word:find("^[-+]?%d[%d_]*_[%d_]*$") or word:lower():find("^[-+]?%.inf$") or word:lower() == ".nan" then
    refuse(line, word .. " is a number in a form that is not taken here; write its decimal digits")
  end
end

-- A plain word as what it means.
local function scalar(word, line)
  if word == "" then return json.null end
  if WORDS[word] ~= nil then return WORDS[word] end
  if AMBIGUOUS[word:lower()] then refuse(line, word .. " is true or false in one YAML and a word in the other; write true or false, or put it in quotes") end
  local what = REFUSED[word:sub(1, 1)]
  if what then refuse(line, what .. " are not taken here; write the value itself") end
  local n = number(word, line)
  if n ~= nil then return n end
  if word:find(": ", 1, true) or word:find(":$") then refuse(line, "there is a second : in this line; put the value in quotes") end
  return word
end

-- ---- values that stand in a line, and JSON ----

local Flow = {}
Flow.__index = Flow

function Flow:fail(message) refuse(self.line, message) end

function Flow:skip()
  while true do
    local c = self.text:sub(self.at, self.at)
    if c == "\n" then self.line = self.line + 1 elseif not (c == " " or c == "\t" or c == "\r") then return c end
    self.at = self.at + 1
  end
end

local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

function Flow:double()
  local out, at = {}, self.at + 1
  while true do
    local stop = self.text:find('["\\\n]', at)
    local c = stop and self.text:sub(stop, stop)
    if not stop or c == "\n" then self:fail('a text in " must end in its line') end
    out[#out + 1] = self.text:sub(at, stop - 1)
    at = stop + 1
    if c == '"' then break end
    local escaped = ESCAPES[self.text:sub(at, at)]
    if not escaped then self:fail("of the \\ signs only \\\" \\\\ and \\/ are taken here") end
    out[#out + 1] = escaped
    at = at + 1
  end
  self.at = at
  return table.concat(out)
end

function Flow:single()
  local out, at = {}, self.at + 1
  while true do
    local stop = self.text:find("['\n]", at)
    if not stop or self.text:sub(stop, stop) == "\n" then self:fail("a text in ' must end in its line") end
    out[#out + 1] = self.text:sub(at, stop - 1)
    at = stop + 1
    if self.text:sub(at, at) ~= "'" then break end
    out[#out + 1] = "'" -- written twice, it is one
    at = at + 1
  end
  self.at = at
  return table.concat(out)
end

function Flow:plain(ends)
  local stop = self.text:find(ends, self.at) or #self.text + 1
  local word = self.text:sub(self.at, stop - 1):gsub("%s+$", "")
  self.at = stop
  return word
end

function Flow:key()
  local c = self:skip()
  local key
  if c == '"' then key = self:double() elseif c == "'" then key = self:single() else key = self:plain("[:,{}%[%]\n]") end
  if self:skip() ~= ":" then self:fail("after the key " .. key .. " there must be a :") end
  self.at = self.at + 1
  return key
end

local function put(map, key, value, line)
  if key == "<<" then refuse(line, "merge keys (<<) are not taken here") end
  if not key:find("^[%w_.-]+$") then refuse(line, "a key is made of letters, digits, _, - and .") end
  if map[key] ~= nil then refuse(line, "the key " .. key .. " is there twice") end
  map[key] = value
end

function Flow:members(close, each)
  self.at = self.at + 1
  if self:skip() == close then self.at = self.at + 1 return end
  while true do
    each()
    local c = self:skip()
    self.at = self.at + 1
    if c == close then return end
    if c ~= "," then self.at = self.at - 1 self:fail("there must be a , or a " .. close) end
    if self:skip() == close then self:fail("there is a , too many before " .. close) end
  end
end

function Flow:value(depth, ends)
  if depth > DEPTH_MAX then self:fail("the values are nested too deeply") end
  local c = self:skip()
  if c == '"' then return self:double() end
  if c == "'" then return self:single() end
  if c == "[" then
    local list = {}
    self:members("]", function() list[#list + 1] = self:value(depth + 1, "[,%]\n]") end)
    return json.array(list)
  end
  if c == "{" then
    local map = {}
    self:members("}", function()
      local key, line = self:key(), self.line
      put(map, key, self:value(depth + 1, "[,}\n]"), line)
    end)
    return map
  end
  local word = self:plain(ends)
  if word == "" and ends ~= "\n" then self:fail("a value is missing") end
  return scalar(word, self.line)
end

local function flow(text, line)
  local self = setmetatable({ text = text, at = 1, line = line }, Flow)
  local value = self:value(1, "\n")
  self:skip()
  if self.at <= #text then self:fail("there is something after the end of the value") end
  return value
end

-- ---- lines ----

-- Position of a comment's # : at the start or after a blank, outside quotes.
local function without_comment(line)
  local quote
  for at = 1, #line do
    local c = line:sub(at, at)
    if quote then
      if c == quote and line:sub(at - 1, at - 1) ~= "\\" then quote = nil end
    elseif (c == '"' or c == "'") and (at == 1 or line:find("^[%s%[{,:']", at - 1)) then
      quote = c
    elseif c == "#" and (at == 1 or line:find("^%s", at - 1)) then
      return line:sub(1, at - 1)
    end
  end
  return line
end

local function lines_of(text)
  local lines, count = {}, 0
  for raw in (text .. "\n"):gmatch("(.-)\r?\n") do
    count = count + 1
    if raw:find("^ *\t") then refuse(count, "a line is indented with a tab; use blanks") end
    local line = without_comment(raw):gsub("%s+$", "")
    if line:find("^%-%-%-") or line:find("^%.%.%.") then
      if #lines > 0 or line ~= "---" then refuse(count, "several documents (--- and ...) are not taken here") end
    elseif line ~= "" then
      local indent = #line:match("^ *")
      lines[#lines + 1] = { indent = indent, text = line:sub(indent + 1), number = count }
    end
  end
  return lines
end

local block

local function key_of(text)
  local key, rest = text:match('^"([^"]*)"%s*:(.*)$')
  if not key then key, rest = text:match("^'([^']*)'%s*:(.*)$") end
  if not key then key, rest = text:match("^([^%s:\"'%[{&*!|>%%@`?][^:]-)%s*:(.*)$") end
  if not key then key, rest = text:match("^([%w_<])%s*:(.*)$") end
  if not key or not (rest == "" or rest:find("^%s")) then return nil end
  return key, (rest:gsub("^%s+", ""))
end

local function is_item(line) return line.text == "-" or line.text:find("^%- ") ~= nil end

-- What stands under or behind a key or a hyphen.
local function below(lines, at, rest, indent, depth, under_key)
  if rest ~= "" then return flow(rest, lines[at].number), at + 1 end
  local next_line = lines[at + 1]
  if next_line and (next_line.indent > indent or (under_key and next_line.indent == indent and is_item(next_line))) then
    return block(lines, at + 1, next_line.indent, depth + 1)
  end
  return json.null, at + 1
end

local function items(lines, at, indent, depth)
  local list = {}
  while lines[at] and lines[at].indent == indent and is_item(lines[at]) do
    local line = lines[at]
    local rest = line.text:sub(2):gsub("^%s+", "")
    if rest ~= "" and (key_of(rest) or rest:find("^%- ")) then
      -- What follows the hyphen is a block of its own that begins in this line.
      line.indent = indent + #line.text - #rest
      line.text = rest
      list[#list + 1], at = block(lines, at, line.indent, depth + 1)
    else
      list[#list + 1], at = below(lines, at, rest, indent, depth, false)
    end
  end
  return json.array(list), at
end

local function members(lines, at, indent, depth)
  local map = {}
  while lines[at] and lines[at].indent == indent and not is_item(lines[at]) do
    local line = lines[at]
    local key, rest = key_of(line.text)
    if not key then
      local what = REFUSED[line.text:sub(1, 1)]
      refuse(line.number, what and (what .. " are not taken here") or "this is no `key: value`")
    end
    local value
    value, at = below(lines, at, rest, indent, depth, true)
    put(map, key, value, line.number)
  end
  return map, at
end

function block(lines, at, indent, depth)
  if depth > DEPTH_MAX then refuse(lines[at].number, "the values are nested too deeply") end
  local value, next_at
  if is_item(lines[at]) then value, next_at = items(lines, at, indent, depth) else value, next_at = members(lines, at, indent, depth) end
  if lines[next_at] and lines[next_at].indent > indent then refuse(lines[next_at].number, "this line is indented more than it may be") end
  return value, next_at
end

local function read(text)
  if #text > TEXT_MAX then refuse(1, "the text has more than " .. TEXT_MAX .. " bytes") end
  if text:find("^%s*{") then return flow(text, 1) end
  local lines = lines_of(text)
  if #lines == 0 then return {} end
  if not is_item(lines[1]) and not key_of(lines[1].text) then return flow(text, 1) end
  local value, at = block(lines, 1, lines[1].indent, 1)
  if lines[at] then refuse(lines[at].number, "this line is indented less than the first one") end
  return value
end

function yaml.parse(text)
  local ok, value = pcall(read, text)
  if ok then return value end
  if type(value) ~= "table" or not value.line then error(value, 0) end
  return nil, value
end

return yaml
