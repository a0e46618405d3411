-- Two coroutines resume each other for ever.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local co = coroutine.wrap(function() while true do coroutine.yield() end end)
    while true do co() end
  end,
}
