-- Unknown SDK module.
-- expect: refused
-- says: there is no bridge.nope
return {
  status = function(bot, raw, figures)
    require('bridge.nope')
  end,
}
