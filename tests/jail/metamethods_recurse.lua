-- __index that asks itself.
-- expect: refused
-- says: stack overflow
return {
  status = function(bot, raw, figures)
    local t t = setmetatable({}, { __index = function(_, k) return t[k .. 'x'] end })
    return t.x
  end,
}
