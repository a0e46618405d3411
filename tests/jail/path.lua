-- Path.
-- expect: refused
-- says: no file of this plugin
return {
  status = function(bot, raw, figures)
    require('../secret')
  end,
}
