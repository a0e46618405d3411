-- A plan that wants more of the script than its file and config.
-- expect: refused
-- says: command
-- hook: plan
return {
  build = function(ctx, p, facts)
    return { controllers = { { type = 'generic', name = 'x', config = {} } }, script = { file = 'v2.py', command = 'rm' } }
  end,
}
