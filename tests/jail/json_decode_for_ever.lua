-- cjson.decode in a loop.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local s = '[' .. ('1,'):rep(50000) .. '1]'
    while true do require('cjson').decode(s) end
  end,
}
