-- Pairs metamethod.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    pairs(setmetatable({}, { __pairs = function() while true do end end }))
  end,
}
