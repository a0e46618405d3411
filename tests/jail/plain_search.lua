-- Plain search.
-- expect: bounded
return {
  status = function(bot, raw, figures)
    local s = ('a'):rep(1 << 18) s:find(('a'):rep(1 << 17) .. 'b', 1, true)
  end,
}
