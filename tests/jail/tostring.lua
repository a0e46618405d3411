-- Tostring.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    tostring(setmetatable({}, { __tostring = function() while true do end end }))
  end,
}
