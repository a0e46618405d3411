-- Not JSON, though lua-cjson can read it.
-- expect: refused
return {
  status = function(bot, raw, figures)
    require('cjson').decode('[0x10]')
  end,
}
