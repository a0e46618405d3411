-- A for loop to the largest integer.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    for i = 1, math.maxinteger do end
  end,
}
