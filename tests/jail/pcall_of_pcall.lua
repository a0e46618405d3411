-- Pcall of pcall.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local function f() return pcall(f) end while true do f() end
  end,
}
