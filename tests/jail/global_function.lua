-- Global function.
-- expect: refused
-- says: the global 'helper' is not declared
-- hook: load
function helper() end
return {
  status = function(bot, raw, figures)
  end,
}
