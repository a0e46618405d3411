-- Each replacement is longer than what it replaces.
-- expect: refused
-- says: string.gsub
return {
  status = function(bot, raw, figures)
    local s = ('a'):rep(40000)
    return (s:gsub('a', ('b'):rep(200)))
  end,
}
