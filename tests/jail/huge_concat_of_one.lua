-- One long text a hundred times.
-- expect: stopped
-- says: memory
return {
  status = function(bot, raw, figures)
    local t, s = {}, ('x'):rep(1 << 20)
    for i = 1, 100 do t[i] = s end
    return #table.concat(t)
  end,
}
