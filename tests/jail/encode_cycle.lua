-- Encode cycle.
-- expect: refused
return {
  status = function(bot, raw, figures)
    local t = {} t.t = t require('cjson').encode(t)
  end,
}
