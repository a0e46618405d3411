-- Rep with separator.
-- expect: refused
-- says: string.rep
return {
  status = function(bot, raw, figures)
    string.rep('', 1 << 30, 'xyz')
  end,
}
