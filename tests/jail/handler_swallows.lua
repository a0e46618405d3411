-- Handler swallows.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    xpcall(function() while true do end end, function() return 1 end)
  end,
}
