-- Swallowed by a coroutine.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    coroutine.resume(coroutine.create(function() while true do end end))
  end,
}
