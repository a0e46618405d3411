-- Insert into a claimed length.
-- expect: refused
-- says: claims
return {
  status = function(bot, raw, figures)
    table.insert(setmetatable({}, { __len = function() return 1 << 40 end }), 1, 0)
  end,
}
