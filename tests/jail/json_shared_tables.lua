-- A small graph that unfolds to 2^50 tables. One text of it ends at the writer's limit or at the
-- clock, whichever the machine reaches first, so it is written until the clock ends it.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t = {}
    for _ = 1, 50 do t = { t, t } end
    while true do pcall(require('cjson').encode, t) end
  end,
}
