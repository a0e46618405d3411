-- Package.
-- expect: refused
-- says: 'package'
return {
  status = function(bot, raw, figures)
    return package.path
  end,
}
