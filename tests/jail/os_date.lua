-- The date of the machine.
-- expect: refused
-- says: nil value
return {
  status = function(bot, raw, figures)
    return os.date()
  end,
}
