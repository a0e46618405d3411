-- Memory nearly full, and garbage made for ever.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local keep = {}
    for i = 1, 12 do keep[i] = ('x'):rep(1 << 20) .. i end
    while true do local t = {} for i = 1, 100 do t[i] = { i } end end
  end,
}
