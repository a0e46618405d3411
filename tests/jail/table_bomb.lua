-- Table bomb.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t = {} while true do t[#t + 1] = {} end
  end,
}
