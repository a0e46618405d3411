-- SDK by its bare name.
-- expect: refused
-- says: no file of this plugin
return {
  status = function(bot, raw, figures)
    require('kernel')
  end,
}
