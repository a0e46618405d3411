-- A text that is not UTF-8 in the answer.
-- expect: bounded
return {
  status = function(bot, raw, figures)
    return { text = '\xff\xfe' }
  end,
}
