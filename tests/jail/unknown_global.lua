-- Unknown global.
-- expect: refused
-- says: there is no global 'foo'
return {
  status = function(bot, raw, figures)
    return foo.bar
  end,
}
