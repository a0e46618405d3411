-- A coroutine runs out of memory and its maker goes on.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    coroutine.resume(coroutine.create(function() local t = {} while true do t[#t + 1] = {} end end))
    return figures
  end,
}
