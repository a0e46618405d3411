-- A text replaced by itself, again and again.
-- expect: refused
-- says: string.gsub
return {
  status = function(bot, raw, figures)
    local s = 'aaaaaaaaaa'
    while true do s = s:gsub('a', s) end
  end,
}
