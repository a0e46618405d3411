-- Endless finalizer.
-- expect: refused
-- says: __gc
return {
  status = function(bot, raw, figures)
    setmetatable({}, { __gc = function() while true do end end })
  end,
}
