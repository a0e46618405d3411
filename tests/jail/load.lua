-- Load.
-- expect: refused
-- says: 'load'
return {
  status = function(bot, raw, figures)
    load('return 1')
  end,
}
