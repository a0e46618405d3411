-- A loop by goto.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    ::again:: goto again
  end,
}
