-- Rep of nothing.
-- expect: refused
-- says: string.rep
return {
  status = function(bot, raw, figures)
    string.rep('', math.maxinteger)
  end,
}
