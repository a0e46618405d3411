-- An error message of a MiB is cut.
-- expect: refused
-- says: xxx
return {
  status = function(bot, raw, figures)
    error(('x'):rep(1 << 20))
  end,
}
