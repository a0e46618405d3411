-- String.pack.
-- expect: refused
-- says: nil value
return {
  status = function(bot, raw, figures)
    string.pack('i', 1)
  end,
}
