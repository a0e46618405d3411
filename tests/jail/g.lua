-- _G.
-- expect: refused
-- says: '_G'
return {
  status = function(bot, raw, figures)
    return _G
  end,
}
