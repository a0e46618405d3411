-- Loop.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    while true do end
  end,
}
