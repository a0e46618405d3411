-- A product that no decimal holds.
-- expect: refused
return {
  status = function(bot, raw, figures)
    local d = require('bridge.decimal')('1e38')
    for _ = 1, 10 do d = d * d end
  end,
}
