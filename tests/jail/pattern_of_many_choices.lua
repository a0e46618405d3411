-- More optional items than a match may remember.
-- expect: refused
-- says: too complex
return {
  status = function(bot, raw, figures)
    return ('a'):rep(300):find(('a?'):rep(300) .. ('a'):rep(300))
  end,
}
