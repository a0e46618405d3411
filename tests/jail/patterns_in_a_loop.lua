-- Patterns in a loop.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    while true do ('a'):rep(300):match('a-b') end
  end,
}
