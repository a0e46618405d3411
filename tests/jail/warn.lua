-- Writing to standard error.
-- expect: refused
-- says: 'warn'
return {
  status = function(bot, raw, figures)
    warn('@on')
  end,
}
