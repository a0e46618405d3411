-- A controller name that crosses folders.
-- expect: refused
-- says: letters, digits
-- hook: plan
return {
  build = function(ctx, p, facts)
    return { controllers = { { type = 'generic', name = '../../bots/x', config = {} } } }
  end,
}
