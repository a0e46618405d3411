-- A plan that names its own image.
-- expect: refused
-- says: image
-- hook: plan
return {
  build = function(ctx, p, facts)
    return { controllers = { { type = 'generic', name = 'x', config = {} } }, image = 'evil/image:latest' }
  end,
}
