-- Every layer swallows the error of the one below.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local function f()
      while true do pcall(coroutine.wrap(function() while true do pcall(f) end end)) end
    end
    f()
  end,
}
