-- A preview that never ends.
-- expect: stopped
-- hook: plan
return {
  preview = function(ctx, p, facts)
    while true do end
  end,
}
