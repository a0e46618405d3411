-- Ten thousand controllers for one bot.
-- expect: refused
-- says: at most 32
-- hook: plan
return {
  build = function(ctx, p, facts)
    local list = {}
    for i = 1, 10000 do list[i] = { type = 'generic', name = 'x', config = {} } end
    return { controllers = list }
  end,
}
