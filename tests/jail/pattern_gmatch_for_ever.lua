-- gmatch over empty matches, again and again.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    while true do for _ in ('aaaa'):gmatch('b*') do end end
  end,
}
