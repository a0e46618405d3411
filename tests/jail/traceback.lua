-- Paths and frames of the server.
-- expect: refused
-- says: 'debug'
return {
  status = function(bot, raw, figures)
    return debug.traceback()
  end,
}
