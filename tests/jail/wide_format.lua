-- Wide format.
-- expect: refused
-- says: invalid conversion
return {
  status = function(bot, raw, figures)
    string.format('%100d', 1)
  end,
}
