-- A pattern without its end.
-- expect: refused
-- says: malformed pattern (missing ']')
return {
  status = function(bot, raw, figures)
    return ('a'):find('[a')
  end,
}
