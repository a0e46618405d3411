-- Cjson size.
-- expect: refused
-- says: too long
return {
  status = function(bot, raw, figures)
    require('cjson').decode('[' .. ('1,'):rep(400000) .. '1]')
  end,
}
