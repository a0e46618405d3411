-- String metatable.
-- expect: refused
-- says: table expected
return {
  status = function(bot, raw, figures)
    getmetatable('').__index = {}
  end,
}
