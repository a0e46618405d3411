-- A comparison that never ends.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t = setmetatable({}, { __lt = function() while true do end end })
    return t < t
  end,
}
