-- A config with a function in it.
-- expect: refused
-- says: function
-- hook: plan
return {
  build = function(ctx, p, facts)
    return { controllers = { { type = 'generic', name = 'x', config = { f = print } } } }
  end,
}
