-- The answer itself is such a graph.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t = {}
    for _ = 1, 40 do t = { t, t } end
    return t
  end,
}
