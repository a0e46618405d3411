-- A library is marked by one call and read by the next.
-- expect: refused
-- says: read-only
-- calls: 2
return {
  status = function(bot, raw, figures)
    require('bridge.text').mine = true
  end,
}
