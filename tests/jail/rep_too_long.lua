-- Rep too long.
-- expect: refused
-- says: string.rep
return {
  status = function(bot, raw, figures)
    string.rep('x', 1 << 40)
  end,
}
