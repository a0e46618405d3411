-- Read in a transform.
-- expect: refused
-- says: during status
return {
  status = function(bot, raw, figures)
    require('bridge.hb').bots.status {}
  end,
}
