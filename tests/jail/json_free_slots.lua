-- Tables with nothing but free slots, looked through again and again.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t = {}
    for i = 1, 20000 do t['k' .. i] = 1 end
    for k in pairs(t) do t[k] = nil end
    local d = t
    for _ = 1, 50 do d = { a = d, b = d } end
    require('cjson').encode(d)
  end,
}
