-- Sort of many numbers.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local t = {} for i = 1, 1000000 do t[i] = (i * 7919) % 1000003 end table.sort(t)
  end,
}
