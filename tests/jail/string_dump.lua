-- String.dump.
-- expect: refused
-- says: nil value
return {
  status = function(bot, raw, figures)
    string.dump(print)
  end,
}
