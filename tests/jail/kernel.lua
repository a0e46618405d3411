-- Kernel.
-- expect: refused
-- says: not for plugins
return {
  status = function(bot, raw, figures)
    require('bridge.kernel')
  end,
}
