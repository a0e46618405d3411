-- Numbers and texts have no order.
-- expect: refused
-- says: attempt to compare
return {
  status = function(bot, raw, figures)
    table.sort({ 1, 'a', {} })
  end,
}
