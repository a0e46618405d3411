-- Coroutine.running.
-- expect: refused
-- says: nil value
return {
  status = function(bot, raw, figures)
    coroutine.running()
  end,
}
