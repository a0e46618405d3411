-- Loop at load.
-- expect: stopped
-- hook: load
while true do end
return {
  status = function(bot, raw, figures)
  end,
}
