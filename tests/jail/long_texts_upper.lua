-- Four MiB turned to upper case, in a loop of a few instructions.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local s = ('x'):rep(4 << 20)
    while true do s:upper() end
  end,
}
