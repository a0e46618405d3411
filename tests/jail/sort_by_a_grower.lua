-- A comparator that changes the table.
-- expect: bounded
return {
  status = function(bot, raw, figures)
    local t = { 3, 1, 2 }
    table.sort(t, function(a, b) t[#t + 1] = 0 return a < b end)
    assert(t[1] == 1 and t[2] == 2 and t[3] == 3)
  end,
}
