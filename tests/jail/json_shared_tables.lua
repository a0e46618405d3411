-- A small graph that unfolds to 2^50 tables.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t = {}
    for _ = 1, 50 do t = { t, t } end
    require('cjson').encode(t)
  end,
}
