-- Market module.
-- expect: refused
-- says: not for plugins
return {
  status = function(bot, raw, figures)
    require('bridge.market')
  end,
}
