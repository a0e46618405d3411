-- Finalizer set to false.
-- expect: refused
-- says: __gc
return {
  status = function(bot, raw, figures)
    setmetatable({}, { __gc = true })
  end,
}
