-- Concat with __index.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    table.concat(setmetatable({}, { __index = function() while true do end end, __len = function() return 9 end }))
  end,
}
