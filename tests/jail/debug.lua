-- Debug.
-- expect: refused
-- says: 'debug'
return {
  status = function(bot, raw, figures)
    debug.sethook()
  end,
}
