-- bridge.text: words for people. Suggestions for misspelt names, templates with {names} to fill in,
-- JSON pointers. Pure functions; plugins may use them.
local text = {}

-- Number of edits between two words (a letter more, less, other, or two neighbours swapped), or
-- `limit + 1` when it is more than `limit`.
local function distance(a, b, limit)
  if math.abs(#a - #b) > limit then return limit + 1 end
  local before, row = {}, {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local ca, best = a:byte(i), i
    local next_row = { [0] = i }
    for j = 1, #b do
      local cost = ca == b:byte(j) and 0 or 1
      local value = math.min(next_row[j - 1] + 1, row[j] + 1, row[j - 1] + cost)
      if i > 1 and j > 1 and ca == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        value = math.min(value, before[j - 2] + 1)
      end
      next_row[j] = value
      if value < best then best = value end
    end
    if best > limit then return limit + 1 end
    before, row = row, next_row
  end
  return row[#b]
end

-- The candidate (array of strings) nearest to `word`, or nil when none is near enough to be what
-- was meant. Case and the difference between "-", "_" and "/" do not count.
function text.nearest(word, candidates)
  local function plain(s) return (s:lower():gsub("[-_/ ]", "_")) end
  local wanted = plain(word:sub(1, 64))
  local limit = math.max(1, #wanted // 3)
  local found, best = nil, limit + 1
  for _, candidate in ipairs(candidates) do
    local d = distance(wanted, plain(candidate), limit)
    if d < best then found, best = candidate, d end
  end
  if found then return found end
  for _, candidate in ipairs(candidates) do
    local c = plain(candidate)
    if #wanted >= 3 and (c:find(wanted, 1, true) or wanted:find(c, 1, true)) then return candidate end
  end
  return nil
end

-- Names in `template`: "costs {fee} of {budget}" -> { "fee", "budget" }.
function text.names_in(template)
  local names = {}
  for name in template:gmatch("{([%a_][%w_]*)}") do names[#names + 1] = name end
  return names
end

-- Fills {names} from `data`; the second result names the first one that `data` lacks.
function text.fill(template, data)
  local missing
  local filled = template:gsub("{([%a_][%w_]*)}", function(name)
    local value = data and data[name]
    if value == nil then
      missing = missing or name
      return nil
    end
    return tostring(value)
  end)
  return filled, missing
end

-- JSON pointer of a Lua path below `prefix`: ("/params", { "levels_pct", 1 }) -> "/params/levels_pct/0".
-- Integers count from 1 as in Lua; a string is a path of one step, and a string that begins with "/"
-- is already a pointer.
function text.pointer(prefix, path)
  if path == nil then return prefix end
  if type(path) == "string" then
    if path:sub(1, 1) == "/" then return path end
    path = { path }
  end
  local out = { prefix }
  for _, step in ipairs(path) do
    if math.type(step) == "integer" then
      out[#out + 1] = tostring(step - 1)
    else
      out[#out + 1] = (tostring(step):gsub("~", "~0"):gsub("/", "~1"))
    end
  end
  return table.concat(out, "/")
end

-- "a", "a and b", "a, b and c"; at most `max` words are named, the rest counted.
function text.list(words, max)
  local shown = {}
  for i, word in ipairs(words) do
    if max and i > max then break end
    shown[i] = tostring(word)
  end
  local rest = #words - #shown
  if rest > 0 then return table.concat(shown, ", ") .. " and " .. rest .. " more" end
  if #shown <= 1 then return shown[1] or "" end
  return table.concat(shown, ", ", 1, #shown - 1) .. " and " .. shown[#shown]
end

-- A client's own word for use in a message: at most 64 bytes, whole characters, nothing unprintable.
function text.shown(word)
  local s = tostring(word)
  if #s > 64 then s = s:sub(1, 64):gsub("[\xC0-\xFF][\x80-\xBF]*$", "") .. "…" end
  return (s:gsub("%c", "?"))
end

-- Keys of a table as a sorted array of strings.
function text.keys(t)
  local names = {}
  for key in pairs(t) do names[#names + 1] = tostring(key) end
  return names
end

return text
