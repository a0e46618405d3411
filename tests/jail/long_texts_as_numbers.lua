-- A number of a million digits, for ever.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local s = ('1'):rep(1 << 20)
    while true do tonumber(s) end
  end,
}
