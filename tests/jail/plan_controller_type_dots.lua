-- A controller type that crosses folders.
-- expect: refused
-- says: letters, digits
-- hook: plan
return {
  build = function(ctx, p, facts)
    return { controllers = { { type = '..', name = 'x', config = {} } } }
  end,
}
