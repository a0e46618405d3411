-- Wrap in wrap.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local function f() coroutine.wrap(f)() end while true do pcall(f) end
  end,
}
