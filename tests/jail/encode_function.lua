-- Encode function.
-- expect: refused
return {
  status = function(bot, raw, figures)
    require('cjson').encode({ print })
  end,
}
