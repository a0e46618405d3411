-- Pattern with many ways.
-- expect: refused
-- says: too many steps
return {
  status = function(bot, raw, figures)
    ('a'):rep(2000):find('.-.-.-b')
  end,
}
