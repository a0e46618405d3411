-- A comparator that no hook sees.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t = {}
    for i = 1, 1000 do t[i] = i end
    while true do table.sort(t, rawequal) end
  end,
}
