-- The clock of the machine.
-- expect: refused
-- says: nil value
return {
  status = function(bot, raw, figures)
    return os.clock()
  end,
}
