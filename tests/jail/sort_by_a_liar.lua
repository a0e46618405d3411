-- A comparator that says yes to everything.
-- expect: bounded
return {
  status = function(bot, raw, figures)
    local t = {}
    for i = 1, 200 do t[i] = i end
    table.sort(t, function() return true end)
    assert(#t == 200)
  end,
}
