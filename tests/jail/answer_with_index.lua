-- Answer with __index.
-- expect: bounded
return {
  status = function(bot, raw, figures)
    return setmetatable({}, { __index = function() while true do end end })
  end,
}
