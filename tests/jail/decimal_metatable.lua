-- Decimal metatable.
-- expect: refused
-- says: table expected
return {
  status = function(bot, raw, figures)
    getmetatable(require('bridge.decimal')('1'))
  end,
}
