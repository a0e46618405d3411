-- A number that no decimal holds.
-- expect: refused
return {
  status = function(bot, raw, figures)
    return require('bridge.decimal')(('9'):rep(100000))
  end,
}
