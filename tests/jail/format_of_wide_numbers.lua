-- A format of many wide conversions.
-- expect: refused
-- says: string.format
return {
  status = function(bot, raw, figures)
    return string.format(('%99.99f'):rep(5000), 1)
  end,
}
