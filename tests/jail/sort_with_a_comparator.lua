-- Sort with a comparator.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    table.sort({ 3, 2, 1 }, function() while true do end end)
  end,
}
