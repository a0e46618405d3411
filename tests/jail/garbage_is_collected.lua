-- Garbage of more than the memory cap is collected on the way.
-- expect: bounded
-- hook: plan
return {
  check = function(ctx, p, market, report)
    for i = 1, 80 do local s = ("x"):rep(1 << 17) .. i end
  end,
}
