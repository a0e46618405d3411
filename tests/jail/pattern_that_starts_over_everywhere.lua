-- Pattern that starts over everywhere.
-- expect: refused
-- says: too many steps
return {
  status = function(bot, raw, figures)
    ('a'):rep(65536):find('a*b')
  end,
}
