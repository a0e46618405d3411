-- Dofile.
-- expect: refused
-- says: 'dofile'
return {
  status = function(bot, raw, figures)
    dofile('/etc/passwd')
  end,
}
