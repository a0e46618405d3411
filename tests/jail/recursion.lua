-- Recursion.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local function f() return 1 + f() end f()
  end,
}
