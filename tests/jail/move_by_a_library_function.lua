-- __index is a C function, which no hook sees.
-- expect: refused
-- says: table.move
return {
  status = function(bot, raw, figures)
    table.move(setmetatable({}, { __index = type }), 1, 1 << 30, 1, {})
  end,
}
