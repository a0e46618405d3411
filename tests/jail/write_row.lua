-- Write row.
-- expect: refused
-- says: not a read
return {
  status = function(bot, raw, figures)
    require('bridge.hb').docker.stop { container_name = 'x' }
  end,
}
