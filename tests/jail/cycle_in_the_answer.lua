-- Cycle in the answer.
-- expect: refused
-- says: contains itself
return {
  status = function(bot, raw, figures)
    local t = {} t.t = t return t
  end,
}
