-- Remove from a claimed length.
-- expect: refused
-- says: claims
return {
  status = function(bot, raw, figures)
    table.remove(setmetatable({}, { __len = function() return 1 << 40 end }), 1)
  end,
}
