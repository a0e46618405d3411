-- Function in the answer.
-- expect: refused
-- says: function
return {
  status = function(bot, raw, figures)
    return { f = print }
  end,
}
