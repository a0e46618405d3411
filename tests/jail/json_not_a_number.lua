-- NaN is no JSON.
-- expect: refused
-- says: finite
return {
  status = function(bot, raw, figures)
    require('cjson').encode({ 0 / 0 })
  end,
}
