-- check may write nothing upstream.
-- expect: refused
-- says: not a read
-- hook: plan
return {
  check = function(ctx, p, market, report)
    require('bridge.hb').docker.stop { container_name = 'x' }
  end,
}
