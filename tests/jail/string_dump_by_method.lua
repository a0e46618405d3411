-- String.dump by method.
-- expect: refused
-- says: nil value
return {
  status = function(bot, raw, figures)
    ('').dump(print)
  end,
}
