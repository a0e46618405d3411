-- Loadstring.
-- expect: refused
-- says: 'loadstring'
return {
  status = function(bot, raw, figures)
    loadstring('return 1')
  end,
}
