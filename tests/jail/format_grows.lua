-- A text put twice into its own format.
-- expect: refused
-- says: string.format
return {
  status = function(bot, raw, figures)
    local s = 'x'
    for _ = 1, 40 do s = string.format('%s%s', s, s) end
  end,
}
