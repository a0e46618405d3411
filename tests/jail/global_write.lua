-- Global write.
-- expect: refused
-- says: the global 'answer' is not declared
return {
  status = function(bot, raw, figures)
    answer = 42
  end,
}
