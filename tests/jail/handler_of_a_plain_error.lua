-- Handler of a plain error.
-- expect: bounded
return {
  status = function(bot, raw, figures)
    local ok, m = xpcall(error, function(e) return e .. '!' end, 'a') assert(m == 'a!')
  end,
}
