-- Os.exit.
-- expect: refused
-- says: nil value
return {
  status = function(bot, raw, figures)
    os.exit(1)
  end,
}
