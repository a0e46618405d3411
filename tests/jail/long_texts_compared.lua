-- Two long equal texts compared for ever.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local a = ('x'):rep(3 << 20) local b = ('x'):rep(3 << 20)
    local n = 0
    while a == b do n = n + 1 end
  end,
}
