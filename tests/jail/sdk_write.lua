-- SDK write.
-- expect: refused
-- says: read-only
return {
  status = function(bot, raw, figures)
    require('bridge.form').of = nil
  end,
}
