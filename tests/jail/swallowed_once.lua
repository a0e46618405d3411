-- Swallowed once.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    pcall(function() while true do end end)
  end,
}
