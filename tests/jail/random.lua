-- Random.
-- expect: refused
-- says: nil value
return {
  status = function(bot, raw, figures)
    math.random()
  end,
}
