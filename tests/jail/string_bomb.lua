-- String bomb.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local s = 'x' while true do s = s .. s end
  end,
}
