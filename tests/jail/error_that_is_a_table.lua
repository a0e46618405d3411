-- An error value that is no text.
-- expect: refused
return {
  status = function(bot, raw, figures)
    error({ 1, 2, 3 })
  end,
}
