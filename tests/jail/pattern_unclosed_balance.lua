-- %b() counts to the end of the text from every place.
-- expect: refused
-- says: too many steps
return {
  status = function(bot, raw, figures)
    return (('('):rep(60000)):find('%b()')
  end,
}
