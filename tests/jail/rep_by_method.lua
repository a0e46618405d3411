-- Rep by method.
-- expect: refused
-- says: string.rep
return {
  status = function(bot, raw, figures)
    local s = ('').rep('', math.maxinteger)
  end,
}
