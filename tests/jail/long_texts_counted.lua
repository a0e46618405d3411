-- utf8.len of a long text, for ever.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local s = ('x'):rep(4 << 20)
    while true do utf8.len(s) end
  end,
}
