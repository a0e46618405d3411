-- Unpack.
-- expect: refused
-- says: table.unpack
return {
  status = function(bot, raw, figures)
    table.unpack({}, 1, 1e8)
  end,
}
