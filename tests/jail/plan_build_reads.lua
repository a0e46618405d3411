-- build may read nothing of upstream.
-- expect: refused
-- says: during build
-- hook: plan
return {
  build = function(ctx, p, facts)
    require('bridge.hb').bots.status {}
  end,
}
