-- Print.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    print(setmetatable({}, { __tostring = function() while true do end end }))
  end,
}
