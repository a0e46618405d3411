-- A config of many megabytes.
-- expect: stopped
-- hook: plan
return {
  build = function(ctx, p, facts)
    local s, config = ('x'):rep(1 << 20), {}
    for i = 1, 30 do config['k' .. i] = s .. i end
    return { controllers = { { type = 'generic', name = 'x', config = config } } }
  end,
}
