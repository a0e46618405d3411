-- An error object whose text would never end is not asked for it.
-- expect: refused
-- says: an error of type
return {
  status = function(bot, raw, figures)
    error(setmetatable({}, { __tostring = function() while true do end end }))
  end,
}
