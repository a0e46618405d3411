-- Coroutine of the load.
-- expect: stopped
local co = coroutine.create(function() while true do end end)
return {
  status = function(bot, raw, figures)
    coroutine.resume(co)
  end,
}
