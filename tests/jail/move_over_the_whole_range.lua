-- Move over the whole range.
-- expect: refused
-- says: table.move
return {
  status = function(bot, raw, figures)
    table.move({}, math.mininteger, math.maxinteger, 1)
  end,
}
