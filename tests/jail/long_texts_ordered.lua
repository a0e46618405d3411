-- Two long texts put in order for ever.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local a, b = ('x'):rep(3 << 20), ('x'):rep(3 << 20) .. 'y'
    while a < b do end
  end,
}
