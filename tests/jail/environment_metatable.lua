-- Environment metatable.
-- expect: refused
-- says: protected
return {
  status = function(bot, raw, figures)
    setmetatable(_ENV, {})
  end,
}
