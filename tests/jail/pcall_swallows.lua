-- Pcall swallows.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    while true do pcall(function() while true do end end) end
  end,
}
