-- Innocent pattern.
-- expect: refused
-- says: too many steps
return {
  status = function(bot, raw, figures)
    ('a'):rep(20000):gsub('a*b', '')
  end,
}
