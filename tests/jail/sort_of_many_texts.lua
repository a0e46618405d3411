-- Many long equal beginnings to compare.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t, s = {}, ('x'):rep(2000)
    for i = 1, 4000 do t[i] = s .. i end
    while true do table.sort(t) end
  end,
}
