-- Hundreds of thousands of values on the stack, for ever.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local s = ('x'):rep(200000)
    while true do select('#', s:byte(1, -1)) end
  end,
}
