-- Generic for closes.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    for _ in next, {}, nil, setmetatable({}, { __close = function() while true do end end }) do end
  end,
}
