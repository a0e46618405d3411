-- Rawset.
-- expect: refused
-- says: 'rawset'
return {
  status = function(bot, raw, figures)
    rawset(string, 'rep', nil)
  end,
}
