-- Reaching the string library through a text.
-- expect: refused
return {
  status = function(bot, raw, figures)
    local s = ('x')
    s.rep = nil
  end,
}
