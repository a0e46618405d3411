-- Absolute path.
-- expect: refused
-- says: no file of this plugin
return {
  status = function(bot, raw, figures)
    require('/etc/passwd')
  end,
}
