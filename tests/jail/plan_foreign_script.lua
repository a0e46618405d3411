-- A plan whose script lies elsewhere.
-- expect: refused
-- says: script.file
-- hook: plan
return {
  build = function(ctx, p, facts)
    return { controllers = { { type = 'generic', name = 'x', config = {} } }, script = { file = '/etc/passwd' } }
  end,
}
