-- Close in a dead coroutine.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    coroutine.wrap(function() local x <close> = setmetatable({}, { __close = function() while true do end end }) while true do end end)()
  end,
}
