-- Coroutine.close.
-- expect: refused
-- says: nil value
return {
  status = function(bot, raw, figures)
    coroutine.close(coroutine.create(print))
  end,
}
