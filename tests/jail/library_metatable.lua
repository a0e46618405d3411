-- Library metatable.
-- expect: bounded
return {
  status = function(bot, raw, figures)
    assert(getmetatable(string) == false)
  end,
}
