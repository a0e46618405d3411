-- A check that swallows its own end and leaves it to build.
-- expect: stopped
-- hook: plan
return {
  check = function(ctx, p, market, report)
    pcall(function() while true do end end)
  end,
}
