-- Two functions that call each other for ever.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local a, b
    function a() return b() end
    function b() return a() end
    a()
  end,
}
