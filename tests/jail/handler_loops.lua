-- Handler loops.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    xpcall(function() while true do end end, function() while true do end end)
  end,
}
