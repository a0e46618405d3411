-- Coroutines.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t = {} while true do t[#t + 1] = coroutine.create(function() end) end
  end,
}
