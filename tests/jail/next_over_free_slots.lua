-- A table that had many keys and has none.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t = {}
    for i = 1, 20000 do t['k' .. i] = 1 end
    for k in pairs(t) do t[k] = nil end
    while true do next(t) end
  end,
}
