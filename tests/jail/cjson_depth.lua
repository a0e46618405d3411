-- Cjson depth.
-- expect: refused
-- says: nested
return {
  status = function(bot, raw, figures)
    require('cjson').decode(('['):rep(65) .. (']'):rep(65))
  end,
}
