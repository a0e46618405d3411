-- Concat of a claimed length.
-- expect: refused
-- says: table.concat
return {
  status = function(bot, raw, figures)
    table.concat(setmetatable({}, { __len = function() return 1 << 40 end }))
  end,
}
