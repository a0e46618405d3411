-- A plan that names another account's keys.
-- expect: refused
-- says: credentials_profile
-- hook: plan
return {
  build = function(ctx, p, facts)
    return { controllers = { { type = 'generic', name = 'x', config = {} } }, credentials_profile = 'other' }
  end,
}
