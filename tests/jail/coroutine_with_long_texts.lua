-- A coroutine made while texts were still short.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local co = coroutine.create(function(s) while true do s:reverse() end end)
    coroutine.resume(co, ('x'):rep(4 << 20))
  end,
}
