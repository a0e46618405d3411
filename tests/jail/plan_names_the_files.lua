-- Ids and names that only the host gives are overwritten.
-- expect: bounded
-- says: "controller_name":"x"
-- hook: plan
return {
  build = function(ctx, p, facts)
    return { controllers = { { type = 'generic', name = 'x', config = { controller_name = 'other' } } } }
  end,
}
