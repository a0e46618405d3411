-- yield where there is no coroutine.
-- expect: refused
-- says: outside a coroutine
return {
  status = function(bot, raw, figures)
    coroutine.yield()
  end,
}
