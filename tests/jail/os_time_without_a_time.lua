-- Os.time without a time.
-- expect: refused
-- says: os.time
return {
  status = function(bot, raw, figures)
    return os.time()
  end,
}
