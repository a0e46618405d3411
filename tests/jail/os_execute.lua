-- Os.execute.
-- expect: refused
-- says: nil value
return {
  status = function(bot, raw, figures)
    os.execute('true')
  end,
}
