-- Io.
-- expect: refused
-- says: 'io'
return {
  status = function(bot, raw, figures)
    io.open('/etc/passwd')
  end,
}
