-- Taking string.rep away from everybody.
-- expect: refused
-- says: the global 'string' is not declared
return {
  status = function(bot, raw, figures)
    string = nil
  end,
}
