-- A check reports markup and terminal escapes.
-- expect: refused
-- says: \u001b[2J
-- hook: plan
return {
  messages = { odd = 'no {word}' },
  check = function(ctx, p, market, report)
    report:error('pair', 'odd', { word = '<img src=x onerror=alert(1)>\27[2J' })
  end,
}
