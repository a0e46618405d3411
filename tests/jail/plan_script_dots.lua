-- A plan whose script is above its folder.
-- expect: refused
-- says: script.file
-- hook: plan
return {
  build = function(ctx, p, facts)
    return { controllers = { { type = 'generic', name = 'x', config = {} } }, script = { file = '../../main.py' } }
  end,
}
