-- Nested deeper than JSON may be.
-- expect: refused
-- says: nested
return {
  status = function(bot, raw, figures)
    local t = {}
    for _ = 1, 70 do t = { t } end
    require('cjson').encode(t)
  end,
}
