-- A script that catches the error that ends it.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    while true do pcall(pcall, pcall, function() for _ = 1, math.huge do end end) end
  end,
}
