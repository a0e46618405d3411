-- A check that never ends.
-- expect: stopped
-- hook: plan
return {
  check = function(ctx, p, market, report)
    while true do end
  end,
}
