-- Cjson NaN.
-- expect: refused
return {
  status = function(bot, raw, figures)
    require('cjson').decode('[NaN]')
  end,
}
