-- A check that reports errors without end.
-- expect: stopped
-- hook: plan
return {
  messages = { odd = 'no' },
  check = function(ctx, p, market, report)
    while true do report:error('pair', 'odd', {}) end
  end,
}
