-- Move.
-- expect: refused
-- says: table.move
return {
  status = function(bot, raw, figures)
    table.move({}, 1, 1 << 40, 2)
  end,
}
