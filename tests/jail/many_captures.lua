-- Many captures.
-- expect: refused
-- says: captures
return {
  status = function(bot, raw, figures)
    ('x'):find(('('):rep(100000))
  end,
}
