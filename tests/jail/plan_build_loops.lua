-- A build that never ends.
-- expect: stopped
-- hook: plan
return {
  build = function(ctx, p, facts)
    while true do end
  end,
}
