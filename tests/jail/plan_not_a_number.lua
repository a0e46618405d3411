-- A config with NaN.
-- expect: refused
-- says: finite
-- hook: plan
return {
  build = function(ctx, p, facts)
    return { controllers = { { type = 'generic', name = 'x', config = { price = 0 / 0 } } } }
  end,
}
