-- A hundred thousand long texts in one.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t = {}
    for i = 1, 100000 do t[i] = ('x'):rep(200) end
    return #table.concat(t)
  end,
}
