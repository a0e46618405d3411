-- Os.getenv.
-- expect: refused
-- says: nil value
return {
  status = function(bot, raw, figures)
    os.getenv('HOME')
  end,
}
