-- A capture that must come twice, in every length.
-- expect: refused
-- says: too many steps
return {
  status = function(bot, raw, figures)
    return ('a'):rep(5000):find('(a*)%1b')
  end,
}
