-- Collectgarbage.
-- expect: refused
-- says: 'collectgarbage'
return {
  status = function(bot, raw, figures)
    collectgarbage('stop')
  end,
}
