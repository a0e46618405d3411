-- pairs sorts the keys each time.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t = {}
    for i = 1, 5000 do t['k' .. i] = 1 end
    while true do for _ in pairs(t) do break end end
  end,
}
