-- Long texts joined and thrown away.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local s = ('x'):rep(1 << 20)
    while true do local t = s .. s end
  end,
}
