-- A tail call that takes one more argument each time.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local function f(...) return f(0, ...) end
    f()
  end,
}
