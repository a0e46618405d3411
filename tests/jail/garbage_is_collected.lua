-- Garbage is collected.
-- expect: bounded
return {
  status = function(bot, raw, figures)
    for i = 1, 36 do local s = ('x'):rep(1 << 17) .. i end
  end,
}
