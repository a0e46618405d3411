-- Cjson.
-- expect: bounded
return {
  status = function(bot, raw, figures)
    local c = require('cjson') assert(c.decode('{"a":[1,null]}').a[2] == c.null) assert(c.encode({ b = 1, a = { 'x' } }) == '{"a":["x"],"b":1}')
  end,
}
