-- What would clear a terminal is shown as text.
-- expect: refused
-- says: \x1b[2J
return {
  status = function(bot, raw, figures)
    error('\27[2J\27]0;title\7gone')
  end,
}
