-- Loadfile.
-- expect: refused
-- says: 'loadfile'
return {
  status = function(bot, raw, figures)
    loadfile('/etc/passwd')
  end,
}
