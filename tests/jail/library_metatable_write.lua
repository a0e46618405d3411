-- Library metatable write.
-- expect: refused
-- says: protected
return {
  status = function(bot, raw, figures)
    setmetatable(string, {})
  end,
}
