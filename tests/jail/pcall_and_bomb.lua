-- Pcall and bomb.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local keep = {} while true do pcall(function() keep[#keep + 1] = ('x'):rep(1 << 20) end) end
  end,
}
