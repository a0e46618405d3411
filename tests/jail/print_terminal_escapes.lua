-- What is printed goes to the log, escaped.
-- expect: bounded
return {
  status = function(bot, raw, figures)
    print('\27[2J\nplugin.forged: a line of its own')
  end,
}
